"""The lanes of a timeline, drawn: everything between the axis and the list of findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from transcoder.drawing import palette
from transcoder.drawing.axis import Axis, elapsed, ticks_of
from transcoder.drawing.canvas import Page, width_of
from transcoder.drawing.chart import Bar, Callout, Chart, NoticeMark, Pause
from transcoder.drawing.measured import Level, Levels
from transcoder.report import NoticeStatus, Severity

LEFT, RIGHT = 38.0, 287.0
WIDTH = RIGHT - LEFT
_TICK_MM = 18.0
_DATE_MM = 16.0
_FLOOR_DB = -60.0
_COLUMN_MM = 0.16
_BADGE_MM = 4.0
_ROWS = 4
_MOST_BANDS = 40


@dataclass(frozen=True)
class Lane:
    key: str
    zh: str
    en: str
    top: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


LANES = (
    Lane("video", "画面", "Video", 45.0, 8.0),
    Lane("sound", "声音", "Sound level", 55.5, 17.0),
    Lane("speech", "人声", "Speech", 75.0, 4.5),
    Lane("notice", "告知", "Notice", 82.0, 6.0),
    Lane("places", "位置", "GPS places", 90.5, 4.5),
    Lane("pauses", "间断", "Gaps", 97.5, 6.0),
    Lane("findings", "问题", "Findings", 106.0, 20.0),
)
_OF = {lane.key: lane for lane in LANES}
BOTTOM = LANES[-1].bottom


def draw_lanes(page: Page, chart: Chart, axis: Axis, zone: tzinfo, *, spans_days: bool) -> None:
    """Draw axis and lanes."""
    for lane in LANES:
        page.rect(LEFT, lane.top, WIDTH, lane.height, palette.PALE)
        page.text(10, lane.middle + 0.2, 3.2, lane.zh, bold=True)
        page.text(17.5, lane.middle + 0.1, 2.4, lane.en, fill=palette.FAINT, within=LEFT - 18.5)
    _bands(page, chart)
    _axis(page, axis, zone, spans_days=spans_days)
    _video(page, chart)
    _sound(page, chart)
    for bar in _merged(chart.speech):
        lane = _OF["speech"]
        page.rect(
            _x(bar.left), lane.top + 0.6, _wide(bar.left, bar.right, 0.15), lane.height - 1.2, palette.SPEECH
        )
    _notices(page, chart.notices)
    _places(page, chart)
    _pauses(page, chart.pauses)
    _findings(page, chart.callouts)
    for key in ("video", "sound", "speech", "places"):
        if key in chart.said:
            lane = _OF[key]
            page.text(
                LEFT + WIDTH / 2, lane.middle + 1, 2.8, chart.said[key], anchor="middle", fill=palette.FAINT
            )


def _x(share: float) -> float:
    return LEFT + min(1.0, max(0.0, share)) * WIDTH


def _wide(left: float, right: float, least: float) -> float:
    return max(least, (right - left) * WIDTH)


def _axis(page: Page, axis: Axis, zone: tzinfo, *, spans_days: bool) -> None:
    top = LANES[0].top
    page.line(LEFT, top - 1.2, RIGHT, top - 1.2, palette.INK, width=0.3)
    page.text(10, top - 1.6, 3.2, "时间", bold=True)
    page.text(17.5, top - 1.7, 2.4, "Clock" if axis.zero is not None else "From start", fill=palette.FAINT)
    ticks = ticks_of(axis, zone, _TICK_MM / WIDTH)
    alone = len(axis.placed) == 1 and axis.zero is not None
    if alone:
        page.text(10, BOTTOM + 2.6, 2.2, "在文件中 in the file", fill=palette.FAINT)
    dated = -math.inf
    for number, tick in enumerate(ticks):
        x = _x(tick.at)
        page.line(x, top - 2.4, x, BOTTOM, palette.RULE, width=0.15)
        anchor = "middle" if LEFT + 8 < x < RIGHT - 8 else ("start" if x <= LEFT + 8 else "end")
        page.text(x, top - 3.2, 2.9, tick.label, anchor=anchor)
        if alone:
            page.text(
                x,
                BOTTOM + 2.6,
                2.2,
                elapsed(tick.second, tenths=tick.second % 1 > 0),
                anchor=anchor,
                fill=palette.FAINT,
            )
        if tick.day and (number == 0 or (spans_days and x - dated > _DATE_MM)):
            dated = x + {"start": 7.0, "middle": 0.0, "end": -7.0}[anchor]  # the label's middle
            page.text(x, top - 6.4, 2.5, tick.day, anchor=anchor, fill=palette.FAINT)
    for piece in axis.pieces:
        if piece.folded:
            middle = (_x(piece.left) + _x(piece.right)) / 2
            half = min(0.9, (piece.right - piece.left) * WIDTH / 3)
            for offset in (-half / 2, half / 2):
                page.line(middle + offset - 0.6, top + 0.2, middle + offset + 0.6, top - 2.6, palette.INK)


def _bands(page: Page, chart: Chart) -> None:
    grave = [
        c
        for c in chart.callouts
        if c.one.counts and not c.whole and c.one.finding.severity >= Severity.REVIEW
    ]
    if len(grave) > _MOST_BANDS:
        return  # some only would say that the rest is clean
    for callout in grave:
        colour = palette.SEVERITY[callout.one.finding.severity]
        left = _x(callout.left)
        wide = _wide(callout.left, callout.right, 0.3)
        page.rect(left, LANES[0].top, wide, BOTTOM - LANES[0].top, colour, opacity=0.12)


def _video(page: Page, chart: Chart) -> None:
    lane = _OF["video"]
    rows = 1 + max((bar.row for bar in chart.video), default=0)
    high = (lane.height - 0.8) / rows
    labelled = -math.inf
    for bar in chart.video:
        x, wide = _x(bar.left), _wide(bar.left, bar.right, 0.5)
        y = lane.top + 0.4 + bar.row * high
        page.rect(x, y, wide, high - 0.2, palette.VIDEO, stroke=palette.VIDEO_EDGE, line=0.25)
        if len(chart.video) > 1 and wide > 1.4 + 1.4 * len(bar.label) and x > labelled:
            page.text(x + wide / 2, y + high / 2 + 0.9, 2.6, bar.label, anchor="middle", bold=True)
            labelled = x
    for hole in chart.holes:
        x, wide = _x(hole.left), _wide(hole.left, hole.right, 0.6)
        page.rect(x, lane.top, wide, lane.height, "#fff", stroke=palette.GAP, line=0.3, dash="0.8 0.5")


def _sound(page: Page, chart: Chart) -> None:
    lane = _OF["sound"]
    for wave in chart.waves:
        draw_wave(page, _x(wave.left), lane.top, (wave.right - wave.left) * WIDTH, lane.height, wave.levels)
    if chart.waves:
        for level in (-20, -40):
            y = lane.middle - lane.height / 2 * (level - _FLOOR_DB) / -_FLOOR_DB
            page.line(LEFT, y, RIGHT, y, "#ffffff", width=0.12)
        page.text(RIGHT + 0.6, lane.top + 2, 1.9, "0 dB", fill=palette.FAINT)
        page.text(RIGHT + 0.6, lane.middle + 0.7, 1.9, "-60", fill=palette.FAINT)


def draw_wave(page: Page, x: float, y: float, width: float, height: float, levels: Levels) -> None:
    """Peaks behind, loudness before, mirrored, in decibels from -60 to 0; hatched where nothing is known."""
    columns = _columns(levels, max(2, int(width / _COLUMN_MM)))
    step = width / len(columns)
    for start, end in _stretches(columns, known=False):
        page.rect(x + start * step, y + height / 2 - 0.1, (end - start) * step, 0.2, palette.RULE)
    for start, end in _stretches(columns, known=True):
        for of, colour in ((_peak, palette.WAVE_PEAK), (_rms, palette.WAVE_RMS)):
            page.polygon(
                _outline(columns[start:end], of, x + start * step, y + height / 2, step, height), colour
            )


def _peak(level: Level) -> float:
    return level.peak


def _rms(level: Level) -> float:
    return level.rms


def _columns(levels: Levels, most: int) -> list[Level | None]:
    if len(levels) <= most:
        return list(levels) or [None]
    columns: list[Level | None] = []
    for place in range(most):
        start, end = (
            place * len(levels) // most,
            max(place * len(levels) // most + 1, (place + 1) * len(levels) // most),
        )
        known = [one for one in levels[start:end] if one is not None]
        loud = math.sqrt(sum(one.rms**2 for one in known) / len(known)) if known else 0.0
        columns.append(Level(max(one.peak for one in known), loud) if known else None)
    return columns


def _stretches(columns: Sequence[Level | None], *, known: bool) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for place, one in enumerate(columns):
        if (one is not None) != known:
            continue
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def _outline(
    columns: Sequence[Level | None],
    of: Callable[[Level], float],
    x: float,
    middle: float,
    step: float,
    height: float,
) -> list[tuple[float, float]]:
    halves = [max(0.12, _share(of(one)) * height / 2) if one is not None else 0.0 for one in columns]
    upper = [
        (x + (place + side) * step, middle - half) for place, half in enumerate(halves) for side in (0, 1)
    ]
    lower = [(at, 2 * middle - y) for at, y in reversed(upper)]
    return upper + lower


def _share(amplitude: float) -> float:
    """0 at -60 dB, 1 at full scale."""
    if amplitude <= 0:
        return 0.0
    return min(1.0, max(0.0, 1 - 20 * math.log10(amplitude) / _FLOOR_DB))


def _merged(bars: Sequence[Bar]) -> list[Bar]:
    """Bars closer than can be told apart are one: a page stays small."""
    merged: list[Bar] = []
    for bar in bars:
        if merged and 0 <= bar.left - merged[-1].right < 0.1 / WIDTH and bar.right >= merged[-1].right:
            merged[-1] = Bar(merged[-1].left, bar.right)
        else:
            merged.append(bar)
    return merged


def _notices(page: Page, notices: Sequence[NoticeMark]) -> None:
    lane = _OF["notice"]
    for number, mark in enumerate(notices):
        colour, words = palette.NOTICE[mark.status]
        x = _x(mark.at)
        start, until = _x(mark.left), _x(mark.right)
        page.rect(start, lane.bottom - 0.9, max(0.3, until - start), 0.9, colour, opacity=0.35)
        if mark.status in (NoticeStatus.CONFIRMED, NoticeStatus.LATE, NoticeStatus.UNCERTAIN):
            page.polygon(
                [(x - 1.3, lane.top + 0.5), (x + 1.3, lane.top + 0.5), (x, lane.bottom - 1.2)], colour
            )
        else:
            for a, b in ((-1.1, 1.1), (1.1, -1.1)):
                page.line(x + 1.2 + a, lane.middle - 1.5, x + 1.2 + b, lane.middle + 0.7, colour, width=0.5)
        room = (_x(notices[number + 1].at) if number + 1 < len(notices) else RIGHT) - x - 4.6
        label = f"{mark.label} {words}".strip()
        fits = (one for one in (label, mark.label or words.split(" ")[0]) if width_of(one) * 2.5 <= room)
        page.text(x + 3.2, lane.middle + 0.8, 2.5, next(fits, ""), fill=colour, bold=True)


def _places(page: Page, chart: Chart) -> None:
    lane = _OF["places"]
    labelled = -math.inf
    for bar in chart.places:
        x, wide = _x(bar.left), _wide(bar.left, bar.right, 0.6)
        page.rect(x, lane.top + 0.6, wide, lane.height - 1.2, palette.PLACE[bar.place % len(palette.PLACE)])
        if wide > 2.4 and x > labelled:
            page.text(
                x + wide / 2,
                lane.middle + 0.9,
                2.5,
                chr(65 + bar.place),
                anchor="middle",
                fill="#fff",
                bold=True,
            )
            labelled = x


def _pauses(page: Page, pauses: Sequence[Pause]) -> None:
    lane = _OF["pauses"]
    taken: list[tuple[float, float]] = []
    gravest = sorted(pauses, key=lambda one: (one.severity is None, -(one.seconds or 0.0)))
    for pause in reversed(gravest):
        left, right = _x(pause.left), _x(pause.right)
        colour = palette.SEVERITY[pause.severity] if pause.severity is not None else palette.FAINT
        for x in {left, right}:
            page.line(x, LANES[0].top, x, lane.bottom, colour, width=0.15, dash="0.6 0.6")
        if right - left > 0.25 or pause.severity is not None:
            page.rect(left, lane.bottom - 1.6, max(0.6, right - left), 1.2, colour, opacity=0.8)
    for pause in gravest:
        left, right = _x(pause.left), _x(pause.right)
        colour = palette.SEVERITY[pause.severity] if pause.severity is not None else palette.FAINT
        label = _seconds(pause.seconds)
        half = width_of(label) * 2.3 / 2 + 0.5
        x = min(RIGHT - half, max(LEFT + half, (left + right) / 2))
        if label and all(x + half <= a or x - half >= b for a, b in taken):
            taken.append((x - half, x + half))
            page.rect(x - half + 0.3, lane.top + 0.9, 2 * half - 0.6, 2.7, palette.PALE)
            page.text(
                x, lane.top + 3, 2.3, label, anchor="middle", fill=colour, bold=pause.severity is not None
            )


def _seconds(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds):
        return ""
    size, sign = abs(seconds), "-" if seconds < 0 else ""
    if size < 0.05:
        return "0 s"
    if size < 10:
        return f"{sign}{size:.1f} s"
    if size < 100:
        return f"{sign}{size:.0f} s"
    if size < 5400:
        return f"{sign}{size / 60:.0f} min"
    if size < 172800:
        return f"{sign}{size / 3600:.1f} h"
    return f"{sign}{size / 86400:.0f} d" if size < 1e8 else f"{sign}{size / 31556952:.0f} a"


def draw_badge(
    page: Page, x: float, y: float, callout_number: int, severity: Severity, *, counts: bool
) -> None:
    """A finding's number, centred: square for a violation, round for a review, outlined else."""
    colour = palette.SEVERITY[severity]
    text, half = str(callout_number), _BADGE_MM / 2
    wide = half if callout_number < 100 else half * 1.4
    filled = counts and severity >= Severity.REVIEW
    page.rect(
        x - wide + 0.15,
        y - half + 0.15,
        2 * wide - 0.3,
        _BADGE_MM - 0.3,
        colour if filled else "#fff",
        stroke=colour,
        line=0.35,
        dash="" if counts else "0.7 0.5",
        round_=0.3 if severity is Severity.VIOLATION else half,
    )
    size = 2.6 if callout_number < 10 else 2.3
    page.text(x, y + size * 0.36, size, text, anchor="middle", fill="#fff" if filled else colour, bold=True)


