"""Pulling one file off a card: copy, SHA-256 and a count of all-zero blocks in one pass.

- Read once, into a new name in the vault (an id; never the card's name: A02, B19).  A partial copy that
  exists is resumed by *verified prefix*: the card is read from its beginning (the hash needs that anyway),
  what the partial copy holds is compared with it instead of written, and at the first difference writing
  takes over.
- The copy's length, and the card's size and time before and after, must agree with the listing (A09).
- Whether the camera is gone is asked of the source, not read off an error number; it is given a moment to
  vanish, since a dying USB bridge reports errors before it leaves the bus.
- Memory is a few buffers (hashing overlaps reading and writing); the vault is written out as it fills, so
  that the last fsync is short, and `progress` reaches the file's size only after it ("stuck at 99.8 %").
- Zero blocks prove nothing by themselves: size reserved before its data looks perfect from an index (C03).
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from dock.errors import (
    CameraGone,
    ChangedWhileReading,
    PullCancelled,
    Unreadable,
)
from dock.judging import Judge, judging
from dock.listing import CardFile
from dock.reader import Readable
from dock.source import CardSource, stays
from dock.vault_copy import finish, open_copy
from dock.zeros import ZERO_BLOCK_BYTES, ZeroBlocks

__all__ = ["ZERO_BLOCK_BYTES", "Pulled", "finish", "prove", "pull", "resume"]

# With smaller ones reading and judging wait for each other more often: measured, a third more processor time
# with 256 KiB.  Four of them are what a camera costs in memory.
_BUFFER_BYTES = 1024 * 1024
_ASK_EVERY_BYTES = 1024 * 1024
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


def pulled_of(sha256: str, size_bytes: int, zeros: ZeroBlocks, verified_bytes: int, started: float) -> Pulled:
    """Return what was read since `started` (seconds of the monotonic clock) and judged."""
    return Pulled(
        sha256=sha256,
        size_bytes=size_bytes,
        zero_blocks=zeros.blocks,
        zero_block_bytes=zeros.total_bytes,
        zero_first_at=zeros.first_at,
        zero_run_at=zeros.run_at,
        zero_run_bytes=zeros.run_bytes,
        verified_bytes=verified_bytes,
        read_s=time.monotonic() - started,
    )


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
    with open_copy(into, new=True) as target:
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
    with open_copy(into, new=False) as target:
        return _copy(source, file, target, progress, cancel)


def prove(
    source: CardSource, file: CardFile, progress: Callable[[int], None], cancel: Callable[[], bool]
) -> Pulled:
    """Read the whole of `file` without copying it: for one that is probably in the vault already.

    Raises as `pull`, but nothing about the vault.
    """
    return _copy(source, file, _NoCopy(), progress, cancel)


def _copy(
    source: CardSource,
    file: CardFile,
    target: Target,
    progress: Callable[[int], None],
    cancel: Callable[[], bool],
) -> Pulled:
    started = time.monotonic()
    with _camera_errors(source, file):
        reader = source.open(file)
    try:
        with judging(file.size_bytes, _BUFFER_BYTES) as judge:
            _Copy(source, file, reader, target, judge).run(progress, cancel)
        reader.forget_cached()
    finally:
        reader.close()
    progress(file.size_bytes)
    return pulled_of(judge.digest.hexdigest(), file.size_bytes, judge.zeros, target.verified_bytes, started)


class Target(Protocol):
    """Where the bytes of a pass go."""

    verified_bytes: int

    def take(self, part: memoryview, at: int) -> None:
        """Take the bytes at `at`, in ascending order without gaps."""

    def complete(self, size_bytes: int) -> None:
        """Make everything durable."""


class _NoCopy:
    """For a pass that only reads."""

    verified_bytes = 0

    def take(self, part: memoryview, at: int) -> None: ...

    def complete(self, size_bytes: int) -> None: ...


class _Copy:
    """The one pass over a file."""

    def __init__(
        self, source: CardSource, file: CardFile, reader: Readable, target: Target, judge: Judge
    ) -> None:
        self._source = source
        self._file = file
        self._reader = reader
        self._target = target
        self._judge = judge

    def run(self, progress: Callable[[int], None], cancel: Callable[[], bool]) -> None:
        done = 0
        while done < self._file.size_bytes:
            if done % _ASK_EVERY_BYTES == 0 and cancel():
                raise PullCancelled(f"{self._file.display_name}: stopped at byte {done}")
            buffer = self._judge.free_buffer()
            length = self._fill(buffer, done)
            self._judge.feed(length)
            self._target.take(memoryview(buffer)[:length], done)
            done += length
            if done < self._file.size_bytes and done % _ASK_EVERY_BYTES == 0:
                progress(done)
        self._check_unchanged()
        self._target.complete(done)
        self._judge.finish()

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
        if not stays(self._source):
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
            if self._reader.written_to():
                raise ChangedWhileReading(f"{self._file.display_name} was written to while it was read")
        if not self._source.still_there():
            raise CameraGone(f"the camera left at the end of {self._file.display_name}")


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
        if not stays(source):
            raise CameraGone(f"the camera left at {file.display_name}") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise ChangedWhileReading(f"{file.display_name} is not there any more") from error
        raise Unreadable(file.display_name, [(0, file.size_bytes)]) from error
