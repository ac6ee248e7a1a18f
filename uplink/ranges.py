"""Sets of byte positions as ranges: pure, immutable.

- A range is [start, end) in bytes with 0 <= start < end; ranges are sorted, and neither overlap nor
  touch: equal sets are equal objects.
- What comes from outside is checked, never repaired: order, overlap and bounds tell a broken sender.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from uplink.errors import Refused

Pair = tuple[int, int]


class Ranges:
    """An immutable set of byte positions."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        """Take `pairs` in any order, overlapping or not.  Raises ValueError: negative or backward."""
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted(pairs):
            if start < 0 or end < start:
                raise ValueError(f"[{start}, {end}) is no range")
            if start == end:
                continue
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        self._starts = tuple(starts)
        self._ends = tuple(ends)

    @classmethod
    def checked(cls, given: object, size: int, max_ranges: int) -> Ranges:
        """Read `given` from a peer: a sorted list of pairs within [0, size).

        Raises Refused (`ranges`): not that, overlapping, touching, empty, or more than `max_ranges`.
        """
        if not isinstance(given, Sequence) or isinstance(given, str | bytes):
            raise Refused("ranges", "ranges are no list")
        if len(given) > max_ranges:
            raise Refused("ranges", f"{len(given)} ranges, at most {max_ranges}")
        pairs = []
        before = -1
        for item in given:
            if not isinstance(item, Sequence) or len(item) != 2:
                raise Refused("ranges", "a range is a pair of numbers")
            start, end = item
            if type(start) is not int or type(end) is not int:
                raise Refused("ranges", "a range is a pair of whole numbers")
            if not before < start < end <= size:
                raise Refused("ranges", f"[{start}, {end}) after {before} within {size}")
            pairs.append((start, end))
            before = end
        return cls(pairs)

    def add(self, start: int, end: int) -> Ranges:
        """Return the set with [start, end) in it.  Costs the number of ranges, not of bytes."""
        if start < 0 or end < start:
            raise ValueError(f"[{start}, {end}) is no range")
        if start == end:
            return self
        first = bisect_left(self._ends, start)  # touching ranges grow together
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        return _made(
            (*self._starts[:first], start, *self._starts[last:]),
            (*self._ends[:first], end, *self._ends[last:]),
        )

    def remove(self, start: int, end: int) -> Ranges:
        """Return the set without [start, end)."""
        if start < 0 or end < start:
            raise ValueError(f"[{start}, {end}) is no range")
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end)
        if start == end or first >= last:
            return self
        left = [(self._starts[first], start)] if self._starts[first] < start else []
        right = [(end, self._ends[last - 1])] if end < self._ends[last - 1] else []
        middle = left + right
        return _made(
            (*self._starts[:first], *(pair[0] for pair in middle), *self._starts[last:]),
            (*self._ends[:first], *(pair[1] for pair in middle), *self._ends[last:]),
        )

    def union(self, other: Ranges) -> Ranges:
        return Ranges([*self, *other])

    def subtract(self, other: Ranges) -> Ranges:
        """Return what is in this set and not in `other`."""
        left = self
        for start, end in other:
            left = left.remove(start, end)
        return left

    def intersect(self, other: Ranges) -> Ranges:
        return self.subtract(self.subtract(other))

    def missing(self, size: int) -> Ranges:
        """Return what of [0, size) is not in this set."""
        return Ranges([(0, size)]).subtract(self)

    def first_gap(self, start: int, size: int) -> Pair | None:
        """Return the first range at or after `start` below `size` that is not in this set."""
        at = bisect_right(self._ends, start)
        if at < len(self._starts) and self._starts[at] <= start:
            start = self._ends[at]
            at += 1
        if start >= size:
            return None
        return start, min(self._starts[at], size) if at < len(self._starts) else size

    def contains(self, start: int, end: int) -> bool:
        """Say whether all of [start, end) is in this set."""
        at = bisect_right(self._starts, start) - 1
        return start >= end or (at >= 0 and end <= self._ends[at])

    def covers(self, size: int) -> bool:
        """Say whether all of [0, size) is in this set."""
        return self.contains(0, size)

    @property
    def total(self) -> int:
        """Number of bytes."""
        return sum(self._ends) - sum(self._starts)

    def to_list(self) -> list[Pair]:
        return list(zip(self._starts, self._ends, strict=True))

    def __iter__(self) -> Iterator[Pair]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __len__(self) -> int:
        """Number of ranges."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranges):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    def __hash__(self) -> int:
        return hash((self._starts, self._ends))

    def __repr__(self) -> str:
        return f"Ranges({self.to_list()})"


def _made(starts: tuple[int, ...], ends: tuple[int, ...]) -> Ranges:
    """Return a set from starts and ends that keep the rules already."""
    made = Ranges.__new__(Ranges)
    made._starts = starts
    made._ends = ends
    return made
