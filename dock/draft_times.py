"""Which columns of names are a time, told by what all names and their files' own times agree on.  Pure.

- A reading counts if nearly all names give a date by it.  Among several, the one is right that lies within
  a day of the files' own times (what zone those are in is not known); then the one with the year first.
- Digits that could be a short date (110108) are one where the files' times say so, or a clock follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dock.draft_columns import Column, Form
from dock.naming import read_time

Shape = tuple[int | str, ...]
_WHOLE: tuple[tuple[Shape, str], ...] = (
    ((14,), "%Y%m%d%H%M%S"),
    ((12,), "%y%m%d%H%M%S"),
    ((12,), "%Y%m%d%H%M"),
)
_DATES: tuple[tuple[Shape, str], ...] = (
    ((8,), "%Y%m%d"), ((4, 2, 2), "%Y%m%d"), ((4, 4), "%Y%m%d"),
    ((8,), "%d%m%Y"), ((2, 2, 4), "%d%m%Y"), ((8,), "%m%d%Y"), ((2, 2, 4), "%m%d%Y"),
    (("b", 2, 4), "%b%d%Y"), ((2, "b", 4), "%d%b%Y"), ((4, "b", 2), "%Y%b%d"),
    ((6,), "%y%m%d"), ((2, 2, 2), "%y%m%d"), ((6,), "%d%m%y"), ((2, 2, 2), "%d%m%y"),
)  # fmt: skip
_CLOCKS: tuple[tuple[Shape, str], ...] = (
    ((6,), "%H%M%S"), ((2, 2, 2), "%H%M%S"), ((4,), "%H%M"), ((2, 2), "%H%M"),
)  # fmt: skip
_NEARLY_ALL = 0.9
_LONGEST = timedelta(hours=6)
_ZONES = timedelta(hours=14)
_FIRST, _LAST = 1970, 2079
Span = tuple[int, int]


@dataclass(frozen=True)
class TimeColumns:
    """`date` and `clock` are spans of columns (first, one past the last); the same for a time in one run.

    `others`: readings that fit as well; `starts`: for each name its time.
    """

    date: Span
    clock: Span
    time_format: str
    starts: tuple[datetime | None, ...]
    others: tuple[str, ...] = ()

    @property
    def joined(self) -> bool:
        """Whether clock follows date at once."""
        return self.date == self.clock or self.date[1] == self.clock[0]


def find_time(form: Form) -> TimeColumns | None:
    """Return the columns that say when a recording began, or None."""
    found: list[tuple[tuple[float, bool, bool, int], TimeColumns]] = []
    for order, reading in enumerate(_readings(form)):
        given = [start for start in reading.starts if start is not None]
        if len(given) < _NEARLY_ALL * len(reading.starts):
            continue
        agrees = _agreement(form, reading.starts)
        sure = "%Y" in reading.time_format and not reading.time_format.startswith(("%d", "%m"))
        if agrees < 0.5 and not sure and not reading.joined:
            continue
        found.append(((round(agrees, 1), sure, reading.joined, -order), reading))
    if not found:
        return None
    best_rank, best = max(found, key=lambda one: one[0])
    equals = [
        one.time_format for rank, one in found
        if rank[:2] == best_rank[:2] and one.date == best.date and one.starts[0] is not None
        and one.starts[0].date() != (best.starts[0] or datetime.max).date()
    ]  # fmt: skip
    return TimeColumns(best.date, best.clock, best.time_format, best.starts, tuple(dict.fromkeys(equals)))


def _readings(form: Form) -> Iterator[TimeColumns]:
    columns = form.columns
    for shape, time_format in _WHOLE:
        for span in _spans(columns, shape):
            yield _reading(form, span, span, time_format)
    for date_shape, date_format in _DATES:
        for date in _spans(columns, date_shape):
            for clock_shape, clock_format in _CLOCKS:
                for clock in _spans(columns, clock_shape):
                    if clock[0] >= date[1]:
                        yield _reading(form, date, clock, date_format + clock_format)


def _reading(form: Form, date: Span, clock: Span, time_format: str) -> TimeColumns:
    picked = form.columns[date[0] : date[1]]
    if clock != date:
        picked += form.columns[clock[0] : clock[1]]
    texts = ["".join(parts) for parts in zip(*(column.values for column in picked), strict=True)]
    starts = tuple(_plausible(read_time(text, time_format)) for text in texts)
    return TimeColumns(date, clock, time_format, starts)


def _spans(columns: Sequence[Column], shape: Shape) -> Iterator[Span]:
    for first in range(len(columns) - len(shape) + 1):
        part = columns[first : first + len(shape)]
        between = {column.before for column in part[1:]}
        if all(_is(column, wanted) for column, wanted in zip(part, shape, strict=True)) and all(
            # 2026/11/04 is a day, 20261104/08 no more than a folder and a file.
            len(text) <= 1 and (text != "/" or between == {"/"})
            for text in between
        ):
            yield first, first + len(shape)


def _is(column: Column, wanted: int | str) -> bool:
    if isinstance(wanted, str):
        return column.letters and column.width == 3
    return column.digits and column.width == wanted


def _plausible(start: datetime | None) -> datetime | None:
    return start if start is not None and _FIRST <= start.year <= _LAST else None


def _agreement(form: Form, starts: Sequence[datetime | None]) -> float:
    """The share of names whose file was last written at, or shortly after, the time that they say."""
    timed = [(name.modified_at, start) for name, start in zip(form.names, starts, strict=True) if start]
    agreeing = sum(1 for modified, start in timed if modified is not None and _lies_before(start, modified))
    return agreeing / len(starts) if starts else 0.0


def _lies_before(start: datetime, modified: datetime) -> bool:
    apart = modified - start
    return -_ZONES <= apart <= _ZONES + _LONGEST
