"""The timeline as pages: axis and lanes first, then the findings in words, then the files.  A4, landscape.

- Nothing on it depends on when it was drawn: the same report and measurements give the same bytes.
- Every page names the report by its SHA-256, so that a sheet of a case file can be held to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo

from transcoder.drawing import palette
from transcoder.drawing.axis import Axis, elapsed, length_of
from transcoder.drawing.canvas import Page, fitted_end, wrapped
from transcoder.drawing.chart import Chart
from transcoder.drawing.lanes import BOTTOM, draw_badge, draw_lanes
from transcoder.drawing.numbering import Numbered
from transcoder.report import Finding, Report, Severity

PAGE = (297.0, 210.0)
MOST_RECORDINGS = 200
MOST_PAGES = 8
_COLUMNS = (10.0, 151.0)
_COLUMN = 136.0
_LIST_BOTTOM = 200.0
_ZH, _EN = 2.9, 2.4
Draw = Callable[[Page, float, float], None]


@dataclass(frozen=True)
class Block:
    """Something of the list below: its height, and how it is drawn at (x, y)."""

    height: float
    draw: Draw


@dataclass(frozen=True)
class Subject:
    """What every page of one set of pictures is headed by."""

    report: Report
    axis: Axis
    zone: tzinfo
    zone_name: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.report.to_bytes()).hexdigest()

    def day_time(self, second: float) -> str:
        """Wall time of a second of the axis, else the time from its start."""
        wall = self.axis.wall(second, self.zone)
        return elapsed(second) if wall is None else f"{wall.year:04d}-{wall:%m-%d %H:%M:%S}"

    def clock(self, recording: int | None, at_s: float) -> str:
        """Wall time of a moment of a recording, as far as that recording says it; else nothing."""
        began = self.report.recordings[recording].started_at if recording is not None else None
        if began is None or began.earliest.tzinfo is None:
            return ""
        try:
            wall = (began.earliest + timedelta(seconds=at_s)).astimezone(self.zone)
        except (OverflowError, ValueError):
            return ""
        return f"{wall.year:04d}-{wall:%m-%d %H:%M:%S}"


def timeline_pages(subject: Subject, chart: Chart, found: Sequence[Numbered]) -> list[str]:
    """Draw all pages; each is an SVG document."""
    axis = subject.axis
    first = Page(*PAGE)
    heading(first, subject, "执法记录检查时间线", "Timeline of the inspection")
    _facts(first, subject)
    days = {axis.wall(p.start_s, subject.zone) for p in axis.placed} | {
        axis.wall(p.end_s, subject.zone) for p in axis.placed
    }
    spans_days = len({day.date() for day in days if day is not None}) > 1
    draw_lanes(first, chart, axis, subject.zone, spans_days=spans_days)
    top = _legend(first, chart)
    blocks = [*_findings(found, subject), *_files(subject)]
    pages = [first]
    left = _flow(first, blocks, top)
    while left and len(pages) < MOST_PAGES:
        page = Page(*PAGE)
        heading(page, subject, "执法记录检查时间线", "Timeline of the inspection")
        pages.append(page)
        left = _flow(page, left, 28.0)
    for number, page in enumerate(pages, 1):
        footer(page, subject, number, len(pages), len(left) if number == len(pages) else 0)
    return [page.svg() for page in pages]


def heading(page: Page, subject: Subject, zh: str, en: str) -> None:
    """Title, what it is about, verdict."""
    colour, words, _ = palette.VERDICT[subject.report.verdict]
    page.text(10, 14, 6, zh, bold=True)
    page.text(12 + 6 * len(zh), 14, 3.8, en, fill=palette.FAINT)
    page.rect(page.width - 82, 7.6, 72, 8.6, colour, round_=1.2)
    page.text(page.width - 46, 13.4, 4.2, words, anchor="middle", fill="#fff", bold=True)
    recordings = subject.report.recordings
    wide = (page.width - 20) / 3.6
    placed = subject.axis.placed
    name = fitted_end(recordings[0].path, wide) if len(recordings) == 1 else ""
    if len(recordings) > 1 and placed:
        first, last = (fitted_end(recordings[p.index].path, wide / 2 - 8) for p in (placed[0], placed[-1]))
        name = f"{len(recordings)} 个文件 files: {first} … {last}"
    page.text(10, 21, 3.6, name, within=page.width - 20, bold=True)


def footer(page: Page, subject: Subject, number: int, count: int, left_out: int = 0) -> None:
    """Which report this is, which page, what is left out."""
    y = page.height - 4.5
    page.line(10, y - 3.4, page.width - 10, y - 3.4, palette.RULE)
    engine, rules = subject.report.engine, subject.report.rules
    text = (
        f"检查报告 report SHA-256 {subject.digest}   ·   规则 rules {rules.name} {rules.sha256[:12]}"
        f"   ·   bodydock {engine.bodydock}"
    )
    page.text(10, y, 2.3, text, fill=palette.FAINT, within=page.width - 100)
    if left_out:
        page.text(
            page.width - 32, y, 2.5, f"其余 {left_out} 项见报告 {left_out} more: see the report", anchor="end"
        )
    page.text(page.width - 10, y, 2.5, f"第 {number}/{count} 页 page", anchor="end")


def _facts(page: Page, subject: Subject) -> None:
    report, axis = subject.report, subject.axis
    parts = []
    if axis.placed and axis.zero is not None:
        end = max(one.end_s for one in axis.placed)
        parts.append(f"{subject.day_time(0.0)} – {subject.day_time(end)} ({subject.zone_name})")
    elif axis.placed:
        parts.append("时间不详 time of day unknown")
    length = sum(one.end_s - one.start_s for one in axis.placed)
    parts.append(f"时长 length {elapsed(length)}")
    parts.append(f"检查深度 depth {palette.DEPTH[report.depth]}")
    parts.append(f"机型配置 profile {report.profile[:40]}")
    counted = [
        f"{palette.SEVERITY_WORDS[severity]} {count}"
        for severity in reversed(Severity)
        if (count := sum(f.severity is severity and f.refuted is None for f in _all(report)))
    ]
    page.text(10, 26.5, 3, "   ·   ".join(parts), within=page.width - 20)
    second = "问题 findings: " + (", ".join(counted) if counted else "无 none")
    words = [run.notice.words for run in report.runs if run.notice.words]
    if len(report.runs) == 1 and words:
        second += f"   ·   告知用语 words of the notice: “{words[0]}”"
    if len(report.recordings) == 1 and report.recordings[0].sha256:
        second += f"   ·   文件 file SHA-256 {report.recordings[0].sha256}"
    page.text(10, 31.3, 2.7, second, within=page.width - 20)


def _all(report: Report) -> Iterator[Finding]:
    for recording in report.recordings:
        yield from recording.findings
    for run in report.runs:
        yield from run.findings


def _legend(page: Page, chart: Chart) -> float:
    """What the lanes' signs mean; returns where the list begins."""
    y = BOTTOM + 7.0
    x = 10.0
    for severity in reversed(Severity):
        page.rect(x, y - 2.3, 3, 2.6, palette.SEVERITY[severity])
        page.text(x + 3.8, y, 2.4, palette.SEVERITY_WORDS[severity], fill=palette.FAINT)
        x += 33.0
    page.rect(x, y - 2.3, 3, 2.6, "#fff", stroke=palette.FAINT, line=0.3, dash="0.7 0.5")
    page.text(x + 3.8, y, 2.4, "已推翻 refuted", fill=palette.FAINT)
    page.text(x + 26, y, 2.4, "//  略去的停顿 pause cut short", fill=palette.FAINT)
    if "trouble" in chart.said:
        page.text(page.width - 10, y, 2.4, chart.said["trouble"], anchor="end", fill=palette.GAP, within=64)
    if not chart.place_names:
        return y + 5.0
    y += 4.4
    page.text(10, y, 2.4, f"位置 places (≤ {_metres(chart.place_radius_m)}):", fill=palette.FAINT)
    x = 43.0
    for number, name in enumerate(chart.place_names):
        page.rect(x, y - 2.3, 3, 2.6, palette.PLACE[number % len(palette.PLACE)])
        page.text(x + 3.7, y, 2.3, f"{chr(65 + number)} {name}", fill=palette.FAINT, within=26)
        x += 30.5
    return y + 5.0


