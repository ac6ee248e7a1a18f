"""The bytes on disk: what is coming in, and the store by SHA-256.

- A name never comes from outside as it is: incoming files are named by a checked file id, stored ones
  by a hash in two levels.
- Bytes get into the store by a link from `incoming`, after they were read back from the medium; the
  directories are synced before anybody is told.  Killed at any instant, the incoming file is still
  there until the catalogue knows better.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from center.errors import BadFolder, StoreFull
from center.settings import Folder

MAX_OPEN = 64
CHUNK_BYTES = 1024 * 1024
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Blobs:
    """Incoming files and the store of one center.  For one thread, but `read_back`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._open: OrderedDict[str, int] = OrderedDict()
        for path in (folder.incoming, folder.store):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.incoming.stat().st_dev != folder.store.stat().st_dev:
            raise BadFolder(
                f"{folder.incoming} and {folder.store} are on two file systems: mount both from one"
            )

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def incoming(self, file_id: str) -> Path:
        return self._folder.incoming / file_id

    def stored(self, sha256: str) -> Path:
        return self._folder.blob(sha256)

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Return whether the store has these bytes, as far as name and size tell."""
        try:
            return self.stored(sha256).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def free_bytes(self) -> int:
        facts = os.statvfs(self._folder.store)
        return facts.f_bavail * facts.f_frsize

    def create(self, file_id: str) -> None:
        """Make the incoming file, durably.  Raises StoreFull."""
        with _no_room_is_full():
            self._fd(file_id)
            _sync_directory(self._folder.incoming)

    def write(self, file_id: str, offset: int, data: memoryview) -> None:
        """Write into an incoming file.  Raises StoreFull, OSError."""
        with _no_room_is_full():
            fd = self._fd(file_id)
            while data:
                done = os.pwrite(fd, data, offset)
                data, offset = data[done:], offset + done

    def sync(self, file_id: str) -> None:
        """Make what was written durable.  Raises StoreFull, OSError."""
        with _no_room_is_full():
            os.fdatasync(self._fd(file_id))

    def length_bytes(self, file_id: str) -> int:
        try:
            return self.incoming(file_id).stat().st_size
        except FileNotFoundError:
            return 0

    def drop(self, file_id: str) -> None:
        fd = self._open.pop(file_id, None)
        if fd is not None:
            os.close(fd)
        self.incoming(file_id).unlink(missing_ok=True)

    def adopt(self, file_id: str, sha256: str) -> None:
        """Link verified bytes into the store, durably.  The incoming file stays until `drop`.

        Bytes that are there already are replaced: these were just read back, those perhaps long ago.
        Raises StoreFull, OSError.
        """
        target = self.stored(sha256)
        with _no_room_is_full():
            for directory in (target.parent.parent, target.parent):
                if not directory.is_dir():
                    directory.mkdir(mode=0o700, exist_ok=True)
                    _sync_directory(directory.parent)
            temporary = self._folder.store / f".{file_id}"
            temporary.unlink(missing_ok=True)
            os.link(self.incoming(file_id), temporary)
            temporary.replace(target)
            temporary.unlink(missing_ok=True)  # replacing a link to the same file leaves both (POSIX)
            _sync_directory(target.parent)

    def sweep(self, keep: frozenset[str]) -> int:
        """Remove incoming files that no open transfer owns.  Returns how many."""
        stray = [path for path in self._folder.incoming.iterdir() if path.name not in keep]
        stray += [path for path in self._folder.store.iterdir() if path.name.startswith(".")]
        for path in stray:
            path.unlink()
        return len(stray)

    def _fd(self, file_id: str) -> int:
        fd = self._open.get(file_id)
        if fd is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(self.incoming(file_id), flags, 0o600)
            self._open[file_id] = fd
            if len(self._open) > MAX_OPEN:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(file_id)
        return fd


def read_back(path: Path, going_on: Callable[[], bool]) -> tuple[str, int]:
    """Hash a file as the medium has it: synced, its cached pages dropped, then read.

    A hash over cached pages proves nothing about the medium.  Returns (SHA-256, size in bytes).
    Raises OSError, InterruptedError (where `going_on` says no).
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        total, size_bytes = hashlib.sha256(), 0
        while chunk := os.read(fd, CHUNK_BYTES):
            if not going_on():
                raise InterruptedError("stopping")
            total.update(chunk)
            size_bytes += len(chunk)
        return total.hexdigest(), size_bytes
    finally:
        os.close(fd)


@contextlib.contextmanager
def _no_room_is_full() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        if e.errno in _NO_ROOM:
            raise StoreFull(f"the store has no room: {e.strerror}") from None
        raise


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
