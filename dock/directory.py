"""Cameras behind a directory: PTP, MTP and network mounts, or a folder that something else fills.

- A directory is complete when two looks, some seconds apart, list the same: names, sizes and times.
- One that is empty or not there is no camera.  One that is another directory now (another mount), or lists
  otherwise, is another stay.
- inotify sees neither FUSE nor what other machines write: it is used on local file systems only, and only to
  look sooner; everything is looked at again and again besides.
- Nothing is ever written into it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dock.devices import clean_serial
from dock.errors import CameraGone
from dock.listing import Reason, digest_of
from dock.reader import Handles
from dock.source import Limits, TreeSource

# File systems of this machine's own kernel and disks.
_LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "f2fs", "vfat", "exfat", "ntfs3"}
)


@dataclass(frozen=True)
class Found:
    """What a directory that is not empty holds: which directory it is, and the digest of its listing."""

    device: int
    inode: int
    digest: str


@dataclass(frozen=True)
class DirectoryOrigin:
    """What is known of a camera behind a directory: nothing but where it shows up."""

    path: Path
    serial_known: bool = False
    vendor_id: str = ""
    product_id: str = ""

    @property
    def serial(self) -> str:
        """A stand-in, made of the path."""
        return f"unknown-{clean_serial(str(self.path)) or 'directory'}"


def directory_source(
    path: Path, there: Callable[[], bool] | None = None, limits: Limits | None = None
) -> TreeSource:
    """Return the files below `path`; they are there as long as it is this very directory, and `there` agrees.

    Raises CameraGone if it is not there.
    """
    identity = _identity(path)
    if identity is None:
        raise CameraGone(f"{path} is not there")

    def is_same() -> bool:
        return _identity(path) == identity and (there is None or there())

    handles = Handles(trust_ctime=not file_system_of(path).startswith("fuse"))
    return TreeSource(path, str(path), handles, is_same, limits)


def look(path: Path, limits: Limits | None = None) -> Found | None:
    """List `path` once; None if it is empty, or not there (any more)."""
    identity = _identity(path)
    if identity is None:
        return None
    try:
        scan = directory_source(path, limits=limits).scan()
    except CameraGone:
        return None
    entries = [(entry.path, entry.size_bytes, entry.modified_ns) for entry in scan.entries]
    unread = [(entry.path, entry.size_bytes, entry.modified_ns) for entry in scan.explained]
    # A directory that cannot be read at all holds nothing, as a mount that hangs or is half gone.
    if not entries and all(e.path == b"" and e.reason is not Reason.LIMIT for e in scan.explained):
        return None
    return Found(*identity, digest_of(entries + unread))


def unlistable(path: Path) -> str | None:
    """Return why what is at `path` cannot be listed; None if it can be, or if nothing is there."""
    try:
        with os.scandir(path) as entries:
            next(entries, None)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{error.strerror} ({errno.errorcode.get(error.errno or 0, '?')})"
    return None


class Settling:
    """Whether what is found has stopped changing.  Pure: times are seconds of a monotonic clock."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._last: Found | None = None
        self._since_s = 0.0

    def saw(self, found: Found | None, at_s: float) -> bool:
        """Take in one look; return whether it agrees with those of the last `settle_s`."""
        if found is None or found != self._last:
            self._last, self._since_s = found, at_s
            return False
        return at_s - self._since_s >= self._settle_s


@contextlib.contextmanager
def waking(path: Path, wake: threading.Event) -> Iterator[bool]:
    """Set `wake` when something changes below `path`, where that can be seen; yields whether it can."""
    # A link that leads nowhere can be watched as well, and says nothing.
    if _identity(path) is None or file_system_of(path) not in _LOCAL:
        yield False
        return
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Waker(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            # Our own reading opens and closes files; that is no change.
            if event.event_type in ("created", "modified", "moved", "deleted", "closed"):
                wake.set()

    observer: Any = Observer()
    try:
        observer.schedule(Waker(), str(path), recursive=True)
        observer.start()
    except OSError:  # not there (yet), or no watch is left on this machine
        yield False
        return
    try:
        yield True
    finally:
        observer.stop()
        observer.join()


def file_system_of(path: Path) -> str:
    """Return the kernel's name of the file system that `path` lies on; empty where it cannot be told."""
    wanted = os.fsencode(os.path.realpath(path))  # unlike `resolve`, a loop of links is no error to it
    best, found = b"", ""
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        point = before.split(b" ")[4].decode("unicode_escape").encode("latin-1")
        lies_in = point in (b"/", wanted) or wanted.startswith(point + b"/")
        if lies_in and len(point) >= len(best):  # of mounts over each other the last counts
            best, found = point, after.split(b" ")[0].decode("ascii", "replace")
    return found


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if path.is_dir() else None
