"""NAL units in packets and in sample descriptions (ISO/IEC 14496-15; Annex B of the codecs).  Pure.

- A packet holds units with a length before each (MP4, MOV, MKV) or start codes between them (TS, PS, AVI,
  raw).
- Only the first bytes of a packet may be at hand: a unit that goes on beyond them is given as far as it is
  there, and the walk ends with it.
"""

from collections.abc import Iterator

_MAX_UNITS = 64


def length_size_of(extradata: bytes, codec: str) -> int | None:
    """How many bytes hold a unit's length by an avcC or hvcC; None for start codes."""
    if len(extradata) < 7 or extradata[0] != 1 or extradata[:3] == b"\0\0\1" or extradata[:4] == b"\0\0\0\1":
        return None
    if codec == "hevc":
        return (extradata[21] & 3) + 1 if len(extradata) > 22 else None
    return (extradata[4] & 3) + 1


def units_of_extradata(extradata: bytes, codec: str) -> list[bytes]:
    """The parameter sets of a sample description."""
    if length_size_of(extradata, codec) is None:
        return list(units(extradata, None))
    found: list[bytes] = []
    if codec == "hevc":
        at, arrays = 23, extradata[22]
        for _ in range(arrays):
            if at + 3 > len(extradata):
                break
            count = int.from_bytes(extradata[at + 1 : at + 3], "big")
            at = _take(extradata, at + 3, min(count, _MAX_UNITS), found)
        return found
    at = _take(extradata, 6, extradata[5] & 31, found)
    if at < len(extradata):
        _take(extradata, at + 1, extradata[at], found)
    return found


def _take(data: bytes, at: int, count: int, into: list[bytes]) -> int:
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        if not size or at + 2 + size > len(data):
            return len(data)
        into.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return at


def units(data: bytes, length_size: int | None) -> Iterator[bytes]:
    """The units in a packet's first bytes, at most 64; the last one may be cut by the end of `data`."""
    return _by_start_code(data) if length_size is None else _by_length(data, length_size)


def _by_length(data: bytes, length_size: int) -> Iterator[bytes]:
    at = 0
    for _ in range(_MAX_UNITS):
        start = at + length_size
        size = int.from_bytes(data[at:start], "big")
        if start >= len(data):
            return
        if size:
            yield data[start : start + size]
        at = start + size


def _by_start_code(data: bytes) -> Iterator[bytes]:
    start = data.find(b"\0\0\1")
    for _ in range(_MAX_UNITS):
        if start < 0 or start + 3 >= len(data):
            return
        following = data.find(b"\0\0\1", start + 3)
        end = len(data) if following < 0 else following
        yield data[start + 3 : end].rstrip(b"\0") if following >= 0 else data[start + 3 :]
        start = following
