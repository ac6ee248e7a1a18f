"""Deleted entries as a camera's profile reads them, and the rows that keep them.  Pure but for the rows.

- Names are read by the profile like those of files; what the profile leaves out, or calls housekeeping, the
  camera removes itself.
- Texts of a card are kept short and printable: they are shown to people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from daemon.camera_time import to_utc
from daemon.ingest.contents import Contents
from daemon.store import Transaction
from daemon.store.database import to_text
from dock.leftovers import DeletedEntry
from dock.profiles import CameraProfile

_NAME_CHARACTERS = 512
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Leaving:
    """A deleted entry; times in UTC."""

    volume: int
    name: str
    size_bytes: int
    modified_at: datetime | None
    named_at: datetime | None
    sequence: int | None
    kind: str | None
    first_lost: bool
    housekeeping: bool


def leftovers_of(contents: Contents, profile: CameraProfile, zone: ZoneInfo) -> list[Leaving]:
    """Return the deleted files of all volumes; a deleted folder is none."""
    return [
        _leaving(place, entry, profile, zone)
        for place, volume in enumerate(contents.volumes)
        for entry in (volume.leftovers.deleted if volume.leftovers else ())
        if not entry.folder
    ]


def _leaving(place: int, entry: DeletedEntry, profile: CameraProfile, zone: ZoneInfo) -> Leaving:
    name = "".join(c if c.isprintable() else "\ufffd" for c in entry.name)[:_NAME_CHARACTERS]
    facts = profile.facts(name)
    modified = entry.modified_at
    if modified is not None:
        modified = to_utc(modified, zone) if modified.tzinfo is None else modified.astimezone(UTC)
    return Leaving(
        volume=place,
        name=name,
        size_bytes=min(entry.size_bytes, _INT64_MAX),
        modified_at=modified,
        named_at=to_utc(facts.named_at, zone),
        sequence=facts.sequence,
        kind=profile.media_kind_of(name),
        first_lost=entry.first_lost,
        housekeeping=profile.kind_of(name) is None or profile.is_housekeeping(name),
    )


def insert_leavings(tx: Transaction, docking: str, leavings: Iterator[Leaving]) -> None:
    for index, one in enumerate(leavings):
        tx.insert(
            "leavings",
            {
                "docking": docking,
                "idx": index,
                "volume": one.volume,
                "name": one.name,
                "size": one.size_bytes,
                "modified_at": to_text(one.modified_at),
                "named_at": to_text(one.named_at),
                "sequence": one.sequence,
                "kind": one.kind,
                "first_lost": int(one.first_lost),
                "housekeeping": int(one.housekeeping),
            },
        )
