"""Small whole recordings of every kind that inspection reads: what mutants are made from."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

RATE_HZ, FPS, SECONDS = 8000, 15, 3
_KINDS: tuple[tuple[str, str | None, str | None, dict[str, str]], ...] = (
    ("plain.mp4", "libx264", "aac", {}),
    ("first.mp4", "libx264", "aac", {"movflags": "faststart"}),
    ("fragmented.mp4", "libx264", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    ("hevc.mp4", "libx265", "aac", {}),
    ("sound.mov", "mjpeg", "pcm_alaw", {}),
    ("pictures.avi", "mjpeg", "adpcm_ima_wav", {}),
    ("old.avi", "mpeg4", "mp2", {}),
    ("cluster.mkv", "libx264", "aac", {}),
    ("stream.ts", "libx264", "mp2", {}),
    ("program.mpg", "mpeg2video", "mp2", {}),
    ("raw.h264", "libx264", None, {}),
    ("note.wav", None, "pcm_mulaw", {}),
    ("note.mp3", None, "libmp3lame", {}),
    ("photo.jpg", "mjpeg", None, {}),
)


def make_seeds(folder: Path) -> list[Path]:
    """Make them, once each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, video, audio, options in _KINDS:
        path = folder / name
        if not path.exists():
            _make(path, video, audio, options)
        paths.append(path)
    return paths


def _make(path: Path, video: str | None, audio: str | None, options: dict[str, str]) -> None:
    container = {"photo.jpg": "mjpeg", "program.mpg": "vob"}.get(path.name)
    with av.open(str(path), "w", format=container, options=options) as out:
        look = out.add_stream(video, rate=FPS if video != "mpeg2video" else 25) if video else None
        if look is not None:
            assert isinstance(look, VideoStream)
            look.width, look.height = 96, 64
            look.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
            look.gop_size = 8
            if video == "libx265":
                look.options = {"x265-params": "log-level=none:pools=1"}
        hear = (
            out.add_stream(audio, rate=RATE_HZ if audio != "mp2" else 16_000, layout="mono")
            if audio
            else None
        )
        assert hear is None or isinstance(hear, AudioStream)
        if look is not None:
            for frame in _frames(1 if path.suffix == ".jpg" else FPS * SECONDS, look):
                out.mux(look.encode(frame))
            out.mux(look.encode(None))
        if hear is not None:
            for piece in _pieces(hear):
                out.mux(hear.encode(piece))
            out.mux(hear.encode(None))


def _frames(count: int, look: VideoStream) -> Iterator[av.VideoFrame]:
    rng = np.random.default_rng(1)
    ground = rng.integers(30, 200, (64, 96), dtype=np.uint8)
    for i in range(count):
        frame = av.VideoFrame.from_ndarray(np.roll(ground, i, axis=1), format="gray").reformat(
            format=look.pix_fmt
        )
        frame.pts, frame.time_base = i, 1 / Fraction(look.average_rate or FPS)
        yield frame


def _pieces(hear: AudioStream) -> Iterator[av.AudioFrame]:
    rng = np.random.default_rng(2)
    rate = hear.rate
    sound = (rng.normal(0, 900, rate * SECONDS)).astype(np.int16)
    resampler = av.AudioResampler(
        format=hear.format, layout="mono", rate=rate, frame_size=hear.frame_size or 400
    )
    for start in range(0, len(sound), 800):
        frame = av.AudioFrame.from_ndarray(sound[None, start : start + 800], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
