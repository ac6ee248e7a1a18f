"""How many samples a movie claims, counted before any library makes room for them (ISO/IEC 14496-12).

- `stsz` and `stz2` may claim 10^9 samples of one size in twelve bytes, and `trun` as many in sixteen; FFmpeg
  makes an entry of each.  PCM that lasts one tick a sample is packed by chunks and may claim what it likes.
- A table that claims more than the limit is refused as well, whatever its box holds.
- Fragments without end are bounded by the number of boxes that are looked at.
"""

from typing import BinaryIO

from transcoder.boxes import Box, boxes, read_body, walk

_MAX_FRAGMENTS = 1_000_000
_FRAGMENT = frozenset({b"traf"})


def claimed_samples(file: BinaryIO, size_bytes: int, enough: int) -> int:
    """The samples that all tracks and fragments claim; counting stops beyond `enough`."""
    total = 0
    for count, box in enumerate(boxes(file, 0, size_bytes, limit=_MAX_FRAGMENTS + 1)):
        if total > enough or count >= _MAX_FRAGMENTS:
            return max(total, enough + 1)
        if box.kind == b"moov":
            total += _of_movie(file, box, size_bytes)
        elif box.kind == b"moof":
            total += _of_fragment(file, box, size_bytes)
    return total


def _of_movie(file: BinaryIO, moov: Box, size_bytes: int) -> int:
    total = size = count = 0
    one_tick = False
    for path in walk(file, Box(moov.kind, moov.start, moov.body, min(moov.end, size_bytes))):
        kind = path[-1].kind
        if kind == b"trak":
            total += 0 if one_tick and size else count
            size = count = 0
            one_tick = False
        elif kind in (b"stsz", b"stz2"):
            body = read_body(file, path[-1], 12)
            size, count = int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")
        elif kind == b"stts":
            body = read_body(file, path[-1], 16)
            one_tick = int.from_bytes(body[4:8], "big") == 1 and int.from_bytes(body[12:16], "big") == 1
    return total + (0 if one_tick and size else count)


def _of_fragment(file: BinaryIO, moof: Box, size_bytes: int) -> int:
    total = 0
    for path in walk(file, Box(moof.kind, moof.start, moof.body, min(moof.end, size_bytes)), into=_FRAGMENT):
        if path[-1].kind == b"trun":
            total += int.from_bytes(read_body(file, path[-1], 8)[4:8], "big")
    return total
