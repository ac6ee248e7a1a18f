"""Clearable: every rule alone keeps a copy; oldest first, never more than wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.retention import Copy, Disk, Kept, choose, wanted_bytes, why_kept

AT = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = 7 * DAY
FINE = Copy(
    recording="a" * 26,
    size_bytes=100,
    stored_at=AT,
    delivered=True,
    receipted_at=AT,
    reconciled_at=AT + DAY,
    holds=0,
    inspected=True,
)


def test_a_copy_that_meets_every_rule_is_clearable_from_the_last_second_of_its_days_on() -> None:
    assert why_kept(FINE, AT + WEEK, WEEK) is None
    assert why_kept(FINE, AT + WEEK - timedelta(microseconds=1), WEEK) is Kept.YOUNG


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"delivered": False}, Kept.UNDELIVERED),
        ({"receipted_at": None}, Kept.REVISION),
        ({"holds": 1}, Kept.HELD),
        ({"reconciled_at": None}, Kept.UNLISTED),
        ({"reconciled_at": AT}, Kept.UNLISTED),  # not *after* the receipt
        ({"reconciled_at": AT - DAY}, Kept.UNLISTED),
        ({"inspected": False}, Kept.UNINSPECTED),
    ],
)
def test_each_rule_alone_keeps_it(change: dict[str, object], kept: Kept) -> None:
    assert why_kept(replace(FINE, **change), AT + 100 * WEEK, WEEK) is kept  # type: ignore[arg-type]


def test_room_is_wanted_above_the_mark_and_for_pulls_that_wait_k07() -> None:
    full = Disk(total_bytes=1000, free_bytes=50)
    assert wanted_bytes(full, 0.9, 10, 0) == 50  # 950 used, 900 allowed
    assert wanted_bytes(full, 1.0, 10, 0) == 0
    assert wanted_bytes(full, 1.0, 10, 40) == 0  # fits exactly beside the reserve
    assert wanted_bytes(full, 1.0, 10, 41) == 1
    assert wanted_bytes(full, 0.9, 10, 200) == 160


copies = st.builds(
    Copy,
    recording=st.text("abcdefgh", min_size=4, max_size=4),
    size_bytes=st.integers(0, 1000),
    stored_at=st.integers(0, 50).map(lambda d: AT + d * DAY),
    delivered=st.booleans(),
    receipted_at=st.none() | st.integers(0, 50).map(lambda d: AT + d * DAY),
    reconciled_at=st.none() | st.integers(0, 50).map(lambda d: AT + d * DAY),
    holds=st.integers(0, 1),
    inspected=st.booleans(),
)


# Few of those are clearable by chance, and two of different age next to never.
fine_copies = st.builds(
    Copy,
    recording=st.text("abcdefgh", min_size=4, max_size=4),
    size_bytes=st.integers(0, 1000),
    stored_at=st.integers(0, 50).map(lambda d: AT + d * DAY),
    delivered=st.just(True),
    receipted_at=st.just(AT),
    reconciled_at=st.just(AT + DAY),
    holds=st.just(0),
    inspected=st.just(True),
)


@given(st.lists(copies | fine_copies, max_size=20), st.integers(0, 3000))
def test_oldest_first_and_no_more_than_is_wanted(found: list[Copy], wanted: int) -> None:
    floor = AT + 30 * DAY
    chosen = choose(found, wanted, floor, WEEK)
    fine = [copy for copy in found if why_kept(copy, floor, WEEK) is None]
    assert all(copy in fine and copy.delivered and not copy.holds for copy in chosen)
    assert [c.stored_at for c in chosen] == sorted(c.stored_at for c in chosen)
    assert sum(copy.size_bytes for copy in chosen[:-1]) < wanted or not chosen
    left = [copy for copy in fine if copy not in chosen]
    if left:  # then there is enough, and nothing older was passed over
        assert sum(copy.size_bytes for copy in chosen) >= wanted
        assert not chosen or min(c.stored_at for c in left) >= chosen[-1].stored_at