def _metres(radius_m: float) -> str:
    return f"{radius_m:.0f} m" if radius_m < 1000 else f"{radius_m / 1000:.0f} km"


def _flow(page: Page, blocks: Sequence[Block], top: float) -> list[Block]:
    """Fill two columns; returns what did not fit."""
    left = list(blocks)
    for x in _COLUMNS:
        y = top
        while left and y + left[0].height <= _LIST_BOTTOM:
            block = left.pop(0)
            block.draw(page, x, y)
            y += block.height
    return left


def _findings(found: Sequence[Numbered], subject: Subject) -> Iterator[Block]:
    if not found:
        yield Block(
            7.0,
            lambda page, x, y: page.text(x, y + 3, 3.2, "没有发现问题。 Nothing was found.", fill="#2e7d4f"),
        )
    for one in found:
        yield _finding(one, subject)


def title_of(one: Numbered, subject: Subject) -> str:
    """Code, article, place in time and file of a finding, on one line."""
    finding = one.finding
    parts = [finding.code, f"条款 art. {finding.article}"]
    if one.start_s is not None and one.end_s is not None:
        span = elapsed(one.start_s, tenths=True)
        span += f" – {elapsed(one.end_s, tenths=True)}" if one.end_s - one.start_s >= 0.05 else ""
        parts.append(span)
        clock = subject.clock(one.recording, one.start_s)
        if clock:
            parts.append(clock)
    if len(subject.report.recordings) > 1 and one.recording is not None:
        parts.append(f"文件 file {one.recording + 1}")
    if finding.refuted is not None:
        parts.append("已推翻 refuted")
    return "  ·  ".join(parts)


