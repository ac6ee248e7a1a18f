"""Levels and frames from real and hostile files, by a child process; what is written."""

import io
import json
import os
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli.inspect import inspect as inspect_command
from tests.transcoder.inspecting import report_of
from tests.transcoder.media_maker import RATE_HZ, Movie, make
from transcoder.drawing import painting
from transcoder.drawing.asking import measure
from transcoder.drawing.measured import MAX_FRAME_BYTES, Asked, Measured, take
from transcoder.drawing.pictures import draw
from transcoder.report import Depth

ZONE = ZoneInfo("Asia/Shanghai")


def asked(path: Path, **other: Any) -> Asked:
    values: dict[str, Any] = {
        "duration_s": 6.0,
        "moments": (0.0, 2.5, 5.9),
        "windows": ((-10.0, 10.0),),
        "sound": True,
        "sound_s": 30.0,
        "frames_s": 30.0,
    }
    return Asked(path=str(path), **{**values, **other})


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds; the sound is a tone in the second half only."""
    tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(6 * RATE_HZ) / RATE_HZ)
    tone[: 3 * RATE_HZ] = 0.0
    return make(tmp_path_factory.mktemp("drawn") / "a.mp4", Movie(audio=tone, gop=50))


def test_levels_and_frames_of_a_movie(movie: Path) -> None:
    measured = measure(asked(movie))
    assert measured.trouble is None and measured.done
    quarter = len(measured.levels) // 4
    quiet, loud = measured.levels[quarter], measured.levels[3 * quarter]
    assert quiet is not None and loud is not None
    assert quiet.peak < 0.01 and loud.peak == pytest.approx(0.25, abs=0.03)
    assert loud.rms == pytest.approx(0.25 / 2**0.5, abs=0.03)
    assert [measured.frames[n].at_s for n in range(3)] == pytest.approx([0.0, 2.5, 5.88], abs=0.045)
    close = measured.close[0]
    assert (
        close[0] is None and close[len(close) * 3 // 4] is not None
    )  # before the recording there is nothing


def test_a_frame_is_the_picture_of_its_moment(movie: Path) -> None:
    """The maker's bright bar stands 3 pixels further right in each picture."""
    frame = measure(asked(movie, moments=(1.2,), sound=False)).frames[0]
    with av.open(io.BytesIO(frame.jpeg), mode="r", format="mjpeg") as media:
        picture = next(media.decode(video=0)).to_ndarray(format="gray")
    bright = np.flatnonzero(picture[picture.shape[0] // 2] > 150)
    assert picture.shape == (96, 160) and bright.min() == pytest.approx(30 * 3, abs=2)


@pytest.mark.parametrize("suffix", [".ts", ".avi", ".mkv"])
def test_moments_are_found_where_there_is_no_index(tmp_path: Path, suffix: str) -> None:
    source = make(
        tmp_path / f"a{suffix}", Movie(camera=False, audio_codec="mp2" if suffix == ".ts" else "aac")
    )
    measured = measure(asked(source, sound=False, moments=(0.5, 1.4, 4.3)))
    assert [measured.frames[n].at_s for n in range(3)] == pytest.approx([0.5, 1.4, 4.3], abs=0.08)


def test_noise_and_what_is_no_file_end_at_once(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(os.urandom(100_000))
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    begun = time.monotonic()
    for path in (noise, pipe, tmp_path / "missing.mp4"):
        assert measure(asked(path)).trouble == "unreadable"
    assert time.monotonic() - begun < 15


def test_a_damaged_movie_gives_what_can_be_read(movie: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    data = bytearray(movie.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = os.urandom(20_000)
    cut.write_bytes(data)
    measured = measure(asked(cut))
    assert measured.done and 0 in measured.frames


def test_limits_are_kept_and_named(movie: Path) -> None:
    assert measure(asked(movie), memory_bytes=8 << 20).trouble == "memory"
    assert measure(asked(movie, max_packets=10)).trouble == "size"
    assert measure(asked(movie, max_pixels=100)).trouble == "size"
    late = measure(asked(movie, sound_s=0.0))
    assert late.trouble == "time" and len(late.frames) == 3


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x)).map(
            lambda value: json.dumps({"levels": value, "close": 0, "of": value, "speech": value}).encode()
        ),
        st.fixed_dictionaries({"frame": st.integers(), "at": st.floats(), "jpeg": st.text()}).map(
            lambda value: json.dumps(value).encode()
        ),
    )
)
def test_whatever_the_child_says_is_only_data(line: bytes) -> None:
    measured = Measured()
    take(measured, asked(Path("x")), line)
    assert not measured.frames
    assert all(level is None or 0 <= level.peak <= 1 for level in measured.levels)


def test_a_frame_that_is_none_is_not_shown() -> None:
    import base64

    measured = Measured()
    for data in (b"GIF89a", b"\xff\xd8\xff" + bytes(MAX_FRAME_BYTES)):
        line = json.dumps({"frame": 0, "at": 1.0, "jpeg": base64.b64encode(data).decode()})
        take(measured, asked(Path("x")), line.encode())
    assert not measured.frames


def test_pictures_are_written_and_older_pages_go(movie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    folder.mkdir()
    for name in ("timeline-9.png", "frames-2.svg", "notes.txt", "timeline.svg.bak"):
        (folder / name).write_text("older")
    drawn = draw(report_of(movie, depth=Depth.FAST), [movie], folder, ZONE)
    names = {path.name for path in folder.iterdir()}
    assert names - {"timeline.png", "frames.png"} == {
        "timeline.svg",
        "frames.svg",
        "notes.txt",
        "timeline.svg.bak",
    }
    assert {path.name for path in drawn.files} == names - {"notes.txt", "timeline.svg.bak"}
    assert "data:image/jpeg;base64," in (folder / "frames.svg").read_text()


def test_without_the_extra_svg_is_written_and_said(
    movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    drawn = draw(report_of(movie, depth=Depth.FAST), [movie], tmp_path, ZONE)
    assert {path.name for path in drawn.files} == {"timeline.svg", "frames.svg"}
    assert "bodydock[pictures]" in drawn.warnings[0][1]
    assert painting.to_png("<svg/>") is None


def test_the_command_draws_and_still_prints_one_document(movie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    done = CliRunner().invoke(
        inspect_command, ["--json", "--depth", "fast", "--pictures", str(folder), str(movie)]
    )
    assert json.loads(done.stdout)["schema"] == "bodydock.report/1"
    assert "timeline.svg" in done.stderr and (folder / "timeline.svg").is_file()


def test_a_folder_that_cannot_be_is_said(movie: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(
        inspect_command, ["--depth", "fast", "--pictures", str(tmp_path / "file" / "in"), str(movie)]
    )
    assert done.exit_code == 1 and "file" in done.stderr
