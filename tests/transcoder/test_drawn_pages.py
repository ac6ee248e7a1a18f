"""Pages as drawn: well-formed, within the paper, legible, bounded, and the same for the same report."""

import re
from functools import cache
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from tests.transcoder.drawn_reports import (
    HOSTILE,
    START,
    crowded,
    hostile,
    measured,
    recording,
    report,
    run,
    shift,
)
from transcoder.drawing.axis import axis_of, length_of
from transcoder.drawing.canvas import fitted, fitted_end, printable, width_of, wrapped
from transcoder.drawing.chart import chart_of
from transcoder.drawing.lanes import LEFT, RIGHT
from transcoder.drawing.measured import Frame
from transcoder.drawing.moments import has_sound, wanted
from transcoder.drawing.numbering import numbered
from transcoder.drawing.painting import has_chinese, to_png
from transcoder.drawing.sheets import MOST_PAGES as MOST_SHEETS
from transcoder.drawing.sheets import Shown, sheet_pages
from transcoder.drawing.timeline import MOST_PAGES, Subject, timeline_pages
from transcoder.report import NoticeStatus, Report

SVG = "{http://www.w3.org/2000/svg}"
ZONE = ZoneInfo("Asia/Shanghai")
REPORTS = {
    "shift": shift(),
    "crowded": crowded(),
    "hostile": hostile(),
    "mute": report((recording("m", None, 61.0, sound=False),), (run((0,), NoticeStatus.NO_AUDIO, None),)),
    "empty": report((), ()),
    "days": report((recording("d", START, 50 * 86400.0),), ()),
    "photo": report((recording("p.jpg", kind="photo", duration_s=None, sound=False),), ()),
}


@cache
def drawn_of(name: str) -> tuple[list[str], list[str]]:
    return drawn(REPORTS[name])


def drawn(made: Report) -> tuple[list[str], list[str]]:
    axis = axis_of(made.recordings, 200)
    found = numbered(made, axis)
    levels = {
        index: measured(length_of(one) or 1.0, index)
        for index, one in enumerate(made.recordings)
        if has_sound(one)
    }
    subject = Subject(made, axis, ZONE, "Asia/Shanghai")
    asked = wanted(made, found)
    close = dict.fromkeys(asked.windows, measured(9.0).levels)
    frames = dict.fromkeys(asked.moments, Frame(1.0, b"\xff\xd8\xff"))
    return timeline_pages(subject, chart_of(made, axis, found, levels), found), sheet_pages(
        subject, asked, Shown(frames, close)
    )


@pytest.fixture(scope="module", params=list(REPORTS))
def pages(request: pytest.FixtureRequest) -> list[str]:
    timeline, sheets = drawn_of(request.param)
    assert 1 <= len(timeline) <= MOST_PAGES and len(sheets) <= MOST_SHEETS
    return timeline + sheets


def test_pages_are_well_formed_and_small(pages: list[str]) -> None:
    for page in pages:
        root = ElementTree.fromstring(page)
        kinds = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert kinds <= {"svg", "rect", "path", "text", "circle", "image"}
        assert len(page) < 1 << 20


def test_everything_stands_on_the_paper(pages: list[str]) -> None:
    for page in pages:
        for element in ElementTree.fromstring(page).iter():
            if element.tag == f"{SVG}rect":
                x, y, width, height = (float(element.get(k, "0")) for k in ("x", "y", "width", "height"))
                assert x >= 0 and y >= 0 and x + width <= 297.01 and y + height <= 210.01
            if element.tag == f"{SVG}path":
                numbers = [
                    float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", element.get("d", ""))
                ]
                assert all(0 <= x <= 297 for x in numbers[::2]) and all(0 <= y <= 210 for y in numbers[1::2])
            if element.tag == f"{SVG}text":
                left, right = _reach(element)
                assert left >= 4 and right <= 296, element.text


def _reach(element: ElementTree.Element) -> tuple[float, float]:
    x, size = float(element.get("x", "0")), float(element.get("font-size", "0"))
    width = width_of(element.text or "") * size
    left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[element.get("text-anchor", "start")] * width
    return left, left + width


def test_texts_of_a_timeline_lie_beside_each_other(pages: list[str]) -> None:
    root = ElementTree.fromstring(pages[0])
    boxes = []
    for element in root.iter(f"{SVG}text"):
        left, right = _reach(element)
        size, y = float(element.get("font-size", "0")), float(element.get("y", "0"))
        # Estimates are on the safe side, letters lower than their em: what overlaps by less is legible.
        boxes.append((left + 0.6, right - 0.6, y - size * 0.6, y, element.text))
    for number, (left, right, top, bottom, text) in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = right <= other[0] or other[1] <= left or bottom <= other[2] or other[3] <= top
            assert apart, (text, other[4])


def test_names_stay_text() -> None:
    timeline, sheets = drawn_of("hostile")
    for page in timeline + sheets:
        assert "<script" not in page and "\x1b" not in page and "\u202e" not in page and "\x00" not in page
    assert "&lt;/text&gt;&lt;script&gt;" in timeline[0]
    assert printable(HOSTILE).count("\u0300") <= 2


def test_findings_that_have_no_room_are_counted() -> None:
    timeline, sheets = drawn_of("crowded")
    assert "more not numbered" in timeline[0]
    assert re.search(r"其余 \d+ 项见报告", timeline[-1]) and re.search(r"其余 \d+ 项见报告", sheets[-1])


def test_the_same_report_is_drawn_the_same() -> None:
    assert drawn(shift()) == drawn_of("shift")


def test_every_page_names_its_report() -> None:
    made = shift()
    digest = Subject(made, axis_of(made.recordings, 200), ZONE, "").digest
    timeline, sheets = drawn_of("shift")
    assert all(digest in page for page in timeline + sheets)


def test_long_texts_are_cut_where_they_tell_least() -> None:
    assert fitted("执法记录仪", 3.0) == "执法…"
    assert fitted_end("DCIM/100MEDIA/000123_0007.MP4", 8.0).endswith("0007.MP4")
    lines = wrapped("words that go on " * 40, 30.0, 2)
    assert len(lines) == 2 and lines[1].endswith("…") and all(width_of(line) <= 30.5 for line in lines)
    assert wrapped("", 30.0, 2) == []


def test_a_page_becomes_a_png_with_chinese_text() -> None:
    pytest.importorskip("resvg_py", reason="the pictures extra is not installed")
    png = to_png(drawn_of("mute")[0][0])
    assert (
        png is not None
        and png.startswith(b"\x89PNG")
        and int.from_bytes(png[16:20]) == round(297 / 25.4 * 200)
    )
    if not has_chinese():
        pytest.skip("no Chinese font is installed (fonts-wqy-microhei)")


def test_the_lanes_leave_room_for_their_names() -> None:
    assert 10 < LEFT < RIGHT < 297 - 6
