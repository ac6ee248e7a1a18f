"""Single frames of one file: seek to the key frame before, decode to the moment, keep what is on the screen.

- One thread; errors of single packets end nothing; a moment costs at most `_MOST_PACKETS` packets and all of
  them together no more than the deadline.
- Frames are shown upright (rotation) and in their true shape (pixels that are not square).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np

from transcoder.drawing.measured import FRAME_PX, MAX_FRAME_BYTES
from transcoder.media import MEDIA_ERRORS, decoded, open_media, packets_of

_CANNOT_SEEK: tuple[type[Exception], ...] = (*MEDIA_ERRORS, OverflowError)
_MOST_PACKETS = 4000
_NEAR_S = 2.0  # the next moment is decoded to, not sought, within this
# Containers without an index seek by guess, and may come out behind the moment: once more, from further back.
_BACK_S = (0.0, 4.0, 20.0)
_LATE_S = 0.1
_SQUAREST = 0.1  # pixels more stretched than this are nonsense


@dataclass(frozen=True)
class Looked:
    """A frame for the moment `number`; `at_s` its own time."""

    number: int
    at_s: float | None
    jpeg: bytes


def look(
    file: BinaryIO,
    stream: int,
    zero_s: float,
    moments: Sequence[float],
    deadline: float,
    *,
    max_pixels: int,
) -> Iterator[Looked]:
    """Yield frames as they are decoded, in order of time.  Raises Unreadable."""
    with open_media(file) as container:
        reader = _Reader(container, container.streams[stream], zero_s, max_pixels, deadline)
        for number in sorted(range(len(moments)), key=lambda n: moments[n]):
            if time.monotonic() > deadline:
                return
            try:
                shown = reader.at(moments[number])
                jpeg = _jpeg(shown[1], reader.aspect) if shown is not None else None
            except MEDIA_ERRORS:
                continue
            if shown is not None and jpeg is not None:
                yield Looked(number, shown[0], jpeg)


class _Reader:
    """Keeps its place in the stream, so that neighbouring moments decode nothing twice."""

    def __init__(self, container: Any, live: Any, zero_s: float, max_pixels: int, deadline: float) -> None:
        self._container, self._live, self._zero_s, self._deadline = container, live, zero_s, deadline
        context = live.codec_context
        aspect = float(context.sample_aspect_ratio or live.sample_aspect_ratio or 1)
        self.aspect = aspect if _SQUAREST <= aspect <= 1 / _SQUAREST else 1.0  # of one pixel
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"max_pixels": str(max_pixels)}
        self._frames: Iterator[tuple[float | None, Any]] | None = None
        self._shown: tuple[float | None, Any] | None = None
        self._next: tuple[float | None, Any] | None = None

    def at(self, at_s: float) -> tuple[float | None, Any] | None:
        """The frame that is shown at a time; the first one after it where there is none before."""
        here = self._shown[0] if self._shown is not None else None
        if self._frames is not None and here is not None and here <= at_s <= here + _NEAR_S:
            return self._onward(at_s)
        shown: tuple[float | None, Any] | None = None
        for back_s in _BACK_S:
            if not self._seek(max(0.0, at_s - back_s)):
                return self._onward(at_s)
            shown = self._onward(at_s)
            if shown is not None and (shown[0] is None or shown[0] <= at_s + _LATE_S):
                break
            if at_s - back_s <= 0:
                break
        return shown

    def _onward(self, at_s: float) -> tuple[float | None, Any] | None:
        while self._frames is not None:
            if self._next is None:
                self._next = next(self._frames, None)
                if self._next is None:
                    break
            stamp = self._next[0]
            if stamp is not None and stamp > at_s + 1e-3 and self._shown is not None:
                break
            self._shown, self._next = self._next, None
            if stamp is not None and stamp > at_s + 1e-3:
                break
        return self._shown

    def _seek(self, at_s: float) -> bool:
        """Start again before a time; False where this container cannot be sought, and reading goes on."""
        self._shown = self._next = None
        base = self._live.time_base
        try:
            ticks = int((at_s + self._zero_s) / base) if base else 0
            self._container.seek(ticks, stream=self._live, backward=True, any_frame=False)
        except _CANNOT_SEEK:
            if self._frames is not None:
                return False
            self._frames = self._read()
            return False
        self._frames = self._read()
        return True

    def _read(self) -> Iterator[tuple[float | None, Any]]:
        for count, packet in enumerate(packets_of(self._container, self._live)):
            if count > _MOST_PACKETS or time.monotonic() > self._deadline:
                return
            base = self._live.time_base
            for frame in decoded(self._live.codec_context, packet):
                known = frame.pts is not None and base
                yield (float(frame.pts * base) - self._zero_s if known else None), frame


def _jpeg(frame: Any, aspect: float) -> bytes | None:
    """A small upright JPEG; None where it cannot be made."""
    turns = round(int(frame.rotation) / 90) % 4
    width, height = _fit(frame.width * aspect, frame.height, sideways=turns % 2 == 1)
    pixels = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    if turns:
        pixels = np.ascontiguousarray(np.rot90(pixels, turns))
    made = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
    encoder: Any = av.codec.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = made.width, made.height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": "3", "qmax": "6"}
    made.pts, made.time_base = 0, Fraction(1, 1)
    data = b"".join(bytes(packet) for packet in [*encoder.encode(made), *encoder.encode(None)])
    return data if 0 < len(data) <= MAX_FRAME_BYTES else None


def _fit(wide: float, high: float, *, sideways: bool) -> tuple[int, int]:
    """Even sides within the box."""
    box = FRAME_PX[::-1] if sideways else FRAME_PX
    scale = min(box[0] / max(1.0, wide), box[1] / max(1.0, high), 1.0)
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (wide, high))
    return width, height
