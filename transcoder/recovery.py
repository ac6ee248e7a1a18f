"""Pictures in a movie without its index, found by the parameters of a sibling (article 15(3)).

A camera that lost power leaves `mdat` without `moov`: all pictures, and nothing that says where.  Another
file of the same camera says how they are written: codec, parameter sets, size of a unit's length.

- Units are followed by their lengths; where the chain breaks (sound lies between), the next place is searched
  at which a picture may start.  A place is taken only if length, unit type, slice header and picture count
  fit.
- The count of pictures is measured; the duration is an *estimate* by the sibling's frame rate, and called so.
- Nothing is written: what was found are byte ranges.  Searching is bounded in bytes and units.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from transcoder import h264, h265
from transcoder.bits import Bits, OutOfBits, unescaped
from transcoder.boxes import boxes
from transcoder.facts import StreamFacts
from transcoder.nal import length_size_of, units_of_extradata

_HEAD_BYTES = 64
_WINDOW_BYTES = 256 << 10
_MAX_UNIT_BYTES = 16 << 20
_MAX_UNITS = 4_000_000
_MAX_SEARCHED_BYTES = 1 << 30
_LENGTH_SIZE = 4
_H264_STARTS = re.compile(
    rb"(?=\x00[\x00-\x7f][\x00-\xff]{2}[\x09\x06\x67\x47\x27\x65\x45\x25\x61\x41\x21\x01])"
)
_H265_STARTS = re.compile(
    rb"(?=\x00[\x00-\x7f][\x00-\xff]{2}[\x46\x40\x42\x4e\x26\x28\x2a\x02\x00\x12\x10\x0e\x0c]\x01)"
)


@dataclass
class Recovered:
    """Pictures found, in file order: where each begins, its bytes, whether it is a key picture."""

    starts: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    other_bytes: int = 0  # between the pictures: sound and whatever else

    def add(self, start: int, end: int, *, key: bool) -> None:
        self.starts.append(start)
        self.sizes.append(end - start)
        self.keys.append(key)

    def key_pictures(self, most: int) -> list[tuple[int, int]]:
        """(start, size) of at most `most` key pictures, evenly spread."""
        every = [(s, n) for s, n, key in zip(self.starts, self.sizes, self.keys, strict=True) if key]
        step = max(1, -(-len(every) // most))
        return every[::step]


def can_serve(stream: StreamFacts | None) -> bool:
    """Do a file's parameters allow finding pictures in another?"""
    if stream is None or stream.codec not in ("h264", "hevc"):
        return False
    return length_size_of(stream.extradata, stream.codec) == _LENGTH_SIZE


def recover(file: BinaryIO, size_bytes: int, sibling: StreamFacts) -> Recovered:
    """Find the pictures in an open file by the parameters of `sibling`, for which `can_serve` holds."""
    reader = _Units(sibling)
    found = Recovered()
    for start, end in _media_ranges(file, size_bytes):
        _scan(file.fileno(), start, end, reader, found)
    return found


