"""Silent, quiet, clipped sound; copies, jumps, insertions and traces of an earlier compression."""

from pathlib import Path

import numpy as np
import pytest

from tests.transcoder.media_maker import damage, packets, remux
from tests.transcoder.signal_maker import FPS, RATE_HZ, Take, make, room, walk
from transcoder.engine import inspect
from transcoder.report import Depth, Finding, Verdict
from transcoder.request import InspectItem, InspectRequest, JoinRules

PLAIN = JoinRules()
LOOKING = (Depth.STANDARD, Depth.DEEP)


def _findings(path: Path, depth: Depth, join: JoinRules = PLAIN) -> list[Finding]:
    return list(inspect(InspectRequest((InspectItem(path),), depth, join=join)).recordings[0].findings)


def _codes(path: Path, depth: Depth, join: JoinRules = PLAIN) -> list[str]:
    return [f.code for f in _findings(path, depth, join) if f.severity != "info"]


def _silenced(seconds: float, start_s: float, end_s: float, level: float = 0.0) -> np.ndarray:
    sound = room(seconds)
    part = slice(int(start_s * RATE_HZ), int(end_s * RATE_HZ))
    sound[part] = np.random.default_rng(1).integers(-1, 2, part.stop - part.start) / 32767 * level
    return sound


@pytest.mark.parametrize(
    ("codec", "start_s", "end_s", "level"),
    [
        ("aac", 5.0, 8.6, 0.0),
        ("aac", 6.0, 14.0, 1.0),  # the last bit of a converter with nothing at its input
        ("pcm_alaw", 5.0, 8.6, 0.0),
        ("libmp3lame", 6.0, 14.0, 1.0),
    ],
)
def test_a_dead_microphone_is_found(
    tmp_path: Path, codec: str, start_s: float, end_s: float, level: float
) -> None:
    sound = _silenced(16.0, start_s, end_s, level)
    suffix = "avi" if codec == "pcm_alaw" else "mp4"
    path = make(tmp_path / f"dead.{suffix}", Take(walk(), sound=sound, audio_codec=codec))
    for depth in LOOKING:
        (finding,) = [f for f in _findings(path, depth) if f.severity != "info"]
        assert finding.code == "sound.silent" and finding.threshold == 3.0
        assert finding.start_s == pytest.approx(start_s, abs=0.3)
        assert finding.end_s == pytest.approx(end_s, abs=0.3)


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "mp4"), ("pcm_alaw", "avi"), ("pcm_mulaw", "avi")])
def test_a_quiet_room_is_not_silent_c16(tmp_path: Path, codec: str, suffix: str) -> None:
    path = make(
        tmp_path / f"quiet.{suffix}", Take(walk(), sound=room(12.0, 0.0006), audio_codec=codec, seconds=12.0)
    )
    assert all(_codes(path, depth) == [] for depth in LOOKING)


def test_a_silent_pre_record_buffer_is_no_fault_but_longer_than_the_profiles_is(tmp_path: Path) -> None:
    path = make(tmp_path / "buffer.mp4", Take(walk(), sound=_silenced(16.0, 0.0, 10.0)))
    for depth in LOOKING:
        assert [f.code for f in _findings(path, depth)] == []
        assert _codes(path, depth, JoinRules(pre_record_s=4.0)) == ["sound.silent"]
    whole = make(tmp_path / "whole.mp4", Take(walk(), sound=np.zeros(16 * RATE_HZ)))
    assert _codes(whole, Depth.STANDARD) == ["sound.silent"]


@pytest.mark.parametrize("gain", [100.0, 400.0])
def test_clipped_sound_is_said_and_no_fault(tmp_path: Path, gain: float) -> None:
    sound = room(12.0)
    sound[4 * RATE_HZ : 8 * RATE_HZ] *= gain
    path = make(tmp_path / "loud.mp4", Take(walk(), sound=sound, seconds=12.0))
    for depth in LOOKING:
        (finding,) = _findings(path, depth)
        assert (finding.code, str(finding.severity)) == ("sound.clipped", "info")
        assert finding.start_s == pytest.approx(4.0, abs=0.7) and finding.end_s == pytest.approx(8.0, abs=0.7)


def _spliced(source: Path, target: Path, order: list[tuple[float, float]]) -> Path:
    """Packets of [start, end) in this order, stamps made to run on: what stream copy leaves."""
    import av

    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        kept = [p for p in old.demux() if p.size and p.pts is not None and p.dts is not None]
        at = 0.0
        for start, end in order:
            for packet in kept:
                assert packet.time_base is not None and packet.pts is not None and packet.dts is not None
                if start - 1e-6 <= float(packet.pts * packet.time_base) < end - 1e-6:
                    copy = av.Packet(bytes(packet))
                    shift = round((at - start) / packet.time_base)
                    copy.pts, copy.dts, copy.time_base = (
                        packet.pts + shift,
                        packet.dts + shift,
                        packet.time_base,
                    )
                    copy.is_keyframe = packet.is_keyframe
                    copy.duration = packet.duration or 0
                    copy.stream = streams[packet.stream_index]
                    new.mux(copy)
            at += end - start
    return target


