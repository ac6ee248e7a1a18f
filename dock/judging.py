"""What is found out about a file while it streams by: SHA-256 and zero blocks, beside reading and writing.

- One helper thread takes the buffers in their order, so that hashing a part, writing it and reading the next
  overlap: the hash lets go of the interpreter, and a second core is there.
- A small file is judged in the caller's own thread: for it a thread costs more than it saves.
- A buffer belongs to the judge from `feed` until `free_buffer` gives it again; there are few, so memory stays
  flat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from dock.zeros import ZeroBlocks

_BUFFERS = 4
_SMALL_BYTES = 2 * 1024 * 1024


class Judge:
    """Feed a file's bytes in order.  `pool`: one thread, or None to judge at once."""

    def __init__(self, buffer_bytes: int, pool: ThreadPoolExecutor | None) -> None:
        self.digest = hashlib.sha256()
        self.zeros = ZeroBlocks()
        self._pool = pool
        self._buffers = [bytearray(buffer_bytes) for _ in range(_BUFFERS if pool is not None else 1)]
        self._pending: list[Future[None] | None] = [None] * len(self._buffers)
        self._place = 0

    def free_buffer(self) -> bytearray:
        """The buffer to fill next, once it is judged."""
        self._wait(self._place)
        return self._buffers[self._place]

    def feed(self, length: int) -> None:
        """Judge the first `length` bytes of the buffer that `free_buffer` gave; it may still be read."""
        buffer = self._buffers[self._place]
        if self._pool is None:
            self._judge(buffer, length)
        else:
            self._pending[self._place] = self._pool.submit(self._judge, buffer, length)
        self._place = (self._place + 1) % len(self._buffers)

    def finish(self) -> None:
        """Wait until all is judged: then `digest` and `zeros` are the whole file's."""
        for place in range(len(self._buffers)):
            self._wait(place)

    def _wait(self, place: int) -> None:
        pending, self._pending[place] = self._pending[place], None
        if pending is not None:
            pending.result()

    def _judge(self, buffer: bytearray, length: int) -> None:
        self.digest.update(memoryview(buffer)[:length])
        self.zeros.feed(buffer, length)


@contextmanager
def judging(size_bytes: int, buffer_bytes: int) -> Iterator[Judge]:
    """A judge for a file of this size; what it still has to do at the end of the block is done there."""
    if size_bytes <= _SMALL_BYTES:
        yield Judge(max(1, min(buffer_bytes, size_bytes)), None)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="judge") as pool:
        yield Judge(buffer_bytes, pool)
