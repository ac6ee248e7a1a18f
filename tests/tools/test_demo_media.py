"""The recordings made for the demonstration are what a body camera would have written."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.rig.demo_media import NOTICE_AT_S, SOUND_RATE_HZ, draw_text, make_recording

SPEECH = Path(__file__).parents[1] / "data/speech"
STARTED_AT = datetime(2026, 11, 25, 9, 30, 58, tzinfo=timezone(timedelta(hours=8)))
SECONDS = 6
FPS = 25
SIZE = (320, 180)
TARGET_BYTES = 1_000_000


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "recording.mp4"
    _make(path, notice=SPEECH / "notice-02.flac")
    return path


def _make(path: Path, *, notice: Path | None = None, moov_first: bool = True, seed: int = 7) -> None:
    make_recording(
        path,
        seconds=SECONDS,
        fps=FPS,
        size=SIZE,
        notice=notice,
        started_at=STARTED_AT,
        target_bytes=TARGET_BYTES,
        moov_first=moov_first,
        seed=seed,
    )


def _sound(path: Path) -> NDArray[np.float64]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    samples: NDArray[np.float64] = np.concatenate(frames).astype(np.float64)
    return samples


def _loudness(samples: NDArray[np.float64], window_s: float = 0.1) -> Sequence[float]:
    window = int(window_s * SOUND_RATE_HZ)
    whole = samples[: len(samples) // window * window].reshape(-1, window)
    return [float(value) for value in np.sqrt((whole**2).mean(axis=1))]


def test_container_says_length_streams_and_utc_creation_time(recording: Path) -> None:
    with av.open(str(recording)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(SECONDS, abs=0.1)
        assert container.metadata["creation_time"] == "2026-11-25T01:30:58.000000Z"
        names = [stream.codec_context.name for stream in container.streams]
    assert names == ["h264", "aac"]


def test_every_picture_decodes_at_a_constant_rate_with_a_key_frame_each_second(recording: Path) -> None:
    with av.open(str(recording)) as container:
        frames = [(frame.time, frame.key_frame) for frame in container.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx([index / FPS for index in range(SECONDS * FPS)])
    assert [time for time, is_key in frames if is_key] == list(range(SECONDS))


def test_the_picture_moves(recording: Path) -> None:
    with av.open(str(recording)) as container:
        pictures = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
    changes = [np.abs(later - earlier).mean() for earlier, later in pairwise(pictures)]
    assert min(changes) > 1


def test_the_clock_shows_local_time_and_runs(recording: Path) -> None:
    with av.open(str(recording)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert [_read_clock(pictures[second * FPS]) for second in range(SECONDS)] == list(range(SECONDS))


def _read_clock(picture: NDArray[Any]) -> int:
    """Return the second of the recording whose local time looks most like what was drawn in."""

    def likeness(second: int) -> float:
        text = (STARTED_AT + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
        drawn = np.zeros(SIZE[::-1], dtype=np.uint8)
        draw_text(drawn, text, left=16, top=16, scale=1)
        box = np.s_[16:25, 16 : 16 + 6 * len(text) + 1]
        return float(((picture[box] > 128) == (drawn[box] > 128)).mean())

    best = max(range(-60, 60), key=likeness)
    assert likeness(best) > 0.97
    return best


def test_the_room_is_quiet_but_never_silent_and_the_notice_stands_out(recording: Path) -> None:
    loudness = _loudness(_sound(recording))
    before = loudness[1 : int(NOTICE_AT_S * 10) - 1]
    speaking = loudness[int(NOTICE_AT_S * 10) : int(NOTICE_AT_S * 10) + 25]
    assert min(loudness[1:]) > 0.001
    assert max(before) < 0.02
    assert max(speaking) > 10 * max(before)


def test_without_a_clip_there_is_only_the_room(tmp_path: Path) -> None:
    _make(tmp_path / "quiet.mp4")
    assert max(_loudness(_sound(tmp_path / "quiet.mp4"))) < 0.02


def test_size_is_reached_without_much_excess(recording: Path) -> None:
    assert TARGET_BYTES <= recording.stat().st_size < TARGET_BYTES * 1.2


def test_same_seed_gives_the_same_bytes_and_another_gives_others(recording: Path, tmp_path: Path) -> None:
    _make(tmp_path / "again.mp4", notice=SPEECH / "notice-02.flac")
    _make(tmp_path / "other.mp4", notice=SPEECH / "notice-02.flac", seed=8)
    assert (tmp_path / "again.mp4").read_bytes() == recording.read_bytes()
    assert (tmp_path / "other.mp4").read_bytes() != recording.read_bytes()


def test_index_stands_where_it_was_asked_for(recording: Path, tmp_path: Path) -> None:
    _make(tmp_path / "late.mp4", moov_first=False)
    assert _boxes(recording).index(b"moov") < _boxes(recording).index(b"mdat")
    assert _boxes(tmp_path / "late.mp4").index(b"moov") > _boxes(tmp_path / "late.mp4").index(b"mdat")


def _boxes(path: Path) -> list[bytes]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4])
    return names


def test_a_naive_time_and_a_clip_that_does_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        make_recording(tmp_path / "x.mp4", seconds=1, started_at=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="do not fit"):
        make_recording(
            tmp_path / "x.mp4", seconds=4, notice=SPEECH / "notice-08.flac", started_at=datetime.now(UTC)
        )
