"""Which columns of names count: a counter, the chapters of one recording, the views of one take.  Pure.

- What rises with the time of recording is a counter, each kind of file by itself; or what begins anew a day.
- What begins again with each of its values is a chapter.
- Short words of which each take has several are views.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from dock.draft_columns import Column, Form
from dock.draft_times import TimeColumns
from dock.naming import read_time

_RISING = 0.8
_CHAPTERS = 100
_FAR = datetime.max
_ONE_CLOCK = "%Y%m%d%H%M%S"


def order_of(form: Form, starts: Sequence[datetime | None]) -> list[int]:
    """The names in order of recording, as far as it is known."""

    def when(at: int) -> tuple[datetime, str]:
        return starts[at] or form.names[at].modified_at or _FAR, form.names[at].file.path

    return sorted(range(len(form.names)), key=when)


def counting_of(
    form: Form, said: TimeColumns | None, order: Sequence[int], doubts: list[str]
) -> tuple[int | None, int | None]:
    """Return the columns of the counter and of the chapter."""
    timed = timed_columns(said)
    digits = [
        at for at, column in enumerate(form.columns)
        if column.digits and max(map(len, column.values)) <= 9
        and at not in timed and not in_folder(form, at) and not _is_end(column, said)
    ]  # fmt: skip
    if len(form.names) == 1:
        last = [at for at in digits if at == len(form.columns) - 1 and len(form.columns[at].values[0]) <= 6]
        if last:
            doubts.append("sequence: one name only, so that its last digits count is a guess")
        return (last[0] if last else None), None
    rising = [at for at in digits if _rises(form, at, order)]
    if not rising and said is not None:
        days = tuple("" if start is None else f"{start:%Y%m%d}" for start in said.starts)
        daily = [at for at in digits if _begins_again(form, days, at)]
        if daily:
            doubts.append("sequence: it seems to begin anew each day")
            return daily[-1], None
    if not rising:
        varied = [at for at in digits if len(form.columns[at].distinct) * 2 > len(form.names)]
        if varied:
            doubts.append("sequence: it does not rise with the files' times")
        return (varied[-1] if varied else None), None
    sequence = max(rising, key=lambda at: (len(form.columns[at].distinct), at))
    for counter in sorted(rising, key=lambda at: at != sequence):
        numbers = form.columns[counter].values
        chapter = next((at for at in digits if at != counter and _begins_again(form, numbers, at)), None)
        if chapter is not None:
            return counter, chapter
    return sequence, None


def _is_end(column: Column, said: TimeColumns | None) -> bool:
    """Whether it is another clock, some time after the one that the recording began at."""
    if said is None or column.width != 6 or column.constant:
        return False
    ends = [read_time(f"20000101{value}", _ONE_CLOCK) for value in column.values]
    within = [
        (end - start.replace(2000, 1, 1)) % timedelta(days=1) <= timedelta(hours=6)
        for end, start in zip(ends, said.starts, strict=True)
        if end is not None and start is not None
    ]
    return len(within) == len(ends) and all(within)


def _rises(form: Form, at: int, order: Sequence[int]) -> bool:
    """Whether the numbers mostly go up in order of recording, each kind of file by itself."""
    by_suffix: dict[str, list[int]] = defaultdict(list)
    for row in order:
        by_suffix[form.names[row].suffix].append(int(form.columns[at].values[row]))
    pairs = [pair for numbers in by_suffix.values() for pair in pairwise(numbers)]
    everything = [int(form.columns[at].values[row]) for row in order]
    pairs = pairs or list(pairwise(everything))
    up = sum(1 for before, after in pairs if after >= before)
    return len(set(everything)) > 1 and up >= _RISING * len(pairs) and any(b > a for a, b in pairs)


def _begins_again(form: Form, outer: Sequence[str], at: int) -> bool:
    """Whether the numbers in `at` count from the beginning with each value of `outer`."""
    seen: dict[str, set[int]] = defaultdict(set)
    for number, chapter in zip(outer, form.columns[at].values, strict=True):
        seen[number].add(int(chapter))
    runs = [sorted(chapters) for chapters in seen.values()]
    from_first = all(run[0] in (0, 1) and run == list(range(run[0], run[0] + len(run))) for run in runs)
    return from_first and any(len(run) > 1 for run in runs) and max(map(max, runs)) < _CHAPTERS


def numbers_of(form: Form, sequence: int | None) -> list[int | None]:
    if sequence is None:
        return [None] * len(form.names)
    return [int(value) for value in form.columns[sequence].values]


def view_of(
    form: Form,
    said: TimeColumns | None,
    taken: set[int | None],
    starts: Sequence[datetime | None],
    numbers: Sequence[int | None],
) -> int | None:
    """Return the column of which each take has several values."""
    timed = timed_columns(said)
    for at, column in enumerate(form.columns):
        if at in timed or at in taken or in_folder(form, at) or not 2 <= len(column.distinct) <= 6:
            continue
        if max(map(len, column.values)) > 5 or goes_with_suffix(form, column):
            continue
        takes: dict[tuple[datetime | None, int | None], set[str]] = defaultdict(set)
        for start, number, value in zip(starts, numbers, column.values, strict=True):
            takes[start, number].add(value)
        if sum(1 for values in takes.values() if len(values) > 1) * 2 >= len(takes) > 1:
            return at
    return None


def timed_columns(said: TimeColumns | None) -> set[int]:
    return set() if said is None else {*range(*said.date), *range(*said.clock)}


def in_folder(form: Form, at: int) -> bool:
    return form.path and any("/" in column.before for column in form.columns[at + 1 :])


def goes_with_suffix(form: Form, column: Column) -> bool:
    """Whether the suffix tells the value: IMG_ of photographs, VID_ of video."""
    seen: dict[str, set[str]] = defaultdict(set)
    for name, value in zip(form.names, column.values, strict=True):
        seen[name.suffix].add(value)
    return len(seen) > 1 and all(len(values) == 1 for values in seen.values())
