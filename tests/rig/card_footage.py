"""Footage in which a code is held to the lens: at a slant, in poor light, moving, small."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.float64]
FPS = 15


@dataclass(frozen=True)
class Shown:
    """How a code is shown.

    `width`: share of the picture's; `slant`: how much its far side is shorter (0 to 1); `light`: 1 is
    daylight; `moves_px`: to the right with each picture, `smear_px`: blur along it.
    """

    text: str
    from_s: float = 1.0
    until_s: float = 3.0
    width: float = 0.3
    slant: float = 0.0
    turned: float = 0.0  # degrees
    light: float = 1.0
    moves_px: float = 0.0
    smear_px: int = 0
    thumb: bool = False  # lies over its middle


def make_footage(
    path: Path,
    shown: tuple[Shown, ...],
    seconds: float = 4.0,
    gop: int = 15,
    size: tuple[int, int] = (1280, 720),
) -> Path:
    """Write an H.264 file of a noisy scene in which the codes of `shown` appear."""
    rng = np.random.default_rng(7)
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    scene = 110 + 40 * np.sin(x / 90) * np.cos(y / 70)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.gop_size = gop
        video.bit_rate = 4_000_000
        video.options = {"preset": "veryfast", "x264-params": "threads=1:scenecut=0"}
        for number in range(round(seconds * FPS)):
            at_s = number / FPS
            picture = scene.copy()
            light = 1.0
            for one in shown:
                if one.from_s <= at_s < one.until_s:
                    _lay(picture, one, (number - round(one.from_s * FPS)) * one.moves_px)
                    light = one.light
            picture = picture * light + rng.normal(0, 3, picture.shape)
            frame = av.VideoFrame(width, height, "yuv420p")
            _fill(frame.planes[0], np.clip(picture, 16, 235).astype(np.uint8))
            for plane in frame.planes[1:]:
                _fill(plane, np.full((height // 2, width // 2), 128, np.uint8))
            frame.pts = number
            frame.time_base = Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def code(text: str) -> Picture:
    """A code's modules as brightness, with its white border of 4."""
    import segno

    matrix = np.array([list(line) for line in segno.make(text, error="m", micro=False).matrix])
    return np.where(np.pad(matrix, 4) > 0, 25.0, 225.0)


def _lay(picture: Picture, one: Shown, moved_px: float) -> None:
    """Lay the code over the picture: a plane turned and slanted, by inverse mapping."""
    modules = code(one.text)
    height, width = picture.shape
    side = one.width * width
    turn = np.deg2rad(one.turned)
    v, u = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = u - width / 2 - moved_px, v - height / 2
    u, v = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    across = u / side + 0.5
    tall = side * (1 - one.slant * np.clip(across, 0, 1))
    down = v / tall + 0.5
    inside = (across >= 0) & (across < 1) & (down >= 0) & (down < 1)
    count = len(modules)
    rows, columns = (down[inside] * count).astype(int), (across[inside] * count).astype(int)
    laid = picture.copy()
    laid[inside] = modules[rows, columns]
    if one.thumb:
        laid[(abs(across - 0.5) < 0.3) & (abs(down - 0.5) < 0.2)] = 128
    if one.smear_px > 1:
        laid = np.mean([np.roll(laid, shift, axis=1) for shift in range(one.smear_px)], axis=0)
    picture[:] = laid


def _fill(plane: av.video.plane.VideoPlane, values: NDArray[np.uint8]) -> None:
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    rows[: values.shape[0], : values.shape[1]] = values
