"""Reading a file of the vault as the medium has it, not as the page cache remembers it (known-faults B16).

- Synced first, so that nothing waits to be written.
- O_DIRECT where the file system takes it: nothing comes out of the cache at all.
- Elsewhere (tmpfs, some FUSE) cached pages are dropped before and behind the reader.  What is mapped or dirty
  elsewhere would stay cached; nobody maps or writes a file of the vault.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path

BLOCK_BYTES = 1024 * 1024


class MediumReader:
    """One file being hashed, block by block.  Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open `path`.  Raises OSError, also where it is no regular file."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if not stat.S_ISREG(os.fstat(self._fd).st_mode):
                raise OSError(f"{path} is no regular file")
            os.fsync(self._fd)
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)
            self._direct(path)
        except BaseException:
            os.close(self._fd)
            raise
        self._buffer = mmap.mmap(-1, BLOCK_BYTES)  # page-aligned, as O_DIRECT wants it
        self._total = hashlib.sha256()
        self.read_bytes = 0
        self.ended = False

    def __enter__(self) -> MediumReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def step(self) -> int:
        """Read and hash one block; returns its length, 0 at the end.  Raises OSError."""
        length = os.preadv(self._fd, [self._buffer], self.read_bytes)
        if length % mmap.PAGESIZE and self.read_bytes + length < os.fstat(self._fd).st_size:
            raise OSError(f"a short read at {self.read_bytes}")  # then the next offset would not be aligned
        self._total.update(memoryview(self._buffer)[:length])
        self.read_bytes += length
        if not self.is_direct:
            os.posix_fadvise(self._fd, 0, self.read_bytes, os.POSIX_FADV_DONTNEED)
        self.ended = length == 0
        return length

    def sha256(self) -> str:
        """Return the hash of what was read so far."""
        return self._total.hexdigest()

    def _direct(self, path: Path) -> None:
        self.is_direct = False
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECT)
        except OSError:
            return
        if os.path.sameopenfile(fd, self._fd):
            self._fd, fd = fd, self._fd
            self.is_direct = True
        os.close(fd)


def hash_from_medium(path: Path, go_on: Callable[[], bool] = lambda: True) -> tuple[str, int]:
    """Return (SHA-256, size in bytes) of `path` read from the medium.

    Raises OSError, InterruptedError where `go_on` says no.
    """
    with MediumReader(path) as reader:
        while reader.step():
            if not go_on():
                raise InterruptedError(f"{path}: stopped")
        return reader.sha256(), reader.read_bytes
