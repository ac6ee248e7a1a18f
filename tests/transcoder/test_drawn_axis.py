"""Where things stand on a timeline: axis, lanes, frames to show."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.transcoder.drawn_reports import START, finding, hostile, recording, report, run, shift
from transcoder.drawing.axis import axis_of, elapsed, ticks_of
from transcoder.drawing.chart import Chart, chart_of
from transcoder.drawing.measured import Measured
from transcoder.drawing.moments import MOST_FIRST, MOST_PICTURED, Moment, wanted
from transcoder.drawing.numbering import numbered
from transcoder.report import NoticeStatus, PlaceAt, Report, Severity

ZONE = ZoneInfo("Asia/Shanghai")


def chart(made: Report, measured: dict[int, Measured] | None = None) -> Chart:
    axis = axis_of(made.recordings, 200)
    return chart_of(made, axis, numbered(made, axis), measured or {})


def test_joined_files_keep_their_proportions() -> None:
    axis = axis_of((recording("a", START, 100.0), recording("b", START + timedelta(seconds=100), 300.0)), 9)
    assert axis.at(100.0) == pytest.approx(0.25)
    assert [piece.folded for piece in axis.pieces] == [False]


def test_a_clock_decades_away_leaves_the_footage_its_width() -> None:
    axis = axis_of((recording("a", START), recording("b", datetime(2000, 1, 1, tzinfo=UTC))), 9)
    assert [one.index for one in axis.placed] == [1, 0]
    assert [piece.folded for piece in axis.pieces] == [False, True, False]
    assert all(piece.right - piece.left > 0.4 for piece in axis.pieces if not piece.folded)


def test_without_a_date_files_follow_each_other_and_no_clock_is_shown() -> None:
    axis = axis_of((recording("a", START, 60.0), recording("b", None, 60.0)), 9)
    assert axis.zero is None
    assert [(one.start_s, one.end_s) for one in axis.placed] == [(0.0, 60.0), (60.0, 120.0)]
    assert [tick.label for tick in ticks_of(axis, ZONE, 0.4)] == ["0:00", "1:00", "2:00"]


def test_ticks_are_whole_local_times_and_apart() -> None:
    axis = axis_of(shift().recordings, 200)
    ticks = ticks_of(axis, ZONE, 0.07)
    assert ticks[0].label == "09:30:12"
    assert all(tick.label.endswith(":00") and len(tick.label) == 5 for tick in ticks[1:])
    assert all(b.at - a.at >= 0.06 for a, b in pairwise(ticks))
    assert 8 < len(ticks) < 16


def test_positions_read_as_people_say_them() -> None:
    assert [elapsed(0), elapsed(3723.9), elapsed(59.96, tenths=True), elapsed(-40.0, tenths=True)] == [
        "0:00",
        "1:02:03",
        "1:00.0",
        "-0:40.0",
    ]


def test_a_gap_between_files_is_named_where_it_is() -> None:
    worst = [pause for pause in chart(shift()).pauses if pause.severity is not None]
    assert [(pause.seconds, pause.severity) for pause in worst] == [(40.0, Severity.VIOLATION)]
    axis = axis_of(shift().recordings, 200)
    before, after = axis.of(10), axis.of(11)
    assert before is not None and after is not None
    assert worst[0].left == pytest.approx(axis.at(before.end_s))
    assert worst[0].right == pytest.approx(axis.at(after.start_s))


def test_each_run_shows_its_own_notice() -> None:
    marks = chart(shift()).notices
    assert [mark.status for mark in marks].count(NoticeStatus.ABSENT) == 1
    assert marks[0].label == "0:04" and marks[12].label == ""


def test_places_near_each_other_are_one_and_a_long_way_needs_a_wider_net() -> None:
    assert len(chart(shift()).place_names) == 4
    drive = tuple(PlaceAt(at_s=i, lat=30 + i * 0.01, lon=120.0) for i in range(500))
    driven = chart(report((recording("a", places=drive),), (run((0,)),)))
    assert len(driven.place_names) <= 8 and driven.place_radius_m > 150


def test_what_was_not_measured_is_not_drawn_as_silence() -> None:
    made = report((recording("a"), recording("b", START + timedelta(seconds=600))), (run((0, 1)),))
    assert "not measured" in chart(made).said["sound"]
    lost = chart(made, {0: Measured(trouble="memory"), 1: Measured(trouble="memory")})
    assert "memory" in lost.said["sound"] and "2 个文件" in lost.said["trouble"]
    mute = report((recording("a", sound=False),), (run((0,)),))
    assert "no sound track" in chart(mute).said["sound"]


def test_the_worst_findings_come_first_and_refuted_ones_last() -> None:
    found = (
        finding("picture.black", Severity.INFO, 1.0, 2.0),
        finding("picture.frozen", Severity.VIOLATION, 5.0, 6.0, refuted="no"),
        finding("sound.cut", Severity.VIOLATION, 9.0, 9.0),
        finding("file.unverified", Severity.UNCHECKED),
        finding("picture.covered", Severity.VIOLATION, 3.0, 4.0),
    )
    made = report((recording("a", findings=found),), ())
    codes = [one.finding.code for one in numbered(made, axis_of(made.recordings, 9))]
    assert codes == ["picture.covered", "sound.cut", "picture.black", "file.unverified", "picture.frozen"]


def test_a_gap_between_files_shows_both_sides_of_it() -> None:
    made = shift()
    pictured = wanted(made, numbered(made, axis_of(made.recordings, 200))).pictured[0]
    assert [moment.recording for moment in pictured.moments] == [10, 10, 10, 11, 11, 11]
    assert pictured.moments[0].at_s == 898.0 and pictured.moments[3] == Moment(11, 0.0)


def test_frames_stand_before_in_and_after_a_finding_and_within_the_file() -> None:
    made = report((recording("a", findings=(finding("picture.black", start_s=590.0, end_s=600.0),)),), ())
    moments = wanted(made, numbered(made, axis_of(made.recordings, 9))).pictured[0].moments
    assert [m.at_s for m in moments] == [589.0, 589.9, 590.1, 595.0, 599.9, 599.98]
    assert [m.inside for m in moments] == [False, False, True, True, True, True]


def test_a_time_of_a_run_is_shown_in_the_file_it_falls_into() -> None:
    late = finding("notice.late", start_s=700.0, end_s=702.0, recording=None)
    made = report(
        (recording("a"), recording("b", START + timedelta(seconds=600))), (run((0, 1), findings=(late,)),)
    )
    moments = wanted(made, numbered(made, axis_of(made.recordings, 9))).pictured[0].moments
    assert {m.recording for m in moments} == {1} and moments[2].at_s == pytest.approx(100.1)


@pytest.mark.parametrize("count", [1, 300])
def test_the_number_of_frames_is_bounded(count: int) -> None:
    found = tuple(finding("picture.black", start_s=i, end_s=i + 1.0) for i in range(60))
    recordings = tuple(recording(str(i), START + timedelta(hours=i), findings=found) for i in range(count))
    made = report(recordings, ())
    asked = wanted(made, numbered(made, axis_of(made.recordings, 200)))
    assert len(asked.pictured) == MOST_PICTURED and asked.left_out == 60 * count - MOST_PICTURED
    assert len(asked.moments) <= MOST_PICTURED * 6 + MOST_FIRST


def test_numbers_of_nonsense_stay_on_the_axis() -> None:
    made = chart(hostile())
    shares = [(c.left, c.right) for c in made.callouts] + [(p.left, p.right) for p in made.places]
    assert shares and all(0 <= left <= right <= 1 for left, right in shares)
