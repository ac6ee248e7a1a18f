"""From names of one shape to a pattern with named fields.  Pure.

- A time is a time (`draft_times`); digits that rise with it are a counter; a number that begins again with
  each of its values is a chapter; short words of which each take has several are views.
- Words that are always there, or that go with the suffix, are literals.  What else stays the same, or changes
  now and then, is an `id`: nobody has said whose.
- Anything else is matched without a name, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from dock.draft_columns import Column, Form, Name
from dock.draft_counting import counting_of, goes_with_suffix, numbers_of, order_of, view_of
from dock.draft_times import TimeColumns, find_time
from dock.naming import read_time

_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")
_CAMERA_FOLDER = re.compile(r"\d{3}\w{4,6}")
_USUAL = frozenset(
    ("img", "vid", "mov", "dsc", "dscn", "pic", "pict", "photo", "video", "clip", "rec", "record", "file",
     "audio", "memo", "mvi", "wav", "snd")
)  # fmt: skip
_MARK_WORD = re.compile(
    r"(?i)emr|emer|emergency|event|evt|sos|lock|locked|imp|urgent|protect|protected|alarm"
)
_USUAL_FORMAT = "%Y%m%d%H%M%S"
_IDS = 4


@dataclass(frozen=True)
class Row:
    """What one name of the sample says by its pattern."""

    name: Name
    start: datetime | None
    number: int | None
    view: str


@dataclass(frozen=True)
class DraftedPattern:
    """A pattern of `[[names]]`; `doubts` are for people, `ids` the values seen of each id."""

    form: Form
    text: str
    time_format: str | None
    own: bool
    rows: tuple[Row, ...]
    of_footage: bool
    doubts: tuple[str, ...] = ()
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def timed(self) -> bool:
        return self.time_format is not None

    @property
    def shape(self) -> tuple[str, ...]:
        """What names of one shape have in common at whatever depth they lie."""
        return (*(column.before for column in self.form.columns), self.form.tail)


@dataclass(frozen=True)
class _Piece:
    """A stretch of columns and its part of the pattern; an id is named when all are known."""

    columns: tuple[Column, ...]
    pattern: str
    is_id: bool = False

    @property
    def before(self) -> str:
        return self.columns[0].before

    @property
    def values(self) -> tuple[str, ...]:
        """What it says in each name, with the separators inside."""
        first, *others = self.columns
        texts = list(first.values)
        for column in others:
            texts = [
                f"{text}{column.before}{value}" for text, value in zip(texts, column.values, strict=True)
            ]
        return tuple(texts)


def pattern_of(form: Form, *, own: bool) -> DraftedPattern:
    """Return the pattern of a form's names.  `own`: they are footage, so they may tell the camera."""
    footage = own
    said = find_time(form)
    doubts = _of_time(said)
    starts = said.starts if said else tuple(None for _ in form.names)
    order = order_of(form, starts)
    sequence, chapter = counting_of(form, said, order, doubts)
    numbers = numbers_of(form, sequence)
    view = view_of(form, said, {sequence, chapter}, starts, numbers)
    if said is not None and _is_utc(form, said):
        doubts.append('Z behind the time: perhaps UTC; then time_zone = "UTC" at the top')
    pieces = _joined(_pieces(form, said, sequence, chapter, view, doubts), form)
    text, ids = _text(form, [_plain(piece, doubts) for piece in pieces])
    if own and not _is_telling(text, said is not None):
        own = False
        doubts.append(
            "own = false: names as plain as these tell no camera; say its marker or label in [match]"
        )
    views = form.columns[view].values if view is not None else ("",) * len(form.names)
    rows = zip(form.names, starts, numbers, views, strict=True)
    return DraftedPattern(
        form, text, said.time_format if said else None, own, tuple(Row(*row) for row in rows),
        footage, tuple(doubts), ids,
    )  # fmt: skip


def _is_utc(form: Form, said: TimeColumns) -> bool:
    behind = form.columns[said.clock[1] : said.clock[1] + 1]
    return any(column.before == "" and column.distinct == ("Z",) for column in behind)


def _of_time(said: TimeColumns | None) -> list[str]:
    if said is None:
        return ["no time in these names: the file's own time is all there is"]
    return [f"the time could be read as {other}, too" for other in said.others]


def _pieces(
    form: Form,
    said: TimeColumns | None,
    sequence: int | None,
    chapter: int | None,
    view: int | None,
    doubts: list[str],
) -> list[_Piece]:
    named = {sequence: r"(?P<sequence>\d{1,9})", chapter: r"(?P<chapter>\d{1,3})"}
    pieces: list[_Piece] = []
    at = _first(form, said)
    while at < len(form.columns):
        column = form.columns[at]
        if said is not None and at == said.date[0]:
            last = said.clock[1] if said.joined else said.date[1]
            pieces.append(_of_span(form, at, last, "time" if said.joined else "date"))
            at = last
            continue
        if said is not None and at == said.clock[0]:
            pieces.append(_of_span(form, at, said.clock[1], "clock"))
            at = said.clock[1]
            continue
        if at in named:
            pieces.append(_Piece((column,), named[at]))
        elif at == view:
            pieces.append(_Piece((column,), f"(?P<view>{'|'.join(map(_escaped, column.distinct))})"))
        else:
            pieces.append(_unnamed(form, column, doubts))
        at += 1
    return pieces


