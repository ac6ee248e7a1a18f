"""Which stay of a camera this is: the same before and after a restart of the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from daemon.store import Row
from daemon.store.database import from_text
from dock.devices import BlockDevice
from dock.docking import Camera, Docking, SerialBy
from dock.slots import Slot

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def attachment_of(device: BlockDevice) -> str:
    """Return what stays the same as long as this medium stays plugged in, and never comes again.

    Where the kernel counts no disks (`diskseq` None, before Linux 5.15) it may come again in one boot.
    """
    return f"{_BOOT_ID.read_text().strip()}:{device.diskseq}:{device.node}:{device.serial}"


def docking_of(row: Row, slot: Slot) -> Docking:
    """Return the docking of a row of `dockings`."""
    attached_at = from_text(row["attached_at"])
    assert attached_at is not None  # the column is not null
    camera = Camera(
        serial=row["serial"],
        serial_by=cast(SerialBy, row["serial_by"]),
        vendor_id=row["vendor_id"] or "",
        product_id=row["product_id"] or "",
        profile=row["profile"],
    )
    return Docking(row["docking"], slot, camera, attached_at)
