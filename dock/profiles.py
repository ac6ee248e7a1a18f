"""Camera profiles: what a camera's names, folders and files mean.

- A profile is data: `config/profiles/*.toml`, or a file of the office's own.  Its `[[examples]]` are its
  tests.
- A camera is recognised by the strongest sign that any profile gives: USB ids, then volume label, then
  marker files or folders, then names (at least half of the video, audio and photo files, and one at least).
   Among equals an office's own profile comes before a shipped one, and an earlier file before a later one.
- A folder that belongs to another family (`except_folders`) rules a profile out: order of fields differs by
  maker, and a name that fits by accident would swap officer and serial.
- What nothing recognises is `generic`: times only, and never an officer guessed from digits (cameras.md).
- Fields are characters of no fixed width, not numbers; times are naive and in the camera's local zone.
- "Important" is a mark at the very end of the stem, a folder, or the read-only attribute; never "contains
  IMP".
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from dock.devices import BlockDevice
from dock.errors import ProfileError
from dock.profile_files import Match, NameExample, NamePattern, ProfileFile, read_profile

__all__ = ["CameraProfile", "MediaKind", "NameExample", "NameFacts", "Profiles", "load_profiles"]

MediaKind = Literal["video", "audio", "photo", "attachment"]

GENERIC = "generic"
_NAMES_SHARE = 0.5


@dataclass(frozen=True)
class NameFacts:
    """What a path says.  `named_at` is naive: the camera's local time; `marked`: important."""

    named_at: datetime | None = None
    sequence: int | None = None
    serial: str | None = None
    officer: str | None = None
    marked: bool = False


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
        bare, whole = self._texts(path)
        for pattern in self.file.names:
            facts = _read_name(pattern, whole if pattern.path else bare, marked)
            if facts is not None:
                return facts
        return NameFacts(marked=marked)

    def kind_of(self, path: str) -> MediaKind | None:
        """Return what to pull `path` as, or None to leave it out."""
        folders, _, name = path.rpartition("/")
        suffix = _suffix(name)
        if suffix in self.file.kinds.left_out or self._fits.left_out_names(name):
            return None
        if self._fits.left_out_folders(folders):
            return None
        return self._kinds.get(suffix, "attachment")

    def media_kind_of(self, path: str) -> MediaKind | None:
        """Return what footage a file like `path` is, whether it is left out or not; None if it is none."""
        return self._kinds.get(_suffix(path))

    @cached_property
    def _kinds(self) -> dict[str, MediaKind]:
        """By suffix; one that is in several lists is of the first."""
        kinds = self.file.kinds
        video: dict[str, MediaKind] = dict.fromkeys(kinds.video, "video")
        audio: dict[str, MediaKind] = dict.fromkeys(kinds.audio, "audio")
        photo: dict[str, MediaKind] = dict.fromkeys(kinds.photo, "photo")
        return {**photo, **audio, **video}

    @property
    def chaptered(self) -> bool:
        """Whether its numbers are number times 100 plus chapter."""
        return any("chapter" in pattern.compiled.groupindex for pattern in self.file.names)

    def is_housekeeping(self, path: str) -> bool:
        """Whether the camera itself removes files like `path`, or nobody would miss them."""
        folders, _, name = path.rpartition("/")
        return self._fits.housekeeping_names(name) or self._fits.housekeeping_folders(folders)

    def is_clock_file(self, path: str) -> bool:
        """Whether the camera writes `path` when it is plugged in."""
        pattern = self.file.continuity.clock_file
        return pattern is not None and fnmatch.fnmatchcase(path.lower(), pattern.lower())

    @cached_property
    def _whole_names(self) -> tuple[NamePattern, ...]:
        return tuple(pattern for pattern in self.file.names if pattern.whole and pattern.own)

    def strength(self, device: BlockDevice | None, names: Sequence[str]) -> int:
        """Return how strongly the signs speak for this profile: 4 USB ids … 1 names, 0 not at all."""
        match: Match = self.file.match
        folders = {folder.lower() for name in names for folder in name.split("/")[:-1]}
        if any(folder.lower() in folders for folder in match.except_folders):
            return 0
        if device is not None and (device.vendor_id, device.product_id) in match.usb_ids:
            return 4
        if device is not None and device.fs_label and _fitting(match.labels)(device.fs_label):
            return 3
        if match.markers and any(_is_marker(name, match.markers) for name in names):
            return 2
        return 1 if self._share(names) >= _NAMES_SHARE else 0

    def _share(self, names: Sequence[str]) -> float:
        if not self._whole_names:
            return 0.0
        own = sum(1 for name in names if self._is_own_name(name) and self._is_media(name))
        return own / sum(map(self._is_media, names)) if own else 0.0

    def _is_media(self, path: str) -> bool:
        return self.kind_of(path) in ("video", "audio", "photo")

    def _is_own_name(self, path: str) -> bool:
        bare, whole = self._texts(path)
        return any(
            _read_name(pattern, whole if pattern.path else bare, False) is not None
            for pattern in self._whole_names
        )

    def _texts(self, path: str) -> tuple[str, str]:
        """Return what patterns for a stem, and those for a path, are held against."""
        bare = self._without_mark(_stem(path))
        folders = path.rpartition("/")[0]
        return bare, f"{folders}/{bare}" if folders else bare

    def _is_marked(self, path: str, stem: str) -> bool:
        return stem.endswith(self._stem_ends) or self._fits.mark_folders(path.rpartition("/")[0])

    def _without_mark(self, stem: str) -> str:
        for end in self._stem_ends:
            if stem.endswith(end):
                return stem.removesuffix(end)
        return stem

    @cached_property
    def _stem_ends(self) -> tuple[str, ...]:
        return tuple(sorted(self.file.marks.stem_ends, key=len, reverse=True))

    @cached_property
    def _fits(self) -> _Fits:
        kinds, housekeeping = self.file.kinds, self.file.housekeeping
        return _Fits(
            left_out_names=_fitting(kinds.left_out_names),
            left_out_folders=_one_fits(kinds.left_out_folders),
            housekeeping_names=_fitting(housekeeping.names),
            housekeeping_folders=_one_fits(housekeeping.folders),
            mark_folders=_one_fits(self.file.marks.folders),
        )