def _media_ranges(file: BinaryIO, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Where media may lie: in mdat boxes, the last of which runs to the end whatever it claims."""
    for box in boxes(file, 0, size_bytes, limit=10_000):
        if box.kind != b"mdat":
            continue
        # A box written before its data says 0, or just its header, until the recording is finished.
        unfinished = box.open_ended or box.end > size_bytes or box.end - box.body < 16
        yield box.body, size_bytes if unfinished else box.end
        if unfinished:
            return


def _scan(fd: int, start: int, end: int, reader: "_Units", found: Recovered) -> None:
    at, begun, searched = start, start, 0
    taken = 0
    while at + 5 < end and taken < _MAX_UNITS and searched < _MAX_SEARCHED_BYTES:
        unit = reader.read(os.pread(fd, _HEAD_BYTES, at), end - at, strict=False)
        if unit is None:
            there = _search(fd, at + 1, end, reader)
            searched += there - at
            found.other_bytes += there - at
            begun = at = there
            continue
        taken += 1
        after = at + _LENGTH_SIZE + unit.size
        if unit.picture:
            found.add(begun, after, key=unit.key)
            begun = after
        elif unit.goes_on and found.sizes:
            found.sizes[-1] = after - found.starts[-1]
            begun = after
        at = after


def _search(fd: int, start: int, end: int, reader: "_Units") -> int:
    """The next place at which a picture may begin; `end` where there is none."""
    at = start
    while at + 5 < end and at - start < _MAX_SEARCHED_BYTES:
        window = os.pread(fd, min(_WINDOW_BYTES, end - at), at)
        for match in reader.starts.finditer(window):
            place = at + match.start()
            head = window[match.start() : match.start() + _HEAD_BYTES]
            if len(head) < _HEAD_BYTES:
                head = os.pread(fd, _HEAD_BYTES, place)
            if reader.read(head, end - place, strict=True) is not None:
                return place
        at += max(1, len(window) - 8)
    return end


@dataclass(frozen=True)
class _Unit:
    size: int
    picture: bool = False
    goes_on: bool = False  # a later slice of the picture before
    key: bool = False


class _Units:
    """Judges whether bytes are a unit of the sibling's kind of stream."""

    def __init__(self, sibling: StreamFacts) -> None:
        self._is_h264 = sibling.codec == "h264"
        self.starts = _H264_STARTS if self._is_h264 else _H265_STARTS
        self._sps: dict[int, h264.Sps] = {}
        self._sps5: dict[int, h265.Sps] = {}
        self._pps5: dict[int, h265.Pps] = {}
        sets = units_of_extradata(sibling.extradata, sibling.codec or "")
        self._known = {unit[:12] for unit in sets}
        by_id: dict[int, h264.Sps] = {}
        for unit in sets:
            if self._is_h264 and unit[0] & 31 == h264.SPS:
                sps = h264.parse_sps(unit)
                by_id[sps.id] = sps
            elif not self._is_h264 and unit[0] >> 1 & 63 == h265.SPS:
                sps5 = h265.parse_sps(unit)
                self._sps5[sps5.id] = sps5
        for unit in sets:
            if self._is_h264 and unit[0] & 31 == h264.PPS:
                pps, goes_by = h264.parse_pps(unit)
                if goes_by in by_id:
                    self._sps[pps] = by_id[goes_by]
            elif not self._is_h264 and unit[0] >> 1 & 63 == h265.PPS:
                pps5 = h265.parse_pps(unit)
                self._pps5[pps5.id] = pps5
        self._last_frame_num: int | None = None

    def read(self, head: bytes, left: int, *, strict: bool) -> _Unit | None:
        """The unit that `head` starts with; None where it can be none.  `strict`: only what may begin one."""
        size = int.from_bytes(head[:_LENGTH_SIZE], "big")
        if not 2 <= size <= min(left - _LENGTH_SIZE, _MAX_UNIT_BYTES) or len(head) < 7:
            return None
        unit = head[_LENGTH_SIZE : _LENGTH_SIZE + size]
        if unit[0] & 0x80 or b"\0\0\0" in unit or b"\0\0\1" in unit:
            return None
        try:
            return self._h264(unit, size, strict) if self._is_h264 else self._h265(unit, size, strict)
        except (OutOfBits, IndexError):
            return None

    def _h264(self, unit: bytes, size: int, strict: bool) -> _Unit | None:
        kind, reference = unit[0] & 31, unit[0] >> 5
        if kind == h264.AUD:
            return _Unit(size) if size == 2 and not reference and unit[1] & 0x1F == 0x10 else None
        if kind in (h264.SPS, h264.PPS):
            return _Unit(size) if unit[:12] in self._known else None
        if kind == h264.SEI:
            return _Unit(size) if not reference and _is_sei(unit[1:], size - 1) else None
        if kind not in h264.SLICES or (kind == h264.IDR and not reference):
            return None
        bits = Bits(unescaped(unit[1:24]))
        first, slice_type, pps = bits.ue(), bits.ue(), bits.ue()
        sps = self._sps.get(pps)
        if sps is None or slice_type > 9 or first >= sps.width * sps.height // 64:
            return None
        if first:
            return None if strict else _Unit(size, goes_on=True)
        head = h264.parse_slice(unit, self._sps)
        if head is None or (strict and not self._fits(head.frame_num, head.idr, sps.log2_max_frame_num)):
            return None
        self._last_frame_num = head.frame_num
        return _Unit(size, picture=True, key=head.idr)

    def _fits(self, number: int, idr: bool, log2_max: int) -> bool:
        if idr:
            return number == 0
        last = self._last_frame_num
        return last is None or (number - last) % (1 << log2_max) <= 1

    def _h265(self, unit: bytes, size: int, strict: bool) -> _Unit | None:
        kind = unit[0] >> 1 & 63
        if unit[0] & 1 or unit[1] >> 3 or not unit[1] & 7:
            return None
        if kind == h265.AUD:
            return _Unit(size) if size == 3 else None
        if kind in (h265.VPS, h265.SPS, h265.PPS):
            return _Unit(size) if unit[:12] in self._known else None
        if kind in (h265.SEI, h265.SEI + 1):
            return _Unit(size) if _is_sei(unit[2:], size - 2) else None
        if not (kind <= 9 or 16 <= kind <= 21):
            return None
        if not unit[2] & 0x80:
            return None if strict else _Unit(size, goes_on=True)
        head = h265.parse_slice(unit, self._pps5, self._sps5)
        return _Unit(size, picture=True, key=kind >= 16) if head is not None else None


def _is_sei(payload: bytes, size: int) -> bool:
    """Do a message's type and length fit the unit?"""
    if size < 3 or payload[0] > 0xF0:
        return False
    length, at = 0, 1
    while at < len(payload) and payload[at] == 0xFF:
        length, at = length + 255, at + 1
    return at < len(payload) and length + payload[at] <= size - at
