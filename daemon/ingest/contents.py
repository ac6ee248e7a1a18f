"""What one docking takes in: the listings of a camera's volumes, counted and digested together.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dock.leftovers import Leftovers
from dock.listing import CardFile, Listing, Scan, digest_of_volumes, listing_of
from dock.profiles import CameraProfile, MediaKind


class Note(Enum):
    """What there is to say of a volume besides its listing."""

    NONE = ""
    EMPTY = "empty"
    NO_FILE_SYSTEM = "no_file_system"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class VolumeContent:
    """One volume; `listing` is None where it could not be read, and `note` says why.

    `leftovers`: what it still shows of deleted files, None where nobody looked.
    """

    attachment: str
    name: str
    file_system: str
    label: str
    note: Note
    listing: Listing | None
    leftovers: Leftovers | None = None


@dataclass(frozen=True)
class Contents:
    """All volumes of a docking; files are numbered over all of them."""

    volumes: tuple[VolumeContent, ...]

    @property
    def files(self) -> list[tuple[int, CardFile]]:
        """The files to pull, each with the place of its volume."""
        return [(place, file) for place, listing in self._listings for file in listing.files]

    @property
    def count(self) -> int:
        return sum(listing.count for _, listing in self._listings)

    @property
    def total_bytes(self) -> int:
        return sum(listing.total_bytes for _, listing in self._listings)

    @property
    def digest(self) -> str:
        return digest_of_volumes([listing.digest for _, listing in self._listings])

    @property
    def attachments(self) -> tuple[str, ...]:
        return tuple(volume.attachment for volume in self.volumes)

    @property
    def notes(self) -> set[Note]:
        return {volume.note for volume in self.volumes}

    @property
    def _listings(self) -> list[tuple[int, Listing]]:
        return [(place, v.listing) for place, v in enumerate(self.volumes) if v.listing is not None]


def list_volumes(
    scans: Sequence[Scan | None], profile: CameraProfile, seen: Sequence[Mapping[bytes, MediaKind]]
) -> list[Listing | None]:
    """Read the scans of a camera's volumes by one profile; files are numbered over all of them.

    `seen`: for each volume what was found in files that are not what their names say (`dock.listing`).
    """
    listings: list[Listing | None] = []
    first = 0
    for scan, kinds in zip(scans, seen, strict=True):
        listing = None if scan is None else listing_of(scan, profile, first, kinds)
        first += 0 if listing is None else len(listing.files)
        listings.append(listing)
    return listings
