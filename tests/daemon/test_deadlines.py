"""The archive deadline of a case: the whole 30th day after it ended, in the dock's own days (article 16)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.deadlines import deadlines
from uplink.messages.registry import CaseRow

ZONE = ZoneInfo("Asia/Shanghai")
END = datetime(2026, 3, 5, 15, 59, tzinfo=UTC)  # 23:59 on 5 March there


def case(until: datetime | None, name: str = "C1") -> CaseRow:
    return CaseRow(case=name).model_copy(update={"until": until})


@pytest.mark.parametrize(
    ("now", "left", "overdue"),
    [
        (END, 30, False),
        (END + timedelta(minutes=1), 29, False),  # the next day has begun there
        (datetime(2026, 4, 4, 15, 59, tzinfo=UTC), 0, False),
        (datetime(2026, 4, 4, 16, 0, tzinfo=UTC), -1, True),
    ],
)
def test_days_left_are_days_of_the_docks_zone(now: datetime, left: int, overdue: bool) -> None:
    (found,) = deadlines([case(END)], {"C1": 2}, now, ZONE)
    assert (found.days_left, found.overdue, found.recordings) == (left, overdue, 2)
    assert (found.ended, found.archive_by) == (date(2026, 3, 5), date(2026, 4, 4))


def test_only_ended_cases_with_recordings_here_most_urgent_first() -> None:
    now = END + timedelta(days=10)
    rows = [
        case(END + timedelta(days=5), "late"),
        case(END, "soon"),
        case(None, "open"),
        case(now + timedelta(seconds=1), "running"),
        case(END, "elsewhere"),
    ]
    held = dict.fromkeys(("late", "soon", "open", "running"), 1)
    assert [found.case for found in deadlines(rows, held, now, ZONE)] == ["soon", "late"]
