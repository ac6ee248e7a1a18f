"""A camera's local times in UTC: pure.

- Names, and FAT, keep local time without a zone: the profile's zone, else the dock's (report.md).
- Digits that spell a year far off are no time that a camera meant; arithmetic near year 1 overflows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_PLAUSIBLE_YEARS = range(1970, 2200)


def to_utc(local: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return a naive local time in UTC; None for one that no camera can have meant."""
    if local is None or local.year not in _PLAUSIBLE_YEARS:
        return None
    return local.replace(tzinfo=zone).astimezone(UTC)
