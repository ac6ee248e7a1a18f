"""Counting all-zero blocks while a file streams by; costs the hash pass next to nothing.  Pure."""

from __future__ import annotations

ZERO_BLOCK_BYTES = 4096
_ZEROS = bytes(ZERO_BLOCK_BYTES)


class ZeroBlocks:
    """Feed a file's bytes in order, in whole blocks except at its end."""

    def __init__(self) -> None:
        self.blocks = 0
        self.total_bytes = 0
        self.first_at: int | None = None
        self.run_at: int | None = None
        self.run_bytes = 0
        self._at = 0
        self._run_at = 0
        self._run_bytes = 0

    def feed(self, buffer: bytearray | memoryview, length: int) -> None:
        """Take in the first `length` bytes of `buffer`, which go on where the last ones ended."""
        if length == 0:
            return
        view = memoryview(buffer)[:length]
        # Most blocks show it with their first byte; these are looked through without a step of Python each.
        firsts = bytes(view[::ZERO_BLOCK_BYTES])
        ended = 0  # the block after the last one that is known
        block = firsts.find(0)
        while block >= 0:
            start = block * ZERO_BLOCK_BYTES
            size = min(ZERO_BLOCK_BYTES, length - start)
            if view[start : start + size] == _ZEROS[:size]:
                if block > ended:
                    self._run_bytes = 0
                self._zero(self._at + start, size)
                ended = block + 1
            block = firsts.find(0, block + 1)
        if ended < len(firsts):
            self._run_bytes = 0
        self._at += length

    def _zero(self, at: int, size: int) -> None:
        self.blocks += 1
        self.total_bytes += size
        if self.first_at is None:
            self.first_at = at
        if self._run_bytes == 0:
            self._run_at = at
        self._run_bytes += size
        if self._run_bytes > self.run_bytes:
            self.run_at, self.run_bytes = self._run_at, self._run_bytes
