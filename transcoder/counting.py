"""Sequence numbers of one camera (article 15(5)): their order, what is missing, what was used twice.  Pure.

- Profiles count: `sequence`, or number x 100 + chapter where one recording comes in several files (C06);
  there chapters step by one within a number, and the number by one.
- In order of time a number that falls to 0 or 1 is a counter that began anew (formatted, wrapped, a new day,
  a new recording): no loss.  Files between two such points are a block; blocks of one shift that fit into
  each other like pieces of one are one, and it was the clock that went back.
- Within a block each number is once; where times contradict the numbers (a clock that was set: C20) the
  numbers give the order.
- Missing are numbers between those of one shift that no file of the camera bears, whatever its kind: a number
  that an earlier docking brought, or that was listed and did not arrive, is not missing.
- One number in two files is used twice only if they tell different times (one take may exist twice), for
  files of different kinds only where the profile says that they count together.
- Numbers that are sparse, or all the same, count nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

from transcoder.report import MediaKind
from transcoder.request import Counter

_FIRST = 1  # a counter begins at 0 or 1
_CHAPTERS = 100
_SURE = 50  # numbers missing at once that a known counter is believed to have lost
_SPARSE = 3  # missing numbers for each that is there, beyond which it is no counter


@dataclass(frozen=True)
class Numbered:
    """A file with its number; `start_s`: when it began, on the camera's clock, None where nobody knows.

    `unset`: that clock was never set.
    """

    index: int
    sequence: int
    kind: MediaKind | None
    start_s: float | None
    unset: bool = False


@dataclass(frozen=True)
class Counting:
    """How a profile's cameras count.  `known`: the profile says so; else a trailing number is a guess."""

    chaptered: bool = False
    counter: Counter = "unknown"
    known: bool = True

    def number(self, sequence: int) -> int:
        return sequence // _CHAPTERS if self.chaptered else sequence

    def chapter(self, sequence: int) -> int:
        return sequence % _CHAPTERS if self.chaptered else 0


@dataclass(frozen=True)
class Hole:
    """Numbers missing between two files that are there, as people read them (`7`, `42 chapter 2`)."""

    before: int
    after: int
    missing: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Reused:
    number: str
    first: int
    again: int


def blocks_of(files: Sequence[Numbered], counting: Counting, break_s: float) -> list[list[Numbered]]:
    """The files in the order in which they were recorded, in blocks between restarts of the counter.

    `break_s`: how far apart files of one shift are at most.
    """
    timed = sorted(files, key=lambda f: (f.start_s is None, f.start_s or 0.0, f.sequence, f.index))
    blocks: list[list[Numbered]] = []
    for file in timed:
        if not blocks or (_restarts(blocks[-1][-1], file, counting) and not file.unset):
            blocks.append([])
        blocks[-1].append(file)
    found: list[list[Numbered]] = []
    for block in blocks:
        if found and _is_one(found[-1], block, break_s):
            found[-1] += block
        else:
            found.append(block)
    return [_in_order(block) for block in found]


def _is_one(before: Sequence[Numbered], after: Sequence[Numbered], break_s: float) -> bool:
    """Whether two blocks fit into each other: then it was the clock that went back, not the counter."""
    a, b = {f.sequence for f in before}, {f.sequence for f in after}
    if a & b:
        return False
    together, apart = _absent(a | b), _absent(a) + _absent(b)
    if together != apart:
        return together < apart
    ends, begins = before[-1].start_s, after[0].start_s
    return ends is None or begins is None or begins - ends <= break_s


def _absent(numbers: Collection[int]) -> int:
    return max(numbers) - min(numbers) + 1 - len(set(numbers))


def _restarts(before: Numbered, after: Numbered, counting: Counting) -> bool:
    number = counting.number(after.sequence)
    if counting.chaptered and number == counting.number(before.sequence):
        return False
    return number <= _FIRST and number <= counting.number(before.sequence)


def _in_order(block: list[Numbered]) -> list[Numbered]:
    numbers = [file.sequence for file in block]
    rising = all(a <= b for a, b in pairwise(numbers))
    if rising or len(set(numbers)) < len(numbers):
        return block
    return sorted(block, key=lambda f: f.sequence)


def holes(block: Sequence[Numbered], others: Collection[int], counting: Counting) -> list[Hole]:
    """Numbers missing within a block of one shift.  `others`: sequences of other files of the camera."""
    present = {file.sequence for file in block}
    known = present | set(others)
    found: list[Hole] = []
    for before, after in pairwise(sorted(block, key=lambda f: f.sequence)):
        gap = list(_between(before.sequence, after.sequence, counting, known))
        if gap:
            found.append(Hole(before.index, after.index, tuple(gap[:20]), len(gap)))
    limit = _SPARSE * len(present) + 2
    if counting.known:
        limit = max(limit, _SURE)
    return found if sum(hole.count for hole in found) <= limit else []


def _between(before: int, after: int, counting: Counting, known: Collection[int]) -> Iterator[str]:
    if after - before > _CHAPTERS * _CHAPTERS * _CHAPTERS:
        yield from (str(n) for n in range(before + 1, before + 2 * _CHAPTERS * _CHAPTERS))
        return
    if not counting.chaptered:
        yield from (str(n) for n in range(before + 1, after) if n not in known)
        return
    low, high = counting.number(before), counting.number(after)
    if low == high:
        yield from (_chapter(n) for n in range(before + 1, after) if n not in known)
        return
    numbers = {counting.number(sequence) for sequence in known}
    yield from (str(n) for n in range(low + 1, high) if n not in numbers)
    first = counting.chapter(after)
    # The first chapter is 1, in older cameras 0 followed by 1.
    yield from (_chapter(high * _CHAPTERS + c) for c in range(1, first) if high * _CHAPTERS + c not in known)


def _chapter(sequence: int) -> str:
    return f"{sequence // _CHAPTERS} chapter {sequence % _CHAPTERS}"


T = TypeVar("T")


def reused(block: Sequence[Numbered], counting: Counting) -> list[Reused]:
    """Numbers that two files of a block bear which were not recorded at one time."""
    sure = [file for file in block if not file.unset and file.start_s is not None]
    if len(block) > 1 and len({file.sequence for file in block}) == 1 and not counting.known:
        return []  # a part of the name that never changes
    found: list[Reused] = []
    for (sequence, _), same in groupby(
        sorted(sure, key=lambda f: (f.sequence, _group(f, counting), f.start_s or 0.0, f.index)),
        key=lambda f: (f.sequence, _group(f, counting)),
    ):
        files = list(same)
        number = _chapter(sequence) if counting.chaptered else str(sequence)
        found += [
            Reused(number, files[0].index, again.index)
            for again in files[1:]
            if again.start_s != files[0].start_s
        ]
    return found


def _group(file: Numbered, counting: Counting) -> str:
    return "" if counting.counter == "shared" else str(file.kind)
