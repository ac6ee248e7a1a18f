"""How far a camera's clock is from the dock's when it is plugged in, as far as its files tell.  Pure.

- The offset is the camera's time minus the dock's, in seconds, with the least and the most that the
  evidence allows; a side that nothing bounds is None.  It is measured before anything could set the clock.
- Whatever the camera wrote, it wrote before now: a time on the card bounds the offset from below.  Where
  there are several the second newest counts: one broken entry may hold any date (A08).
- A file that the profile says is written when the camera is plugged in bounds it from both sides.
- exFAT may give local time as UTC: there the bound is lowered by what the zone is ahead (B05).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ClockBasis = Literal["clock_file", "newest_file"]

# FAT keeps times in steps of two seconds.
_STEP_S = 2.0
# From the writing of a clock file until the dock lists the card: a slow camera's start, udev, mounting.
_WRITTEN_BEFORE_S = 120.0
_SEVERAL = 3


@dataclass(frozen=True)
class Stamped:
    """A file of the camera; `clock_file`: it is written at plug-in."""

    modified_at: datetime
    clock_file: bool = False


@dataclass(frozen=True)
class ClockReading:
    """The camera's clock minus the dock's, between `least_s` and `most_s`."""

    least_s: float
    most_s: float | None
    basis: ClockBasis


def read_clock(files: Sequence[Stamped], now: datetime, maybe_ahead_s: float = 0.0) -> ClockReading | None:
    """Return what the files tell; None where there are none.

    `maybe_ahead_s`: by how much their times may be later than was meant, where the zone is not kept.
    """
    written = [file.modified_at for file in files if file.clock_file]
    if written:
        apart = (max(written) - now).total_seconds()
        return ClockReading(apart - maybe_ahead_s, apart + _STEP_S + _WRITTEN_BEFORE_S, "clock_file")
    times = sorted((file.modified_at for file in files), reverse=True)
    if not times:
        return None
    newest = times[1] if len(times) >= _SEVERAL else times[0]
    return ClockReading((newest - now).total_seconds() - maybe_ahead_s, None, "newest_file")


def drift_s_per_day(
    before: tuple[datetime, float, float], after: tuple[datetime, float, float]
) -> tuple[float, float] | None:
    """Return the least and the most that a clock gained in a day between two readings; None within a day.

    Each reading: when, and the offset's least and most.
    """
    days = (after[0] - before[0]).total_seconds() / 86_400
    if days < 1:
        return None
    return (after[1] - before[2]) / days, (after[2] - before[1]) / days
