"""Joining into runs, and when a recording began: pure arithmetic."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from transcoder.report import TimeSpan
from transcoder.request import InspectItem, JoinRules
from transcoder.rules import load_rules
from transcoder.runs import Segment, join_runs
from transcoder.times import started_at

RULES = load_rules(None).runs
DAY = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)


def _segment(
    index: int, start_s: float | None, length_s: float | None = 60.0, kind: str = "video"
) -> Segment:
    span = None
    if start_s is not None:
        at = DAY + timedelta(seconds=start_s)
        span = TimeSpan(earliest=at, latest=at, **{"from": ("name",)})
    return Segment(index, kind, span, length_s)  # type: ignore[arg-type]


def _joined(*segments: Segment) -> list[list[int]]:
    return [[s.index for s in run.segments] for run in join_runs(segments, RULES)]


def test_files_that_meet_are_one_run_in_order_of_time() -> None:
    assert _joined(_segment(0, 120), _segment(1, 0), _segment(2, 61)) == [[1, 2, 0]]


def test_a_gap_ends_the_run_and_lies_on_the_later_one() -> None:
    runs = join_runs([_segment(0, 0), _segment(1, 100)], RULES)
    assert [run.since is None for run in runs] == [True, False]
    assert runs[1].since is not None and runs[1].since.seconds == 40.0


def test_an_overlap_ends_the_run() -> None:
    runs = join_runs([_segment(0, 0), _segment(1, 50)], RULES)
    assert runs[1].since is not None and runs[1].since.seconds == -10.0


def test_uncertain_times_join_where_they_may_meet() -> None:
    wide = TimeSpan(
        earliest=DAY + timedelta(seconds=58), latest=DAY + timedelta(seconds=66), **{"from": ("mtime",)}
    )
    assert _joined(_segment(0, 0), Segment(1, "video", wide, 60.0)) == [[0, 1]]


def test_unknown_times_are_runs_of_their_own_without_a_gap() -> None:
    runs = join_runs([_segment(0, None), _segment(1, 0), _segment(2, 60, None), _segment(3, 500)], RULES)
    assert [[s.index for s in r.segments] for r in runs] == [[1, 2], [3], [0]]
    assert all(run.since is None for run in runs)


def test_notes_and_another_shift_make_no_gap() -> None:
    note = _segment(1, 30, kind="audio")
    runs = join_runs([_segment(0, 0), note, _segment(2, 20_000)], RULES)
    assert [[s.index for s in r.segments] for r in runs] == [[0], [2], [1]]
    assert all(run.since is None for run in runs)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 300)), max_size=12))
def test_every_video_is_in_exactly_one_run(spans: list[tuple[int, int]]) -> None:
    segments = [_segment(i, start, length) for i, (start, length) in enumerate(spans)]
    runs = join_runs(segments, RULES)
    assert sorted(s.index for run in runs for s in run.segments) == list(range(len(spans)))


def _item(**times: datetime | None) -> InspectItem:
    return InspectItem(Path("x"), **times)  # type: ignore[arg-type]


def test_sources_that_agree_narrow_the_start_and_are_named() -> None:
    item = _item(named_at=DAY, modified_at=DAY + timedelta(seconds=60.5))
    span = started_at(item, DAY, 60.0, JoinRules())
    assert span is not None
    assert span.from_ == ("container", "name", "mtime")
    assert (span.earliest, span.latest) == (DAY, DAY + timedelta(seconds=1))


def test_a_source_that_disagrees_is_left_out() -> None:
    span = started_at(_item(named_at=DAY + timedelta(hours=8)), DAY, 60.0, JoinRules())
    assert span is not None and span.from_ == ("container",) and span.earliest == DAY


def test_a_clock_never_set_says_nothing_c19_c20() -> None:
    for year, month in ((1904, 1), (1970, 1), (1980, 1)):
        assert started_at(_item(), datetime(year, month, 1, tzinfo=UTC), 60.0, JoinRules()) is None


def test_the_profiles_order_decides_who_leads() -> None:
    item = _item(named_at=DAY + timedelta(hours=8))
    span = started_at(item, DAY, 60.0, JoinRules(time_order=("name", "container")))
    assert span is not None and span.from_ == ("name",)