def _findings(page: Page, callouts: Sequence[Callout]) -> None:
    lane = _OF["findings"]
    high = (lane.height - 2.4) / _ROWS
    taken: list[list[tuple[float, float]]] = [[] for _ in range(_ROWS)]
    hidden = 0
    for callout in reversed(callouts):  # the worst lies on top
        if callout.one.counts and not callout.whole:
            left, right = _x(callout.left), max(_x(callout.left) + 0.3, _x(callout.right))
            colour = palette.SEVERITY[callout.one.finding.severity]
            page.rect(left, lane.bottom - 1.8, right - left, 1.6, colour)
    for callout in callouts:
        severity, counts = callout.one.finding.severity, callout.one.counts
        left, right = _x(callout.left), max(_x(callout.left) + 0.3, _x(callout.right))
        colour = palette.SEVERITY[severity]
        half = _BADGE_MM / 2 * (1.0 if callout.one.number < 100 else 1.4)
        x = min(RIGHT - half, max(LEFT + half, left + min((right - left) / 2, half)))
        span = (min(left, x - half) - 0.2, max(right, x + half) + 0.2)
        row = next((r for r in range(_ROWS) if all(span[1] <= a or span[0] >= b for a, b in taken[r])), None)
        if row is None:
            hidden += 1
            continue
        taken[row].append(span)
        y = lane.top + 0.3 + (row + 0.5) * high
        if not callout.whole:
            page.rect(left, y - 0.7, right - left, 1.4, colour, opacity=0.45)
        draw_badge(page, x, y, callout.one.number, severity, counts=counts)
    if hidden:
        page.text(10, lane.middle + 4.4, 2.2, f"另有 {hidden} 项未标号", fill=palette.FAINT)
        page.text(
            10, lane.middle + 7.4, 2.0, f"{hidden} more not numbered", fill=palette.FAINT, within=LEFT - 11
        )
