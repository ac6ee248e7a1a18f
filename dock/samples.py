"""What is *probably* known already, so that new files go first when a camera docks again (A09).

- Compared are size, time, the first and last 64 KiB, and blocks at random places that the dock drew: who
  prepares a card cannot know which.  The seed is drawn once for each stored recording and kept with its
  samples.
- Times agree within 2 s (FAT's step) or when they differ by whole zone shifts, multiples of 15 minutes up
  to 26 h (the widest two zones lie apart), within the same 2 s (B07).  A time that differs otherwise is no
  match.
- The answer orders work, nothing else: *already stored* needs the whole SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

EDGE_BYTES = 64 * 1024
BLOCK_BYTES = 4096
BLOCKS = 8
SEED_BYTES = 16

_STEP_NS = 2_000_000_000
_ZONE_STEP_NS = 15 * 60 * 1_000_000_000
_ZONE_MAX_NS = 26 * 3600 * 1_000_000_000

ReadAt = Callable[[int, int], bytes | memoryview]


@dataclass(frozen=True)
class Samples:
    """A file's cheap fingerprint: `digest` (64 hex digits) over the sampled ranges that `seed` picks."""

    size_bytes: int
    modified_ns: int
    seed: bytes
    digest: str


def ranges_of(size_bytes: int, seed: bytes) -> tuple[tuple[int, int], ...]:
    """Return the (offset, length) to sample in a file of `size_bytes`, ascending; the whole file if small."""
    if size_bytes <= 2 * EDGE_BYTES + BLOCKS * BLOCK_BYTES:
        return ((0, size_bytes),) if size_bytes else ()
    tail = size_bytes - EDGE_BYTES
    blocks = (tail - EDGE_BYTES) // BLOCK_BYTES
    picked = sorted({_draw(seed, size_bytes, i) % blocks for i in range(BLOCKS)})
    middle = ((EDGE_BYTES + block * BLOCK_BYTES, BLOCK_BYTES) for block in picked)
    return ((0, EDGE_BYTES), *middle, (tail, EDGE_BYTES))


def take_samples(read_at: ReadAt, size_bytes: int, modified_ns: int, seed: bytes) -> Samples:
    """Sample a file through `read_at(offset, length)`.  Raises what it raises, ValueError for a bad seed."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    digest = hashlib.sha256()
    for offset, length in ranges_of(size_bytes, seed):
        part = read_at(offset, length)
        digest.update(offset.to_bytes(8, "big") + len(part).to_bytes(8, "big"))
        digest.update(part)
    return Samples(size_bytes, modified_ns, seed, digest.hexdigest())


def might_be_known(size_bytes: int, modified_ns: int, stored: Samples) -> bool:
    """Whether it is worth sampling a listed file against `stored` at all; reads nothing."""
    return size_bytes == stored.size_bytes and times_agree(modified_ns, stored.modified_ns)


def probably_known(card: Samples, stored: Samples) -> bool:
    """Whether samples taken from a card with `stored.seed` speak for the recording that is stored."""
    return (
        might_be_known(card.size_bytes, card.modified_ns, stored)
        and card.seed == stored.seed
        and card.digest == stored.digest
    )


def times_agree(one_ns: int, other_ns: int) -> bool:
    """Whether two file times are the same but for FAT's step and whole zone shifts."""
    apart = abs(one_ns - other_ns)
    if apart > _ZONE_MAX_NS + _STEP_NS:
        return False
    beside = apart % _ZONE_STEP_NS
    return min(beside, _ZONE_STEP_NS - beside) <= _STEP_NS


def _draw(seed: bytes, size_bytes: int, index: int) -> int:
    message = seed + size_bytes.to_bytes(8, "big") + index.to_bytes(4, "big")
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big")
