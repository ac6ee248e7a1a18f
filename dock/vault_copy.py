"""The copy in the vault: a new name or a partial one, made durable, given its lasting name.

- A name is made exclusively and never written over (A02); room and other troubles of the disk are told apart.
- Bytes go in in ascending order.  What a partial copy holds is compared with them first; at the first
  difference writing takes over (architecture.md, "verified prefix").
- The disk is set to work as it fills, and waited for now and then, so that the last fsync is short.
- Many small copies are made durable together: one sync of the file system for their contents, renames, one
  for their names.  Names follow contents, or a power cut could leave a lasting name without its bytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dock import linux
from dock.errors import DiskFull, NameTaken, VaultFailed

_SYNC_EVERY_BYTES = 256 * 1024 * 1024
_BEGIN_EVERY_BYTES = 8 * 1024 * 1024


@contextmanager
def open_copy(path: Path, *, new: bool) -> Iterator[VaultCopy]:
    """Open the copy `path`, which must be new, or exist.

    Raises NameTaken, FileNotFoundError, DiskFull, VaultFailed.
    """
    flags = os.O_CREAT | os.O_EXCL if new else 0
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o640)
    except FileNotFoundError:
        raise
    except FileExistsError as error:
        raise NameTaken(f"{path} exists already") from error
    except OSError as error:
        raise _vault_error(error, path) from error
    try:
        yield VaultCopy(fd, path)
    finally:
        os.close(fd)


class VaultCopy:
    """One copy while it is made; `verified_bytes` of it were there before and are the card's."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path
        self._old_bytes = os.fstat(fd).st_size
        self._unsynced_bytes = 0
        self._unbegun_bytes = 0
        self.verified_bytes = 0

    def take(self, part: memoryview, at: int) -> None:
        """Make the copy hold `part` at `at`; called in ascending order without gaps."""
        with _vault_errors(self._path):
            same = self._compare(part, at)
            self.verified_bytes += same
            if same == len(part):
                return
            self._old_bytes = 0  # the rest is not the card's: written over, and cut at the end
            self._write(part[same:], at + same)

    def complete(self, size_bytes: int) -> None:
        """Cut what an old copy had too much, make everything durable, drop it from the page cache."""
        with _vault_errors(self._path):
            if os.fstat(self._fd).st_size > size_bytes:
                os.ftruncate(self._fd, size_bytes)
            os.fsync(self._fd)
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def _compare(self, part: memoryview, at: int) -> int:
        """Return how many bytes at the beginning of `part` the copy holds already."""
        if at >= self._old_bytes:
            return 0
        old = os.pread(self._fd, min(len(part), self._old_bytes - at), at)
        if part[: len(old)] == old:
            return len(old)
        return next(i for i, (new, was) in enumerate(zip(part, old, strict=False)) if new != was)

    def _write(self, part: memoryview, at: int) -> None:
        written = 0
        while written < len(part):
            written += os.pwrite(self._fd, part[written:], at + written)
        self._unsynced_bytes += written
        self._unbegun_bytes += written
        if self._unsynced_bytes >= _SYNC_EVERY_BYTES:
            os.fdatasync(self._fd)
            self._unsynced_bytes = self._unbegun_bytes = 0
        elif self._unbegun_bytes >= _BEGIN_EVERY_BYTES:
            self._begin_writing(at + written)

    def _begin_writing(self, end: int) -> None:
        # Only a hint: what a file system cannot begin early, the sync does.
        with suppress(OSError, AttributeError):
            linux.begin_writing(self._fd, end - self._unbegun_bytes, self._unbegun_bytes)
        self._unbegun_bytes = 0


def finish(temporary: Path, final: Path) -> None:
    """Give a durable copy its lasting name: fsync it, rename without overwriting, fsync the folders.

    Raises NameTaken if `final` exists, DiskFull or VaultFailed.
    """
    try:
        _sync(temporary)
        linux.rename_no_replace(temporary, final)
        for folder in {temporary.parent, final.parent}:
            _sync(folder)
    except FileExistsError as error:
        raise NameTaken(f"{final} exists already") from error
    except OSError as error:
        raise _vault_error(error, final) from error


@contextmanager
def open_disk(folder: Path) -> Iterator[VaultDisk]:
    """Open the file system below `folder`: before the first byte of what its `sync` is to answer for.

    Raises DiskFull, VaultFailed.
    """
    with _vault_errors(folder):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield VaultDisk(fd, folder)
    finally:
        os.close(fd)


class VaultDisk:
    """The file system that the vault lies on, for making many files durable at once."""

    def __init__(self, fd: int, folder: Path) -> None:
        self._fd = fd
        self._folder = folder

    def sync(self) -> None:
        """Make all contents and names durable.  Raises DiskFull, VaultFailed."""
        with _vault_errors(self._folder):
            linux.sync_file_system(self._fd)


def write_small(path: str, content: memoryview) -> None:
    """Write the new file `path`, which is durable only after a sync.

    Raises NameTaken if it exists, DiskFull or VaultFailed; then there is nothing of it.
    """
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    except FileExistsError as error:
        raise NameTaken(f"{path} exists already") from error
    except OSError as error:
        raise _vault_error(error, Path(path)) from error
    try:
        written = 0
        while written < len(content):
            written += os.write(fd, content[written:])
    except OSError as error:
        with suppress(OSError):
            Path(path).unlink()
        raise _vault_error(error, Path(path)) from error
    finally:
        os.close(fd)


def rename_new(temporary: str, final: str) -> None:
    """Give a copy its lasting name, which is durable only after a sync; the folder is made if need be.

    Raises NameTaken if `final` exists, DiskFull or VaultFailed.
    """
    try:
        try:
            linux.rename_no_replace(temporary, final)
        except FileNotFoundError:
            Path(final).parent.mkdir(0o750, exist_ok=True)
            linux.rename_no_replace(temporary, final)
    except FileExistsError as error:
        raise NameTaken(f"{final} exists already") from error
    except OSError as error:
        raise _vault_error(error, Path(final)) from error


@contextmanager
def _vault_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _vault_error(error, path) from error


def _vault_error(error: OSError, path: Path) -> DiskFull | VaultFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(f"no room in {path.parent}: {error.strerror}")
    return VaultFailed(
        f"{path} cannot be written: {error.strerror}. Check the disk of the vault and its file system."
    )


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
