"""The clock in the picture: read without knowing its font, where it steps, and where it only seems to."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from tests.corpus.digits import text_mask
from tests.rig.camera_marks import sign_as_camera
from tests.transcoder.signal_maker import world
from transcoder.clock_text import ClockReader, find_steps, told_by
from transcoder.engine import inspect
from transcoder.report import Depth, Finding
from transcoder.request import ClockBox, InspectItem, InspectRequest, JoinRules

WIDTH, HEIGHT, FPS, PITCH = 480, 270, 10, 12
WALL = world()
START = 1_767_225_598  # 23:59:58 of a year's last day
BOX = ClockBox(20 / WIDTH, 11 / WIDTH, (20 + 19 * PITCH) / WIDTH, 27 / WIDTH, "YYYY-MM-DD hh:mm:ss")


def _picture(i: int, clock_s: int) -> np.ndarray:
    """A wandering view with a clock whose letters nobody told of: slanted, a letter a cell."""
    picture = np.clip(WALL[i : i + HEIGHT, 3 * i : 3 * i + WIDTH], 0, 200).astype(np.uint8)
    text = datetime.fromtimestamp(clock_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    mask = text_mask(text, 2)
    for row in range(mask.shape[0]):
        mask[row] = np.roll(mask[row], (mask.shape[0] - row) // 6)
    for down, right, ink in ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, 255)):
        area = picture[12 + down : 12 + down + mask.shape[0], 20 + right : 20 + right + mask.shape[1]]
        area[mask] = ink
    return picture


def _clock(i: int, jumps: dict[float, int]) -> int:
    at = i / FPS
    return START + int(at + 0.3) + sum(by for when, by in jumps.items() if at >= when)


def _steps(seconds: float, jumps: dict[float, int], box: ClockBox = BOX) -> list[tuple[float, object]]:
    reader = ClockReader(box)
    for i in range(int(seconds * FPS)):
        reader.add(_picture(i % 250, _clock(i, jumps)), i / FPS)
    return [(round(step.end_s), step.evidence["step_s"]) for step in reader.jumps()]


@pytest.mark.parametrize(
    ("jumps", "expected"),
    [
        ({}, []),
        ({17.0: 3600}, [(17, 3600)]),
        ({21.0: -7}, [(21, -7)]),
        ({15.0: 5}, [(15, 5)]),
        ({14.0: 86_400 * 40, 24.0: -100}, [(14, 86_400 * 40), (24, -100)]),
    ],
)
def test_steps_of_a_clock_are_found(jumps: dict[float, int], expected: list[tuple[int, int]]) -> None:
    found = _steps(32.0, jumps)
    assert [at for at, _ in found] == [pytest.approx(at, abs=1) for at, _ in expected]
    assert [by for _, by in found] == [pytest.approx(by, abs=1) for _, by in expected]


def test_beyond_what_is_learnt_from_it_is_read_as_it_comes() -> None:
    assert [at for at, _ in _steps(130.0, {110.0: 300})] == [pytest.approx(110, abs=1)]


@pytest.mark.parametrize(
    "box",
    [
        ClockBox(0.5, 0.3, 0.9, 0.36),  # nothing is there
        ClockBox(BOX.left, BOX.top, BOX.right, BOX.bottom, "hh:mm:ss"),  # another layout than there is
        ClockBox(BOX.left, 0.9, BOX.right, 0.95),  # below the picture
    ],
)
def test_where_no_clock_is_read_nothing_is_told(box: ClockBox) -> None:
    assert _steps(24.0, {14.0: 300}, box) == []


def test_digits_make_a_time_or_none() -> None:
    assert told_by([0, 0, 0, 1, 0, 5], "hhmmss") == 65.0
    assert told_by([2, 0, 2, 6, 1, 3, 0, 1], "YYYYMMDD") is None
    assert told_by(None, "hhmmss") is None


def test_a_slow_clock_and_single_misreadings_are_no_steps() -> None:
    slow = [(at / 2, 1000.0 + int(at / 2 * 0.99)) for at in range(1200)]
    assert find_steps(slow) == []
    slow[300] = (150.0, 90_000.0)
    assert find_steps(slow) == []


def _movie(path: Path, jumps: dict[float, int]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "26"}
        for i in range(24 * FPS):
            frame = av.VideoFrame.from_ndarray(_picture(i, _clock(i, jumps)), format="gray")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return sign_as_camera(path)


def _told(path: Path, clock: ClockBox | None, depth: Depth = Depth.DEEP) -> list[Finding]:
    request = InspectRequest((InspectItem(path),), depth, join=JoinRules(clock_text=clock))
    request = InspectRequest.from_json(request.to_json())  # as the inspector's process gets it
    return [f for f in inspect(request).recordings[0].findings if f.code == "origin.clock_text"]


def test_a_recording_whose_clock_runs_back_is_told_where_the_profile_says_where_it_is(tmp_path: Path) -> None:
    path = _movie(tmp_path / "back.mp4", {14.0: -60})
    (told,) = _told(path, BOX)
    assert told.end_s == pytest.approx(14.0, abs=1.0) and str(told.severity) == "review"
    assert told.evidence["before"] == "2026-01-01 00:00:11" and told.evidence["step_s"] in (-59, -60, -61)
    assert _told(path, None) == [] and _told(path, BOX, Depth.STANDARD) == []
    assert _told(_movie(tmp_path / "even.mp4", {}), BOX) == []
