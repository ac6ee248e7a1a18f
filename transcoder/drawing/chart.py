"""What a timeline shows, worked out from report and measurements.  Pure: shares of the width, no shapes.

- The report says what is so; measurements (levels, speech) are drawn beside it and decide nothing.
- Where something was not measured, the lane says so: an empty lane would read as silence.
- Places: fixes closer than a radius are one place; the radius grows until at most eight places are left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transcoder.drawing.axis import Axis, Placed, elapsed
from transcoder.drawing.measured import Levels, Measured
from transcoder.drawing.moments import has_picture, has_sound
from transcoder.drawing.numbering import Numbered
from transcoder.drawing.palette import TROUBLE
from transcoder.places import Fix, distance_m
from transcoder.report import NoticeStatus, PlaceAt, Report, Severity

_PLACE_RADIUS_M = 150.0
_MOST_PLACES = 8
_WIDER = 4.0
_HOLDS_S = 60.0  # for which a fix speaks
_MOST_FIXES = 2000  # of all recordings together: a timeline shows no more
_ROWS = 2


@dataclass(frozen=True)
class Bar:
    """A stretch of a lane; what it is is the lane's."""

    left: float
    right: float
    label: str = ""
    row: int = 0


@dataclass(frozen=True)
class Wave:
    """The levels of one recording."""

    left: float
    right: float
    levels: Levels


@dataclass(frozen=True)
class NoticeMark:
    """A run's notice: where it is owed from, how far the run reaches, where it was heard."""

    left: float
    right: float
    at: float
    status: NoticeStatus
    label: str


@dataclass(frozen=True)
class PlaceBar:
    left: float
    right: float
    place: int


@dataclass(frozen=True)
class Pause:
    """Between two files: `seconds` where known; `severity` of the finding that names it, if one does."""

    left: float
    right: float
    seconds: float | None
    severity: Severity | None


@dataclass(frozen=True)
class Callout:
    """A finding on the axis; one about the whole of a recording stands at its start."""

    left: float
    right: float
    one: Numbered
    whole: bool = False


@dataclass(frozen=True)
class Chart:
    """Everything on a timeline."""

    video: tuple[Bar, ...]
    holes: tuple[Bar, ...]  # inside files
    waves: tuple[Wave, ...]
    speech: tuple[Bar, ...]
    notices: tuple[NoticeMark, ...]
    places: tuple[PlaceBar, ...]
    place_names: tuple[str, ...]
    place_radius_m: float
    pauses: tuple[Pause, ...]
    callouts: tuple[Callout, ...]
    said: Mapping[str, str]  # lane: what is missing there


def chart_of(
    report: Report, axis: Axis, found: Sequence[Numbered], measured: Mapping[int, Measured]
) -> Chart:
    """Work out a timeline."""
    names, places, radius_m = _places(report, axis)
    return Chart(
        video=tuple(_video(report, axis)),
        holes=tuple(_holes(axis, found)),
        waves=tuple(_waves(report, axis, measured)),
        speech=tuple(_speech(axis, measured)),
        notices=tuple(_notices(report, axis)),
        places=tuple(places),
        place_names=tuple(names),
        place_radius_m=radius_m,
        pauses=tuple(_pauses(report, axis, found)),
        callouts=tuple(_callouts(axis, found)),
        said=dict(_said(report, axis, measured)),
    )


def _video(report: Report, axis: Axis) -> Iterator[Bar]:
    ends = [-math.inf] * _ROWS
    for placed in axis.placed:
        recording = report.recordings[placed.index]
        # Files that overlap lie in two rows; more than two at a time lie over each other.
        row = 0 if placed.start_s >= ends[0] - 1.0 or ends[1] > ends[0] else 1
        ends[row] = max(ends[row], placed.end_s)
        start_s, end_s = placed.start_s, placed.end_s
        streams = [s for s in recording.streams if s.kind == "video" and s.duration_s is not None]
        if streams and recording.kind == "video":
            others = [s.start_s for s in recording.streams if s.start_s is not None]
            first = min(others, default=0.0)
            main = streams[0]
            start_s = placed.start_s + max(0.0, (main.start_s or first) - first)
            end_s = min(placed.end_s, start_s + max(0.0, main.duration_s or 0.0))
        if has_picture(recording) or recording.kind == "photo":
            yield Bar(axis.at(start_s), axis.at(end_s), str(placed.index + 1), row)


