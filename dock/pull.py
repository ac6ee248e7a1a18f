"""Pulling one file off a card: copy, SHA-256 and a count of all-zero blocks in one pass.

- Read once, into a new name in the vault (an id; never the card's name: A02, B19).  A partial copy that
  exists is resumed by *verified prefix*: the card is read from its beginning (the hash needs that anyway),
  what the partial copy holds is compared with it instead of written, and at the first difference writing
  takes over.
- The copy's length, and the card's size and time before and after, must agree with the listing (A09).
- Whether the camera is gone is asked of the source, not read off an error number; it is given a moment to
  vanish, since a dying USB bridge reports errors before it leaves the bus.
- Memory is one buffer; the vault is synced as it fills, so that the last fsync is short, and `progress`
  reaches the file's size only after it ("stuck at 99.8 %").
- Zero blocks prove nothing by themselves: size reserved before its data looks perfect from an index (C03).
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dock import linux
from dock.errors import (
    CameraGone,
    ChangedWhileReading,
    DiskFull,
    NameTaken,
    PullCancelled,
    Unreadable,
    VaultFailed,
)
from dock.listing import CardFile
from dock.reader import Readable
from dock.source import CardSource
from dock.zeros import ZERO_BLOCK_BYTES, ZeroBlocks

__all__ = ["ZERO_BLOCK_BYTES", "Pulled", "finish", "pull", "resume"]

_BUFFER_BYTES = 1024 * 1024
_SYNC_EVERY_BYTES = 64 * 1024 * 1024
# How long a device whose reads fail is given to leave before the card is called unreadable.
_VANISH_S = 2.0
_VANISH_STEP_S = 0.02
# After a bad place the rest is probed in steps of this size, to say which ranges are lost.
_PROBE_BYTES = 64 * 1024
_BAD_RANGES = 64
_PROBE_S = 30.0


@dataclass(frozen=True)
class Pulled:
    """A copy that is durable under its temporary name.

    `zero_*` count blocks of 4096 bytes (the last may be shorter) that are all zero; `zero_first_at` is the
    offset of the first, None without one; the longest run is at `zero_run_at`, `zero_run_bytes` long.
    `verified_bytes` of the copy were there before and compared, not written.
    """

    sha256: str
    size_bytes: int
    zero_blocks: int
    zero_block_bytes: int
    zero_first_at: int | None
    zero_run_at: int | None
    zero_run_bytes: int
    verified_bytes: int
    read_s: float


def pull(
    source: CardSource,
    file: CardFile,
    into: Path,
    progress: Callable[[int], None],
    cancel: Callable[[], bool],
) -> Pulled:
    """Copy `file` to the new file `into`; `progress` is told the bytes so far.

    `cancel` is asked before each MiB.  Raises CameraGone, PullCancelled and DiskFull (the partial copy
    stays, see `resume`), Unreadable, ChangedWhileReading, Refused, VaultFailed, NameTaken (`into` exists).
    """
    with _target(into, os.O_CREAT | os.O_EXCL) as target:
        return _copy(source, file, target, progress, cancel)


def resume(
    source: CardSource,
    file: CardFile,
    into: Path,
    progress: Callable[[int], None],
    cancel: Callable[[], bool],
) -> Pulled:
    """Go on with the partial copy `into`, believing nothing of it that the card does not say again.

    Raises as `pull`, and FileNotFoundError if there is no partial copy.
    """
    with _target(into, 0) as target:
        return _copy(source, file, target, progress, cancel)


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
def _target(path: Path, flags: int) -> Iterator[_Target]:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        raise
    except FileExistsError as error:
        raise NameTaken(f"{path} exists already") from error
    except OSError as error:
        raise _vault_error(error, path) from error
    try:
        yield _Target(fd, path)
    finally:
        os.close(fd)


def _copy(
    source: CardSource,
    file: CardFile,
    target: _Target,
    progress: Callable[[int], None],
    cancel: Callable[[], bool],
) -> Pulled:
    started = time.monotonic()
    with _camera_errors(source, file):
        reader = source.open(file)
    try:
        copy = _Copy(source, file, reader, target)
        copy.run(progress, cancel)
        reader.forget_cached()
    finally:
        reader.close()
    progress(file.size_bytes)
    zeros = copy.zeros
    return Pulled(
        sha256=copy.digest.hexdigest(),
        size_bytes=file.size_bytes,
        zero_blocks=zeros.blocks,
        zero_block_bytes=zeros.total_bytes,
        zero_first_at=zeros.first_at,
        zero_run_at=zeros.run_at,
        zero_run_bytes=zeros.run_bytes,
        verified_bytes=target.verified_bytes,
        read_s=time.monotonic() - started,
    )


class _Copy:
    """The one pass over a file."""

    def __init__(self, source: CardSource, file: CardFile, reader: Readable, target: _Target) -> None:
        self._source = source
        self._file = file
        self._reader = reader
        self._target = target
        self.digest = hashlib.sha256()
        self.zeros = ZeroBlocks()

    def run(self, progress: Callable[[int], None], cancel: Callable[[], bool]) -> None:
        buffer = bytearray(_BUFFER_BYTES)
        done = 0
        while done < self._file.size_bytes:
            if cancel():
                raise PullCancelled(f"{self._file.display_name}: stopped at byte {done}")
            length = self._fill(buffer, done)
            part = memoryview(buffer)[:length]
            self.digest.update(part)
            self.zeros.feed(buffer, length)
            self._target.take(part, done)
            done += length
            if done < self._file.size_bytes:
                progress(done)
        self._check_unchanged()
        self._target.complete(done)

    def _fill(self, buffer: bytearray, at: int) -> int:
        """Fill the buffer from `at` as far as the file goes, so that zero blocks stay aligned."""
        wanted = min(len(buffer), self._file.size_bytes - at)
        filled = 0
        view = memoryview(buffer)
        while filled < wanted:
            try:
                got = self._reader.read_into(view[filled:wanted], at + filled)
            except OSError as error:
                self._unreadable(at + filled, error)
            if got == 0:
                self._ended_early(at + filled)
            filled += got
        return filled

    def _ended_early(self, at: int) -> NoReturn:
        # A FAT size longer than its chain of clusters ends like this; so does vfat after a yank.
        self._check_unchanged()
        raise Unreadable(self._file.display_name, [(at, self._file.size_bytes)])

    def _unreadable(self, at: int, error: OSError) -> NoReturn:
        if not _stays(self._source):
            raise CameraGone(f"the camera left at byte {at} of {self._file.display_name}") from error
        ranges = _bad_ranges(self._source, self._reader, at, self._file.size_bytes)
        if not self._source.still_there():
            raise CameraGone(f"the camera left at byte {at} of {self._file.display_name}") from error
        raise Unreadable(self._file.display_name, ranges) from error

    def _check_unchanged(self) -> None:
        with _camera_errors(self._source, self._file):
            for size_bytes, modified_ns in (self._reader.size_and_time(), self._source.stat(self._file)):
                if (size_bytes, modified_ns) != (self._file.size_bytes, self._file.modified_ns):
                    raise ChangedWhileReading(
                        f"{self._file.display_name} changed while it was read: "
                        f"{self._file.size_bytes} bytes listed, {size_bytes} now"
                    )
        if not self._source.still_there():
            raise CameraGone(f"the camera left at the end of {self._file.display_name}")


class _Target:
    """The copy in the vault: compares what is there already, then writes."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path
        self._old_bytes = os.fstat(fd).st_size
        self._unsynced_bytes = 0
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
        if self._unsynced_bytes >= _SYNC_EVERY_BYTES:
            os.fdatasync(self._fd)
            self._unsynced_bytes = 0