def _first(form: Form, said: TimeColumns | None) -> int:
    """Where the pattern begins: folders that are words, or that every camera has, are left out."""
    if not form.path or said is None:
        return 0
    begins = [at for at, column in enumerate(form.columns) if at == 0 or "/" in column.before]
    for at, following in pairwise([*begins, len(form.columns)]):
        if at >= _component(begins, said.date[0]):
            break
        piece = _Piece(form.columns[at:following], "")
        if not all(_CAMERA_FOLDER.fullmatch(value) or not re.search(r"\d", value) for value in piece.values):
            return at
    return _component(begins, said.date[0])


def _component(begins: Sequence[int], at: int) -> int:
    return max(begin for begin in begins if begin <= at)


def _of_span(form: Form, first: int, last: int, group: str) -> _Piece:
    columns = form.columns[first:last]
    inside = "".join(
        (_escaped(column.before) if n else "")
        + (rf"\d{{{column.width}}}" if column.digits else "[A-Za-z]{3}")
        for n, column in enumerate(columns)
    )
    return _Piece(columns, f"(?P<{group}>{inside})")


def _unnamed(form: Form, column: Column, doubts: list[str]) -> _Piece:
    seen = ", ".join(column.distinct[:4])
    choice = f"(?:{'|'.join(map(_escaped, column.distinct))})"
    marks = [value for value in column.distinct if _MARK_WORD.fullmatch(value)]
    if column.letters and marks and not goes_with_suffix(form, column) and len(column.distinct) <= 6:
        doubts.append(f"{', '.join(marks)}: taken for the mark of what is important")
        others = [_escaped(value) for value in column.distinct if value not in marks]
        return _Piece((column,), f"(?:{'|'.join([f'(?P<mark>{_either(marks)})', *others])})")
    if column.letters:
        if column.constant:
            return _Piece((column,), _escaped(column.values[0]))
        if goes_with_suffix(form, column):
            return _Piece((column,), choice)
        if len(column.distinct) <= 4 and max(map(len, column.values)) <= 3:
            doubts.append(f"{seen}: what kind of recording is that? Is one of them a mark?")
            return _Piece((column,), choice)
    elif column.digits and not column.constant and len(column.distinct) * 3 > len(column.values) > 2:
        as_clock = all(read_time(f"20000101{value}", _USUAL_FORMAT) for value in column.values)
        doubts.append(f"{seen}: digits of unknown meaning" + (" (perhaps when it ended)" if as_clock else ""))
        return _Piece((column,), r"\d+")
    return _Piece((column,), "", is_id=True)


def _joined(pieces: Sequence[_Piece], form: Form) -> list[_Piece]:
    """Put parts of one id together: K, 7 and 00231 of K7-00231, where other separators part the fields."""
    others = {column.before for column in form.columns} - {"", "-", "/"}
    found: list[_Piece] = []
    for piece in pieces:
        near = piece.before == "" or (piece.before == "-" and bool(others))
        last = found[-1] if found else None
        if (
            last is not None
            and near
            and _is_constant(last)
            and _is_constant(piece)
            and (last.is_id or piece.is_id)
        ):
            found[-1] = _Piece(last.columns + piece.columns, "", is_id=True)
        else:
            found.append(piece)
    return found


def _is_constant(piece: _Piece) -> bool:
    """Whether it is an id, or a word, that never changes."""
    plain = piece.is_id or piece.pattern == _escaped(piece.columns[0].values[0])
    return plain and len(set(piece.values)) == 1


def _plain(piece: _Piece, doubts: list[str]) -> _Piece:
    """A single digit that never changes is nobody's number."""
    only = piece.values[0]
    if not piece.is_id or len(only) > 1 or not only.isdigit() or len(set(piece.values)) > 1:
        return piece
    doubts.append(f"{only}: always there, of unknown meaning")
    return _Piece(piece.columns, r"\d+")


def _text(form: Form, pieces: Sequence[_Piece]) -> tuple[str, dict[str, tuple[str, ...]]]:
    ids: dict[str, tuple[str, ...]] = {}
    text = "(?:.*/)?" if form.path else ""
    for n, piece in enumerate(pieces):
        if n or not form.path:
            text += _escaped(piece.before)
        if not piece.is_id:
            text += piece.pattern
            continue
        following = pieces[n + 1].before if n + 1 < len(pieces) else form.tail
        any_character = f"[^{_in_class(piece.before + following)}/]{{1,32}}"
        if len(ids) < _IDS:
            name = f"id{len(ids) + 1}"
            ids[name] = tuple(dict.fromkeys(piece.values))
            text += f"(?P<{name}>{any_character})"
        else:
            text += any_character
    return text + _escaped(form.tail), ids


def _is_telling(text: str, timed: bool) -> bool:
    """Whether few other cameras write names like it: a time and something besides, or a word of its own."""
    groups = set(re.findall(r"\(\?P<([a-z]+)", text)) - {"time", "date", "clock"}
    words = re.findall(r"[A-Za-z]{3,}", re.sub(r"\(\?P<\w+>|\\.|\{[^}]*\}|\[[^]]*\]", " ", text))
    own_word = any(word.lower() not in _USUAL for word in words)
    return own_word or (timed and bool(groups))


def _either(words: Iterable[str]) -> str:
    return "|".join(map(_escaped, words))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def _in_class(characters: Iterable[str]) -> str:
    return "".join(f"\\{c}" if c in "^]\\-" else c for c in sorted(set(characters) - {"/"}))
