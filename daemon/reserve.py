"""Room that SQLite can always have: a preallocated file beside the store, given up when the disk is full.

On a full disk even a DELETE fails (field-facts.md, SQLite), and clearing has to be committed before anything
goes.  Pulls leave room by themselves; this is for whatever else fills the disk.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

_LOG = logging.getLogger(__name__)


class Reserve:
    """The file.  Thread-safe: each step is one system call."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    @property
    def held(self) -> bool:
        """Whether the room is set aside now."""
        try:
            return self._path.stat().st_blocks * 512 >= self._size_bytes
        except OSError:
            return False

    def ensure(self) -> bool:
        """Set the room aside if a little more than it is free.  Returns whether it is held."""
        if self.held:
            return True
        if self.lacking_bytes() > 0:
            return False
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size_bytes)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            _LOG.warning("no reserve at %s: %s", self._path, error)
            self.release()
        return self.held

    def lacking_bytes(self) -> int:
        """Return how much more has to be free before it can be set aside; 0: nothing, or it is."""
        return 0 if self.held else max(0, self._size_bytes + self._size_bytes // 4 - self._free_bytes())

    def release(self) -> None:
        """Give the room to whoever writes next."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
            _LOG.warning("the reserve at %s was given up: the disk is full", self._path)

    def release_if_tight(self) -> None:
        """Give it up if so little is free that even opening the store could fail."""
        if self._free_bytes() < self._size_bytes // 8:
            self.release()

    def _free_bytes(self) -> int:
        try:
            found = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize
