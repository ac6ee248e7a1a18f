"""Which frames and which stretches of sound show a finding.  Pure.

- Six frames a finding: before it, at its edges, inside, after it.  Across a joint of two files: the last
  three of the one before and the first three of the one after.
- A finding without a time shows nothing by itself; the first sheet shows frames of each recording for it.
- All of it is bounded: the worst findings first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from transcoder.drawing.axis import length_of
from transcoder.drawing.numbering import Numbered
from transcoder.report import RecordingReport, Report

MOST_PICTURED = 40
MOST_FIRST = 24
_ALONE = 12  # frames that show the whole of a single recording
_SHORT_S = 0.5
_JOINTS = ("continuity.gap_between_files", "continuity.overlap", "continuity.sequence")
AROUND_S = 10.0  # of sound on either side
_LONGEST_WINDOW_S = 120.0


@dataclass(frozen=True)
class Moment:
    """A frame to show: seconds of a recording's own time."""

    recording: int
    at_s: float
    inside: bool = False


@dataclass(frozen=True)
class Window:
    """A stretch of sound to show, seconds of a recording's own time; it may reach beyond the recording."""

    recording: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Pictured:
    """A finding with what shows it."""

    one: Numbered
    moments: tuple[Moment, ...]
    window: Window | None


@dataclass(frozen=True)
class Wanted:
    """All that the sheets need of the files."""

    first: tuple[Moment, ...] = ()
    pictured: tuple[Pictured, ...] = ()
    left_out: int = 0  # findings with a time that are not pictured
    moments: frozenset[Moment] = field(default_factory=frozenset)
    windows: frozenset[Window] = field(default_factory=frozenset)


def wanted(report: Report, found: Sequence[Numbered]) -> Wanted:
    """Choose frames and stretches."""
    timed = [one for one in found if one.counts and one.recording is not None and one.start_s is not None]
    pictured = tuple(_pictured(report, one) for one in timed[:MOST_PICTURED])
    first = tuple(_first(report.recordings))
    moments = frozenset(first) | {moment for one in pictured for moment in one.moments}
    windows = frozenset(one.window for one in pictured if one.window is not None)
    return Wanted(first, pictured, max(0, len(timed) - MOST_PICTURED), moments, windows)


def _first(recordings: Sequence[RecordingReport]) -> list[Moment]:
    seen = [index for index, one in enumerate(recordings) if has_picture(one)]
    if len(recordings) == 1 and seen:
        length = length_of(recordings[0]) or 0.0
        if recordings[0].kind == "photo" or length <= 0:
            return [Moment(0, 0.0)]
        return [Moment(0, round(length * (i + 0.5) / _ALONE, 3)) for i in range(_ALONE)]
    step = max(1.0, len(seen) / MOST_FIRST)
    chosen = sorted({seen[int(i * step)] for i in range(min(len(seen), MOST_FIRST))})
    return [Moment(index, min(1.0, (length_of(recordings[index]) or 0.0) / 2)) for index in chosen]


def has_picture(recording: RecordingReport) -> bool:
    """Whether there is anything to see in it."""
    return any(stream.kind == "video" for stream in recording.streams)


def has_sound(recording: RecordingReport) -> bool:
    """Whether there is anything to hear in it."""
    return any(stream.kind == "audio" for stream in recording.streams)


def _pictured(report: Report, one: Numbered) -> Pictured:
    index, start, end = one.recording, one.start_s, one.end_s
    if index is None or start is None or end is None:
        return Pictured(one, (), None)
    before = one.finding.evidence.get("before")
    known = isinstance(before, int) and not isinstance(before, bool) and 0 <= before < len(report.recordings)
    if one.finding.code in _JOINTS and known and isinstance(before, int) and before != index:
        return Pictured(one, tuple(_across(report, before, index)), None)
    index, start, end = _within_run(report, index, start, end)
    length = length_of(report.recordings[index])
    recording = report.recordings[index]
    moments = tuple(_around(index, start, end, length)) if has_picture(recording) else ()
    return Pictured(one, moments, _window(index, start, end) if has_sound(recording) else None)


def _within_run(report: Report, index: int, start: float, end: float) -> tuple[int, float, float]:
    """The recording of a run in which a time lies that counts from the run's first one."""
    run = next((run.recordings for run in report.runs if index in run.recordings), (index,))
    later = list(run[run.index(index) :])
    while len(later) > 1 and 0 <= later[1] < len(report.recordings):
        length = length_of(report.recordings[later[0]])
        if length is None or start < length:
            break
        start, end = start - length, end - length
        later.pop(0)
    return later[0], start, end


def _around(index: int, start: float, end: float, length: float | None) -> list[Moment]:
    if end - start < _SHORT_S:
        times = (start - 1.0, start - 0.3, start - 0.05, end + 0.05, end + 0.3, end + 1.0)
    else:
        edge = min(0.1, (end - start) / 4)
        times = (start - 1.0, start - 0.1, start + edge, (start + end) / 2, end - edge, end + 0.5)
    last = length if length is not None else max(0.0, end + 1.0)
    clamped = [round(min(max(0.0, at), max(0.0, last - 0.02)), 3) for at in times]
    return [Moment(index, at, start <= at <= end) for at in sorted(set(clamped))]


def _across(report: Report, before: int, after: int) -> list[Moment]:
    moments: list[Moment] = []
    if has_picture(report.recordings[before]):
        length = length_of(report.recordings[before]) or 0.0
        moments += [Moment(before, round(max(0.0, length - back), 3)) for back in (2.0, 1.0, 0.02)]
    if has_picture(report.recordings[after]):
        length = length_of(report.recordings[after]) or 0.0
        moments += [Moment(after, round(min(at, length), 3)) for at in (0.0, 1.0, 2.0)]
    return list(dict.fromkeys(moments))


def _window(index: int, start: float, end: float) -> Window:
    if end - start > _LONGEST_WINDOW_S - 2 * AROUND_S:
        end = start + _LONGEST_WINDOW_S - 2 * AROUND_S
    return Window(index, round(start - AROUND_S, 3), round(end + AROUND_S, 3))
