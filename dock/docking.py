"""A camera, and one stay of it in a slot.  Pure but for `new_docking_id`."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from dock.devices import clean_serial
from dock.listing import CardFile
from dock.profiles import CameraProfile
from dock.slots import Slot

SerialBy = Literal["usb", "name", "label", "disk"]
_USB: SerialBy = "usb"
_NAME: SerialBy = "name"
_LABEL: SerialBy = "label"
_DISK: SerialBy = "disk"


class Origin(Protocol):
    """What is known of a camera without reading its files; a BlockDevice is one."""

    @property
    def serial(self) -> str:
        """Sanitised, never empty: the disk's own, or a stand-in."""

    @property
    def serial_known(self) -> bool:
        """Whether it is the disk's own."""

    @property
    def vendor_id(self) -> str:
        """Four hexadecimal digits, or empty."""

    @property
    def product_id(self) -> str:
        """Four hexadecimal digits, or empty."""


@dataclass(frozen=True)
class Camera:
    """Which camera it is, and how that is known.

    `serial_by`, strongest first (trust.md: what a card says is a claim, `usb` outranks the rest): `usb` (the
    disk's own serial), `name` (most of its files say it), `label` (its volume is called so), `disk`
    (`unknown-...`, a stand-in).
    """

    serial: str
    serial_by: SerialBy
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


def camera_of(origin: Origin, files: Sequence[CardFile], profile: CameraProfile, label: str = "") -> Camera:
    """Say which camera listed files belong to, by what its profile lets tell it.

    The disk's own serial; else what most of the names say; else the volume's `label`, where the profile says
    that it is one.  What cameras share (`usb_serial = false`) tells none of them apart.
    """
    identity = profile.file.identity
    serial, by = origin.serial, _USB if origin.serial_known and identity.usb_serial else _DISK
    if by == _DISK:
        if said := _said_by_names(files):
            serial, by = said, _NAME
        elif identity.label == "serial" and (said := clean_serial(label)):
            serial, by = said, _LABEL
        elif origin.serial_known:
            serial = f"unknown-{serial}"
    return Camera(
        serial=serial,
        serial_by=by,
        vendor_id=origin.vendor_id,
        product_id=origin.product_id,
        profile=profile.name,
    )


def _said_by_names(files: Sequence[CardFile]) -> str:
    """Return the serial in most of the names; empty where none, or several cameras, are named."""
    named = Counter(file.facts.serial for file in files if file.facts.serial)
    if not named:
        return ""
    top, count = named.most_common(1)[0]
    # A card that was moved between cameras names several: then only the disk can be believed.
    return clean_serial(top) if count * 2 > sum(named.values()) else ""


def new_docking_id() -> str:
    """Return 128 random bits as 32 hex digits."""
    return secrets.token_hex(16)
