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
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcoder.facts import Flags, Ticks

_MAX_BOXES = 10_000
_MAX_MOOV_BYTES = 512 * 1024 * 1024
_UNIFORM_AT_LEAST_BYTES = 64  # below, it is PCM, whose samples FFmpeg groups


@dataclass(frozen=True)
class SampleTable:
    """One track's samples in decoding order.  `times` in ticks from 0, positions and sizes in bytes."""

    times: Ticks
    positions: Ticks
    sizes: Ticks
    keys: Flags

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
    moov = next((box for kind, box in _boxes(file, 0, size_bytes) if kind == b"moov"), None)
    if moov is None or moov[1] > size_bytes or moov[1] - moov[0] > _MAX_MOOV_BYTES:
        return {}
    file.seek(moov[0])
    data = file.read(moov[1] - moov[0])
    found = {}
    for kind, track in _children(data, 0, len(data)):
        if kind == b"trak":
            made = _track(data, track, max_samples)
            if made is not None:
                found[made[0]] = made[1]
    return found


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    for _ in range(_MAX_BOXES):
        file.seek(start)
        head = file.read(16)
        if start + 8 > end or len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        body = start + 8
        if size == 1 and len(head) == 16:
            size, body = struct.unpack(">Q", head[8:])[0], start + 16
        stop = end if size == 0 else start + size
        if stop < body:
            return
        yield kind, (body, stop)
        start = stop


def _children(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1 and start + 16 <= end:
            size, body = struct.unpack_from(">Q", data, start + 8)[0], start + 16
        stop = end if size == 0 else start + size
        if stop < body or stop > end:
            return
        yield kind, (body, stop)
        start = stop


def _track(data: bytes, track: tuple[int, int], max_samples: int) -> tuple[int, SampleTable] | None:
    inner = dict(_children(data, *track))
    media = dict(_children(data, *inner[b"mdia"])) if b"mdia" in inner else {}
    information = dict(_children(data, *media[b"minf"])) if b"minf" in media else {}
    boxes = dict(_children(data, *information[b"stbl"])) if b"stbl" in information else {}
    if b"tkhd" not in inner or _edits(data, inner) > 1:
        return None
    try:
        table = _table(_Tables(data, boxes), max_samples)
        return None if table is None else (_track_id(data, inner[b"tkhd"]), table)
    except (struct.error, ValueError, IndexError):
        return None  # shorter than they say


def _edits(data: bytes, inner: Mapping[bytes, tuple[int, int]]) -> int:
    """How many entries the track's edit list has."""
    lists = dict(_children(data, *inner[b"edts"])) if b"edts" in inner else {}
    start, end = lists.get(b"elst", (0, 0))
    return int(struct.unpack_from(">I", data, start + 4)[0]) if end - start >= 8 else 0


def _track_id(data: bytes, header: tuple[int, int]) -> int:
    start = header[0]
    return int(struct.unpack_from(">I", data, start + (20 if data[start] == 1 else 12))[0])


@dataclass(frozen=True)
class _Tables:
    data: bytes
    boxes: Mapping[bytes, tuple[int, int]]

    def rows(self, kind: bytes, columns: int, width: str = ">u4", skip: int = 4) -> NDArray[np.int64] | None:
        """A box's rows of numbers, `skip` bytes after version and flags in front of their count."""
        if kind not in self.boxes:
            return None
        start, end = self.boxes[kind]
        (count,) = struct.unpack_from(">I", self.data, start + skip)
        numbers = np.frombuffer(self.data[start + skip + 4 : end], dtype=width, count=count * columns)
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
    return SampleTable(times, positions, sizes, keys)


def _sizes(tables: _Tables, max_samples: int) -> NDArray[np.int64] | None:
    if b"stsz" not in tables.boxes:
        return None
    start, _ = tables.boxes[b"stsz"]
    uniform, count = struct.unpack_from(">II", tables.data, start + 4)
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
