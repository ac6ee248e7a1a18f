"""One pass over a file's bytes: SHA-256, and stretches of nothing but zeros.

A file whose space was reserved before its data were written has its full size and a perfect index, and only
its zeros tell (known fault C03).  Counting them costs the hash pass next to nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

BLOCK_BYTES = 4096
_CHUNK_BYTES = 1 << 20
_ZEROS = bytes(_CHUNK_BYTES)


@dataclass(frozen=True)
class Scan:
    """`zero_ranges`: [start, end) of runs of all-zero blocks, in bytes, longest chains merged."""

    sha256: str
    size_bytes: int
    zero_ranges: tuple[tuple[int, int], ...]


def scan_bytes(file: BinaryIO, progress: Callable[[int], None] | None = None, max_ranges: int = 1000) -> Scan:
    """Read an open file from its start; `progress` gets the bytes done after each MiB."""
    digest = hashlib.sha256()
    ranges: list[tuple[int, int]] = []
    position = 0
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        for start, end in _zero_blocks(chunk):
            if ranges and ranges[-1][1] == position + start:
                ranges[-1] = (ranges[-1][0], position + end)
            elif len(ranges) < max_ranges:
                ranges.append((position + start, position + end))
        position += len(chunk)
        if progress is not None:
            progress(position)
    return Scan(digest.hexdigest(), position, tuple(ranges))


def _zero_blocks(chunk: bytes) -> list[tuple[int, int]]:
    if chunk == _ZEROS[: len(chunk)]:
        return [(0, len(chunk))]
    found: list[tuple[int, int]] = []
    # A block of zeros holds a zero at its start: looking for that first skips nearly all of a movie.
    for start in range(0, len(chunk), BLOCK_BYTES):
        if chunk[start] == 0 and not chunk[start : start + BLOCK_BYTES].strip(b"\0"):
            end = min(start + BLOCK_BYTES, len(chunk))
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found
