"""Contact sheets: the frames around each finding, and its sound, worst findings first.  A4, landscape.

- A frame inside the finding has a coloured frame, one before or after it a grey one; below it its own time.
- What could not be decoded is a box that says so: a missing frame is not to be taken for a black picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from transcoder.drawing import palette
from transcoder.drawing.axis import elapsed
from transcoder.drawing.canvas import Page, wrapped
from transcoder.drawing.lanes import draw_badge, draw_wave
from transcoder.drawing.measured import Frame, Levels
from transcoder.drawing.moments import AROUND_S, Moment, Pictured, Wanted, Window, has_picture
from transcoder.drawing.timeline import PAGE, Subject, footer, heading, title_of

MOST_PAGES = 16
_TOP, _BOTTOM = 27.0, 200.0
_LEFT = 10.0
_ACROSS = 6
_STEP = 46.4
_WIDE, _HIGH = 45.0, 25.3
_CAPTION = 4.2
_WAVE = 10.0


@dataclass(frozen=True)
class Shown:
    """What was measured, by what it was wanted for."""

    frames: Mapping[Moment, Frame]
    close: Mapping[Window, Levels]


@dataclass(frozen=True)
class _Block:
    height: float
    draw: Callable[[Page, float], None]


def sheet_pages(subject: Subject, wanted: Wanted, shown: Shown) -> list[str]:
    """Draw all sheets; none where there is nothing to show."""
    blocks = [*_first(subject, wanted, shown), *(_finding(subject, one, shown) for one in wanted.pictured)]
    pages: list[Page] = []
    y = _BOTTOM
    left_out = wanted.left_out
    for block in blocks:
        if y + block.height > _BOTTOM:
            if len(pages) >= MOST_PAGES:
                left_out += 1
                continue
            page = Page(*PAGE)
            heading(page, subject, "画面一览", "Contact sheet: frames around each finding")
            pages.append(page)
            y = _TOP
        block.draw(pages[-1], y)
        y += block.height
    for number, page in enumerate(pages, 1):
        footer(page, subject, number, len(pages), left_out if number == len(pages) else 0)
    return [page.svg() for page in pages]


def _first(subject: Subject, wanted: Wanted, shown: Shown) -> list[_Block]:
    rows = [wanted.first[i : i + _ACROSS] for i in range(0, len(wanted.first), _ACROSS)]
    alone = len(subject.report.recordings) == 1
    title = "全程概览 The whole recording" if alone else "各文件开头 How each file begins"

    def row(moments: Sequence[Moment], head: str) -> _Block:
        above = 6.0 if head else 0.0

        def draw(page: Page, y: float) -> None:
            if head:
                page.text(_LEFT, y + 3.6, 3.2, head, bold=True)
            _frames(page, y + above, moments, subject, shown, palette.RULE)

        return _Block(above + _HIGH + _CAPTION + 2.0, draw)

    return [row(moments, title if number == 0 else "") for number, moments in enumerate(rows)]


def _finding(subject: Subject, pictured: Pictured, shown: Shown) -> _Block:
    one, finding = pictured.one, pictured.one.finding
    wide = PAGE[0] - 2 * _LEFT
    zh = wrapped(finding.text.zh, (wide - 8) / 3.1, 2)
    en = wrapped(finding.text.en, (wide - 8) / 2.5, 2)
    above = 4.6 + 3.9 * len(zh) + 3.2 * len(en)
    frames = _HIGH + _CAPTION if pictured.moments else 0.0
    close = shown.close.get(pictured.window) if pictured.window is not None else None
    wave = _WAVE + 3.4 if close else 0.0
    colour = palette.SEVERITY[finding.severity]

    def draw(page: Page, y: float) -> None:
        page.line(_LEFT, y, _LEFT + wide, y, palette.RULE, width=0.3)
        draw_badge(page, _LEFT + 2.8, y + 3.6, one.number, finding.severity, counts=one.counts)
        page.text(_LEFT + 7, y + 3.6, 2.4, title_of(one, subject), fill=palette.FAINT, within=wide - 8)
        down = y + 3.8
        for line in zh:
            down += 3.9
            page.text(_LEFT + 7, down, 3.1, line, bold=True)
        for line in en:
            down += 3.2
            page.text(_LEFT + 7, down, 2.5, line, fill=palette.FAINT)
        down = y + above + 0.8
        if pictured.moments:
            _frames(page, down, pictured.moments, subject, shown, colour)
        if pictured.window is not None and close:
            _sound(page, down + frames, pictured, pictured.window, close, colour)

    return _Block(above + frames + wave + 3.0, draw)


def _frames(
    page: Page, y: float, moments: Sequence[Moment], subject: Subject, shown: Shown, colour: str
) -> None:
    for place, moment in enumerate(moments[:_ACROSS]):
        x = _LEFT + place * _STEP
        frame = shown.frames.get(moment)
        edge = colour if moment.inside else palette.RULE
        if frame is not None:
            page.rect(x, y, _WIDE, _HIGH, "#11151a")
            page.jpeg(x, y, _WIDE, _HIGH, frame.jpeg)
        else:
            page.rect(x, y, _WIDE, _HIGH, palette.PALE)
            seen = has_picture(subject.report.recordings[moment.recording])
            words = ("没有取得画面", "no frame was decoded") if seen else ("没有画面", "no picture")
            page.text(x + _WIDE / 2, y + _HIGH / 2, 3, words[0], anchor="middle", fill=palette.FAINT)
            page.text(x + _WIDE / 2, y + _HIGH / 2 + 4, 2.4, words[1], anchor="middle", fill=palette.FAINT)
        page.rect(x, y, _WIDE, _HIGH, "none", stroke=edge, line=0.8 if moment.inside else 0.25)
        page.text(x, y + _HIGH + 2.9, 2.4, _caption(moment, frame, subject), within=_WIDE)


def _caption(moment: Moment, frame: Frame | None, subject: Subject) -> str:
    at_s = frame.at_s if frame is not None and frame.at_s is not None else moment.at_s
    text = elapsed(at_s, tenths=True)
    if len(subject.report.recordings) > 1:
        text = f"文件 file {moment.recording + 1} · {text}"
    clock = subject.clock(moment.recording, at_s)
    return f"{text} · {clock[5:]}" if clock else text


def _sound(page: Page, y: float, pictured: Pictured, window: Window, levels: Levels, colour: str) -> None:
    left, wide = _LEFT + 7.0, PAGE[0] - 2 * _LEFT - 7.0
    page.text(_LEFT, y + _WAVE / 2 + 1, 2.5, "声音", fill=palette.FAINT)
    page.rect(left, y, wide, _WAVE, palette.PALE)
    length = window.end_s - window.start_s
    one = pictured.one
    start_s = window.start_s + AROUND_S
    end_s = min(window.end_s, start_s + ((one.end_s or 0.0) - (one.start_s or 0.0)))
    x, right = (left + wide * (at - window.start_s) / length for at in (start_s, end_s))
    page.rect(x, y, max(0.4, right - x), _WAVE, colour, opacity=0.2 if right - x > 1 else 0.7)
    draw_wave(page, left, y, wide, _WAVE, levels)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        anchor = {0.0: "start", 1.0: "end"}.get(share, "middle")
        label = elapsed(window.start_s + share * length, tenths=True)
        page.text(left + share * wide, y + _WAVE + 2.6, 2.1, label, anchor=anchor, fill=palette.FAINT)