def _stays(source: CardSource) -> bool:
    give_up_at = time.monotonic() + _VANISH_S
    while source.still_there():
        if time.monotonic() >= give_up_at:
            return True
        time.sleep(_VANISH_STEP_S)
    return False


def _bad_ranges(source: CardSource, reader: Readable, start: int, size_bytes: int) -> list[tuple[int, int]]:
    """Say which ranges from `start` on fail; when it gets too long, all that is left counts as one."""
    view = memoryview(bytearray(_PROBE_BYTES))
    ranges: list[tuple[int, int]] = []
    end_at = time.monotonic() + _PROBE_S
    at = start
    while at < size_bytes:
        if len(ranges) >= _BAD_RANGES or time.monotonic() > end_at or not source.still_there():
            return _joined(ranges, at, size_bytes)
        step = min(_PROBE_BYTES - at % _PROBE_BYTES, size_bytes - at)
        try:
            got = reader.read_into(view[:step], at)
        except OSError:
            ranges = _joined(ranges, at, at + step)
            at += step
            continue
        if got == 0:
            return _joined(ranges, at, size_bytes)
        at += got
    return ranges or [(start, size_bytes)]


def _joined(ranges: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    if ranges and ranges[-1][1] == start:
        return [*ranges[:-1], (ranges[-1][0], end)]
    return [*ranges, (start, end)]


@contextmanager
def _camera_errors(source: CardSource, file: CardFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not _stays(source):
            raise CameraGone(f"the camera left at {file.display_name}") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise ChangedWhileReading(f"{file.display_name} is not there any more") from error
        raise Unreadable(file.display_name, [(0, file.size_bytes)]) from error


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
