"""Black, dark, covered, frozen, still, blurred: each fault at two strengths, and its innocent neighbour."""

import resource
import struct
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcoder.signal_maker import Plane, Take, changed, flat, hand, make, walk, world
from transcoder.engine import inspect
from transcoder.findings import FindingList
from transcoder.picture_rules import reconciled
from transcoder.picture_size import announced_pixels
from transcoder.report import Depth, Finding, RecordingReport, Verdict, worst_verdict
from transcoder.request import InspectItem, InspectRequest
from transcoder.rules import load_rules
from transcoder.signals import report
from transcoder.stretches import Stretch

SIGNAL = ("picture.", "sound.", "origin.inserted", "origin.reencoded", "continuity.timestamps")
LOOKING = (Depth.STANDARD, Depth.DEEP)


def _recording(path: Path, depth: Depth) -> RecordingReport:
    return inspect(InspectRequest((InspectItem(path),), depth)).recordings[0]


def _seen(path: Path, depth: Depth) -> list[Finding]:
    return [f for f in _recording(path, depth).findings if f.code.startswith(SIGNAL)]


def _only(path: Path, depth: Depth, code: str, start_s: float, end_s: float, within_s: float) -> Finding:
    findings = [f for f in _seen(path, depth) if f.severity != "info"]
    assert [f.code for f in findings] == [code], [(f.code, f.start_s, f.end_s) for f in findings]
    assert findings[0].start_s == pytest.approx(start_s, abs=within_s)
    assert findings[0].end_s == pytest.approx(end_s, abs=within_s)
    return findings[0]


