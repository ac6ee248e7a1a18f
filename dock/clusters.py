"""Which clusters belong to something: chains of a file allocation table, walked once, without end or loop."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from dock.leftovers import Disk

_LOOK_AT_CLOCK = 1 << 16


class Clusters:
    """The clusters of one card: number 2 is the first.  `table[n]`, masked, is the cluster after n."""

    def __init__(
        self,
        disk: Disk,
        table: array[int],
        count: int,
        size_bytes: int,
        heap_at: int,
        mask: int = 0xFFFFFFFF,
    ) -> None:
        self._disk = disk
        self._table = table
        self._mask = mask
        self._heap_at = heap_at
        self._owned = bytearray(count + 2)
        self.count = count
        self.size_bytes = size_bytes

    def chain(self, first: int) -> Iterator[int]:
        """The clusters of a chain from `first` on, each marked as owned; ends at the first owned one."""
        cluster, steps = first, 0
        while 2 <= cluster < len(self._owned) and not self._owned[cluster]:
            self._owned[cluster] = 1
            yield cluster
            cluster = self._table[cluster] & self._mask if cluster < len(self._table) else 0
            steps += 1
            if steps % _LOOK_AT_CLOCK == 0:
                self._disk.check_time()

    def stretch(self, first: int, count: int) -> Iterator[int]:
        """`count` clusters in a row, marked as owned; ends at the first that does not exist or is owned."""
        for cluster in range(first, min(first + count, len(self._owned))):
            if cluster < 2 or self._owned[cluster]:
                return
            self._owned[cluster] = 1
            yield cluster

    def own(self, first: int, length_bytes: int | None = None) -> None:
        """Mark what a file owns: its chain, or a stretch of `length_bytes`."""
        if length_bytes is None:
            for _ in self.chain(first):
                pass
            return
        for _ in self.stretch(first, -(-length_bytes // self.size_bytes)):
            pass

    def read(self, cluster: int) -> bytes:
        """Raises OSError, TooMuch."""
        return self._disk.read(self._heap_at + (cluster - 2) * self.size_bytes, self.size_bytes)

    def is_owned(self, cluster: int) -> bool:
        return bool(self._owned[cluster])
