"""Where footage comes from: list, open, stat, and whether it is still there.

`CardSource` is the border; `TreeSource` walks a folder, `MountedSource` a mounted card.  Nothing of a card is
trusted:

- Every step opens one component by its raw name below an open folder, never following a link.
- Only regular files are ever opened for reading; links, pipes, sockets and device nodes are explained.
- Depth, number of entries, length of names and time have limits; what lies beyond is explained, not
  dropped.
- An entry that cannot be read costs only itself (A08).
- The listing is believed only if the device is still there after it (field-facts.md: after a yank vfat
  lies); where something could not be read, it is given a moment to leave first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dock.errors import CameraGone, ChangedWhileReading, Refused
from dock.listing import CardFile, Entry, Explained, Reason, Scan
from dock.mount import MountedCard
from dock.presence import is_present
from dock.reader import Handles, Readable

# How long a device whose reads fail is given to leave before the card is called unreadable.
VANISH_S = 2.0
_VANISH_STEP_S = 0.02
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that took a file's place must not hang the puller.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class CardSpace:
    """How much of a card is free, as its file system says."""

    free_bytes: int
    total_bytes: int


class CardSource(Protocol):
    """A camera's files, however they are reached."""

    def scan(self) -> Scan:
        """Find everything; what cannot be read is explained in it.  Raises CameraGone if the camera left."""

    def open(self, file: CardFile) -> Readable:
        """Open a listed file.  Raises OSError, CameraGone, ChangedWhileReading, Refused."""

    def stat(self, file: CardFile) -> tuple[int, int]:
        """Return a listed file's size in bytes and modification time in ns now.  Raises as `open`."""

    def still_there(self) -> bool:
        """Whether the very camera that was listed is still attached."""

    def together(self) -> AbstractContextManager[None]:
        """Many files are opened inside the block, those of one folder in a row.  Not from several threads."""

    def space(self) -> CardSpace | None:
        """Return how full the card is; None where that is not the camera's own, or not to be had."""


def stays(source: CardSource) -> bool:
    """Whether a camera that gave errors is still there after the moment that it is given to vanish."""
    give_up_at = time.monotonic() + VANISH_S
    while source.still_there():
        if time.monotonic() >= give_up_at:
            return True
        time.sleep(_VANISH_STEP_S)
    return False


@dataclass(frozen=True)
class Limits:
    """How much of a card is walked; far beyond what cameras write.

    `entries` of one folder and `all_entries`: what is beyond is not listed, other folders are.
    """

    depth: int = 16
    entries: int = 100_000
    all_entries: int = 200_000
    name_bytes: int = 1024
    walk_s: float = 120.0


class TreeSource:
    """The files below the folder `path`, which people know as `name`; `there`: it is still the same."""

    def __init__(
        self,
        path: Path,
        name: str,
        handles: Handles,
        there: Callable[[], bool],
        limits: Limits | None = None,
    ) -> None:
        self._path = path
        self._name = name
        self._handles = handles
        self._there = there
        self._limits = limits or Limits()
        self._kept: _KeptFolder | None = None

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """See CardSource."""
        with _KeptFolder() as kept:
            self._kept = kept
            try:
                yield
            finally:
                self._kept = None

    def still_there(self) -> bool:
        """See CardSource."""
        return self._there()

    def space(self) -> CardSpace | None:
        """See CardSource.  A folder may lie on anybody's disk."""
        return None

    def scan(self) -> Scan:
        """See CardSource."""
        try:
            with _opened(os.open(self._path, _DIRECTORY)) as root:
                scan = _Walk(self._limits, os.fstat(root).st_dev).scan(root)
        except OSError as error:
            if not self.still_there():
                raise CameraGone(f"{self._name} left while it was listed") from error
            scan = Scan((), (Explained(b"", 0, Reason.UNREADABLE, _why(error)),))
        # A dying USB bridge reports errors before it leaves the bus: then none of them is the card's fault.
        unreadable = any(entry.reason is Reason.UNREADABLE for entry in scan.explained)
        if not (stays(self) if unreadable else self.still_there()):
            raise CameraGone(f"{self._name} left while it was listed")
        return scan

    def open(self, file: CardFile) -> Readable:
        """See CardSource."""
        with self._parent(file) as (folder, name):
            fd = os.open(name, _FILE, dir_fd=folder)
        try:
            status = os.fstat(fd)
            _check_unchanged(file, status)
        except BaseException:
            os.close(fd)
            raise
        return self._handles.add(fd)

    def stat(self, file: CardFile) -> tuple[int, int]:
        """See CardSource."""
        with self._parent(file) as (folder, name):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return status.st_size, status.st_mtime_ns

    @contextlib.contextmanager
    def _parent(self, file: CardFile) -> Iterator[tuple[int, bytes]]:
        path, _, name = file.path.rpartition(b"/")
        folders = path.split(b"/") if path else []
        if any(part in (b"", b".", b"..") for part in (*folders, name)):
            raise Refused(f"{file.display_name!r} is no path that a walk gives")
        if self._kept is not None:
            yield self._kept.folder(path, lambda: self._open_folder(folders)), name
            return
        with _opened(self._open_folder(folders)) as fd:
            yield fd, name

    def _open_folder(self, folders: Sequence[bytes]) -> int:
        fd = os.open(self._path, _DIRECTORY)
        for part in folders:
            with _opened(fd) as above:
                fd = os.open(part, _DIRECTORY, dir_fd=above)
        return fd


