"""Open files of a card, which can be closed from outside when the card has to go (B18)."""

from __future__ import annotations

import os
import threading
from typing import Protocol

from dock.errors import CameraGone

# A read that hangs in a dying USB bridge holds its lock; the unmount then detaches instead of waiting for it.
_CLOSE_PATIENCE_S = 3.0


class Readable(Protocol):
    """What a pull needs of an open file of a camera, wherever it comes from."""

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from `offset` on; return the bytes read, 0 at the end.

        Raises OSError, CameraGone.
        """

    def size_and_time(self) -> tuple[int, int]:
        """Return size in bytes and modification time in ns as they are now.  Raises OSError, CameraGone."""

    def written_to(self) -> bool:
        """Whether something wrote to it since it was opened, though size and time may say otherwise.

        Raises OSError, CameraGone.
        """

    def forget_cached(self) -> None:
        """Drop the file's cached pages, so that a long card does not push everything else out of memory."""

    def close(self) -> None:
        """Close it; again is no error."""


def read_exactly(reader: Readable, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset` on, fewer only at the end.

    Raises OSError, CameraGone.
    """
    buffer = bytearray(length)
    view = memoryview(buffer)
    filled = 0
    while filled < length:
        got = reader.read_into(view[filled:], offset + filled)
        if got == 0:
            break
        filled += got
    return bytes(view[:filled])


class CardReader:
    """One open regular file of a mounted card.  Safe to close while another thread reads."""

    def __init__(self, fd: int, trust_ctime: bool = True) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._changed_ns = os.fstat(fd).st_ctime_ns if trust_ctime else None
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def __enter__(self) -> CardReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """See Readable."""
        with self._lock:
            return os.preadv(self._open_fd(), [buffer], offset)

    def size_and_time(self) -> tuple[int, int]:
        """See Readable."""
        with self._lock:
            status = os.fstat(self._open_fd())
        return status.st_size, status.st_mtime_ns

    def written_to(self) -> bool:
        """See Readable.  The time of the inode's change is the one that no program can set back."""
        with self._lock:
            return self._changed_ns not in (None, os.fstat(self._open_fd()).st_ctime_ns)

    def forget_cached(self) -> None:
        """See Readable."""
        with self._lock:
            if self._fd >= 0:
                os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """See Readable."""
        with self._lock:
            self._close()

    def close_soon(self, patience_s: float) -> bool:
        """Close it if no read is stuck for longer than `patience_s`; return whether it is closed."""
        if not self._lock.acquire(timeout=patience_s):
            return False
        try:
            self._close()
        finally:
            self._lock.release()
        return True

    @property
    def is_open(self) -> bool:
        """Whether it can still be read."""
        return self._fd >= 0

    def _open_fd(self) -> int:
        if self._fd < 0:
            raise CameraGone("the card was released while it was read")
        return self._fd

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class Handles:
    """The readers of one card.  Once closed, nothing can be opened on it any more.

    `trust_ctime`: its file system keeps the time of an inode's change; what FUSE says there is anybody's.
    """

    def __init__(self, trust_ctime: bool = True) -> None:
        self._trust_ctime = trust_ctime
        self._readers: list[CardReader] = []
        self._lock = threading.Lock()
        self._closed = False

    def add(self, fd: int) -> CardReader:
        """Take over an open file descriptor.  Raises CameraGone if the card was released already."""
        reader = CardReader(fd, self._trust_ctime)
        with self._lock:
            if self._closed:
                reader.close()
                raise CameraGone("the card was released")
            self._readers = [known for known in self._readers if known.is_open]
            self._readers.append(reader)
        return reader

    def close_all(self) -> None:
        """Close every reader; one whose read is stuck in the kernel is left to its thread."""
        with self._lock:
            self._closed = True
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close_soon(_CLOSE_PATIENCE_S)
