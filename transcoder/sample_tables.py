"""The sample tables of a finished MP4 or MOV, read straight into arrays (ISO/IEC 14496-12, 8.6 and 8.7).

FFmpeg has the same numbers, but hands them out one by one; for an hour of footage that is nearly all the
time of a fast inspection.  So they are read here, and believed only where FFmpeg's own index agrees: in
number, and at its first and last entries (`agrees`).  What is odd is left to FFmpeg: then there is no table.

- Every count and length comes from the file: nothing is read beyond its own box, no array is made larger than
  its box bears out.
- Times are decoding times in ticks of the track, from 0.
- An edit list of one entry hides samples at the ends only, and FFmpeg's entries there say which; with more
  entries there is no table.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcoder.boxes import Box, boxes, read_body
from transcoder.facts import Flags, Ticks

_MAX_BOXES = 10_000
_MAX_MOOV_BYTES = 512 * 1024 * 1024
_UNIFORM_AT_LEAST_BYTES = 64  # below, it is PCM, whose samples FFmpeg groups


@dataclass(frozen=True)
class SampleTable:
    """One track's samples in decoding order.  `times` in ticks from 0, positions and sizes in bytes.

    `as_decoded`: samples are shown when they are decoded; there are no composition offsets.
    """

    times: Ticks
    positions: Ticks
    sizes: Ticks
    keys: Flags
    as_decoded: bool

    def __len__(self) -> int:
        return len(self.times)

    def agrees(
        self, place: int, timestamp: int, first_timestamp: int, position: int, size: int, key: bool
    ) -> bool:
        """Whether an entry of another index is this table's sample `place`.  Ticks from its own first one."""
        mine = (self.times[place] - self.times[0], self.positions[place], self.sizes[place], self.keys[place])
        return bool(mine == (timestamp - first_timestamp, position, size, key))


def read_tables(file: BinaryIO, size_bytes: int, max_samples: int) -> dict[int, SampleTable]:
    """The tables of an open file, by track id; only of tracks whose tables are whole and plain."""
    moov = next((box for box in boxes(file, 0, size_bytes, _MAX_BOXES) if box.kind == b"moov"), None)
    if moov is None or moov.end > size_bytes or moov.end - moov.body > _MAX_MOOV_BYTES:
        return {}
    found = {}
    for track in _children(file, moov):
        if track.kind == b"trak":
            made = _track(file, track, max_samples)
            if made is not None:
                found[made[0]] = made[1]
    return found


def _children(file: BinaryIO, parent: Box) -> Iterator[Box]:
    """The boxes within a box, up to one that claims to go on beyond it."""
    inside = boxes(file, parent.body, parent.end, _MAX_BOXES)
    return takewhile(lambda box: box.end <= parent.end, inside)


def _contents(file: BinaryIO, inner: Mapping[bytes, Box], kind: bytes) -> dict[bytes, Box]:
    """The boxes within the one of that kind, by theirs; none where there is none."""
    return {box.kind: box for box in _children(file, inner[kind])} if kind in inner else {}


def _track(file: BinaryIO, track: Box, max_samples: int) -> tuple[int, SampleTable] | None:
    inner = {box.kind: box for box in _children(file, track)}
    information = _contents(file, _contents(file, inner, b"mdia"), b"minf")
    try:
        if b"tkhd" not in inner or _edits(file, inner) > 1:
            return None
        table = _table(_Tables(file, _contents(file, information, b"stbl")), max_samples)
        return None if table is None else (_track_id(file, inner[b"tkhd"]), table)
    except (struct.error, ValueError, IndexError):
        return None  # shorter than they say


def _edits(file: BinaryIO, inner: Mapping[bytes, Box]) -> int:
    """How many entries the track's edit list has."""
    edits = _contents(file, inner, b"edts").get(b"elst")
    head = read_body(file, edits, 8) if edits is not None else b""
    return int(struct.unpack_from(">I", head, 4)[0]) if len(head) == 8 else 0


