"""A camera, and one stay of it in a slot.  Pure but for `new_docking_id`."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dock.devices import BlockDevice, clean_serial
from dock.listing import Listing
from dock.slots import Slot


@dataclass(frozen=True)
class Camera:
    """Which camera it is, and how that is known.

    `serial_by`: `names` (most of its files say it), `usb` (the disk's serial), `none` (`unknown-…`, a
    stand-in).
    """

    serial: str
    serial_by: Literal["names", "usb", "none"]
    vendor_id: str
    product_id: str
    profile: str


@dataclass(frozen=True)
class Docking:
    """One stay of a camera in a slot, from plug to unplug.  `attached_at` is aware UTC."""

    id: str
    slot: Slot
    camera: Camera
    attached_at: datetime


def camera_of(device: BlockDevice, listing: Listing) -> Camera:
    """Say which camera a listed card belongs to: what most of its names say, else the disk's own serial."""
    named = Counter(file.facts.serial for file in listing.files if file.facts.serial)
    said = sum(named.values())
    serial, by = device.serial, "usb" if device.serial_known else "none"
    if named:
        top, count = named.most_common(1)[0]
        # A card that was moved between cameras names several: then only the disk can be believed.
        if count * 2 > said and clean_serial(top or ""):
            serial, by = clean_serial(top or ""), "names"
    return Camera(
        serial=serial,
        serial_by=by,  # type: ignore[arg-type]
        vendor_id=device.vendor_id,
        product_id=device.product_id,
        profile=listing.profile.name,
    )


def new_docking_id() -> str:
    """Return 128 random bits as 32 hex digits."""
    return secrets.token_hex(16)
