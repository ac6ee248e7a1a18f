"""Files that claim what no camera writes are stopped by a limit, and a limit is never called damage."""

import struct
import time
from pathlib import Path

import pytest

from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, make
from transcoder.boxes import Box, boxes, walk
from transcoder.claims import claimed_samples
from transcoder.engine import inspect
from transcoder.report import Depth, RecordingReport, Verdict
from transcoder.request import InspectItem, InspectRequest


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _limited(path: Path, max_packets: int = 20_000_000) -> RecordingReport:
    begun = time.monotonic()
    request = InspectRequest((InspectItem(path),), depth=Depth.FAST, max_packets=max_packets)
    recording = inspect(request).recordings[0]
    assert time.monotonic() - begun < 5
    assert [f.code for f in recording.findings if f.code != "file.unverified"] == ["file.limits"]
    assert recording.verdict is Verdict.UNCHECKED
    return recording


def test_a_thousand_million_samples_in_twelve_bytes(tmp_path: Path) -> None:
    path = make(tmp_path / "bomb.mp4", Movie(sound=False))
    data = bytearray(path.read_bytes())
    at = data.find(b"stsz")
    data[at + 8 : at + 16] = struct.pack(">II", 1000, 1_000_000_000)
    path.write_bytes(data)
    assert _limited(path).findings[0].evidence["limit"] == "too_many_packets"


def test_fragments_that_claim_without_end(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", Movie(sound=False)).read_bytes()
    run = _box(b"trun", b"\0\0\0\0", struct.pack(">I", 900_000_000))
    moof = _box(b"moof", _box(b"mfhd", bytes(8)), _box(b"traf", _box(b"tfhd", b"\0\0\0\0\0\0\0\1"), run))
    path = tmp_path / "fragments.mp4"
    path.write_bytes(whole + moof)
    _limited(path)
    short = _box(b"moof", _box(b"traf", _box(b"trun", b"\0\0\0\0", struct.pack(">I", 10))))
    path.write_bytes(whole + short * 30_000)
    _limited(path, max_packets=100_000)


def test_pcm_may_claim_many_samples(tmp_path: Path) -> None:
    path = make(tmp_path / "pcm.mov", Movie(audio_codec="pcm_s16le"), "mov")
    with path.open("rb") as file:
        assert claimed_samples(file, path.stat().st_size, 10**6) < 1000  # not the 96,000 of its sound
    assert found(recording_of(path)) == []


@pytest.mark.parametrize("side", [16384, 15000])  # FFmpeg refuses the first by itself
def test_a_picture_of_16k_is_not_decoded(tmp_path: Path, side: int) -> None:
    path = make(tmp_path / "huge.avi", Movie(seconds=1.0, codec="mjpeg", sound=False))
    data = path.read_bytes().replace(struct.pack(">HH", 96, 160), struct.pack(">HH", side, side))
    data = data.replace(struct.pack("<II", 160, 96), struct.pack("<II", side, side))
    path.write_bytes(data)
    recording = recording_of(path)
    assert [f.evidence.get("limit") for f in found(recording, "file.limits")] == ["picture_size"]
    assert recording.key_frames is None and {f.code for f in found(recording)} == {"file.limits"}


def test_boxes_in_boxes_in_boxes_end(tmp_path: Path) -> None:
    deep = b""
    for _ in range(2000):
        deep = _box(b"moov", deep)
    path = tmp_path / "deep.mp4"
    path.write_bytes(_box(b"ftyp", b"isom\0\0\0\0") + deep)
    with path.open("rb") as file:
        top = next(box for box in boxes(file, 0, path.stat().st_size) if box.kind == b"moov")
        assert len(list(walk(file, top))) < 20
    codes = [f.code for f in found(recording_of(path, Depth.FAST))]
    assert codes == ["file.unreadable"], "no bug of the inspector"


@pytest.mark.parametrize("size", [0, 1, 7, 8, 0xFFFFFFFF])
def test_no_size_of_a_box_makes_the_walk_go_wrong(tmp_path: Path, size: int) -> None:
    path = tmp_path / "sizes.mp4"
    path.write_bytes(_box(b"ftyp", b"isom") + struct.pack(">I4s", size, b"free") + bytes(64))
    with path.open("rb") as file:
        walked = list(boxes(file, 0, path.stat().st_size))
    assert len(walked) <= 12 and all(box.end > box.start for box in walked)
    assert isinstance(walked[0], Box)
