"""Ranges against a plain set of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink.errors import Refused
from uplink.ranges import Ranges

SIZE = 40
pairs = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda p: (min(p), max(p)))
lists = st.lists(pairs, max_size=12)


def positions(ranges: Ranges) -> set[int]:
    found: set[int] = set()
    for start, end in ranges:
        assert 0 <= start < end
        found.update(range(start, end))
    starts = [start for start, _ in ranges]
    ends = [end for _, end in ranges]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False)), "touching or unsorted"
    return found


def model(given_pairs: list[tuple[int, int]]) -> set[int]:
    return {n for start, end in given_pairs for n in range(start, end)}


@given(lists, lists)
def test_ranges_are_a_set(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    a, b = Ranges(one), Ranges(two)
    assert positions(a) == model(one)
    assert positions(a.union(b)) == model(one) | model(two)
    assert positions(a.subtract(b)) == model(one) - model(two)
    assert positions(a.intersect(b)) == model(one) & model(two)
    assert a.total == len(model(one))
    assert positions(a.missing(SIZE)) == set(range(SIZE)) - model(one)
    assert Ranges(a.to_list()) == a
    assert Ranges.checked(a.to_list(), SIZE, 100) == a


@given(lists, pairs)
def test_ranges_add_remove_contains(one: list[tuple[int, int]], pair: tuple[int, int]) -> None:
    a = Ranges(one)
    start, end = pair
    span = set(range(start, end))
    assert positions(a.add(start, end)) == model(one) | span
    assert positions(a.remove(start, end)) == model(one) - span
    assert a.contains(start, end) == (span <= model(one))
    assert a.covers(end) == (set(range(end)) <= model(one))
    assert a.add(start, end) == Ranges([*one, pair])  # equal sets are equal objects
    assert positions(a) == model(one), "it changed in place"


@given(lists, st.integers(0, SIZE))
def test_ranges_first_gap(one: list[tuple[int, int]], start: int) -> None:
    gap = Ranges(one).first_gap(start, SIZE)
    free = sorted(set(range(start, SIZE)) - model(one))
    if not free:
        assert gap is None
        return
    assert gap is not None
    assert gap[0] == free[0]
    assert set(range(*gap)) <= set(free)
    assert gap[1] == SIZE or gap[1] in model(one)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "ab",
        [[0]],
        [[0, 1, 2]],
        [[0, "1"]],
        [[0, 1.0]],
        [[True, 2]],
        [[5, 5]],
        [[6, 5]],
        [[-1, 5]],
        [[0, 11]],
        [[0, 5], [5, 6]],  # touching
        [[4, 6], [0, 2]],  # unsorted
        [[0, 5], [3, 8]],
        [[0, 1], [2, 3], [4, 5], [6, 7]],  # more than three
    ],
)
def test_ranges_from_a_peer_are_checked(bad: object) -> None:
    with pytest.raises(Refused, match="ranges"):
        Ranges.checked(bad, 10, 3)
