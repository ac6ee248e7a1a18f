"""Footage to measure on, made once and kept: a scene is encoded, and made long by repeating its packets.

- The scene is what a body camera sees, as far as its cost goes: a street walked along by day, the same at
  night with more of the sensor's noise, and a camera that stands; H.264 of 1080p30 at 6 Mbit/s without
  B-frames and a key frame every 2 s, AAC beside it.
- No second of it is another one's copy; long files repeat it and are for what never looks at pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.bench.trial import Bench, run

FPS = 30
GOP_S = 2
SCENE_S = 126  # above two minutes, where a standard inspection begins to look at fewer key frames
_RATE = 48_000
_SOUND_FRAME = 1024
_SPEED = 3  # pixels a frame
Plane = NDArray[np.uint8]


def scene(bench: Bench) -> Path:
    """The scene: 126 s of 1080p; quick: 8 s of 360p."""
    seconds, width, height = (8, 640, 360) if bench.quick else (SCENE_S, 1920, 1080)
    path = bench.folder / f"scene-{height}p-{seconds}s.mp4"
    if not path.exists():
        _encode(path, seconds, width, height)
    return path


def long_take(bench: Bench, minutes: int) -> Path:
    """The scene over and over, up to so many minutes."""
    source = scene(bench)
    path = bench.folder / f"take-{source.stem}-{minutes}min.mp4"
    if not path.exists():
        _repeat(source, path, minutes * 60.0)
    return path


def in_container(source: Path, suffix: str) -> Path:
    """The same pictures in another kind of file (`ts`, `avi`), with the sound that is usual there."""
    path = source.with_suffix(f".{suffix}")
    if not path.exists():
        part = path.with_suffix(f".part.{suffix}")
        sound = "pcm_s16le" if suffix == "avi" else "copy"
        run("ffmpeg", "-v", "error", "-y", "-i", source, "-c:v", "copy", "-c:a", sound, part)
        part.rename(path)
    return path


def _encode(path: Path, seconds: int, width: int, height: int) -> None:
    part = path.with_suffix(".part.mp4")
    with av.open(part, "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.bit_rate = 6_000_000 * height // 1080
        gop = str(FPS * GOP_S)
        video.options = {"preset": "veryfast", "bf": "0", "g": gop, "keyint_min": gop, "sc_threshold": "0"}
        audio = container.add_stream("aac", rate=_RATE, layout="mono")
        street = _Street(width, height, seconds)
        sounded = 0
        noise = np.random.default_rng(2)
        for number in range(seconds * FPS):
            frame = street.frame(number)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
            while sounded < (number + 1) * _RATE // FPS:
                container.mux(audio.encode(_sound(noise, sounded)))
                sounded += _SOUND_FRAME
        for stream in (video, audio):
            container.mux(stream.encode(None))
    part.rename(path)


class _Street:
    """Pictures: a texture that passes by, people in it, and the sensor's noise over everything."""

    def __init__(self, width: int, height: int, seconds: int) -> None:
        draw = np.random.default_rng(1)
        self._size = (width, height)
        self._seconds = seconds
        self._wall = _texture(draw, height, width + seconds * FPS * _SPEED)
        self._noise = [draw.normal(0, 3, (height, width)).astype(np.int16) for _ in range(7)]

    def frame(self, number: int) -> av.VideoFrame:
        width, height = self._size
        share = number / (self._seconds * FPS)
        still = share >= 0.75
        left = _SPEED * (number if not still else int(self._seconds * FPS * 0.75))
        plane = self._wall[:, left : left + width].astype(np.int16)
        at = (number * 5) % (width - width // 12)
        plane[height // 3 : height // 2, at : at + width // 12] = 60 + number % 90
        noise = self._noise[number % len(self._noise)]
        if 0.5 <= share < 0.75:  # night
            plane = plane // 4 + 12 + 2 * noise
        else:
            plane += noise
        luma = np.clip(plane, 16, 235).astype(np.uint8)
        frame = av.VideoFrame(width, height, "yuv420p")
        _fill(frame.planes[0], luma)
        for place in (1, 2):
            _fill(frame.planes[place], np.full((height // 2, width // 2), 118 + 10 * place, np.uint8))
        return frame


def _texture(draw: np.random.Generator, height: int, width: int) -> Plane:
    """Structure of several sizes: houses, signs, leaves."""
    total = np.zeros((height, width), np.float32)
    for cell, weight in ((120, 45.0), (24, 25.0), (4, 12.0)):
        small = draw.normal(0, weight, (height // cell + 1, width // cell + 1)).astype(np.float32)
        total += np.kron(small, np.ones((cell, cell), np.float32))[:height, :width]
    texture: Plane = np.clip(total + 120, 16, 235).astype(np.uint8)
    return texture


def _fill(plane: av.video.plane.VideoPlane, values: Plane) -> None:
    padded = np.zeros((values.shape[0], plane.line_size), np.uint8)
    padded[:, : values.shape[1]] = values
    plane.update(padded.tobytes())


def _sound(noise: np.random.Generator, at: int) -> av.AudioFrame:
    loud = 0.05 + 0.04 * np.sin(at / _RATE)
    samples = (noise.normal(0, loud, (1, _SOUND_FRAME))).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = _RATE, at, Fraction(1, _RATE)
    return frame


@dataclass(frozen=True)
class _Plain:
    """A packet's own numbers; `delay`: of its presentation, in ticks of `base`."""

    stream: int
    dts: int
    delay: int
    duration: int
    base: Fraction
    key: bool
    body: bytes


def _plain(packet: Any) -> _Plain:
    dts = packet.dts or 0
    delay = 0 if packet.pts is None else packet.pts - dts
    base = Fraction(packet.time_base or 1)
    return _Plain(
        packet.stream.index, dts, delay, packet.duration or 0, base, packet.is_keyframe, bytes(packet)
    )


def _repeat(source: Path, path: Path, length_s: float) -> None:
    part = path.with_suffix(f".part.{path.suffix[1:]}")
    with av.open(source) as taken, av.open(part, "w") as made:
        streams = list(taken.streams)
        copies = {stream.index: made.add_stream_from_template(stream) for stream in streams}
        packets = [_plain(packet) for packet in taken.demux() if packet.size]
        once_s = Fraction(round(max((p.dts + p.duration) * p.base for p in packets) * FPS), FPS)
        shift_s = Fraction(0)
        ended = dict.fromkeys(copies, -(1 << 62))
        while shift_s < length_s:
            for one in packets:
                at = one.dts + round(shift_s / one.base)
                if at * one.base >= length_s or at < ended[one.stream]:  # sound of end and beginning overlap
                    continue
                packet = av.Packet(one.body)
                packet.stream, packet.time_base, packet.is_keyframe = copies[one.stream], one.base, one.key
                packet.dts, packet.pts, packet.duration = at, at + one.delay, one.duration
                made.mux(packet)
                ended[one.stream] = at + max(one.duration, 1)
            shift_s += once_s
    part.rename(path)
