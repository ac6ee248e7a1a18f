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
        for start in range(0, length, ZERO_BLOCK_BYTES):
            size = min(ZERO_BLOCK_BYTES, length - start)
            # Most blocks show it with their first byte; startswith() compares in place, without a copy.
            if buffer[start] == 0 and _is_zero(buffer, start, size):
                self._zero(self._at + start, size)
            else:
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


def _is_zero(buffer: bytearray | memoryview, start: int, size: int) -> bool:
    if isinstance(buffer, memoryview):
        return buffer[start : start + size] == _ZEROS[:size]
    return buffer.startswith(_ZEROS[:size], start, start + size)