class _KeptFolder:
    """The folder that was opened last stays open, until another one is, or the block ends."""

    def __init__(self) -> None:
        self._path: bytes | None = None
        self._fd = -1

    def __enter__(self) -> _KeptFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def folder(self, path: bytes, opened: Callable[[], int]) -> int:
        """Return the open folder `path`; `opened` opens it.  Raises OSError."""
        if path != self._path:
            self._close()
            self._fd, self._path = opened(), path
        return self._fd

    def _close(self) -> None:
        if self._path is not None:
            self._path = None
            os.close(self._fd)


class MountedSource(TreeSource):
    """The files of a mounted card.

    `said_gone` lets the owner add what it knows earlier than sysfs does: that udev reported the device's
    removal.
    """

    def __init__(
        self,
        card: MountedCard,
        *,
        limits: Limits | None = None,
        said_gone: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(
            card.path,
            card.device.node,
            card.handles,
            lambda: not said_gone() and is_present(card.device),
            limits,
        )

    def space(self) -> CardSpace | None:
        """See CardSource."""
        try:
            found = os.statvfs(self._path)
        except OSError:
            return None  # it leaves, or its medium cannot be read: others say so
        return CardSpace(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _check_unchanged(file: CardFile, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{file.display_name!r} is no regular file any more")
    if status.st_size != file.size_bytes:
        said = f"{file.size_bytes} bytes then, {status.st_size} now"
    elif status.st_mtime_ns != file.modified_ns:
        said = f"as many bytes, but written {(status.st_mtime_ns - file.modified_ns) / 1e9:+.3f} s from then"
    else:
        return
    raise ChangedWhileReading(f"{file.display_name!r} is not what was listed: {said}")


class _LimitReached(Exception):
    pass


class _Walk:
    """One walk over a card: collects entries and explanations under the limits."""

    def __init__(self, limits: Limits, device: int) -> None:
        self._limits = limits
        self._device = device
        self._entries: list[Entry] = []
        self._explained: list[Explained] = []
        self._seen = 0
        self._end_at = time.monotonic() + limits.walk_s

    def scan(self, root: int) -> Scan:
        try:
            self._folder(root, b"", 0)
        except _LimitReached as reached:
            self._explain(b"", Reason.LIMIT, str(reached))
        return Scan(tuple(self._entries), tuple(self._explained))

    def _folder(self, fd: int, path: bytes, depth: int) -> None:
        for name in sorted(self._names(fd, path)):
            self._entry(fd, name, path + b"/" + name if path else name, depth)

    def _names(self, fd: int, path: bytes) -> list[bytes]:
        names: list[bytes] = []
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    if len(names) >= self._limits.entries:
                        self._explain(path, Reason.LIMIT, f"more than {self._limits.entries} entries")
                        break
                    if self._seen >= self._limits.all_entries:
                        self._explain(
                            path, Reason.LIMIT, f"more than {self._limits.all_entries} entries in all"
                        )
                        break
                    self._seen += 1
                    names.append(os.fsencode(entry.name))
        except OSError as error:
            # A folder that breaks off half-way still gives what it gave so far.
            self._explain(path, Reason.UNREADABLE, f"folder: {_why(error)}")
        return names

    def _entry(self, folder: int, name: bytes, path: bytes, depth: int) -> None:
        if time.monotonic() > self._end_at:
            raise _LimitReached(f"listing took longer than {self._limits.walk_s:.0f} s")
        if len(name) > self._limits.name_bytes:
            self._explain(path, Reason.LIMIT, f"name of {len(name)} bytes")
            return
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) and status.st_dev == self._device:
                self._subfolder(folder, name, path, depth)
            elif stat.S_ISREG(status.st_mode):
                read_only = not status.st_mode & 0o222
                self._entries.append(Entry(path, status.st_size, status.st_mtime_ns, read_only))
            else:
                self._explain(path, Reason.NOT_REGULAR, _kind_of(status.st_mode), status.st_mtime_ns)
        except OSError as error:
            self._explain(path, Reason.UNREADABLE, _why(error))

    def _subfolder(self, folder: int, name: bytes, path: bytes, depth: int) -> None:
        if depth + 1 >= self._limits.depth:
            self._explain(path, Reason.LIMIT, f"folders deeper than {self._limits.depth}")
            return
        with _opened(os.open(name, _DIRECTORY, dir_fd=folder)) as fd:
            self._folder(fd, path, depth + 1)

    def _explain(self, path: bytes, reason: Reason, detail: str, modified_ns: int = 0) -> None:
        self._explained.append(Explained(path, 0, reason, detail, modified_ns))


@contextlib.contextmanager
def _opened(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _why(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, "?")
    return f"{error.strerror} ({name})"


def _kind_of(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a link; links are never followed",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device node",
        stat.S_IFBLK: "a device node",
        stat.S_IFDIR: "another file system",
    }
    return kinds.get(stat.S_IFMT(mode), "no regular file")
