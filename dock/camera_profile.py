"""One family of cameras: what its names and folders mean, and how strongly a card's signs speak for it."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from dock.devices import BlockDevice
from dock.naming import CHAPTERS, NameFacts, fits, read_name
from dock.profile_files import Match, NamePattern, ProfileFile
from dock.signs import Signs, any_folder, fits_any, matcher, remembered

MediaKind = Literal["video", "audio", "photo", "attachment"]

_NAMES_SHARE = 0.5


@dataclass(frozen=True)
class Fit:
    """How a profile fits a card.  `strength`: 4 USB ids, 3 label, 2 marker, 1 names, 0 not at all.

    `why` is for people; of `media` files that are footage by their suffix, `named` have a name of its own
    form.
    """

    profile: CameraProfile
    strength: int
    why: str
    media: int
    named: int


@dataclass(frozen=True)
class CameraProfile:
    """One family of cameras.  `time_zone`: IANA name, empty for the dock's; `pre_record_s` None: unknown."""

    name: str
    title: str
    time_zone: str
    pre_record_s: float | None
    file: ProfileFile

    def facts(self, path: str) -> NameFacts:
        """Return what `path` (best reading, `/` between folders) says; what it does not say is None."""
        stem = _stem(path)
        marked = self._is_marked(path, stem)
        bare = self._without_mark(stem)
        for pattern in self.file.names:
            facts = read_name(pattern, _held_against(pattern, path, bare), self.file.identity, marked)
            if facts is None:
                continue
            if self.chaptered and facts.sequence is not None and not pattern.chaptered:
                # What has no chapters (photographs) is numbered as those that have.
                return replace(facts, sequence=facts.sequence * CHAPTERS)
            return facts
        return NameFacts(marked=marked)

    def kind_of(self, path: str) -> MediaKind | None:
        """Return what to pull `path` as, or None to leave it out."""
        folder, _, name = path.rpartition("/")
        suffix = _suffix(name)
        if suffix in self._left_out or self._rubbish(name) or self._passed_over(folder):
            return None
        return self._kind(folder, suffix) or "attachment"

    def media_kind_of(self, path: str) -> MediaKind | None:
        """Return what footage a file like `path` is, whether it is left out or not; None if it is none."""
        return self._kind(path.rpartition("/")[0], _suffix(path))

    def _kind(self, folder: str, suffix: str) -> MediaKind | None:
        kind = self._kinds.get(suffix)
        return kind if kind is None or kind == "photo" else self._place(folder) or kind

    def leaves_suffix(self, path: str) -> bool:
        """Whether `path` is left out for its suffix."""
        return _suffix(path) in self._left_out

    def leaves_footage(self, path: str) -> bool:
        """Whether `path` lies where even footage is left out (pieces from before the button)."""
        return self._left_footage(path.rpartition("/")[0])

    @cached_property
    def chaptered(self) -> bool:
        """Whether its numbers are number times 100 plus chapter."""
        return any(pattern.chaptered for pattern in self.file.names)

    def is_housekeeping(self, path: str) -> bool:
        """Whether the camera itself removes files like `path`, or nobody would miss them."""
        folder, _, name = path.rpartition("/")
        return self._housekeeping_names(name) or self._housekeeping_folders(folder)

    def is_clock_file(self, path: str) -> bool:
        """Whether the camera writes `path` when it is plugged in."""
        pattern = self.file.continuity.clock_file
        return pattern is not None and fnmatch.fnmatchcase(path.lower(), pattern.lower())

    def fit(self, device: BlockDevice | None, signs: Signs) -> Fit:
        """Return how strongly the signs speak for this profile, and why."""
        media, named = self._count(signs)
        strength, why = self._sign(device, signs)
        if strength is None:
            strength = 1 if media and named / media >= _NAMES_SHARE else 0
            why = f"{named} of {media} names are of its form" if self._own_names else "its names are no sign"
        return Fit(self, strength, why, media, named)

    def strength(self, device: BlockDevice | None, signs: Signs) -> int:
        """Return how strongly the signs speak for this profile, as `fit` does, and no more than that."""
        strength, _ = self._sign(device, signs)
        if strength is not None:
            return strength
        # Hardly any profile has names of its form on a card: what is footage is asked only then.
        named = sum(1 for name in signs.names if self._is_own_name(name) and self._is_footage(name))
        if not named:
            return 0
        return 1 if named / sum(map(self._is_footage, signs.names)) >= _NAMES_SHARE else 0

    def _sign(self, device: BlockDevice | None, signs: Signs) -> tuple[int | None, str]:
        """What the signs besides names say; None: nothing."""
        match: Match = self.file.match
        foreign = next((name for name in match.except_folders if name.lower() in signs.folders), None)
        if foreign is not None:
            return 0, f"folder {foreign} belongs to another family"
        if device is not None and (device.vendor_id, device.product_id) in match.usb_ids:
            return 4, f"USB {device.vendor_id}:{device.product_id}"
        if device is not None and device.fs_label and fits_any(device.fs_label, match.labels):
            return 3, f"volume label {device.fs_label}"
        marker = next((marker for marker in match.markers if signs.has(marker)), None)
        return (None, "") if marker is None else (2, f"{marker} is there")

    def _count(self, signs: Signs) -> tuple[int, int]:
        """How many files are footage, and how many of those have a name of this family's own form."""
        footage = [name for name in signs.names if self._is_footage(name)]
        return len(footage), sum(1 for name in footage if self._is_own_name(name))

    def _is_footage(self, path: str) -> bool:
        return self.kind_of(path) in ("video", "audio", "photo")

    def _is_own_name(self, path: str) -> bool:
        if not self._own_names:
            return False
        bare = self._without_mark(_stem(path))
        return any(fits(pattern, _held_against(pattern, path, bare)) for pattern in self._own_names)

    @cached_property
    def _own_names(self) -> tuple[NamePattern, ...]:
        return tuple(pattern for pattern in self.file.names if pattern.whole and pattern.own)

    @cached_property
    def _kinds(self) -> dict[str, MediaKind]:
        """By suffix; one that is in several lists is of the first."""
        kinds = self.file.kinds
        video: dict[str, MediaKind] = dict.fromkeys(kinds.video, "video")
        audio: dict[str, MediaKind] = dict.fromkeys(kinds.audio, "audio")
        photo: dict[str, MediaKind] = dict.fromkeys(kinds.photo, "photo")
        return {**photo, **audio, **video}

    @cached_property
    def _left_out(self) -> frozenset[str]:
        return frozenset(self.file.kinds.left_out)

    @cached_property
    def _housekeeping_names(self) -> Callable[[str], bool]:
        return matcher(self.file.housekeeping.names)

    @cached_property
    def _housekeeping_folders(self) -> Callable[[str], bool]:
        return remembered(any_folder(self.file.housekeeping.folders))

    @cached_property
    def _marked_folders(self) -> Callable[[str], bool]:
        return remembered(any_folder(self.file.marks.folders))

    @cached_property
    def _rubbish(self) -> Callable[[str], bool]:
        return matcher(self.file.kinds.left_out_names)

    @cached_property
    def _passed_over(self) -> Callable[[str], bool]:
        kinds = self.file.kinds
        return remembered(any_folder([*kinds.left_out_folders, *kinds.left_out_footage]))

    @cached_property
    def _left_footage(self) -> Callable[[str], bool]:
        return remembered(any_folder(self.file.kinds.left_out_footage))

    @cached_property
    def _place(self) -> Callable[[str], MediaKind | None]:
        """What the folder says of a file that may be sound or video; the innermost folder counts."""
        sound, video = matcher(self.file.places.audio), matcher(self.file.places.video)

        def place(folder: str) -> MediaKind | None:
            for part in reversed(folder.split("/")):
                if sound(part):
                    return "audio"
                if video(part):
                    return "video"
            return None

        return remembered(place)

    def _is_marked(self, path: str, stem: str) -> bool:
        return stem.endswith(self._ends) or self._marked_folders(path.rpartition("/")[0])

    def _without_mark(self, stem: str) -> str:
        for end in self._ends:
            if stem.endswith(end):
                return stem.removesuffix(end)
        return stem

    @cached_property
    def _ends(self) -> tuple[str, ...]:
        return tuple(sorted(self.file.marks.stem_ends, key=len, reverse=True))


def profile_of(file: ProfileFile) -> CameraProfile:
    """Return the profile that a file says."""
    return CameraProfile(file.name, file.title, file.time_zone, file.pre_record_s, file)


def _held_against(pattern: NamePattern, path: str, bare: str) -> str:
    """Return what `pattern` is held against; `bare`: the stem without its mark."""
    folders = path.rpartition("/")[0] if pattern.path else ""
    return f"{folders}/{bare}" if folders else bare


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] if "." in name else name