@dataclass(frozen=True)
class _Fits:
    """Whether a name, or one of the folders of a path, fits one of a profile's patterns: asked for often."""

    left_out_names: Callable[[str], bool]
    left_out_folders: Callable[[str], bool]
    housekeeping_names: Callable[[str], bool]
    housekeeping_folders: Callable[[str], bool]
    mark_folders: Callable[[str], bool]


@dataclass(frozen=True)
class Profiles:
    """All profiles, in order of preference among equals; `generic` is last."""

    profiles: tuple[CameraProfile, ...]

    @property
    def generic(self) -> CameraProfile:
        """The profile of cameras that nothing recognises."""
        return self.by_name(GENERIC)

    def by_name(self, name: str) -> CameraProfile:
        """Return the profile called `name`.  Raises KeyError."""
        for profile in self.profiles:
            if profile.name == name:
                return profile
        raise KeyError(name)

    def find(self, name: str) -> CameraProfile | None:
        """Return the profile called `name`, or None: settings change, what was recorded stays."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def recognise(self, devices: Sequence[BlockDevice], names: Sequence[str]) -> CameraProfile:
        """Return the profile for a camera that lists `names` (paths in their best reading).

        A camera may have several devices, or none: only files (a watched directory, `bodydock inspect`).
        """
        signs: Sequence[BlockDevice | None] = devices or [None]
        strengths = [max(profile.strength(d, names) for d in signs) for profile in self.profiles]
        strongest = max(strengths)
        return self.profiles[strengths.index(strongest)] if strongest else self.generic


def load_profiles(extra: Sequence[Path] = ()) -> Profiles:
    """Load the shipped profiles and the office's own (`extra`: files); of equal names the first counts.

    Raises ProfileError with file, key, value and what is allowed.
    """
    shipped = sorted(
        (file for file in resources.files("config").joinpath("profiles").iterdir() if _is_toml(file)),
        key=lambda file: (file.name == f"{GENERIC}.toml", file.name),
    )
    found: dict[str, CameraProfile] = {}
    own: set[str] = set()
    for path in extra:
        profile = _profile(read_profile(path))
        if profile.name in own:
            raise ProfileError(str(path), "name", profile.name, "must be given once")
        own.add(profile.name)
        found[profile.name] = profile
    for file in shipped:
        profile = _profile(read_profile(file))
        found.setdefault(profile.name, profile)
    generic = found.pop(GENERIC)
    return Profiles((*found.values(), generic))


def _profile(file: ProfileFile) -> CameraProfile:
    return CameraProfile(file.name, file.title, file.time_zone, file.pre_record_s, file)


def _is_toml(file: Traversable) -> bool:
    return file.is_file() and file.name.endswith(".toml")


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] if "." in name else name


def _fitting(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a name fits one of `patterns` (as fnmatch reads them, whatever the case)."""
    # without patterns: `(?!)`, which fits nothing
    compiled = re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns) or "(?!)")
    return lambda name: compiled.match(name.lower()) is not None


def _one_fits(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether one of the folders of a path of folders fits one of `patterns`."""
    fits = _fitting(patterns)
    # files of one folder come in a row
    return functools.lru_cache(maxsize=64)(
        lambda folders: bool(folders) and any(map(fits, folders.split("/")))
    )


def _is_marker(path: str, markers: Sequence[str]) -> bool:
    lower = path.lower()
    return any(
        lower == marker.lower() or lower.startswith(marker.lower().rstrip("/") + "/") for marker in markers
    )


def _read_name(pattern: NamePattern, stem: str, marked: bool) -> NameFacts | None:
    compiled = pattern.compiled
    found = compiled.fullmatch(stem) if pattern.whole else compiled.search(stem)
    if found is None:
        return None
    fields = found.groupdict()
    named_at = None
    if "time" in fields:
        named_at = _read_time(fields["time"] or "", pattern.time_format)
        if named_at is None:  # digits that are no date: not a name of this form
            return None
    sequence, chapter = fields.get("sequence"), fields.get("chapter")
    number = int(sequence) if sequence else None
    if number is not None and "chapter" in fields:
        number = number * 100 + int(chapter or 0)
    return NameFacts(
        named_at=named_at,
        sequence=number,
        serial=fields.get("serial") or None,
        officer=fields.get("officer") or None,
        marked=marked,
    )


def _read_time(text: str, time_format: str) -> datetime | None:
    # Only the digits count, so that one format reads 2016-01-29_20.55.47 and 20160129205547 alike.
    digits = re.sub(r"[^0-9]", "", text)
    try:
        return datetime.strptime(digits, time_format)
    except ValueError:
        return None
