"""Transport packets that are missing, by their own counters (ISO/IEC 13818-1, 2.4.3.3), or are none at all.

- Every elementary stream counts its packets with payload modulo 16: a step other than one is packets that
  were written and are not there, whatever the stamps say.  One repeat is allowed; a set discontinuity flag is
  honest.
- Programme tables count on their own and repeat: their PIDs (below 32, and those that carry tables) are left
  out.
- The file is read in blocks, in numpy; a packet without its sync byte is skipped, and nothing is concluded
  across it.
- *No packets*: a stretch without sync bytes where packets stand before and after in the same places.  Where
  they stand elsewhere afterwards, bytes were taken out or put in, and the demuxer finds its way.
"""

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

PACKET_BYTES = 188
_SYNC = 0x47
_BLOCK_PACKETS = 20_000
_MAX_JUMPS = 1000
_NULL_PID = 0x1FFF


@dataclass(frozen=True)
class Jump:
    """A counter that did not go on by one; `pos` is the packet's byte offset."""

    pid: int
    pos: int
    missing: int  # at least, modulo 16


@dataclass(frozen=True)
class Counted:
    """What one look at all packets came to; `no_packets`: [start, end) in bytes."""

    jumps: list[Jump]
    no_packets: list[tuple[int, int]]


def count_packets(file: BinaryIO, size_bytes: int, wanted: frozenset[int] | None = None) -> Counted:
    """All jumps of elementary streams' counters, and stretches of no packets, in file order.

    `wanted`: PIDs to look at, None for all.
    """
    last: dict[int, int] = {}
    jumps: list[Jump] = []
    lost: list[tuple[int, int]] = []
    file.seek(0)
    at = 0
    while at + PACKET_BYTES <= size_bytes and len(jumps) < _MAX_JUMPS:
        data = file.read(_BLOCK_PACKETS * PACKET_BYTES)
        count = len(data) // PACKET_BYTES
        if not count:
            break
        packets = np.frombuffer(data, np.uint8, count * PACKET_BYTES).reshape(count, PACKET_BYTES)
        jumps += _jumps(packets[:, :6], at, last, wanted)
        _lose_sync(packets[:, 0] == _SYNC, at, lost)
        at += count * PACKET_BYTES
    whole = size_bytes // PACKET_BYTES * PACKET_BYTES
    return Counted(jumps[:_MAX_JUMPS], [one for one in lost if one[0] > 0 and one[1] < whole])


def _lose_sync(synced: NDArray[np.bool_], at: int, lost: list[tuple[int, int]]) -> None:
    if synced.all():
        return
    edges = np.flatnonzero(np.diff(np.concatenate(([False], ~synced, [False])).astype(np.int8)))
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        start, end = at + first * PACKET_BYTES, at + after * PACKET_BYTES
        if lost and lost[-1][1] == start:
            lost[-1] = (lost[-1][0], end)
        elif len(lost) < _MAX_JUMPS:
            lost.append((start, end))


def _jumps(
    heads: NDArray[np.uint8], at: int, last: dict[int, int], wanted: frozenset[int] | None
) -> list[Jump]:
    synced = heads[:, 0] == _SYNC
    pids = (heads[:, 1].astype(np.int32) & 0x1F) << 8 | heads[:, 2]
    has_payload = heads[:, 3] & 0x10 != 0
    flagged = (heads[:, 3] & 0x20 != 0) & (heads[:, 4] > 0) & (heads[:, 5] & 0x80 != 0)
    counters = (heads[:, 3] & 0x0F).astype(np.int32)
    found: list[Jump] = []
    if not synced.all():
        last.clear()
    for pid in np.unique(pids[synced]).tolist():
        if pid < 32 or pid == _NULL_PID or (wanted is not None and pid not in wanted):
            continue
        rows = np.flatnonzero(synced & (pids == pid) & has_payload)
        if not len(rows):
            continue
        before = np.concatenate(([last.get(pid, (int(counters[rows[0]]) - 1) % 16)], counters[rows[:-1]]))
        step = (counters[rows] - before) % 16
        for row in rows[(step > 1) & ~flagged[rows]].tolist():
            missing = int((counters[row] - before[np.searchsorted(rows, row)]) % 16) - 1
            found.append(Jump(pid, at + row * PACKET_BYTES, missing))
        last[pid] = int(counters[rows[-1]])
    return sorted(found, key=lambda jump: jump.pos)
