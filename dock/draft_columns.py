"""Names of a sample tree taken apart into columns.  Pure.

- A column is a run of letters and digits between separators; where it is letters and digits in the same
  places in all names (MOV0012), each run is a column of its own.
- Names with the same separators are one form; what a column is, is told by all its values together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dock.card_tree import TreeFile
from dock.naming import read_time

_RUN = re.compile(r"[0-9]+|[^\W\d_]+")
_SEPARATORS = re.compile(r"[\W_]+")
_MARK = re.compile(r"[-_ #]?[A-Z]{2,8}$|[#*+!@~=^&%$]+$")
_TIME_DIGITS = 14


@dataclass(frozen=True)
class Name:
    """A name to take apart: `bare` is the stem without its mark, `end` the mark (empty without one)."""

    file: TreeFile
    bare: str
    suffix: str
    end: str = ""

    @property
    def folder(self) -> str:
        return self.file.path.rpartition("/")[0]

    @property
    def modified_at(self) -> datetime | None:
        return self.file.modified_at


@dataclass(frozen=True)
class Column:
    """`before`: the separator in front of it, the same in all names.  `values`: one for each name."""

    before: str
    values: tuple[str, ...]

    @property
    def digits(self) -> bool:
        return all(value.isascii() and value.isdigit() for value in self.values)

    @property
    def letters(self) -> bool:
        return all(value.isascii() and value.isalpha() for value in self.values)

    @property
    def distinct(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.values)))

    @property
    def constant(self) -> bool:
        return len(set(self.values)) == 1

    @property
    def width(self) -> int | None:
        """How many characters all values have; None where they differ."""
        widths = {len(value) for value in self.values}
        return widths.pop() if len(widths) == 1 else None


@dataclass(frozen=True)
class Form:
    """Names of one shape.  `path`: the folders are part of it."""

    names: tuple[Name, ...]
    columns: tuple[Column, ...]
    tail: str  # the separator behind the last column
    path: bool = False


def name_of(file: TreeFile) -> Name:
    """Return a file's name, its mark not yet known."""
    last = file.path.rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    return Name(file, stem if dot else last, suffix.lower() if dot else "")


def take_off_marks(names: Sequence[Name]) -> tuple[list[Name], list[str]]:
    """Return the names without the ends that only some bear whose rest is like the others, and those ends."""
    shapes: dict[tuple[tuple[str, ...], int], int] = defaultdict(int)
    for name in names:
        shapes[_shape(name.bare)] += 1
    ends: dict[str, int] = defaultdict(int)
    for name in names:
        found = _MARK.search(name.bare)
        if found and found.start() and shapes[_shape(name.bare[: found.start()])]:
            ends[found[0]] += 1
    marks = sorted((end for end, count in ends.items() if count * 2 < len(names)), key=len, reverse=True)
    return [_without(name, marks) for name in names], marks


def forms_of(names: Sequence[Name], *, path: bool = False) -> list[Form]:
    """Return the names by shape, the most frequent first."""
    groups: dict[tuple[str, ...], list[Name]] = defaultdict(list)
    for name in names:
        groups[_skeleton(_text(name, path))].append(name)
    return [_form(group, path) for group in sorted(groups.values(), key=len, reverse=True)]


def _without(name: Name, marks: Sequence[str]) -> Name:
    for end in marks:
        if name.bare.endswith(end) and len(name.bare) > len(end):
            return replace(name, bare=name.bare.removesuffix(end), end=end)
    return name


def _shape(text: str) -> tuple[tuple[str, ...], int]:
    """Separators, and how wide the digits at the end are."""
    last = re.search(r"[0-9]*$", text)
    return _skeleton(text), len(last[0]) if last else 0


def _text(name: Name, path: bool) -> str:
    return f"{name.folder}/{name.bare}" if path and name.folder else name.bare


def _skeleton(text: str) -> tuple[str, ...]:
    return tuple(_SEPARATORS.findall(text)) + (("^",) if _SEPARATORS.match(text) else ())


def _form(group: Sequence[Name], path: bool) -> Form:
    texts = [_text(name, path) for name in group]
    parts = [_SEPARATORS.split(text) for text in texts]
    between = _SEPARATORS.findall(texts[0])
    columns: list[Column] = []
    for at, values in enumerate(zip(*parts, strict=True)):
        before = between[at - 1] if at else ""
        columns += _taken_apart(Column(before, tuple(values)))
    tail = ""
    if columns and not any(columns[-1].values):
        tail = columns.pop().before
    # A separator in front of everything leaves an empty column: its separator belongs to the next.
    if columns and not any(columns[0].values):
        columns.pop(0)
    return Form(tuple(group), tuple(columns), tail, path)


def _taken_apart(column: Column) -> list[Column]:
    runs = [_RUN.findall(value) for value in column.values]
    kinds = {tuple(run[0].isdigit() for run in value) for value in runs}
    if len(kinds) != 1 or not runs[0] or ["".join(value) for value in runs] != list(column.values):
        return [column]
    columns: list[tuple[str, ...]] = []
    for values in zip(*runs, strict=True):
        columns += _with_time_apart(values)
    return [Column(column.before if n == 0 else "", tuple(values)) for n, values in enumerate(columns)]


def _with_time_apart(values: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A time with other digits right before or behind it (202611040830000012)."""
    widths = {len(value) for value in values}
    if len(widths) != 1 or max(widths) <= _TIME_DIGITS or not values[0].isdigit():
        return [values]
    for cut, first in ((_TIME_DIGITS, True), (max(widths) - _TIME_DIGITS, False)):
        parts = [tuple(value[:cut] for value in values), tuple(value[cut:] for value in values)]
        if all(read_time(value, "%Y%m%d%H%M%S") for value in parts[0 if first else 1]):
            return parts
    return [values]