def _holes(axis: Axis, found: Sequence[Numbered]) -> Iterator[Bar]:
    for one in found:
        placed = axis.of(one.recording) if one.recording is not None else None
        inside = one.finding.code == "continuity.gap_in_file" and one.counts
        if inside and placed is not None and one.start_s is not None and one.end_s is not None:
            left, right = _on(axis, placed, one.start_s, one.end_s)
            yield Bar(left, right)


def _on(axis: Axis, placed: Placed, start_s: float, end_s: float) -> tuple[float, float]:
    return axis.at(placed.start_s + start_s), axis.at(placed.start_s + end_s)


def _waves(report: Report, axis: Axis, measured: Mapping[int, Measured]) -> Iterator[Wave]:
    for placed in axis.placed:
        one = measured.get(placed.index)
        if one is not None and one.levels and has_sound(report.recordings[placed.index]):
            yield Wave(axis.at(placed.start_s), axis.at(placed.end_s), one.levels)


def _speech(axis: Axis, measured: Mapping[int, Measured]) -> Iterator[Bar]:
    for placed in axis.placed:
        one = measured.get(placed.index)
        for start_s, end_s in (one.speech or ()) if one is not None else ():
            yield Bar(*_on(axis, placed, start_s, end_s))


def _notices(report: Report, axis: Axis) -> Iterator[NoticeMark]:
    for run in report.runs:
        members = [placed for index in run.recordings if (placed := axis.of(index)) is not None]
        if not members or run.notice.status is NoticeStatus.NOT_REQUIRED:
            continue
        start_s, end_s = members[0].start_s, max(placed.end_s for placed in members)
        at_s = run.notice.at_s if run.notice.at_s is not None and math.isfinite(run.notice.at_s) else None
        label = "" if at_s is None else elapsed(at_s)
        at = axis.at(start_s if at_s is None else start_s + max(0.0, at_s))
        yield NoticeMark(axis.at(start_s), axis.at(end_s), at, run.notice.status, label)


def _pauses(report: Report, axis: Axis, found: Sequence[Numbered]) -> Iterator[Pause]:
    gaps = {
        one.recording: one
        for one in reversed(found)
        if one.finding.code == "continuity.gap_between_files" and one.counts
    }
    joints = {joint.after: joint for run in report.runs for joint in run.joints}
    latest: float | None = None
    for placed in axis.placed:
        gap, joint = gaps.get(placed.index), joints.get(placed.index)
        if latest is not None:
            seconds = joint.seconds if joint is not None else None
            if gap is not None and gap.finding.value is not None:
                seconds = gap.finding.value
            elif seconds is None and axis.zero is not None:
                seconds = placed.start_s - latest
            severity = gap.finding.severity if gap is not None else None
            yield Pause(axis.at(min(latest, placed.start_s)), axis.at(placed.start_s), seconds, severity)
        latest = placed.end_s if latest is None else max(latest, placed.end_s)


def _callouts(axis: Axis, found: Sequence[Numbered]) -> Iterator[Callout]:
    for one in found:
        placed = axis.of(one.recording) if one.recording is not None else None
        if placed is not None and one.start_s is not None and one.end_s is not None:
            yield Callout(*_on(axis, placed, one.start_s, one.end_s), one)
    for one in found:
        placed = axis.of(one.recording) if one.recording is not None else None
        if placed is not None and (one.start_s is None or one.end_s is None):
            yield Callout(axis.at(placed.start_s), axis.at(placed.start_s), one, whole=True)


