"""Walking the boxes of ISO base media (ISO/IEC 14496-12): bounded in steps, never trusting a size.

- A size smaller than its own header ends the walk: nothing after it can be found.
- A box may claim to end beyond its parent: what reads it clips to the parent.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_BOXES = 100_000
CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta"})
_MAX_DEPTH = 8


@dataclass(frozen=True)
class Box:
    """One box; `start` of its header, `body` of its content, `end` as it claims: byte offsets in the file."""

    kind: bytes
    start: int
    body: int
    end: int
    open_ended: bool = False


def boxes(file: BinaryIO, start: int, end: int, limit: int = MAX_BOXES) -> Iterator[Box]:
    """The boxes that stand one after another in [start, end), at most `limit` of them."""
    for _ in range(limit):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        body = start + 8
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
            body += 8
        open_ended = size == 0
        stop = end if open_ended else start + size
        if stop < body:
            return
        yield Box(kind, start, body, stop, open_ended)
        start = stop


def walk(file: BinaryIO, parent: Box, *, into: frozenset[bytes] = CONTAINERS) -> Iterator[tuple[Box, ...]]:
    """Every box below `parent` with its ancestors, outermost first; children are clipped to their parents."""
    yield from _walk(file, parent.body, parent.end, (), into)


def _walk(
    file: BinaryIO, start: int, end: int, path: tuple[Box, ...], into: frozenset[bytes]
) -> Iterator[tuple[Box, ...]]:
    for box in boxes(file, start, end):
        yield (*path, box)
        if box.kind in into and len(path) < _MAX_DEPTH:
            yield from _walk(file, box.body, min(box.end, end), (*path, box), into)


def read_body(file: BinaryIO, box: Box, limit: int) -> bytes:
    """The content of a box, at most `limit` bytes of it."""
    file.seek(box.body)
    return file.read(max(0, min(box.end - box.body, limit)))
