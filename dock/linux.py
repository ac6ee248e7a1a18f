"""System calls that Python's `os` lacks, typed, with OSError.

mount, renameat2, syncfs, sync_file_range, BLKROSET.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import os
from pathlib import Path

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800

MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_SYNC_FILE_RANGE_WRITE = 2
_BLKROSET = 0x125D
_BLKROGET = 0x125E


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str, target: Path, fs_type: str, flags: int, options: str) -> None:
    """mount(2).  Raises OSError."""
    result = _libc().mount(
        source.encode(), os.fsencode(target), fs_type.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _check(result, source)


def unmount(target: Path, *, detach: bool = False) -> None:
    """umount2(2), never through a link.  `detach` takes it out of the tree and lets its users end in their
    own time.  Raises OSError."""
    flags = UMOUNT_NOFOLLOW | (MNT_DETACH if detach else 0)
    _check(_libc().umount2(os.fsencode(target), flags), str(target))


def rename_no_replace(source: Path | str, target: Path | str) -> None:
    """renameat2(2) with RENAME_NOREPLACE; link and unlink where the file system lacks it.

    Raises FileExistsError if `target` exists, OSError otherwise.
    """
    try:
        result = _libc().renameat2(
            _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE
        )
        _check(result, str(target))
    except (AttributeError, OSError) as error:  # no such function in the library, or not on this file system
        if isinstance(error, OSError) and error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        os.link(source, target, follow_symlinks=False)
        Path(source).unlink()


def sync_file_system(fd: int) -> None:
    """syncfs(2): make all that was written to the file system of `fd` durable, contents and names.

    What went wrong since `fd` was opened is told (so does Linux from 5.8 on).  Raises OSError.
    """
    _check(_libc().syncfs(fd), f"/proc/self/fd/{fd}")


def begin_writing(fd: int, offset: int, length: int) -> None:
    """sync_file_range(2): have the disk begin with these pages, without waiting.  Makes nothing durable.

    Raises OSError.
    """
    call = _libc().sync_file_range
    result = call(fd, ctypes.c_int64(offset), ctypes.c_int64(length), _SYNC_FILE_RANGE_WRITE)
    _check(result, f"/proc/self/fd/{fd}")


def set_read_only(node: str) -> None:
    """Make the kernel refuse every write to a block device (BLKROSET).  Raises OSError."""
    fd = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _BLKROSET, (1).to_bytes(4, "little"))
    finally:
        os.close(fd)


def is_read_only(node: str) -> bool:
    """Whether the kernel refuses writes to a block device (BLKROGET).  Raises OSError."""
    fd = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return any(fcntl.ioctl(fd, _BLKROGET, bytes(4)))
    finally:
        os.close(fd)


def mounts_below(folder: Path) -> list[Path]:
    """Return the mount points below `folder`, deepest and newest first (from /proc/self/mountinfo)."""
    prefix = os.fsencode(folder.resolve()) + b"/"
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        # The kernel writes space, tab, newline and backslash as octal escapes.
        point = line.split(b" ")[4].decode("unicode_escape").encode("latin-1")
        if point.startswith(prefix):
            found.append(Path(os.fsdecode(point)))
    return found[::-1]