def _track_id(file: BinaryIO, header: Box) -> int:
    head = read_body(file, header, 24)
    return int(struct.unpack_from(">I", head, 20 if head[0] == 1 else 12)[0])


@dataclass(frozen=True)
class _Tables:
    file: BinaryIO
    boxes: Mapping[bytes, Box]

    def body(self, kind: bytes) -> bytes:
        return read_body(self.file, self.boxes[kind], _MAX_MOOV_BYTES)

    def rows(self, kind: bytes, columns: int, width: str = ">u4", skip: int = 4) -> NDArray[np.int64] | None:
        """A box's rows of numbers, `skip` bytes after version and flags in front of their count."""
        if kind not in self.boxes:
            return None
        body = self.body(kind)
        (count,) = struct.unpack_from(">I", body, skip)
        numbers = np.frombuffer(body, dtype=width, count=count * columns, offset=skip + 4)
        return numbers.astype(np.int64).reshape(count, columns)


def _table(tables: _Tables, max_samples: int) -> SampleTable | None:
    sizes = _sizes(tables, max_samples)
    steps = tables.rows(b"stts", 2)
    chunks = tables.rows(b"stsc", 3)
    offsets = tables.rows(b"stco", 1) if b"stco" in tables.boxes else tables.rows(b"co64", 1, ">u8")
    if sizes is None or steps is None or chunks is None or offsets is None or not len(sizes):
        return None
    if int(steps[:, 0].sum()) != len(sizes):
        return None
    per_chunk = _samples_of_chunks(chunks, len(offsets))
    if per_chunk is None or int(per_chunk.sum()) != len(sizes):
        return None
    durations = np.repeat(steps[:, 1], steps[:, 0])
    times = np.concatenate(([0], np.cumsum(durations[:-1])))
    before = np.concatenate(([0], np.cumsum(sizes)[:-1]))  # bytes of all samples before, over all chunks
    firsts = np.concatenate(([0], np.cumsum(per_chunk)[:-1]))
    chunk_of = np.repeat(np.arange(len(offsets)), per_chunk)
    used = np.minimum(firsts, len(sizes) - 1)
    positions = offsets[:, 0][chunk_of] + before - before[used][chunk_of]
    keys = np.ones(len(sizes), dtype=np.bool_)
    sync = tables.rows(b"stss", 1)
    if sync is not None:
        keys[:] = False
        numbers = sync[:, 0] - 1
        keys[numbers[(numbers >= 0) & (numbers < len(sizes))]] = True
    return SampleTable(times, positions, sizes, keys, as_decoded=b"ctts" not in tables.boxes)


def _sizes(tables: _Tables, max_samples: int) -> NDArray[np.int64] | None:
    if b"stsz" not in tables.boxes:
        return None
    uniform, count = struct.unpack_from(">II", read_body(tables.file, tables.boxes[b"stsz"], 12), 4)
    if count > max_samples:
        return None
    if uniform:
        if uniform < _UNIFORM_AT_LEAST_BYTES:
            return None
        return np.full(count, uniform, dtype=np.int64)
    rows = tables.rows(b"stsz", 1, skip=8)
    return None if rows is None else rows[:, 0]


def _samples_of_chunks(runs: NDArray[np.int64], chunks: int) -> NDArray[np.int64] | None:
    """How many samples each chunk holds: runs of (first chunk from 1, samples, description)."""
    firsts = runs[:, 0] - 1
    if not len(runs) or firsts[0] != 0 or np.any(np.diff(firsts) <= 0) or firsts[-1] >= chunks:
        return None
    if len(np.unique(runs[:, 2])) > 1:
        return None  # several sample descriptions: FFmpeg knows what to do
    lengths = np.diff(np.append(firsts, chunks))
    return np.repeat(runs[:, 1], lengths)
