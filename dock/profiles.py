"""Camera profiles: what a camera's names, folders and files mean.

- A profile is data: `config/profiles/*.toml`, or a file of the office's own.  Its `[[examples]]` and
  `[[trees]]` are its tests.
- A camera is recognised by the strongest sign that any profile gives: USB ids, then volume label, then
  marker files or folders, then names (at least half of the video, audio and photo files, and one at least).
   Among equals an office's own profile comes before a shipped one, and an earlier file before a later one.
- A folder that belongs to another family (`except_folders`) rules a profile out: order of fields differs by
  maker, and a name that fits by accident would swap officer and serial.
- What nothing recognises is `generic`: times only, and never an officer guessed from digits (cameras.md).
- "Important" is a mark at the very end of the stem, a folder, or the read-only attribute; never "contains
  IMP".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dock.camera_profile import CameraProfile, Fit, MediaKind, profile_of
from dock.devices import BlockDevice
from dock.errors import ProfileError
from dock.naming import NameFacts
from dock.profile_files import GENERIC, NameExample
from dock.profile_reading import read_profile, shipped_files
from dock.signs import Signs

__all__ = [
    "CameraProfile", "Fit", "MediaKind", "NameExample", "NameFacts", "Profiles", "Signs", "load_profiles",
    "profile_of",
]  # fmt: skip

_NO_DISK: tuple[BlockDevice | None, ...] = (None,)


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

    def fits(self, devices: Sequence[BlockDevice], names: Sequence[str]) -> list[Fit]:
        """Return how each profile fits a camera that lists `names`, the best first.

        A camera may have several devices, or none: only files (a watched directory, `bodydock inspect`).
        """
        signs = Signs(tuple(names))
        found = []
        for profile in self.profiles:
            each = [profile.fit(device, signs) for device in devices or _NO_DISK]
            found.append(max(each, key=lambda fit: fit.strength))
        return sorted(found, key=lambda fit: -fit.strength)

    def recognise(self, devices: Sequence[BlockDevice], names: Sequence[str]) -> CameraProfile:
        """Return the profile for a camera that lists `names`: see `fits`."""
        signs = Signs(tuple(names))
        best, strongest = self.generic, 0
        for profile in self.profiles:
            if profile.name == GENERIC:  # what stays where nothing else fits
                continue
            strength = max(profile.strength(device, signs) for device in devices or _NO_DISK)
            if strength > strongest:
                best, strongest = profile, strength
        return best


def load_profiles(extra: Sequence[Path] = ()) -> Profiles:
    """Load the shipped profiles and the office's own (`extra`: files); of equal names the first counts.

    Raises ProfileError with file, key, value and what is allowed.
    """
    found: dict[str, CameraProfile] = {}
    own: set[str] = set()
    for path in extra:
        profile = profile_of(read_profile(path))
        if profile.name in own:
            raise ProfileError(str(path), "name", profile.name, "must be given once")
        own.add(profile.name)
        found[profile.name] = profile
    for file in shipped_files():
        profile = profile_of(read_profile(file))
        found.setdefault(profile.name, profile)
    generic = found.pop(GENERIC)
    return Profiles((*found.values(), generic))
