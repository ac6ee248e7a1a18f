"""What a camera's files are reached by: a file system on a disk, or a directory."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dock.devices import BlockDevice
from dock.docking import Origin
from dock.leftovers import Leftovers, read_leftovers
from dock.mount import mounted
from dock.source import CardSource, MountedSource
from dock.usb import port_of

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# FAT keeps local time without a zone; others keep UTC (cameras.md, names and folders).
_LOCAL_TIME_FS = frozenset({"vfat", "msdos"})
_CONTAINER_SECTORS = 2


class Volume(Protocol):
    """One place with files of a camera.

    `attachment` stays the same as long as this medium stays, also over a restart of the daemon; where it
    `may_repeat`, another stay can have the same.  Without `file_system` there is nothing to read.
    """

    @property
    def name(self) -> str: ...
    @property
    def attachment(self) -> str: ...
    @property
    def may_repeat(self) -> bool: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def device(self) -> BlockDevice | None: ...
    @property
    def file_system(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def has_local_times(self) -> bool: ...

    def leftovers(self) -> Leftovers | None:
        """What it still shows of deleted files; None where that cannot be asked.  Never raises."""

    def opened(self, mounts: Path, gone: Callable[[], bool]) -> AbstractContextManager[CardSource]:
        """Make its files readable inside a `with`.  Raises MountFailed, CameraGone."""


@dataclass(frozen=True)
class DiskVolume:
    """A file system on a USB disk."""

    device: BlockDevice

    @property
    def name(self) -> str:
        return self.device.node

    @property
    def attachment(self) -> str:
        device = self.device
        return f"{boot_id()}:{device.diskseq}:{device.node}:{device.serial}"

    @property
    def may_repeat(self) -> bool:
        return self.device.diskseq is None  # before Linux 5.15 the kernel counts no disks

    @property
    def origin(self) -> Origin:
        return self.device

    @property
    def file_system(self) -> str:
        return self.device.fs_type

    @property
    def label(self) -> str:
        return self.device.fs_label

    @property
    def has_local_times(self) -> bool:
        return self.device.fs_type in _LOCAL_TIME_FS

    def leftovers(self) -> Leftovers | None:
        return read_leftovers(self.device.node, self.device.fs_type)

    @contextlib.contextmanager
    def opened(self, mounts: Path, gone: Callable[[], bool]) -> Iterator[CardSource]:
        with mounted(self.device, mounts) as card:
            yield MountedSource(card, said_gone=gone)


@functools.cache  # asked for all the time, and no process outlives it
def boot_id() -> str:
    """Return the id of this start of the kernel."""
    return _BOOT_ID.read_text().strip()


def awaited_partitions(volumes: Sequence[Volume]) -> set[str]:
    """Return the partitions of these volumes' disks that the kernel knows and udev has not told of yet."""
    devices = [volume.device for volume in volumes if volume.device is not None]
    seen = {Path(device.sys_path) for device in devices}
    disks = {Path(device.sys_path) for device in devices if device.whole_disk}
    disks |= {Path(device.sys_path).parent for device in devices if not device.whole_disk}
    known = {folder for disk in disks for folder in _partitions(disk) if not _is_container(folder)}
    return {folder.name for folder in known - seen}


def is_superseded(volume: Volume) -> bool:
    """Whether this is a disk that showed nothing at first and has partitions by now: they speak for it."""
    device = volume.device
    if device is None or not device.whole_disk or device.fs_type:
        return False
    return bool(_partitions(Path(device.sys_path)))


def _partitions(disk: Path) -> list[Path]:
    return [file.parent for file in disk.glob("*/partition")]


def _is_container(partition: Path) -> bool:
    # The kernel gives an extended partition the size of its own table: never a file system.
    try:
        return int((partition / "size").read_text()) <= _CONTAINER_SECTORS
    except (OSError, ValueError):
        return True  # it left


def camera_key(device: BlockDevice) -> str:
    """Return what all disks of one camera share: the serial that they say, else the socket they hang on.

    Several disks and partitions of one USB device say one serial; so do two USB devices of one camera.  Two
    that say different ones are two cameras, also behind one hub in one slot.
    """
    return device.serial if device.serial_known else port_of(device.id_path) or device.node
