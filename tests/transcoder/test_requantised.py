"""MJPEG that was compressed twice with other steps; pictures that only seem uneven."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from tests.rig.camera_marks import sign_as_camera
from tests.transcoder.signal_maker import world
from transcoder.engine import inspect
from transcoder.report import Depth, Finding
from transcoder.requantised import steps_of
from transcoder.request import InspectItem, InspectRequest

WIDTH, HEIGHT, COUNT = 640, 400, 30


def _scene(kind: str) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    if kind == "page":  # text, the same in every picture: few values, and uneven ones
        page = np.full((HEIGHT, WIDTH), 225.0)
        for row in range(20, HEIGHT - 20, 14):
            page[row : row + 8, 30 : WIDTH - 30] -= 170 * (rng.random((1, WIDTH - 60)) < 0.4)
        return [page + rng.normal(0, 0.6, page.shape) for _ in range(COUNT)]
    wall = np.kron(world(), np.ones((2, 2)))
    return [
        wall[2 * i : 2 * i + HEIGHT, 7 * i : 7 * i + WIDTH] + rng.normal(0, 2.0, (HEIGHT, WIDTH))
        for i in range(COUNT)
    ]


def _write(path: Path, frames: list[av.VideoFrame], quality: int) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        stream.codec_context.options = {"qmin": str(quality), "qmax": str(quality)}
        stream.codec_context.qmin = stream.codec_context.qmax = quality
        for i, frame in enumerate(frames):
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return sign_as_camera(path)


def _first(path: Path, kind: str, quality: int) -> Path:
    grey = [np.clip(picture, 5, 250).astype(np.uint8) for picture in _scene(kind)]
    frames = [av.VideoFrame.from_ndarray(g, format="gray").reformat(format="yuvj420p") for g in grey]
    return _write(path, frames, quality)


def _again(source: Path, target: Path, quality: int) -> Path:
    with av.open(str(source)) as old:
        return _write(target, list(old.decode(video=0)), quality)


def _told(path: Path, depth: Depth = Depth.DEEP) -> list[Finding]:
    report = inspect(InspectRequest((InspectItem(path),), depth))
    return [f for f in report.recordings[0].findings if f.code == "origin.reencoded"]


@pytest.mark.parametrize(("first", "second"), [(3, 5), (5, 8), (8, 5), (4, 7), (9, 4)])
def test_a_second_compression_with_other_steps_is_told(tmp_path: Path, first: int, second: int) -> None:
    once = _first(tmp_path / "once.avi", "walk", first)
    assert _told(once) == []
    (told,) = _told(_again(once, tmp_path / "again.avi", second))
    assert told.value == pytest.approx(first / second, rel=0.15)
    assert str(told.severity) == "review"


@pytest.mark.parametrize("quality", [3, 6, 10])
def test_a_page_of_text_compressed_once_is_none(tmp_path: Path, quality: int) -> None:
    assert _told(_first(tmp_path / "page.avi", "page", quality)) == []


def test_the_same_steps_again_leave_nothing(tmp_path: Path) -> None:
    """Known limit: docs/corpus.md says so."""
    once = _first(tmp_path / "once.avi", "walk", 5)
    assert _told(_again(once, tmp_path / "again.avi", 5)) == []


def test_heads_without_a_table_or_cut_in_it_say_nothing() -> None:
    table = bytes([0]) + bytes(range(1, 65))
    head = b"\xff\xd8\xff\xdb\x00\x43" + table
    steps = steps_of(head)
    assert steps is not None and steps[0, :3].tolist() == [1, 2, 6] and steps[1, 0] == 3
    for broken in (head[:40], b"\xff\xd8\xff\xda\x00\x02", b"", b"\xff\xd8\xff\xdb\x00\x00" + table):
        assert steps_of(broken) is None
