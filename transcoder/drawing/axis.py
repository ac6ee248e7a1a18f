"""The one axis of a timeline.  Pure.

- Recordings stand where their clocks put them; where one has no date, each follows the one before it and no
  wall clock is shown at all.
- A pause longer than a tenth of what was recorded is folded to a narrow stretch, so that the footage keeps
  its width whatever clocks say (a factory date decades away included).
- Ticks are whole steps of local time, as many as are readable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property

from transcoder.report import RecordingReport

_FOLD_SHARE = 0.1
_LEAST_FOLD_S = 60.0
_FOLD_WIDTH = 0.022  # of the axis
_FOLDS_WIDTH = 0.35  # of all folds together
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
LONGEST_S = 10 * 366 * 86400.0  # whatever a file claims


@dataclass(frozen=True)
class Placed:
    """A recording on the axis; seconds from the axis' zero."""

    index: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """A linear stretch of the axis; `left` and `right` are shares of its width."""

    start_s: float
    end_s: float
    left: float
    right: float
    folded: bool


@dataclass(frozen=True)
class Axis:
    """Seconds to shares of the width; `zero` is the wall time of second 0, None where it is not known."""

    zero: datetime | None
    placed: tuple[Placed, ...]
    pieces: tuple[Piece, ...]

    def at(self, second: float) -> float:
        """Where a second stands, 0 to 1."""
        for piece in self.pieces:
            if second <= piece.end_s:
                length = piece.end_s - piece.start_s
                share = min(1.0, max(0.0, (second - piece.start_s) / length)) if length > 0 else 0.0
                return piece.left + share * (piece.right - piece.left)
        return 1.0

    @cached_property
    def _by_index(self) -> dict[int, Placed]:
        return {one.index: one for one in self.placed}

    def of(self, index: int) -> Placed | None:
        """The place of a recording, None where it is not drawn."""
        return self._by_index.get(index)

    def wall(self, second: float, zone: tzinfo) -> datetime | None:
        """The wall time of a second."""
        try:
            return None if self.zero is None else (self.zero + timedelta(seconds=second)).astimezone(zone)
        except (OverflowError, ValueError):
            return None


@dataclass(frozen=True)
class Tick:
    at: float
    second: float
    label: str
    day: str  # the date, where it is to be shown


def axis_of(recordings: Sequence[RecordingReport], most: int) -> Axis:
    """Place the recordings, at most `most` of them."""
    starts = {
        index: one.started_at.earliest.astimezone(UTC)
        for index, one in enumerate(recordings)
        if one.started_at is not None and one.started_at.earliest.tzinfo is not None
    }
    clocked = len(starts) == len(recordings) and bool(recordings)
    order = (
        sorted(range(len(recordings)), key=lambda i: (starts[i], i)) if clocked else range(len(recordings))
    )
    zero = min(starts.values()) if clocked else None
    placed: list[Placed] = []
    end_s = 0.0
    for index in list(order)[:most]:
        start_s = (starts[index] - zero).total_seconds() if zero is not None else end_s
        end_s = start_s + (length_of(recordings[index]) or 0.0)
        placed.append(Placed(index, start_s, end_s))
    return Axis(zero, tuple(placed), tuple(_pieces(_spans(placed))))


def length_of(recording: RecordingReport) -> float | None:
    """How long a recording is, within reason; None where nothing says it."""
    length_s = recording.duration_s
    if length_s is None or not math.isfinite(length_s):
        return None
    return min(max(length_s, 0.0), LONGEST_S)


def _spans(placed: Sequence[Placed]) -> list[tuple[float, float]]:
    """What was recorded, as stretches between which there is a pause to be folded."""
    joined: list[tuple[float, float]] = []
    for one in placed:
        if joined and one.start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], one.end_s))
        else:
            joined.append((one.start_s, one.end_s))
    recorded = sum(end - start for start, end in joined)
    longest = max(_LEAST_FOLD_S, _FOLD_SHARE * recorded)
    spans: list[tuple[float, float]] = []
    for start, end in joined:
        if spans and start - spans[-1][1] <= longest:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _pieces(spans: Sequence[tuple[float, float]]) -> Iterator[Piece]:
    folds = max(0, len(spans) - 1)
    fold = min(_FOLD_WIDTH, _FOLDS_WIDTH / folds) if folds else 0.0
    # A photograph has no length, and is to be seen all the same.
    lengths = [max(end - start, 1.0) for start, end in spans]
    scale = (1.0 - folds * fold) / (sum(lengths) or 1.0)
    left = 0.0
    before: float | None = None
    for (start, end), length in zip(spans, lengths, strict=True):
        if before is not None:
            yield Piece(before, start, left, left + fold, folded=True)
            left += fold
        yield Piece(start, max(end, start), left, left + length * scale, folded=False)
        left += length * scale
        before = end


def ticks_of(axis: Axis, zone: tzinfo, spacing: float) -> list[Tick]:
    """Labels at least `spacing` (a share of the width) apart."""
    shown = [piece for piece in axis.pieces if not piece.folded]
    per_share = (
        max((p.end_s - p.start_s) / (p.right - p.left) for p in shown if p.right > p.left) if shown else 1
    )
    step = next(
        (s for s in _STEPS_S if s >= per_share * spacing), 86400 * (1 + int(per_share * spacing / 86400))
    )
    ticks: list[Tick] = []
    day = ""
    for piece in shown:
        for second in _whole(axis, piece, step, zone):
            at = axis.at(second)
            if ticks and at - ticks[-1].at < spacing * 0.95:
                continue
            wall = axis.wall(second, zone)
            if wall is None:
                ticks.append(Tick(at, second, elapsed(second), ""))
                continue
            label = wall.strftime("%H:%M:%S" if step < 60 or second == piece.start_s else "%H:%M")
            date = f"{wall.year:04d}-{wall:%m-%d}"
            ticks.append(Tick(at, second, label, date if date != day else ""))
            day = date
    return ticks


def _whole(axis: Axis, piece: Piece, step: int, zone: tzinfo) -> Iterator[float]:
    """The start of a piece, then its whole steps."""
    yield piece.start_s
    wall = axis.wall(piece.start_s, zone)
    into = piece.start_s if wall is None else wall.hour * 3600 + wall.minute * 60 + wall.second
    if wall is not None:
        into += wall.microsecond / 1e6
    second = piece.start_s + step - into % step
    while second <= piece.end_s:
        if axis.at(second) - piece.left > 1e-9:
            yield second
        second += step


def elapsed(second: float, *, tenths: bool = False) -> str:
    """A position as people read it: 1:02:03, 2:03, 2:03.4."""
    sign = "-" if second < -0.05 else ""
    units = round(abs(second) * 10) if tenths else int(abs(second)) * 10
    whole, tenth = divmod(units, 10)
    hours, rest = divmod(whole, 3600)
    text = f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    return f"{sign}{text}.{tenth}" if tenths else f"{sign}{text}"