def _box(plane: Plane, radius: int) -> Plane:
    for axis in (0, 1):
        sums: NDArray[np.float64] = np.cumsum(
            np.pad(plane, [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge"),
            axis=axis,
        )
        width = 2 * radius + 1
        ahead = np.take(sums, range(width, sums.shape[axis]), axis=axis)
        plane = (ahead - np.take(sums, range(sums.shape[axis] - width), axis=axis)) / width
    return plane


@pytest.mark.parametrize(("start_s", "end_s", "gop"), [(5.0, 8.6, 25), (3.0, 13.0, 125)])
def test_black_is_found_to_the_picture_c25(tmp_path: Path, start_s: float, end_s: float, gop: int) -> None:
    look = changed(walk(), start_s, end_s, flat(0))
    path = make(tmp_path / "black.mp4", Take(look, gop=gop, digital=[(start_s, end_s)]))
    for depth in LOOKING:
        finding = _only(path, depth, "picture.black", start_s, end_s, 0.05)
        assert finding.threshold == 3.0 and finding.value == pytest.approx(end_s - start_s, abs=0.1)


def test_black_shorter_than_the_rules_allow_is_no_finding(tmp_path: Path) -> None:
    look = changed(walk(), 5.0, 7.5, flat(0))
    path = make(tmp_path / "blink.mp4", Take(look, digital=[(5.0, 7.5)]))
    assert all(_seen(path, depth) == [] for depth in LOOKING)


@pytest.mark.parametrize("noise", [1.5, 4.0])
def test_a_dark_night_is_dark_not_black_nor_covered_c25(tmp_path: Path, noise: float) -> None:
    wander = walk()
    path = make(tmp_path / "night.mp4", Take(lambda i: 4 + (wander(i) - 25) * 0.05, noise=noise))
    assert _seen(path, Depth.STANDARD) == []
    assert {(f.code, str(f.severity)) for f in _seen(path, Depth.DEEP)} <= {
        ("picture.black", "info"),
        ("picture.frozen", "info"),
    }
    assert any("noise" in f.text.en for f in _seen(path, Depth.DEEP))


@pytest.mark.parametrize(("level", "end_s"), [(12.0, 8.5), (60.0, 12.0)])
def test_a_covered_lens_is_found_c25(tmp_path: Path, level: float, end_s: float) -> None:
    path = make(tmp_path / "hand.mp4", Take(changed(walk(), 5.0, end_s, hand(level))))
    for depth in LOOKING:
        _only(path, depth, "picture.covered", 5.0, end_s, 0.1)


def test_a_hand_that_passes_the_lens_is_no_finding(tmp_path: Path) -> None:
    path = make(tmp_path / "passing.mp4", Take(changed(walk(), 5.0, 6.5, hand(30.0))))
    assert all(_seen(path, depth) == [] for depth in LOOKING)


@pytest.mark.parametrize(
    ("start_s", "end_s", "codec", "gop"),
    [(5.0, 8.6, "libx264", 25), (4.0, 12.0, "mpeg4", 25), (4.0, 12.0, "libx264", 200)],
)
def test_a_frozen_picture_is_found_c25(
    tmp_path: Path, start_s: float, end_s: float, codec: str, gop: int
) -> None:
    take = Take(walk(), frozen=[(start_s, end_s)], codec=codec, gop=gop)
    path = make(tmp_path / "frozen.mp4", take)
    for depth in LOOKING:
        _only(path, depth, "picture.frozen", start_s, end_s, 0.1)


@pytest.mark.parametrize(
    ("noise", "rate"),
    [(1.0, "crf=30"), (2.5, "crf=24"), (2.0, "bitrate=150:vbv-maxrate=150:vbv-bufsize=150")],
)
def test_a_camera_on_a_table_is_still_not_frozen_c25(tmp_path: Path, noise: float, rate: str) -> None:
    wall = world()[100:280, 300:620]
    path = make(tmp_path / "table.mp4", Take(lambda _i: wall, noise=noise, rate=rate))
    assert _seen(path, Depth.STANDARD) == []
    deep = _recording(path, Depth.DEEP)
    assert deep.verdict is Verdict.COMPLIANT and {f.code for f in deep.findings} <= {"picture.frozen"}


def test_half_a_minute_out_of_focus_is_found(tmp_path: Path) -> None:
    look = changed(walk(), 4.0, 36.0, lambda plane: _box(_box(plane, 4), 4))
    path = make(tmp_path / "blur.mp4", Take(look, seconds=40.0))
    for depth in LOOKING:
        _only(path, depth, "picture.blurred", 4.0, 36.0, 2.0)


def test_a_focus_that_hunts_is_no_finding(tmp_path: Path) -> None:
    look = changed(walk(), 4.0, 16.0, lambda plane: _box(_box(plane, 5), 5))
    path = make(tmp_path / "hunting.mp4", Take(look, seconds=20.0))
    assert all(_seen(path, depth) == [] for depth in LOOKING)


def test_deep_is_the_same_byte_for_byte_and_reports_progress(tmp_path: Path) -> None:
    path = make(tmp_path / "same.mp4", Take(changed(walk(), 5.0, 9.0, hand(30.0)), seconds=12.0))
    request = InspectRequest((InspectItem(path),), Depth.DEEP)
    done: list[float] = []
    first = inspect(request, lambda _index, share: done.append(share))
    assert first.to_bytes() == inspect(request).to_bytes()
    assert done == sorted(done) and done[-1] > 0.95 and len(done) > 100


def test_a_picture_of_bomb_size_is_a_limit_not_damage(tmp_path: Path) -> None:
    path = make(tmp_path / "large.mp4", Take(walk(), seconds=2.0))
    for depth in LOOKING:
        request = InspectRequest((InspectItem(path),), depth, max_pixels=10_000)
        recording = inspect(request).recordings[0]
        assert [f.code for f in recording.findings] == ["file.limits"]
        assert recording.findings[0].evidence["limit"] == "picture_size" and recording.key_frames is None
        assert recording.verdict is Verdict.UNCHECKED


def _png(path: Path, side: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(1 + side * 3)) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def test_a_photograph_that_unpacks_to_gigabytes_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb, photo = _png(tmp_path / "bomb.png", 13_000), _png(tmp_path / "photo.png", 300)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for depth in LOOKING:
        assert [f.code for f in _recording(bomb, depth).findings] == ["file.limits"]
        assert [f.code for f in _recording(photo, depth).findings] == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


def test_headers_of_other_photographs_say_their_size(tmp_path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((96, 160, 3), 90, np.uint8), format="rgb24")
    frame.save(str(tmp_path / "photo.jpg"))
    with (tmp_path / "photo.jpg").open("rb") as file:
        assert announced_pixels(file) == (160, 96)
    assert announced_pixels(BytesIO(b"BM" + bytes(16) + struct.pack("<ii", 640, -480) + bytes(40))) == (
        640,
        480,
    )
    assert announced_pixels(BytesIO(b"\xff\xd8\xff")) is None


def test_deep_says_which_findings_of_standard_it_does_not_bear_out() -> None:
    seen = Stretch("picture.frozen", 4.0, 8.0)
    other = Stretch("picture.black", 20.0, 24.0)
    deep = [Stretch("picture.frozen/still", 4.0, 8.1), Stretch("picture.black", 20.5, 23.9)]
    certain, refuted = reconciled([seen, other], deep)
    assert certain == deep and refuted == [seen]
    found = FindingList(load_rules(None), Depth.DEEP, 0)
    report(seen, replace(found, depth=Depth.STANDARD), refuted="nothing of the kind is there")
    assert found.findings[0].refuted and found.findings[0].depth is Depth.STANDARD
    assert worst_verdict(found.findings) is Verdict.COMPLIANT
