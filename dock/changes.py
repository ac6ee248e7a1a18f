"""From udev's events to what changed in the slots.

udev says everything several times: add then change, whole disk and partition, and again whenever a program
closes the device after writing.  The rules here make one fact of it (B17, A04, A05):

- A device with a file system is Present once for each medium (node and diskseq); a repeated event says
  nothing.
- Another medium under the same node is Gone, then Present.
- A disk without partitions and without a file system is NoFilesystem once, never silence; so is a partition
  without a file system, but not the container of logical partitions.
- A disk of size 0 has no medium (a card reader, a camera that is not a disk yet): Gone if it had one, and
  NoMedium once; it waits for a medium, which is no error (A14).
- A USB device is UsbPresent once for each of its modes: a camera that leaves picture mode and becomes a disk
  is UsbGone, then UsbPresent (A13).
- After a resynchronisation whatever was known and is not listed any more is Gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dock.devices import BlockDevice
from dock.usb import UsbDevice


@dataclass(frozen=True)
class Present:
    """A file system came; it can be mounted."""

    device: BlockDevice


@dataclass(frozen=True)
class NoFilesystem:
    """A medium came on which nothing can be read: a person should look (A05)."""

    device: BlockDevice


@dataclass(frozen=True)
class NoMedium:
    """A disk is there and holds no medium (yet)."""

    device: BlockDevice


@dataclass(frozen=True)
class Gone:
    """What was Present, NoFilesystem or NoMedium under this node left, or its medium did."""

    node: str
    diskseq: int | None


@dataclass(frozen=True)
class UsbPresent:
    """A USB device that is no hub came, whatever it can do."""

    device: UsbDevice


@dataclass(frozen=True)
class UsbGone:
    """What was UsbPresent under this node left, or became something else."""

    node: str


DeviceChange = Present | NoFilesystem | NoMedium | Gone
UsbChange = UsbPresent | UsbGone


class Known:
    """The devices that were reported and not yet reported gone.  Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._known: dict[str, BlockDevice] = {}

    def seen(self, node: str, device: BlockDevice | None) -> list[DeviceChange]:
        """Take in what `node` is now; None if it is nothing of ours (any more)."""
        before = self._known.get(node)
        after = device if device is not None and _is_worth_saying(device) else None
        if before is not None and after is not None and _same(before, after):
            return []
        changes: list[DeviceChange] = list(self._removed(node))
        if after is not None:
            self._known[node] = after
            changes.append(_said(after))
        return changes

    def _removed(self, node: str) -> list[DeviceChange]:
        before = self._known.pop(node, None)
        return [Gone(node, before.diskseq)] if before is not None else []

    def resynchronise(self, devices: Iterable[BlockDevice]) -> list[DeviceChange]:
        """Take in the whole list of what is there now."""
        present = {device.node: device for device in devices}
        changes: list[DeviceChange] = []
        for node in [node for node in self._known if node not in present]:
            changes += self._removed(node)
        for node, device in present.items():
            changes += self.seen(node, device)
        return changes


class KnownUsb:
    """The USB devices that were reported and not yet reported gone.  Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._known: dict[str, UsbDevice] = {}

    def seen(self, node: str, device: UsbDevice | None) -> list[UsbChange]:
        """Take in what `node` is now; None if it is nothing of ours (any more)."""
        before = self._known.get(node)
        if before == device:
            return []
        changes: list[UsbChange] = []
        if before is not None:
            del self._known[node]
            changes.append(UsbGone(node))
        if device is not None:
            self._known[node] = device
            changes.append(UsbPresent(device))
        return changes

    def resynchronise(self, devices: Iterable[UsbDevice]) -> list[UsbChange]:
        """Take in the whole list of what is there now."""
        present = {device.node: device for device in devices}
        changes: list[UsbChange] = []
        for node in [*(node for node in self._known if node not in present), *present]:
            changes += self.seen(node, present.get(node))
        return changes


def _said(device: BlockDevice) -> DeviceChange:
    if device.size_bytes == 0:
        return NoMedium(device)
    return Present(device) if device.fs_type else NoFilesystem(device)


def _same(before: BlockDevice, after: BlockDevice) -> bool:
    if before.size_bytes == after.size_bytes == 0:  # an empty reader counts on while it is asked
        return before.serial == after.serial
    # diskseq alone would do on a new kernel; the rest tells media apart on one before 5.15.
    return (before.diskseq, before.fs_type, before.fs_uuid, before.serial, before.size_bytes) == (
        after.diskseq,
        after.fs_type,
        after.fs_uuid,
        after.serial,
        after.size_bytes,
    )


def _is_worth_saying(device: BlockDevice) -> bool:
    if device.size_bytes == 0:
        return device.whole_disk
    if device.container:
        return False
    return bool(device.fs_type) or not device.whole_disk or device.partitions == 0
