"""What a card still shows of files that were deleted: names, sizes, times, and clusters that no file owns.

- FAT12/16/32 and exFAT on a block device that may be read; nothing is undeleted, no content is looked at.
- Nothing on the card is trusted: bytes read, entries, depth, length of chains and time have limits, and every
  folder is entered once.  What could not be looked at is said (`problem`), never taken for nothing.
- An old entry of a file that was only renamed or moved (same first cluster, size and time) is no deletion.
- Lost clusters are only counted where every folder was read: else files would be taken for lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

MAX_FOLDERS = 16  # deep
MAX_ENTRIES = 200_000
MAX_DELETED = 5_000
MAX_TABLE_BYTES = 128 * 1024 * 1024
_MAX_READ_BYTES = 512 * 1024 * 1024
_MAX_S = 20.0


@dataclass(frozen=True)
class DeletedEntry:
    """A directory entry that was deleted.

    `modified_at` is naive where it is the camera's local time, aware where the card says the offset.
    `first_lost`: the first letter of the name is gone and shown as `?`.
    """

    name: str
    size_bytes: int
    modified_at: datetime | None
    folder: bool = False
    first_lost: bool = False


@dataclass(frozen=True)
class Leftovers:
    """`lost_bytes` None: not known.  `problem`: why it is not all, empty where it is."""

    deleted: tuple[DeletedEntry, ...] = ()
    lost_bytes: int | None = None
    problem: str = ""


class TooMuch(Exception):
    """A limit was reached: what is known so far is all that will be."""


class NoSuchSystem(Exception):
    """The structures of the file system are not what its boot sector should say."""


class Disk:
    """Bounded reads of a device, or of a part of it that `begins_at` a byte."""

    def __init__(self, fd: int, begins_at: int = 0) -> None:
        self._fd = fd
        self._begins_at = begins_at
        self._left = _MAX_READ_BYTES
        self._end_at = time.monotonic() + _MAX_S

    def read(self, offset: int, size: int) -> bytes:
        """Read at most `size` bytes; less at the end of the device.  Raises OSError, TooMuch."""
        self.check_time()
        if size > self._left:
            raise TooMuch("more had to be read than is reasonable")
        self._left -= size
        parts = []
        offset += self._begins_at
        while size > 0:
            part = os.pread(self._fd, min(size, 1 << 20), offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)

    def check_time(self) -> None:
        """Raises TooMuch when it has taken too long."""
        if time.monotonic() > self._end_at:
            raise TooMuch(f"it took longer than {_MAX_S:.0f} s")


@dataclass(frozen=True)
class Found:
    """An entry, deleted or not, as the walk needs it; `stamp` is compared only."""

    path: str
    cluster: int
    size_bytes: int
    modified_at: datetime | None
    stamp: int
    folder: bool
    deleted: bool
    first_lost: bool = False
    read_only: bool = False


@dataclass
class Gathered:
    """What a walk collects; `label`: the volume's, as its root folder says it."""

    label: str = ""
    live: set[tuple[int, int, int]] = field(default_factory=set)
    deleted: list[Found] = field(default_factory=list)
    entries: int = 0
    problem: str = ""

    def add(self, found: Found) -> None:
        """Raises TooMuch."""
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise TooMuch(f"more than {MAX_ENTRIES} entries")
        if not found.deleted:
            self.live.add((found.cluster, found.size_bytes, found.stamp))
        elif len(self.deleted) < MAX_DELETED:
            self.deleted.append(found)
        else:
            self.problem = f"more than {MAX_DELETED} deleted entries"

    def leftovers(self, lost_bytes: int | None) -> Leftovers:
        entries = tuple(
            DeletedEntry(one.path, one.size_bytes, one.modified_at, one.folder, one.first_lost)
            for one in self.deleted
            if not (one.cluster and (one.cluster, one.size_bytes, one.stamp) in self.live)
        )
        return Leftovers(entries, None if self.problem else lost_bytes, self.problem)


def read_leftovers(node: str, fs_type: str) -> Leftovers | None:
    """Look at the file system on a device; None for a kind that is not looked into.  Never raises."""
    from dock.exfat_entries import ExfatSystem
    from dock.fat_entries import FatSystem

    if fs_type not in ("vfat", "msdos", "exfat"):
        return None
    gathered = Gathered()
    lost: int | None = None
    try:
        with _opened(node) as disk:
            system = ExfatSystem(disk) if fs_type == "exfat" else FatSystem(disk)
            system.walk(gathered)
            lost = system.lost_bytes()
    except OSError as error:
        gathered.problem = f"{node} cannot be read: {error.strerror}"
    except (TooMuch, NoSuchSystem) as error:
        gathered.problem = str(error)
    return gathered.leftovers(lost)


@contextmanager
def _opened(node: str) -> Iterator[Disk]:
    fd = os.open(node, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield Disk(fd)
    finally:
        os.close(fd)
