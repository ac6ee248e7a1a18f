"""Stamps that run smoothly over what is missing (`continuity.timestamps`), and files that look alike."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.rig.camera_marks import sign_as_camera
from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, make
from transcoder.losses import ReferenceCount, ShowOrder
from transcoder.report import Severity
from transcoder.stream_joints import broken_numbers, odd_steps, short_groups

CODE = "continuity.timestamps"
SECONDS = 12.0
Moved = Callable[[str, float, int], float | None]  # kind, seconds, place: how far to move back; None drops
FORMS = {"mp4": None, "mkv": None, "ts": "mpegts"}
MAKES = {
    "h264": Movie(seconds=SECONDS),
    "b_frames": Movie(seconds=SECONDS, b_frames=2),
    "hevc": Movie(seconds=SECONDS, codec="libx265"),
    "mpeg4": Movie(seconds=SECONDS, codec="mpeg4"),
}


def _copy(source: Path, target: Path, moved: Moved) -> Path:
    """Copy packets without encoding anew."""
    with (
        av.open(str(source)) as old,
        av.open(str(target), "w", format=FORMS[target.suffix[1:]]) as new,
    ):
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        places = dict.fromkeys(streams, -1)
        for packet in old.demux():
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            places[packet.stream_index] += 1
            at = float(packet.pts * packet.time_base)
            back_s = moved(packet.stream.type, at, places[packet.stream_index])
            if back_s is None:
                continue
            packet.pts -= round(back_s / packet.time_base)
            packet.dts = None if packet.dts is None else packet.dts - round(back_s / packet.time_base)
            packet.stream = streams[packet.stream_index]
            new.mux(packet)
    return sign_as_camera(target)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    folder = tmp_path_factory.mktemp("sources")

    def source(kind: str, form: str) -> Path:
        path = folder / f"{kind}.{form}"
        return path if path.exists() else make(path, MAKES[kind], FORMS[form])

    return source


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", MAKES)
def test_an_uncut_file_has_none(sources: Callable[[str, str], Path], kind: str, form: str) -> None:
    assert found(recording_of(sources(kind, form))) == []


@pytest.mark.parametrize(
    ("kind", "form"),
    [("h264", "mp4"), ("h264", "mkv"), ("h264", "ts"), ("b_frames", "mp4"), ("hevc", "mp4"), ("hevc", "ts")],
)
def test_pictures_dropped_with_the_stamps_smoothed_over(
    sources: Callable[[str, str], Path], tmp_path: Path, kind: str, form: str
) -> None:
    def drop(medium: str, _at: float, place: int) -> float | None:
        if medium != "video" or place < 160:
            return 0.0
        return None if place < 170 else 0.4

    findings = found(recording_of(_copy(sources(kind, form), tmp_path / f"dropped.{form}", drop)), CODE)
    assert len(findings) == 1 and findings[0].severity is Severity.REVIEW
    assert findings[0].value == pytest.approx(10, abs=1) and findings[0].start_s == pytest.approx(
        6.3, abs=0.3
    )


def test_pictures_missing_with_honest_stamps_are_no_smoothing(
    sources: Callable[[str, str], Path], tmp_path: Path
) -> None:
    honest = _copy(
        sources("h264", "mp4"),
        tmp_path / "h.mp4",
        lambda kind, at, _place: None if kind == "video" and 6.4 < at < 6.8 else 0,
    )
    assert found(recording_of(honest)) == []  # 0.4 s are below the threshold of a gap, and openly missing


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("start", "end"), [(4.3, 8.0), (4.0, 7.0)])
def test_a_middle_cut_out_by_stream_copy(
    sources: Callable[[str, str], Path], tmp_path: Path, form: str, start: float, end: float
) -> None:
    early, late = start - 1e-3, end - 1e-3

    def cut(_kind: str, at: float, _place: int) -> float | None:
        return 0.0 if at < early else None if at < late else end - start

    findings = found(recording_of(_copy(sources("h264", form), tmp_path / f"cut.{form}", cut)))
    assert [f.code for f in findings] == [CODE] and findings[0].severity is Severity.REVIEW
    assert findings[0].start_s == pytest.approx(start, abs=0.15)


def test_sound_stretched_over_what_was_taken_out_of_it(tmp_path: Path) -> None:
    source = make(tmp_path / "whole.mkv", Movie(seconds=20.0))
    stretched = tmp_path / "stretched.mkv"
    with av.open(str(source)) as old, av.open(str(stretched), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        seen = 0
        for packet in old.demux():
            if not packet.size:
                continue
            if packet.stream.type == "audio":
                seen += 1
                if seen % 10 == 0:
                    continue
                assert packet.time_base is not None
                packet.pts = packet.dts = round((seen - seen // 10) * 0.064 / 0.9 / packet.time_base)
            packet.stream = streams[packet.stream_index]
            new.mux(packet)
    pace = [f for f in found(recording_of(sign_as_camera(stretched)), CODE) if "counted_s" in f.evidence]
    assert len(pace) == 1 and pace[0].value == pytest.approx(2.0, abs=0.3)


def test_frame_numbers_count_reference_pictures_and_wrap() -> None:
    whole, holed = ReferenceCount(), ReferenceCount()
    for at in range(40):
        whole.feed(at, at % 16, 4, idr=at == 0, reference=True)
    kept = [n for n in range(40) if n not in (20, 21)]
    for at, number in enumerate(kept):
        holed.feed(at, number % 16, 4, idr=number == 0, reference=True)
    assert whole.holes == [] and [(h.after, h.missing) for h in holed.holes] == [(20, 2)]


def test_a_picture_that_is_no_reference_does_not_move_the_count() -> None:
    count = ReferenceCount()
    for at, (number, reference) in enumerate(
        [(0, True), (1, False), (1, False), (1, True), (2, False), (2, True)]
    ):
        count.feed(at, number, 4, idr=at == 0, reference=reference)
    assert count.holes == []


def test_the_order_of_showing_finds_pictures_that_nothing_refers_to() -> None:
    order, decoded = ShowOrder(), [0]
    for group in range(1, 30):
        decoded += [group * 6, group * 6 - 4, group * 6 - 2]
    decoded.remove(38)
    for at, count in enumerate(decoded):
        order.feed(at, count % 64, 6, restarts=at == 0, carries=count % 6 == 0)
    assert [(h.missing) for h in order.holes()] == [1]


def test_a_restart_that_could_not_be_read_is_no_hole() -> None:
    order = ShowOrder()
    for at in range(200):  # the key picture of the third group is damaged: its restart is not seen
        order.feed(at, at % 50 * 2 % 256, 8, restarts=at % 50 == 0 and at != 100, carries=True)
    assert order.holes() == []


def test_counts_that_step_anyhow_say_nothing() -> None:
    order = ShowOrder()
    steps = np.cumsum(np.random.default_rng(2).integers(1, 5, 200)).tolist()
    for at, count in enumerate(steps):
        order.feed(at, count % 256, 8, restarts=at == 0, carries=True)
    assert order.holes() == []


def test_rhythm_numbers_and_steps() -> None:
    even = np.arange(200, dtype=np.float64) * 0.04
    keys = [0, 25, 50, 75, 83, 108, 133, 158]
    assert short_groups(keys, even) == [83]
    assert short_groups([0, 25, 33, 75, 83, 90, 133, 158], even) == []  # no rhythm
    openly = even + np.where(np.arange(200) > 78, 17 * 0.04, 0.0)  # 17 missing, and their time
    assert short_groups(keys, openly) == []
    assert broken_numbers([(i, i % 2) for i in range(8)]) == []
    assert broken_numbers([(i, n) for i, n in enumerate([0, 1, 0, 0, 1, 0, 1])]) == [3]
    assert broken_numbers([(i, n) for i, n in enumerate([5, 6, 7, 9, 10, 11, 12])]) == [3]
    assert broken_numbers([(i, 1) for i in range(8)]) == []
    unread = [(0, 0), (1, 1), (2, 0), (-1, -1), (4, 0), (5, 1), (6, 0), (7, 1)]
    assert broken_numbers(unread) == []  # across a number that nobody could read nothing is concluded
    times = np.arange(60, dtype=np.float64) * 0.04
    times[30:] += 0.03
    assert odd_steps(times, 1e-3).tolist() == [times[30]]
    assert odd_steps(np.cumsum(np.random.default_rng(1).random(60)), 1e-3).tolist() == []


def test_a_broken_rhythm_alone_is_said_and_no_more(tmp_path: Path) -> None:
    source = make(tmp_path / "silent.mp4", Movie(seconds=SECONDS, codec="mpeg4", sound=False))
    even = _copy(source, tmp_path / "even.mp4", lambda _kind, _at, place: None if place in (40, 41) else 0)
    keys = [f for f in found(recording_of(even)) if f.code == CODE]
    assert keys == []  # two pictures openly missing are no short group

    def close(_kind: str, _at: float, place: int) -> float | None:
        return None if place in (40, 41) else 0.08 if place > 41 else 0.0

    (said,) = found(recording_of(_copy(source, tmp_path / "closed.mp4", close)), CODE)
    assert said.severity is Severity.INFO and said.evidence["count"] == 1
    assert said.start_s == pytest.approx(1.84, abs=0.1)
