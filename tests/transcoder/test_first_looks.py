"""Key frames looked at in part: they hide nothing, and what a part cannot settle is decoded whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcoder.signal_maker import HEIGHT, Take, changed, flat, hand, make, walk, world
from transcoder import watching
from transcoder.decoding import leave_out
from transcoder.engine import inspect
from transcoder.facts import StreamFacts
from transcoder.first_looks import FirstLooks, estimated
from transcoder.glimpses import Glimpses, rows_of_part
from transcoder.media import open_media, read_facts
from transcoder.pictures import Measures, luma_of
from transcoder.report import Depth, RecordingReport
from transcoder.request import InspectItem, InspectRequest

MAX_PIXELS = 1 << 24


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """First looks for short recordings as well; says of each key frame whether its part settled it."""
    answers: list[bool] = []
    real = FirstLooks.settles

    def settles(self: FirstLooks, packet: Any, at_s: float) -> bool:
        answers.append(real(self, packet, at_s))
        return answers[-1]

    monkeypatch.setattr(watching, "SHORT_S", 0.0)
    monkeypatch.setattr(FirstLooks, "settles", settles)
    monkeypatch.setattr("transcoder.recording.can_read", lambda: False)  # codes want whole pictures
    return answers


def _recording(path: Path) -> RecordingReport:
    return inspect(InspectRequest((InspectItem(path),), Depth.STANDARD)).recordings[0]


def _faults(path: Path) -> list[tuple[str, float | None, float | None]]:
    codes = ("picture.", "file.")
    return [(f.code, f.start_s, f.end_s) for f in _recording(path).findings if f.code.startswith(codes)]


def test_an_ordinary_recording_is_settled_by_parts(tmp_path: Path, settled: list[bool]) -> None:
    path = make(tmp_path / "walk.mp4", Take(walk(), seconds=24.0))
    recording = _recording(path)
    assert recording.findings == () or all(not f.code.startswith("picture.") for f in recording.findings)
    assert len(settled) >= 12 and sum(settled) >= 0.8 * len(settled)
    assert recording.key_frames is not None and recording.key_frames.decoded == len(settled)


@pytest.mark.parametrize(
    ("to", "code"),
    [(flat(0), "picture.black"), (hand(12.0), "picture.covered"), (hand(60.0), "picture.covered")],
    ids=["black", "hand", "pale-hand"],
)
def test_what_hides_the_picture_is_found_c25(
    tmp_path: Path, settled: list[bool], to: Callable[[Any], Any], code: str
) -> None:
    digital = [(8.0, 14.0)] if code == "picture.black" else []
    path = make(tmp_path / "a.mp4", Take(changed(walk(), 8.0, 14.0, to), seconds=24.0, digital=digital))
    ((found, start_s, end_s),) = _faults(path)
    assert found == code
    assert start_s == pytest.approx(8.0, abs=0.1)
    assert end_s == pytest.approx(14.0, abs=0.1)
    assert any(settled) and not all(settled)


def test_a_frozen_picture_is_found_c25(tmp_path: Path, settled: list[bool]) -> None:
    path = make(tmp_path / "a.mp4", Take(walk(), seconds=24.0, frozen=[(9.0, 15.0)]))
    ((found, start_s, end_s),) = _faults(path)
    assert found == "picture.frozen"
    assert start_s == pytest.approx(9.0, abs=0.1)
    assert end_s == pytest.approx(15.0, abs=0.1)
    assert any(settled)


def test_a_sky_above_is_looked_below(tmp_path: Path, settled: list[bool]) -> None:
    """Nothing to see in the upper part: every key frame is decoded whole, and a hand is found."""
    wall = walk()

    def look(i: int) -> NDArray[np.float64]:
        plane = wall(i).copy()
        plane[: HEIGHT // 4] = 200
        return plane

    path = make(tmp_path / "a.mp4", Take(changed(look, 8.0, 14.0, hand(12.0)), seconds=20.0))
    assert [code for code, _, _ in _faults(path)] == ["picture.covered"]
    assert not any(settled)


def test_a_camera_on_a_table_is_no_finding(tmp_path: Path, settled: list[bool]) -> None:
    wall = world()
    path = make(tmp_path / "a.mp4", Take(lambda _i: wall[:HEIGHT, :320], seconds=20.0, noise=3.0))
    assert _faults(path) == []


def test_a_damaged_key_frame_is_told_and_its_neighbours_are_not(tmp_path: Path, settled: list[bool]) -> None:
    path = make(tmp_path / "a.mp4", Take(walk(), seconds=20.0))
    keys = [(packet.pos, bytes(packet)) for packet in _key_packets(path)]
    assert keys[10][0] is not None
    with path.open("r+b") as file:  # behind the slice's head, in the part
        file.seek(keys[10][0] + 4 + len(keys[10][1]) // 20)
        file.write(bytes(range(1, 200)) * 2)
    (damage,) = _faults(path)
    assert damage[0] == "file.partial"
    assert any(settled)


@pytest.mark.parametrize("frames_between", [0, 3])
def test_leaving_out_what_is_between_key_frames_changes_no_stamp(tmp_path: Path, frames_between: int) -> None:
    """FFmpeg forgets the composition offsets of samples that it leaves out."""
    take = Take(walk(), seconds=24.0, rate=f"crf=24:bframes={frames_between}")
    path = make(tmp_path / "a.mp4", take)
    with path.open("rb") as file, open_media(file) as container:
        video = read_facts(file, 100_000).main("video")
        assert video is not None and video.as_decoded == (frames_between == 0)
        leave_out(container, video, keys_only=True)
        got = [(p.pts, p.is_keyframe) for p in container.demux(video=0) if p.size]
    assert [pts for pts, key in got if key] == [packet.pts for packet in _key_packets(path)]
    assert (len(got) < 100) == (frames_between == 0)  # those of the first second were read by opening


def _key_packets(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return [packet for packet in packets if packet.size and packet.is_keyframe]


def _stream(path: Path) -> StreamFacts:
    with path.open("rb") as file:
        stream = read_facts(file, 100_000).main("video")
    assert stream is not None
    return stream


def _wholes(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        context: Any = container.streams.video[0].codec_context
        context.skip_frame = "NONKEY"
        context.options = {"skip_loop_filter": "all"}
        return [luma_of(frame)[0].copy() for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_part_is_the_upper_rows_of_the_picture(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", Take(walk(), seconds=6.0))
    glimpses = Glimpses(_stream(path), MAX_PIXELS)
    wanted = rows_of_part(HEIGHT)
    seen = 0
    for packet, whole in zip(_key_packets(path), _wholes(path), strict=True):
        part = glimpses.look(packet)
        if part is not None:
            assert part.rows.shape == (wanted, 320)
            assert np.array_equal(part.rows, whole[:wanted])
            seen += 1
    assert glimpses.usable and seen >= 4


def test_bytes_that_no_encoder_writes_and_lengths_that_do_not_fit_want_the_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Take(walk(), seconds=3.0))
    glimpses = Glimpses(_stream(path), MAX_PIXELS)
    good = bytes(_key_packets(path)[1])
    assert glimpses.look(good) is not None or glimpses.look(good) is not None
    late = len(good) - 40  # far behind what is decoded
    for wrong in (bytes(8), b"\xff" * 32):
        assert glimpses.look(good[:late] + wrong + good[late + len(wrong) :]) is None
    assert glimpses.look(good[:late]) is None
    assert glimpses.look(b"") is None
    assert glimpses.usable


def test_what_a_decoder_left_from_the_picture_before_is_not_taken_for_this_one(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Take(walk(), seconds=4.0))
    glimpses = Glimpses(_stream(path), MAX_PIXELS)
    packets = [bytes(packet) for packet in _key_packets(path)]
    for packet in packets:
        glimpses.look(packet)
    slice_at = packets[1].rindex(packets[1][-200:])  # the picture's bytes, not the encoder's text before them
    head = packets[1][: slice_at // 6]
    broken = head + b"\x55\xaa\x13" * ((len(packets[1]) - len(head)) // 3)
    assert glimpses.look(broken + packets[1][len(broken) :]) is None


MEASURES = Measures(120.0, 40.0, 0.01, 20.0, 0.14, np.zeros(32, dtype=np.uint16))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (0.5, {}),  # a repeated picture
        (float("nan"), {}),
        (20.0, {"detail": 2.0}),  # covered
        (20.0, {"detail": 60.0}),  # uncovered
        (20.0, {"mean": 30.0}),
        (20.0, {"dark": 0.95}),
        (20.0, {"sharp": 0.06}),
        (20.0, {"detail": float("nan")}),
    ],
)
def test_a_part_settles_nothing_out_of_the_ordinary(change: float, part: dict[str, float]) -> None:
    seen = _measures(**part)
    assert estimated(_measures(), 20.0, MEASURES, MEASURES) is not None
    assert estimated(seen, change, MEASURES, MEASURES) is None


def test_a_part_tells_in_proportion() -> None:
    told = estimated(_measures(detail=15.0, mean=100.0), 9.0, MEASURES, MEASURES)
    assert told is not None
    assert told.detail == pytest.approx(15.0)
    assert told.mean == pytest.approx(120.0 * 101 / 121)


def _measures(**other: float) -> Measures:
    names = ("mean", "spread", "dark", "detail", "sharp")
    values = {name: getattr(MEASURES, name) for name in names} | other
    return Measures(**values, blocks=MEASURES.blocks)


def test_damage_over_pictures_between_makes_every_key_frame_be_decoded_whole(
    tmp_path: Path, settled: list[bool]
) -> None:
    """Damage on a card is as long as a cluster: over a packet's head, and no first look is trusted."""
    path = make(tmp_path / "a.mp4", Take(walk(), seconds=20.0))
    keys = _key_packets(path)
    assert keys[7].pos is not None
    noise = np.random.default_rng(4).bytes(8 << 10)
    with path.open("r+b") as file:
        file.seek(keys[7].pos + len(bytes(keys[7])) + 300)
        file.write(noise)
    recording = _recording(path)
    assert recording.key_frames is not None and recording.key_frames.in_part == 0
    assert settled == []
