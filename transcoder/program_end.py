"""Where an MPEG program stream says it ends: its last pack's own lengths (ISO/IEC 13818-1, 2.5.3).

- A pack is a header and PES packets that state their lengths; one that reaches beyond the file was cut.
- The walk starts at the last pack and has to arrive unit by unit: where it does not (padding to a cluster,
  vendor bytes), nothing is concluded.  A picture's packet of length 0 states nothing.
- A stream cut exactly between two packets shows nothing here.
"""

from typing import BinaryIO

_TAIL_BYTES = 320 << 10  # more than two PES packets of the largest kind and the headers around
_PREFIX = b"\0\0\1"
_PACK = _PREFIX + b"\xba"
_END = 0xB9
FIRST_KIND = 0xBA  # a pack; then system header, map, and all streams


def claimed_end(file: BinaryIO, size_bytes: int) -> int | None:
    """The byte at which the last packet would end where that is beyond the file; None where it is whole."""
    start = max(0, size_bytes - _TAIL_BYTES)
    file.seek(start)
    tail = file.read(size_bytes - start)
    at = tail.rfind(_PACK)
    if at < 0:
        return None
    end = _walk(tail, at)
    return None if end is None or end <= len(tail) else start + end


def _walk(tail: bytes, at: int) -> int | None:
    """The end of what begins at a pack header, beyond `tail` where it is cut; None where nothing says."""
    while True:
        if len(tail) - at < 4:  # a start code that is cut itself
            is_cut = bool(tail[at:]) and _PREFIX.startswith(tail[at:][:3])
            return len(tail) + 1 if is_cut else len(tail)
        if tail[at : at + 3] != _PREFIX:
            return None
        kind = tail[at + 3]
        if kind == _END:
            return len(tail)
        size = _pack_bytes(tail, at) if kind == _PACK[3] else _unit_bytes(tail, at)
        if size is None or kind < FIRST_KIND:
            return None
        at += size
        if at > len(tail):
            return at


def _pack_bytes(tail: bytes, at: int) -> int | None:
    head = tail[at : at + 14]
    if len(head) < 5:
        return 12
    if head[4] >> 6 == 1:
        return 14 + (head[13] & 7) if len(head) == 14 else 14
    return 12 if head[4] >> 4 == 2 else None


def _unit_bytes(tail: bytes, at: int) -> int | None:
    head = tail[at : at + 6]
    if len(head) < 6:
        return 7
    length = int.from_bytes(head[4:6], "big")
    return 6 + length if length else None
