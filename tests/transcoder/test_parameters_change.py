"""Parameters that change in mid-file (`origin.parameters`), edit lists that hide (`origin.edit_list`)."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from tests.rig.camera_marks import sign_as_camera
from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, make, shared
from transcoder.edits import hidden_media
from transcoder.movie import Edit, MovieTrack
from transcoder.movie import Movie as Header
from transcoder.report import Depth, Severity

CODE = "origin.parameters"


def _joined(target: Path, first: Path, second: Path) -> Path:
    """Append raw or transport streams as a person does: one file after the other."""
    target.write_bytes(first.read_bytes() + second.read_bytes())
    return target


@pytest.mark.parametrize(
    ("container", "codec", "settings"),
    [
        ("h264", "libx264", "level=40"),
        ("mpegts", "libx264", "level=40:ref=3"),
        ("h264", "libx264", "cabac=0"),
    ],
)
def test_other_parameter_sets_in_mid_file(tmp_path: Path, container: str, codec: str, settings: str) -> None:
    a = make(tmp_path / "a", Movie(sound=False, codec=codec), container)
    b = make(tmp_path / "b", Movie(sound=False, codec=codec, x264=settings), container)
    assert not found(recording_of(a), CODE)
    (change,) = found(recording_of(_joined(tmp_path / "ab", a, b)), CODE)
    assert change.severity is Severity.REVIEW and change.evidence["sample"] == 150


def test_where_stamps_begin_again_time_goes_on(tmp_path: Path) -> None:
    a = make(tmp_path / "a.ts", Movie(), "mpegts")
    b = make(tmp_path / "b.ts", Movie(x264="level=40"), "mpegts")
    (change,) = found(recording_of(_joined(tmp_path / "ab.ts", a, b)), CODE)
    assert change.start_s == pytest.approx(6.0, abs=0.2)


def test_another_encoding_with_the_same_parameters_is_told_by_the_encoders_words(tmp_path: Path) -> None:
    a = make(tmp_path / "a", Movie(sound=False, camera=False), "h264")
    (change,) = found(recording_of(_joined(tmp_path / "aa", a, a)), CODE)
    assert "starts anew" in change.text.en


def test_another_size_of_motion_jpeg_and_of_mpeg4_is_seen(tmp_path: Path) -> None:
    for codec, container in (("mjpeg", "mjpeg"), ("mpeg4", "m4v")):
        a = make(tmp_path / f"a.{codec}", Movie(sound=False, codec=codec), container)
        small = tmp_path / f"b.{codec}"
        with av.open(str(a)) as old, av.open(str(small), "w", format=container) as new:
            stream = new.add_stream(codec, rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 80, 48, old.streams.video[0].pix_fmt or "yuv420p"
            for place, frame in enumerate(old.decode(video=0)):
                little = frame.reformat(80, 48)
                little.pts, little.time_base = place, Fraction(1, 25)
                new.mux(stream.encode(little))
            new.mux(stream.encode(None))
        assert not found(recording_of(a), CODE)
        changes = found(recording_of(_joined(tmp_path / f"ab.{codec}", a, small)), CODE)
        assert [c.evidence["sample"] for c in changes] == [150]


def test_a_second_sample_description_in_use_is_a_change(tmp_path: Path) -> None:
    path = make(tmp_path / "whole.mp4", Movie())
    data = bytearray(path.read_bytes())
    assert not found(recording_of(path, Depth.FAST), CODE)
    at = data.find(b"stsc")
    count = struct.unpack(">I", data[at + 8 : at + 12])[0]
    assert count > 1
    data[at + 20 + 12 * (count - 1) : at + 24 + 12 * (count - 1)] = struct.pack(">I", 2)
    path.write_bytes(data)
    (change,) = found(recording_of(path, Depth.FAST), CODE)
    assert change.evidence["from_chunks"]


def _hide(path: Path, target: Path, media_time: int, duration: int | None = None) -> Path:
    """Give the first track's edit list another start, and duration, in ticks."""
    data = bytearray(path.read_bytes())
    at = data.find(b"elst")
    entry = at + 12
    old_duration = struct.unpack(">I", data[entry : entry + 4])[0]
    data[entry : entry + 8] = struct.pack(">Ii", old_duration if duration is None else duration, media_time)
    target.write_bytes(data)
    return target


def test_media_hidden_by_an_edit_list_is_measured(tmp_path: Path) -> None:
    path = make(tmp_path / "whole.mp4", Movie(sound=False, b_frames=2))
    with av.open(str(path)) as media:
        base = media.streams[0].time_base
    assert base is not None
    assert not found(recording_of(path), "origin.edit_list")
    head = _hide(path, tmp_path / "head.mp4", round(2 / base), 4000)
    (finding,) = found(recording_of(head, Depth.FAST), "origin.edit_list")
    assert finding.value == pytest.approx(2.0, abs=0.15) and finding.severity is Severity.REVIEW
    tail = _hide(path, tmp_path / "tail.mp4", round(0.08 / base), 4500)
    (finding,) = found(recording_of(tail, Depth.FAST), "origin.edit_list")
    tracks = finding.evidence["tracks"]
    assert isinstance(tracks, list) and isinstance(tracks[0], dict)
    assert tracks[0]["after_s"] == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(
    ("edits", "hidden_s"),
    [
        ((Edit(10_000, 0),), 0.0),
        ((Edit(1000, -1), Edit(10_000, 0)), 0.0),  # a delay
        ((Edit(0, 0),), 0.0),  # to the end
        ((Edit(9_000, 90_000),), 1.0),
        ((Edit(3_000, 0), Edit(5_000, 450_000)), 2.0),  # between two stretches
        ((Edit(3_000, 0),), 7.0),
        ((Edit(3_000, 0), Edit(10_000, 0)), 0.0),  # shown twice, hidden never
    ],
)
def test_what_an_edit_list_hides(edits: tuple[Edit, ...], hidden_s: float) -> None:
    track = MovieTrack("vide", 90_000, 900_000, 0, edits, ("avc1",), ())
    assert sum(h.total_s for h in hidden_media(Header(1000, (track,)))) == pytest.approx(hidden_s)


def test_a_trim_in_a_real_phones_file_is_found_and_priming_is_not() -> None:
    trimmed = shared("data/media/mp4/long_edit_list_audioonly.mp4")
    plain = shared("data/media/mov/dolbyVision-hdr.MOV")
    if trimmed is None or plain is None:
        pytest.skip("../shared/data/media is absent")
    assert found(recording_of(trimmed), "origin.edit_list")[0].value == pytest.approx(0.6, abs=0.01)
    assert not found(recording_of(plain), "origin.edit_list")


def test_signing_as_a_camera_changes_no_size(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Movie(camera=False))
    size = path.stat().st_size
    assert b"Lavf" in path.read_bytes()
    assert sign_as_camera(path).stat().st_size == size and b"Lavf" not in path.read_bytes()
