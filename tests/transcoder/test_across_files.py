"""Files of one camera side by side: clocks, numbers, what is missing.  Pure: no file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.camera import CameraClock, CameraFacts, Deleted, Seen
from transcoder.filed import Filed
from transcoder.report import MediaKind
from transcoder.request import InspectItem, InspectRequest, JoinRules
from transcoder.rules import load_rules
from transcoder.runs import Run, join_runs
from transcoder.shift import Shift, look_across
from transcoder.times import read_times

RULES = load_rules(None)
DAY = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
JOIN = JoinRules(profile="gat947", time_zone="Asia/Shanghai")
NOTHING = CameraFacts()
GOPRO = JoinRules(profile="gopro", chaptered=True, counter="shared", time_zone="Asia/Shanghai")


@dataclass(frozen=True)
class Clip:
    """One file: times are seconds after DAY, None where nothing says them; `ended`: the file system's
    time."""

    sequence: int | None
    named: float | None
    inside: float | None = None
    ended: float | None = None
    length_s: float | None = 60.0
    kind: MediaKind = "video"
    view: str | None = None

    def filed(self, index: int, join: JoinRules) -> Filed:
        item = InspectItem(
            Path(f"{index}.mp4"),
            kind=self.kind,
            named_at=at(self.named),
            named_sequence=self.sequence,
            modified_at=at(self.ended),
            size_bytes=1000,
            view=self.view,
        )
        return Filed(
            index, item, self.kind, read_times(item, at(self.inside), self.length_s, join), self.length_s
        )


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else DAY + timedelta(seconds=seconds)


def across(
    *clips: Clip, join: JoinRules = JOIN, facts: CameraFacts = NOTHING, one_shift: bool = True
) -> Shift:
    files = [clip.filed(index, join) for index, clip in enumerate(clips)]
    items = tuple(file.item for file in files)
    return look_across(files, InspectRequest(items, join=join, camera=facts, one_shift=one_shift), RULES)


def said(shift: Shift) -> list[tuple[str, int]]:
    """What becomes a finding: its key without the group, and its recording; as the rule set decides."""
    found = []
    for note in shift.noted:
        code = note.key.split("/")[0]
        if RULES.severity_of(code, note.values.get("measured")) is not None:
            found.append((note.key.removeprefix("continuity."), note.recording))
    return sorted(found)


def severity(shift: Shift, key: str) -> str:
    note = next(note for note in shift.noted if note.key == f"continuity.{key}")
    return str(RULES.severity_of(note.key.split("/")[0], note.values.get("measured")))


def runs(shift: Shift) -> list[list[int]]:
    return [[s.index for s in run.segments] for run in joined(shift)]


def joined(shift: Shift) -> list[Run]:
    return join_runs(shift.segments, RULES.runs)


def row(count: int, *, first: int = 1, step: float = 60.0, start: float = 0.0, **more: Any) -> list[Clip]:
    """Clips in a row, all sources telling the same."""
    return [
        Clip(first + n, start + n * step, start + n * step + 1, start + n * step + 60, **more)
        for n in range(count)
    ]


# Clean shifts have no findings


@pytest.mark.parametrize(
    "clips",
    [
        pytest.param(row(5), id="a row"),
        pytest.param(row(3) + row(3, first=1, start=7000), id="formatted, begins anew at 1"),
        pytest.param([replace(c, sequence=1) for c in row(4, step=600)], id="each recording counts from 1"),
        pytest.param(row(2, first=9998) + row(3, first=0, start=120), id="wraps"),
        pytest.param([replace(c, sequence=n) for c, n in zip(row(4), (1, 2, 1, 2), strict=True)], id="parts"),
        pytest.param(
            [*row(2), Clip(3, 100, kind="photo", length_s=None), *row(2, first=4, start=240)],
            id="photographs count with the video",
        ),
        pytest.param(
            [*row(4), Clip(5, 5, kind="photo", length_s=None), Clip(6, 130, None, 140, 10, "audio")],
            id="notes have numbers of their own",
        ),
        pytest.param(
            [*row(3), Clip(1, 20, kind="photo", length_s=None), Clip(2, 90, kind="photo", length_s=None)],
            id="photographs count by themselves",
        ),
        pytest.param([replace(c, ended=1e7 + n * n * 7.0) for n, c in enumerate(row(4))], id="copied later"),
        pytest.param([replace(c, ended=c.ended + 7) for c in row(4) if c.ended], id="written late"),
        pytest.param([replace(c, inside=None, ended=None) for c in row(4)], id="names only"),
        pytest.param(
            [replace(c, inside=c.ended) for c in row(4)], id="the container tells the end (Android)"
        ),
        pytest.param(
            [clip for one in row(4) for clip in (replace(one, view="F"), replace(one, view="R"))],
            id="front, rear",
        ),
        pytest.param(
            [*row(4, view="F"), *row(1, view="R"), *row(1, first=4, start=180, view="R")],
            id="a lens that did not film each time",
        ),
        pytest.param(row(3) + row(3, first=200, start=20_000), id="another shift may skip numbers"),
        pytest.param([*row(3), Clip(None, 500, None, None, None)], id="one that nothing could be read of"),
    ],
)
def test_ordinary_shifts_have_no_findings(clips: Sequence[Clip]) -> None:
    assert said(across(*clips)) == []


def test_files_named_one_by_one_are_not_compared() -> None:
    assert said(across(*row(2), *row(2, first=9, start=120), one_shift=False)) == []


# Numbers


def test_a_missing_number_is_said_of_the_file_after_it_and_splits_nothing_where_the_times_meet() -> None:
    clips = row(3)
    shift = across(clips[0], clips[1], replace(clips[2], sequence=4))
    assert said(shift) == [("sequence/missing", 2)]
    assert runs(shift) == [[0, 1, 2]]


def test_a_missing_number_with_time_for_it_is_a_selection_too() -> None:
    shift = across(*(clip for clip in row(4) if clip.sequence != 3))
    assert said(shift) == [("selection/hole", 2), ("sequence/missing", 2)]
    assert severity(shift, "sequence/missing") == "review"


def test_a_number_in_another_file_of_the_camera_is_not_missing() -> None:
    clips = [clip for clip in row(4) if clip.sequence != 3]
    earlier = CameraFacts(seen=(Seen("3.mp4", "video", 3, at(120)),))
    assert said(across(*clips, facts=earlier)) == []
    long_ago = CameraFacts(seen=(Seen("3.mp4", "video", 3, at(-1e6)),))
    assert ("sequence/missing", 2) in said(across(*clips, facts=long_ago))


def test_what_was_listed_and_did_not_arrive_is_named_and_its_number_not_missing() -> None:
    clips = [clip for clip in row(4) if clip.sequence != 3]
    gone = CameraFacts(seen=(Seen("3.mp4", "video", 3, at(120), None, 5, arrived=False, reason="gone"),))
    assert said(across(*clips, facts=gone)) == [("selection/left", 2)]


def test_lenses_that_film_the_same_are_runs_of_their_own_and_a_gap_is_said_of_each() -> None:
    both = [replace(clip, view=view) for clip in row(4) for view in "FR"]
    assert runs(across(*both)) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert said(across(*[clip for n, clip in enumerate(both) if n not in (2, 3)])) == [
        ("selection/hole", 2), ("selection/hole", 3), ("sequence/missing", 2), ("sequence/missing", 3),
    ]  # fmt: skip


def test_a_number_used_twice() -> None:
    clips = row(4)
    assert said(across(*clips[:3], replace(clips[3], sequence=3))) == [("sequence/reused", 3)]
    same_take = replace(clips[2], length_s=60.0)
    assert "sequence/reused" not in dict(said(across(*clips[:3], same_take)))


def test_kinds_count_together_only_where_the_profile_says_so() -> None:
    clips = [*row(3), Clip(3, 100, kind="photo", length_s=None)]
    assert said(across(*clips)) == []
    assert said(across(*clips, join=replace(JOIN, counter="shared"))) == [("sequence/reused", 2)]


def test_generic_numbers_that_are_sparse_are_no_counter() -> None:
    clips = [Clip(n, n * 60.0) for n in (830, 845, 900)]
    assert said(across(*clips, join=replace(JOIN, profile="generic"))) == []
    near = [clip for clip in row(6) if clip.sequence != 4]
    assert ("sequence/missing", 3) in said(across(*near, join=replace(JOIN, profile="generic")))


@given(st.sets(st.integers(2, 39), max_size=12))
def test_exactly_the_numbers_taken_out_are_missing(gone: set[int]) -> None:
    clips = [clip for clip in row(40) if clip.sequence not in gone]
    shift = across(*clips)
    named = [n for note in shift.noted if "missing" in note.key for n in note.values["evidence"]["missing"]]
    assert sorted(map(int, named)) == sorted(gone)


# Chapters


def test_chapters_join_in_their_order_and_another_recording_does_not_c06() -> None:
    clips = [Clip(101, None, 0), Clip(201, None, 500), Clip(102, None, 60)]
    shift = across(*clips, join=GOPRO)
    assert runs(shift) == [[0, 2], [1]]
    assert said(shift) == []


def test_chapters_that_all_carry_the_beginning_are_laid_end_to_end_c06() -> None:
    clips = [Clip(101, None, 0), Clip(102, None, 0), Clip(103, None, 0), Clip(201, None, 182)]
    shift = across(*clips, join=GOPRO)
    assert runs(shift) == [[0, 1, 2, 3]]
    assert said(shift) == []


def test_a_missing_chapter_is_named_c06() -> None:
    shift = across(Clip(101, None, 0), Clip(103, None, 120), join=GOPRO)
    assert ("sequence/missing", 1) in said(shift)
    (note,) = [note for note in shift.noted if note.key == "continuity.sequence/missing"]
    assert note.values["evidence"]["missing"] == ["1 chapter 2"]
    first = across(Clip(101, None, 0), Clip(202, None, 120), join=GOPRO)
    assert [n.values["evidence"]["missing"] for n in first.noted if "missing" in n.key] == [["2 chapter 1"]]


def test_chapters_without_any_time_join_by_their_chapter_c06() -> None:
    clips = [Clip(101, None), Clip(201, None), Clip(102, None)]
    shift = across(*clips, join=GOPRO)
    assert runs(shift) == [[0, 2], [1]]
    assert said(shift) == []


# Clocks


def test_local_time_stamped_as_utc_is_said_and_the_true_time_taken() -> None:
    shift = across(*(replace(clip, inside=(clip.inside or 0) + 8 * 3600) for clip in row(3)))
    assert said(shift) == [("clock/zone", n) for n in range(3)]
    assert severity(shift, "clock/zone") == "info"
    assert [span.earliest for span in shift.started_at if span] == [at(1.0), at(61.0), at(121.0)]
    assert runs(shift) == [[0, 1, 2]]


@pytest.mark.parametrize("apart", [-7 * 3600, 3600, 5.75 * 3600])
def test_another_zone_is_said(apart: float) -> None:
    shift = across(*(replace(clip, inside=(clip.inside or 0) + apart) for clip in row(3)))
    assert {key for key, _ in said(shift)} == {"clock/zone"}


def test_a_constant_offset_is_said_above_the_rules_limit() -> None:
    def off(seconds: float) -> Shift:
        return across(*(replace(clip, inside=(clip.inside or 0) + seconds, ended=None) for clip in row(3)))

    assert said(off(280)) == []
    assert said(off(400)) == [("clock/constant", 0)]
    assert severity(off(400), "clock/constant") == "info"


def test_an_even_drift_is_said() -> None:
    clips = [replace(c, inside=(c.named or 0) * 1.02, ended=None) for c in row(6, step=1800)]
    shift = across(*clips)
    assert said(shift) == [("clock/drift", 0)]
    assert severity(shift, "clock/drift") == "info"


def test_media_that_run_short_against_the_clock_are_drift_and_no_gap_c04() -> None:
    by_both = [Clip(n, n * 72.0, None, n * 72.0 + 72) for n in range(3)]
    by_names = [Clip(n, n * 72.0) for n in range(3)]
    for clips in (by_both, by_names):
        shift = across(*clips)
        assert said(shift) == [("clock/short", 0)]
        assert severity(shift, "clock/short") == "info"
        assert runs(shift) == [[0, 1, 2]]
        (note,) = [note for note in shift.noted if note.key == "continuity.clock/short"]
        assert note.values["percent"] == "16.7"


def test_a_drift_of_short_files_is_told_from_late_writing_c04() -> None:
    slow = [Clip(n, float(int(n * 14.4)), None, n * 14.4 + 14.4, 12.0) for n in range(4)]
    assert said(across(*slow)) == [("clock/short", 0)]
    late = [Clip(n, n * 12.0, None, n * 12.0 + 14.4, 12.0) for n in range(4)]
    assert said(across(*late)) == []


def test_equal_gaps_stay_gaps_where_each_files_own_two_ends_deny_a_drift_c04() -> None:
    shift = across(*(Clip(n, n * 72.0, None, n * 72.0 + 60) for n in range(3)))
    assert runs(shift) == [[0], [1], [2]]
    assert said(shift) == []


def test_one_file_whose_inside_was_rewritten() -> None:
    clips = row(4)
    for inside in (-5000.0, 61 + 90.0, 61 + 3600):
        shift = across(clips[0], replace(clips[1], inside=inside), *clips[2:])
        assert ("clock/inside", 1) in said(shift)
        assert severity(shift, "clock/inside") == "review"


def test_a_file_alone_whose_clocks_cannot_be_reconciled() -> None:
    alone = Clip(1, 0.0, 5000.0, 60.0)
    assert ("clock/inside", 0) in said(across(alone))
    assert ("clock/inside", 0) in said(across(alone, one_shift=False))


def test_one_file_whose_file_time_was_rewritten() -> None:
    clips = row(4)
    for ended in (120 - 500.0, 120 + 500.0, 120 + 9e6):
        shift = across(clips[0], replace(clips[1], ended=ended), *clips[2:])
        assert said(shift) == [("clock/file_time", 1)]


def test_a_file_that_was_finished_before_it_began() -> None:
    assert said(across(Clip(1, 0.0, 1.0, -400.0))) == [("clock/early_end", 0)]
    assert said(across(Clip(1, 0.0, 1.0, 60.0 + 8 * 3600))) == []  # exFAT without an offset (B05)


def test_a_clock_set_back_in_mid_shift_splits_and_no_gap_is_made_of_it() -> None:
    clips = [*row(3), *(replace(c, sequence=4 + n) for n, c in enumerate(row(3, start=-3600)))]
    shift = across(*clips)
    assert said(shift) == [("clock/set", 3)]
    assert runs(shift) == [[0, 1, 2], [3, 4, 5]]
    assert [run.since for run in joined(shift)] == [None, None]
    (note,) = [note for note in shift.noted if note.key == "continuity.clock/set"]
    assert note.values["evidence"]["least_s"] == pytest.approx(3600 + 120 - 1, abs=2)


def test_a_file_older_than_its_neighbours() -> None:
    clips = row(5)
    old = Clip(3, -9000.0, -8999.0, -8940.0)
    assert said(across(*clips[:2], old, *clips[3:])) == [("clock/older", 2)]


def test_contents_that_changed_places_under_their_names() -> None:
    clips = row(5, step=12.0)
    short = [replace(c, length_s=12.0, ended=(c.named or 0) + 12) for c in clips]
    inside = [c.inside for c in short]
    inside[1], inside[2] = inside[2], inside[1]
    shift = across(*(replace(c, inside=i) for c, i in zip(short, inside, strict=True)))
    assert said(shift) == [("clock/inside", 1), ("clock/inside", 2)]


def test_a_file_moved_years_away_stays_in_its_row() -> None:
    clips = row(5)
    for at_s in (-9e7, 9e7):
        moved = replace(clips[2], inside=at_s)
        shift = across(*clips[:2], moved, *clips[3:])
        assert said(shift) == [("clock/inside", 2)]


def test_two_files_that_changed_places() -> None:
    clips = row(4)
    swapped = [clips[0], replace(clips[2], sequence=2), replace(clips[1], sequence=3), clips[3]]
    assert ("clock/older", 2) in said(across(*swapped)) or ("clock/newer", 1) in said(across(*swapped))


@pytest.mark.parametrize("year", [1970, 1980, 2000, 2010, 2012, 2015])
def test_a_clock_that_was_never_set_is_said_and_the_order_kept_by_the_counter_c20(year: int) -> None:
    zero = (datetime(year, 1, 1, tzinfo=UTC) - timedelta(hours=8) - DAY).total_seconds()
    group = [0.0, 60.0, 120.0]
    clips = [Clip(n + 1, zero + s, zero + s, zero + s + 60) for n, s in enumerate(group * 2)]
    shift = across(*clips)
    assert said(shift) == [("clock/unset", n) for n in range(6)]
    assert severity(shift, "clock/unset") == "review"
    assert runs(shift) == [[0, 1, 2], [3, 4, 5]]
    assert [run.since for run in joined(shift)] == [None, None]
    assert set(shift.started_at) == {None}


def test_a_container_that_says_1970_beside_a_good_name_c19() -> None:
    seconds = (datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC) - DAY).total_seconds()
    shift = across(Clip(1, 0.0, seconds, 60.0))
    assert said(shift) == [("clock/unset", 0)]
    assert shift.started_at[0] is not None and shift.started_at[0].from_ == ("name", "mtime")


def test_new_years_footage_is_not_taken_for_a_factory_date_when_docked_soon() -> None:
    new_year = datetime(2015, 1, 1, 1, tzinfo=UTC)
    item = InspectItem(Path("x"), named_at=new_year)
    assert read_times(item, None, 60.0, JOIN).unset == {"name"}
    assert read_times(item, None, 60.0, JOIN, new_year + timedelta(hours=9)).unset == frozenset()


def test_copies_that_only_have_the_time_of_copying_overlap_nothing() -> None:
    shift = across(*(Clip(None, None, None, 1000.0 + n) for n in range(4)))
    assert said(shift) == []
    assert all(run.since is None for run in joined(shift))


def test_the_offset_measured_at_the_dock_is_said_where_it_is_certain() -> None:
    def measured(least_s: float | None, most_s: float | None) -> list[tuple[str, int]]:
        clock = CameraClock(DAY, least_s, most_s, "clock_file")
        return said(across(*row(2), facts=CameraFacts(clock=clock)))

    assert measured(400, 420) == [("clock/ahead", 0)]
    assert measured(400, None) == [("clock/ahead", 0)]
    assert measured(-420, -400) == [("clock/behind", 0)]
    assert measured(None, -400) == [("clock/behind", 0)]
    assert measured(-500, 20) == measured(-20_000, None) == measured(200, 260) == []


# Selection


def deleted(name: str, ended: float, **more: object) -> Deleted:
    values: dict[str, object] = {"kind": "video", "size_bytes": 5000, "modified_at": at(ended), **more}
    return Deleted(name, **values)  # type: ignore[arg-type]


def test_deleted_footage_of_the_shift_is_said_of_the_file_after_it() -> None:
    clips = [*row(2), *row(2, first=3, start=1000)]
    shift = across(*clips, facts=CameraFacts(deleted=(deleted("DCIM/?.MP4", 500), deleted("B.MP4", -50_000))))
    assert said(shift) == [("selection/deleted", 2)]
    (note,) = [n for n in shift.noted if n.key == "continuity.selection/deleted"]
    assert note.values["evidence"]["count"] == 1
    assert severity(shift, "selection/deleted") == "review"


@pytest.mark.parametrize(
    "entry",
    [
        deleted("x.tmp", 100, kind=None),
        deleted("SEGTEMP/x.mp4", 100, housekeeping=True),
        deleted("x.mp4", 100, size_bytes=0),
        deleted("OLD/0.mp4", 100, size_bytes=1000),  # is here, by name and size
        deleted("3.mp4", 100, size_bytes=77),  # arrived at an earlier docking
        deleted("?.mp4", 100, size_bytes=77, first_lost=True),
    ],
)
def test_ordinary_deletions_are_no_finding(entry: Deleted) -> None:
    earlier = Seen("3.mp4", "video", 33, at(0), None, 77)
    assert said(across(*row(2), facts=CameraFacts(seen=(earlier,), deleted=(entry,)))) == []


def test_a_loop_that_takes_the_oldest_is_ordinary_and_one_that_takes_a_later_is_not() -> None:
    looping = replace(JOIN, loop=True)
    for ended, expected in ((-100.0, []), (70.0, [("selection/deleted", 1)])):
        facts = CameraFacts(deleted=(deleted("A.MP4", ended),))
        clips = [row(1)[0], replace(row(1, start=200, first=2)[0])]
        assert said(across(*clips, facts=facts, join=looping)) == expected


def test_lost_clusters_are_said_once_of_the_last_shift() -> None:
    shift = across(*row(2), *row(2, first=3, start=30_000), facts=CameraFacts(lost_bytes=4096))
    assert said(shift) == [("selection/lost", 3)]


# Whatever there is


@given(
    st.lists(
        st.builds(
            Clip,
            st.none() | st.integers(0, 12) | st.integers(0, 10**9),
            st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 60.0, 120.0, -3.5e8]),
            st.none() | st.floats(-1e6, 1e6) | st.sampled_from([1.0, 61.0, -2e9, 3e9]),
            st.none() | st.floats(-1e6, 1e6) | st.sampled_from([60.0, 120.0]),
            st.none() | st.floats(0, 4000),
            st.sampled_from(["video", "audio", "photo"]),
        ),
        max_size=9,
    ),
    st.sampled_from([JOIN, GOPRO, JoinRules(), replace(JOIN, counter="separate", container_time="end")]),
    st.booleans(),
)
def test_any_files_are_judged_alike_each_time_and_every_video_is_in_one_run(
    clips: list[Clip], join: JoinRules, one_shift: bool
) -> None:
    shift = across(*clips, join=join, one_shift=one_shift)
    assert across(*clips, join=join, one_shift=one_shift).noted == shift.noted
    indices = sorted(index for run in runs(shift) for index in run)
    assert indices == [n for n, clip in enumerate(clips) if clip.kind != "photo"]
    said(shift)


# Place


def test_thirty_clean_runs_at_undeclared_places_need_no_review() -> None:
    clips = row(30, step=60.0 + RULES.runs.same_place_unknown_s + 5)
    shift = across(*clips)
    assert said(shift) == []
    assert len(runs(shift)) == 30