def test_a_loop_of_an_earlier_minute_is_found_with_its_original(tmp_path: Path) -> None:
    source = make(tmp_path / "source.mp4", Take(walk()))
    assert all(_codes(source, depth) == [] for depth in LOOKING)
    path = _spliced(source, tmp_path / "loop.mp4", [(0.0, 10.0), (2.0, 7.0), (10.0, 16.0)])
    for depth in LOOKING:
        finding = next(f for f in _findings(path, depth) if f.code == "picture.repeated")
        assert finding.start_s == pytest.approx(10.0, abs=0.1) and finding.end_s == pytest.approx(
            15.0, abs=0.1
        )
        assert finding.evidence["first_at_s"] == pytest.approx(2.0, abs=0.1)


def test_seconds_cut_out_under_stamps_that_run_on_are_a_jump(tmp_path: Path) -> None:
    source = make(tmp_path / "source.mp4", Take(walk()))
    path = _spliced(source, tmp_path / "cut.mp4", [(0.0, 6.0), (10.0, 16.0)])
    assert _codes(path, Depth.STANDARD) == []
    jump = next(f for f in _findings(path, Depth.DEEP) if f.code == "continuity.timestamps")
    assert jump.start_s == pytest.approx(6.0, abs=0.05) and jump.depth is Depth.DEEP


def test_a_lamp_and_a_hiccup_are_no_jump(tmp_path: Path) -> None:
    wander = walk()

    def lit(i: int) -> np.ndarray:
        return wander(i) * (0.4 if (i // FPS) % 4 < 2 else 1.0)

    lamp = make(tmp_path / "lamp.mp4", Take(lit, seconds=12.0))
    hiccup = make(tmp_path / "hiccup.mp4", Take(walk(), seconds=12.0, frozen=[(5.0, 5.6)]))
    assert _codes(lamp, Depth.DEEP) == [] and _codes(hiccup, Depth.DEEP) == []


def test_a_foreign_stretch_is_inserted(tmp_path: Path) -> None:
    home, other = walk(), walk(seed=8, start=900)

    def look(i: int) -> np.ndarray:
        if 150 <= i < 250:
            return other(i)
        return home(i if i < 150 else i - 100)

    path = make(tmp_path / "inserted.mp4", Take(look))
    finding = next(f for f in _findings(path, Depth.DEEP) if f.code == "origin.inserted")
    assert finding.start_s == pytest.approx(6.0, abs=0.05) and finding.end_s == pytest.approx(10.0, abs=0.05)


def test_what_is_encoded_twice_shows_the_first_rhythm(tmp_path: Path) -> None:
    import av

    first = make(tmp_path / "first.mp4", Take(walk(), seconds=24.0, rate="crf=26:bframes=0"))
    assert _codes(first, Depth.DEEP) == []
    with av.open(str(first)) as old:
        pictures = [f.to_ndarray(format="gray").astype(float) for f in old.decode(video=0)]
    again = make(
        tmp_path / "again.mp4",
        Take(lambda i: pictures[i], seconds=24.0, noise=0.0, gop=40, rate="crf=24:bframes=0"),
    )
    finding = next(f for f in _findings(again, Depth.DEEP) if f.code == "origin.reencoded")
    assert finding.evidence["every_pictures"] == 25


def test_damage_between_key_frames_is_found_by_deep_only_c24(tmp_path: Path) -> None:
    path = make(tmp_path / "damaged.mp4", Take(walk()))
    at, pos, size, _ = next(p for p in packets(path, "video") if not p[3] and p[0] > 6.2)
    damage(path, pos + size // 3, pos + size, b"\xa5\x00\xff\x3c")
    assert _codes(path, Depth.STANDARD) == []
    report = inspect(InspectRequest((InspectItem(path),), Depth.DEEP))
    finding = next(f for f in report.recordings[0].findings if f.code == "file.partial")
    assert (
        finding.start_s == pytest.approx(at, abs=0.05)
        and report.recordings[0].verdict is Verdict.NEEDS_REVIEW
    )
    assert report.to_bytes() == inspect(InspectRequest((InspectItem(path),), Depth.DEEP)).to_bytes()


def test_a_gap_is_no_jump_as_well(tmp_path: Path) -> None:
    source = make(tmp_path / "source.mkv", Take(walk()))
    path = remux(source, tmp_path / "gap.mkv", lambda t: not 5.0 <= t < 9.0)
    assert _codes(path, Depth.DEEP) == ["continuity.gap_in_file"]
