"""A first look at key frames: the upper part of a picture, decoded from the first bytes of its packet.

Key frames are the dearest pictures of a recording, and of nearly all of them there is nothing to tell but
that they look as the one before did.  H.264 codes a picture from top to bottom, so that a sixth of it costs
little more than a sixth of the work.  What the part cannot settle is decoded whole, by the caller.

- Only IDR pictures of progressive 8-bit H.264: each stands alone.
- A decoder gives out memory as it finds it.  Which rows were decoded is told by the last pixel of each row
  of colour, which is wiped beforehand: colour 0/0 is no picture's.
- Bytes that no encoder writes (three zero bytes, long runs of ones, lengths that do not fit) say that a
  packet is damaged somewhere: it is decoded whole, as is one whose part takes far more bytes than usual.
"""

from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from transcoder.facts import StreamFacts
from transcoder.media import MEDIA_ERRORS
from transcoder.nal import length_size_of
from transcoder.pictures import Bytes, luma_of

PART = 0.15  # of a picture's rows
_MACROBLOCK = 16
_FIRST_SHARE = 0.3  # of a packet's bytes
_LEAST_SHARE, _MOST_SHARE = 0.05, 0.6
_ROOM = 1.06  # a little more than the picture before needed
_MORE = 1.3  # after one that did not do
_MOST_UNITS = 64
_NEVER_WRITTEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2", b"\xff" * 24)
_IDR, _SLICE = 5, 1
_COLOURED = {"yuv420p", "yuvj420p"}


@dataclass(frozen=True)
class Part:
    """The upper rows of a picture: brightness, what black is coded as, what one coded step is worth."""

    rows: Bytes
    floor: float
    scale: float


def rows_of_part(height: int) -> int:
    """How many rows the part of a picture has."""
    return max(1, int(height * PART))


class Glimpses:
    """Decodes the upper parts of one stream's key frames."""

    def __init__(self, stream: StreamFacts, max_pixels: int) -> None:
        self._stream = stream
        self._max_pixels = max_pixels
        self._length_size = length_size_of(stream.extradata, "h264")
        self._share = _FIRST_SHARE
        self._context: Any = None
        self.usable = stream.codec == "h264"

    def look(self, packet: Any) -> Part | None:
        """The upper part of a key frame; None where it has to be decoded whole.

        `usable` turns false, for good, where the stream is of a kind that is not looked at in parts.
        """
        data = bytes(packet)
        units = _units(data, self._length_size)
        slices = [(start, end) for start, end in units if data[start] & 31 in (_IDR, _SLICE)]
        if not slices:
            return None
        if any(data[start] & 31 != _IDR for start, _ in slices):
            self.usable = False
            return None
        if any(data.find(never, start, end) >= 0 for start, end in units for never in _NEVER_WRITTEN):
            return None
        first = slices[0][0]
        cut = first + max(64, int((len(data) - first) * self._share))
        return self._decoded(_cut_at(data, units, cut, self._length_size))

    def _decoded(self, data: bytes) -> Part | None:
        if self._context is None:
            self._context = self._new()
        context = self._context
        try:
            frames = context.decode(av.Packet(data)) + context.decode(None)
            context.flush_buffers()
        except MEDIA_ERRORS:
            frames = []
        if len(frames) != 1:
            self._context = None  # what it holds was not wiped
            return None
        return self._part(frames[0])

    def _new(self) -> Any:
        context: Any = av.CodecContext.create("h264", "r")
        context.extradata = self._stream.extradata or None
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {
            "skip_loop_filter": "all",
            "ec": "0",
            "flags": "+output_corrupt",
            "max_pixels": str(self._max_pixels),
        }
        return context

    def _part(self, frame: Any) -> Part | None:
        if frame.format.name not in _COLOURED or frame.interlaced_frame:
            self.usable = False
            return None
        wanted = rows_of_part(frame.height)
        there = _rows_there(frame)
        if there < wanted + _MACROBLOCK:  # the last rows may be what came of running out of bytes
            self._share = min(_MOST_SHARE, self._share * _MORE)
            return None
        enough = _ROOM * (wanted + 2 * _MACROBLOCK)
        self._share = min(_MOST_SHARE, max(_LEAST_SHARE, self._share * enough / there))
        plane, floor, scale = luma_of(frame)
        return Part(plane[:wanted], floor, scale)


def _rows_there(frame: Any) -> int:
    """How many rows were decoded, by the last pixel of each row of colour; wipes those pixels."""
    ends = []
    for plane in frame.planes[1:3]:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        ends.append(rows[: frame.height // 2, (frame.width - 1) // 2])
    there = (ends[0] | ends[1]) != 0
    for end in ends:
        end[:] = 0
    return 2 * (len(there) if there.all() else int(there.argmin()))


def _units(data: bytes, length_size: int | None) -> list[tuple[int, int]]:
    """Where the NAL units of a packet lie; none where they do not fit, or are too many."""
    found = _between_start_codes(data) if length_size is None else _by_lengths(data, length_size)
    return found if len(found) <= _MOST_UNITS else []


def _by_lengths(data: bytes, length_size: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(data) and len(found) <= _MOST_UNITS:
        start = at + length_size
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data) or at == start:
            return []
        found.append((start, at))
    return found


def _between_start_codes(data: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start = data.find(b"\0\0\1")
    while start >= 0 and len(found) <= _MOST_UNITS:
        following = data.find(b"\0\0\1", start + 3)
        end = len(data) if following < 0 else following
        while end > start + 3 and not data[end - 1]:
            end -= 1
        if end > start + 3:
            found.append((start + 3, end))
        start = following
    return found


def _cut_at(data: bytes, units: list[tuple[int, int]], cut: int, length_size: int | None) -> bytes:
    """The first `cut` bytes of a packet, as a packet of whole units."""
    if length_size is None:
        return data[:cut]
    kept = []
    for start, end in units:
        if start >= cut:
            break
        unit = data[start : min(end, cut)]
        kept.append(len(unit).to_bytes(length_size, "big") + unit)
    return b"".join(kept)
