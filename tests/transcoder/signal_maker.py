"""Recordings whose picture and sound show something, for tests: a scene with a sensor's noise, and faults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.rig.camera_marks import sign_as_camera

WIDTH, HEIGHT, FPS, RATE_HZ = 320, 180, 25, 16_000
Plane = NDArray[np.float64]
Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Take:
    """`look(i)` is picture i without noise; `sound` float at 16 kHz; `digital` pictures have no noise."""

    look: Callable[[int], Plane]
    seconds: float = 16.0
    noise: float = 2.5
    codec: str = "libx264"
    gop: int = 25
    rate: str = "crf=24"
    sound: Sound | None = None
    audio_codec: str = "aac"
    digital: Sequence[tuple[float, float]] = ()
    frozen: Sequence[tuple[float, float]] = ()


def world(seed: int = 3) -> Plane:
    """A wall of things, larger than the picture."""
    rng = np.random.default_rng(seed)
    wall = np.zeros((600, 1600))
    for size in (3, 7, 19, 60):
        coarse = rng.normal(size=(600 // size + 2, 1600 // size + 2))
        wall += np.kron(coarse, np.ones((size, size)))[:600, :1600] * (6 + size * 0.3)
    scaled: Plane = np.clip(120 + wall, 25, 230)
    return scaled


def walk(seed: int = 3, start: int = 0) -> Callable[[int], Plane]:
    """A camera that wanders, never twice the same way."""
    wall = world(seed)

    def look(i: int) -> Plane:
        t = (i + start) / FPS
        x = int(600 + 350 * np.sin(t * 0.37) + 120 * np.sin(t * 1.01))
        y = int(200 + 90 * np.sin(t * 0.53) + 40 * np.sin(t * 1.43))
        return wall[y : y + HEIGHT, x : x + WIDTH]

    return look


def changed(
    look: Callable[[int], Plane], start_s: float, end_s: float, to: Callable[[Plane], Plane]
) -> Callable[[int], Plane]:
    """The look with `to` applied from `start_s` to `end_s`."""

    def other(i: int) -> Plane:
        return to(look(i)) if start_s <= i / FPS < end_s else look(i)

    return other


def flat(level: float) -> Callable[[Plane], Plane]:
    return lambda plane: np.full_like(plane, level)


def hand(level: float) -> Callable[[Plane], Plane]:
    slope = np.linspace(0.8, 1.2, WIDTH)[None, :].repeat(HEIGHT, axis=0) * level
    return lambda _plane: slope


def room(seconds: float, level: float = 0.01) -> Sound:
    return np.random.default_rng(5).normal(0, level, int(seconds * RATE_HZ))


def make(path: Path, take: Take) -> Path:
    """Write the recording."""
    rng = np.random.default_rng(9)
    sound = take.sound if take.sound is not None else room(take.seconds)
    with av.open(str(path), "w") as out:
        video = out.add_stream(take.codec, rate=FPS)
        assert isinstance(video, VideoStream)
        video.width, video.height = WIDTH, HEIGHT
        video.pix_fmt = "yuvj420p" if take.codec == "mjpeg" else "yuv420p"
        video.gop_size = take.gop
        if take.codec.startswith("libx26"):
            video.options = {"preset": "veryfast", "x264-params": f"threads=1:scenecut=0:{take.rate}"}
        audio = out.add_stream(take.audio_codec, rate=RATE_HZ, layout="mono")
        assert isinstance(audio, AudioStream)
        held: Plane = take.look(0)
        for i in range(int(take.seconds * FPS)):
            at = i / FPS
            if not any(start < at < end for start, end in take.frozen):
                held = take.look(i).copy()
                if not any(start <= at < end for start, end in take.digital):
                    held += rng.normal(0, take.noise, held.shape)
            gray = np.clip(held, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        _write_sound(out, audio, sound)
    return sign_as_camera(path)


def _write_sound(out: av.container.OutputContainer, audio: AudioStream, sound: Sound) -> None:
    for done in range(0, len(sound), 1024):
        piece = (np.clip(sound[done : done + 1024], -1, 1) * 32767).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, done, Fraction(1, RATE_HZ)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))
