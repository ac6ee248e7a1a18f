"""Whether a camera's card is nearly full (known-faults A15).  Pure.

- A camera whose card is full refuses to record; the officer finds out in the field.
- One that overwrites its oldest recordings (profile, `housekeeping.loop`) keeps what is locked (the read-only
  attribute, a name, a folder): only that fills its card.
- All volumes of a camera count together: a small one beside the card may well be full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dock.listing import CardFile
from dock.source import CardSpace


@dataclass(frozen=True)
class FullCard:
    """`free_share`: what the camera can still record on, 0 to 1; `locked`: how many files are locked."""

    free_share: float
    locked: int


def full_card(
    spaces: Sequence[CardSpace], files: Sequence[CardFile], limit: float, *, loop: bool
) -> FullCard | None:
    """Return how full the card is, where less than `limit` (0 to 1) of it is left for recordings."""
    total_bytes = sum(space.total_bytes for space in spaces)
    if not total_bytes:
        return None
    usable_bytes = sum(space.free_bytes for space in spaces)
    if loop:
        usable_bytes += sum(file.size_bytes for file in files if not file.marked)
    share = min(1.0, usable_bytes / total_bytes)
    return FullCard(share, sum(file.marked for file in files)) if share < limit else None
