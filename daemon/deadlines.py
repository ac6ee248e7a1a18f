"""The archive deadline of a case: 30 days after it ended (article 16).  Pure.

- The day that a case ended is a day of the dock's own zone; the deadline is the whole 30th day after it.
- A case without an end, or that has not ended yet, has no deadline yet.
- Only cases of which this dock holds recordings are spoken of; most urgent first.
- Nothing here says that something was archived: a person strikes the case from the registry then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from uplink.messages.registry import CaseRow

DAYS = 30


@dataclass(frozen=True)
class Deadline:
    """`days_left` is 0 on the last day, and negative once it is over."""

    case: str
    title: str
    ended: date
    archive_by: date
    days_left: int
    recordings: int

    @property
    def overdue(self) -> bool:
        return self.days_left < 0


def archive_days(cases: Iterable[CaseRow], now: datetime, zone: ZoneInfo) -> dict[str, tuple[date, date]]:
    """Return when each case that is over ended, and by when it has to be archived."""
    found = {}
    for row in cases:
        if row.until is not None and row.until <= now:
            ended = row.until.astimezone(zone).date()
            found[row.case] = (ended, ended + timedelta(days=DAYS))
    return found


def deadlines(
    cases: Iterable[CaseRow], recordings: Mapping[str, int], now: datetime, zone: ZoneInfo
) -> list[Deadline]:
    """Return the deadlines that run or are over.  `recordings`: how many of each case are held here."""
    rows = {row.case: row for row in cases}
    today = now.astimezone(zone).date()
    found = [
        Deadline(case, rows[case].title, ended, by, (by - today).days, recordings[case])
        for case, (ended, by) in archive_days(rows.values(), now, zone).items()
        if recordings.get(case, 0)
    ]
    return sorted(found, key=lambda one: (one.days_left, one.case))