def _places(report: Report, axis: Axis) -> tuple[list[str], list[PlaceBar], float]:
    fixes: list[tuple[float, float, Fix]] = []
    each = max(1, _MOST_FIXES // max(1, len(axis.placed)))
    for placed in axis.placed:
        known = [Fix(f.at_s, f.lat, f.lon) for f in report.recordings[placed.index].places if _on_globe(f)]
        known = known[:: 1 + len(known) // each]
        for number, fix in enumerate(known):
            at_s = placed.start_s + fix.at_s
            # A single place in a header speaks for the whole file.
            until_s = placed.end_s if len(known) == 1 else at_s + _HOLDS_S
            if number + 1 < len(known):
                until_s = min(until_s, placed.start_s + known[number + 1].at_s)
            fixes.append((at_s, max(at_s, min(until_s, placed.end_s)), fix))
    radius_m = _PLACE_RADIUS_M
    while (anchors := _anchors([fix for _, _, fix in fixes], radius_m)) is None:
        radius_m *= _WIDER
    bars: list[PlaceBar] = []
    for at_s, until_s, fix in fixes:
        place = _nearest(anchors, fix, radius_m)
        left, right = axis.at(at_s), axis.at(until_s)
        if place is None:
            continue
        if bars and bars[-1].place == place and left - bars[-1].right < 1e-6:
            bars[-1] = PlaceBar(bars[-1].left, right, place)
        else:
            bars.append(PlaceBar(left, right, place))
    return [f"{anchor.lat:.5f}, {anchor.lon:.5f}" for anchor in anchors], bars, radius_m


def _on_globe(fix: PlaceAt) -> bool:
    good = all(map(math.isfinite, (fix.lat, fix.lon, fix.at_s)))
    return good and abs(fix.lat) <= 90 and abs(fix.lon) <= 180


def _anchors(fixes: Sequence[Fix], radius_m: float) -> list[Fix] | None:
    """The first fix of each place; None where there are too many."""
    anchors: list[Fix] = []
    for fix in fixes:
        if _nearest(anchors, fix, radius_m) is None:
            anchors.append(fix)
            if len(anchors) > _MOST_PLACES:
                return None
    return anchors


def _nearest(anchors: Sequence[Fix], fix: Fix, radius_m: float) -> int | None:
    near = [(distance_m(anchor, fix), number) for number, anchor in enumerate(anchors)]
    best = min(near, default=None)
    return best[1] if best is not None and best[0] <= radius_m else None


def _said(report: Report, axis: Axis, measured: Mapping[int, Measured]) -> Iterator[tuple[str, str]]:
    drawn = [report.recordings[placed.index] for placed in axis.placed]
    if not any(has_picture(one) or one.kind == "photo" for one in drawn):
        yield "video", "没有画面 no picture"
    ones = [
        measured.get(placed.index) for placed in axis.placed if has_sound(report.recordings[placed.index])
    ]
    troubles = [one.trouble for one in ones if one is not None and one.trouble is not None]
    if not any(has_sound(one) for one in drawn):
        yield "sound", "没有声音 no sound track"
        yield "speech", "没有声音 no sound track"
    elif not any(one is not None and one.levels for one in ones):
        yield "sound", TROUBLE[troubles[0] if troubles else "missing"]
    if any(has_sound(one) for one in drawn):
        if not any(one is not None and one.speech is not None for one in ones):
            yield "speech", TROUBLE[troubles[0] if troubles else "missing"]
        elif not any(one is not None and one.speech for one in ones):
            yield "speech", "没有听到人声 no voice was heard"
    if troubles:
        count = len(troubles)
        yield "trouble", f"{count} 个文件 file(s): {TROUBLE[troubles[0]]}"
    if not any(one.places for one in drawn):
        yield "places", "没有定位数据 no position data"
