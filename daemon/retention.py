"""Which local copies may go, and how many bytes of them: pure, worked out anew each time.

A copy is *clearable* (trust.md, Delivered, released, refused) while all of this holds, so that a later fact
ends it:

- The recording is delivered, and a receipt names its *newest* manifest.
- No hold is on it.
- `keep_after` is over since that receipt, by the dock's `floor`: a clock that was set forward in error is
  the one thing this rests on, therefore the next rule.
- A signed reconciliation *later than the receipt* lists recording and SHA-256; the two are compared by the
  platform's own times.
- Its docking had its standard inspection, which needs the bytes.

What is not delivered is never clearable, however full the disk is.  The oldest go first, and no more than is
wanted: what is above the high-water mark, or what waiting pulls lack above the reserve.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


@dataclass(frozen=True)
class Copy:
    """A local copy.  `receipted_at`: the platform's time of the newest receipt for the newest manifest.

    `reconciled_at`: the platform's time of the newest reconciliation that lists these very bytes.
    """

    recording: str
    size_bytes: int
    stored_at: datetime
    delivered: bool
    receipted_at: datetime | None
    reconciled_at: datetime | None
    holds: int
    inspected: bool


class Kept(Enum):
    """Why a copy stays."""

    UNDELIVERED = "undelivered"
    REVISION = "revision"  # the newest revision has no receipt
    HELD = "held"
    YOUNG = "young"
    UNLISTED = "unlisted"  # by no reconciliation after the receipt
    UNINSPECTED = "uninspected"


@dataclass(frozen=True)
class Disk:
    """Bytes of the vault's file system; `free_bytes`: what the dock may still write."""

    total_bytes: int
    free_bytes: int

    @property
    def used_share(self) -> float:
        return 1.0 - self.free_bytes / self.total_bytes if self.total_bytes else 0.0


def why_kept(copy: Copy, floor: datetime, keep_after: timedelta) -> Kept | None:
    """Return why `copy` has to stay; None: it is clearable."""
    if not copy.delivered:
        return Kept.UNDELIVERED
    if copy.receipted_at is None:
        return Kept.REVISION
    if copy.holds:
        return Kept.HELD
    if copy.receipted_at + keep_after > floor:
        return Kept.YOUNG
    if copy.reconciled_at is None or copy.reconciled_at <= copy.receipted_at:
        return Kept.UNLISTED
    if not copy.inspected:
        return Kept.UNINSPECTED
    return None


def wanted_bytes(disk: Disk, high_water: float, reserve_bytes: int, waiting_bytes: int) -> int:
    """Return how many bytes should go.  `waiting_bytes`: what waiting pulls still have to write; 0: none."""
    above_mark = disk.total_bytes - disk.free_bytes - int(disk.total_bytes * high_water)
    short = waiting_bytes + reserve_bytes - disk.free_bytes if waiting_bytes else 0
    return max(0, above_mark, short)


def choose(copies: Iterable[Copy], wanted: int, floor: datetime, keep_after: timedelta) -> list[Copy]:
    """Return the clearable ones to clear, oldest first, until `wanted` bytes are reached."""
    chosen, freed_bytes = [], 0
    for copy in sorted(copies, key=lambda c: (c.stored_at, c.recording)):
        if freed_bytes >= wanted:
            break
        if why_kept(copy, floor, keep_after) is None:
            chosen.append(copy)
            freed_bytes += copy.size_bytes
    return chosen