def _finding(one: Numbered, subject: Subject) -> Block:
    finding = one.finding
    zh = wrapped(finding.text.zh, (_COLUMN - 7) / _ZH, 2)
    en = wrapped(finding.text.en, (_COLUMN - 7) / _EN, 2)
    if finding.refuted is not None:
        en += wrapped(f"已推翻 refuted: {finding.refuted}", (_COLUMN - 7) / _EN, 1)

    def draw(page: Page, x: float, y: float) -> None:
        draw_badge(page, x + 2.8, y + 2.4, one.number, finding.severity, counts=one.counts)
        page.text(x + 6.4, y + 1.9, 2.2, title_of(one, subject), fill=palette.FAINT, within=_COLUMN - 7)
        down = y + 1.9
        for line in zh:
            down += 3.6
            page.text(x + 6.4, down, _ZH, line)
        for line in en:
            down += 3.0
            page.text(x + 6.4, down, _EN, line, fill=palette.FAINT)

    return Block(3.9 + 3.6 * len(zh) + 3.0 * len(en), draw)


def _files(subject: Subject) -> Iterator[Block]:
    report, axis = subject.report, subject.axis
    if len(report.recordings) < 2:
        return
    yield Block(8.0, lambda page, x, y: page.text(x, y + 5, 3.2, "文件 Files", bold=True))
    for placed in axis.placed:
        yield _file(subject, placed.index)
    missing = len(report.recordings) - len(axis.placed)
    if missing:
        text = f"另有 {missing} 个文件未画出，见报告。 {missing} more files are not drawn: see the report."
        yield Block(5.0, lambda page, x, y: page.text(x, y + 3, 2.6, text, within=_COLUMN))


def _file(subject: Subject, index: int) -> Block:
    recording = subject.report.recordings[index]
    verdict = subject.report.verdict_of(index)
    colour, _, words = palette.VERDICT[verdict]
    length = elapsed(length_s) if (length_s := length_of(recording)) is not None else "–"

    def draw(page: Page, x: float, y: float) -> None:
        page.text(x + 5, y + 2.8, 2.5, str(index + 1), anchor="end", bold=True)
        page.text(x + 6.4, y + 2.8, 2.5, fitted_end(recording.path, 66 / 2.5))
        page.text(x + 74, y + 2.8, 2.4, subject.clock(index, 0.0))
        page.text(x + 108, y + 2.8, 2.4, length, anchor="end")
        page.rect(x + 110, y + 0.6, 2.6, 2.6, colour)
        page.text(x + 113.4, y + 2.8, 2.3, words, fill=colour, within=_COLUMN - 113.4)

    return Block(4.2, draw)
