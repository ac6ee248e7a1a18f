"""USB devices as udev describes them, and what a slot makes of one.  Pure.

- What a device can do is told by its interfaces (`ID_USB_INTERFACES`, `:080650:` = class 08, subclass 06,
  protocol 50): class 08 is a disk; 06 is a camera in picture mode (PTP, MTP), which hides most of its files
  or renames them (A13).
- Cameras that become a disk only after a command are known by their ids (cameras.md, locked cameras): from
  them a disk is expected, whatever they look like now.
- A hub, a keyboard or a scanner in a slot is nothing of ours.
- Everything else has no disk to offer: it is set to charge only, or is no camera.
- udev writes `ID_PATH` for USB devices only from version 251 on; before that it is made here the way udev
  makes it (`id_path_from`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dock.devices import clean_serial, hex_id

_DISK, _PICTURES, _HUB = "08", "06", "09"
# Audio, communication, input, printer, smart card, billboard (a connector's own): beside a disk they mean
# nothing, alone they are no camera that anything could be expected of.
_NOT_OURS = frozenset({"03", "07", "0b", "11"})
# cameras.md: bulk USB with text commands.
_BECOME_DISKS = frozenset(
    {("4255", "0001"), ("4255", "000f"), *(("1d70", f"01d{number}") for number in range(4, 8))}
)
_CLASS = re.compile(r"[0-9a-f]{6}")
_PORT = re.compile(r"^(?P<port>.*usb-\d+:\d+(?:\.\d+)*)(?::\d+\.\d+.*)?$")


class UsbMode(Enum):
    """What a slot can expect of a USB device."""

    DISK = "disk"
    WRONG = "wrong"
    OTHER = "other"


@dataclass(frozen=True)
class UsbDevice:
    """A USB device.  `interfaces`: class, subclass and protocol of each, six hexadecimal digits."""

    node: str
    sys_path: str
    id_path: str
    vendor_id: str
    product_id: str
    serial: str
    interfaces: tuple[str, ...]

    @property
    def mode(self) -> UsbMode:
        """See the module's rules."""
        classes = {interface[:2] for interface in self.interfaces}
        if _DISK in classes or (self.vendor_id, self.product_id) in _BECOME_DISKS:
            return UsbMode.DISK
        if _HUB in classes or (classes and classes <= _NOT_OURS):
            return UsbMode.OTHER
        return UsbMode.WRONG

    @property
    def shows_pictures(self) -> bool:
        """Whether it is in picture mode (PTP, MTP)."""
        return any(interface.startswith(_PICTURES) for interface in self.interfaces)


def usb_from_properties(
    properties: Mapping[str, str], *, sys_path: str, parents: Sequence[tuple[str, str]] = ()
) -> UsbDevice | None:
    """Return the USB device that udev describes, or None for a hub or what is no USB device.

    `parents`: (subsystem, name) of what it hangs on, nearest first; used where udev wrote no `ID_PATH`.
    """
    node = properties.get("DEVNAME", "")
    if properties.get("SUBSYSTEM") != "usb" or properties.get("DEVTYPE") != "usb_device" or not node:
        return None
    interfaces = tuple(_CLASS.findall(properties.get("ID_USB_INTERFACES", "").lower()))
    if any(interface.startswith(_HUB) for interface in interfaces):
        return None
    name = sys_path.rpartition("/")[2]
    return UsbDevice(
        node=node,
        sys_path=sys_path,
        id_path=properties.get("ID_PATH") or id_path_from(name, parents),
        vendor_id=hex_id(properties.get("ID_USB_VENDOR_ID") or properties.get("ID_VENDOR_ID", "")),
        product_id=hex_id(properties.get("ID_USB_MODEL_ID") or properties.get("ID_MODEL_ID", "")),
        serial=clean_serial(properties.get("ID_SERIAL_SHORT", "")),
        interfaces=interfaces,
    )


def id_path_from(name: str, parents: Sequence[tuple[str, str]]) -> str:
    """Return `ID_PATH` as udev makes it for the USB device `name` (`1-1.2`); empty for a root hub.

    Of parents of one kind in a row only the nearest counts.
    """
    bus, _, port = name.partition("-")
    if not port or not bus.isdigit():
        return ""
    parts = [f"usb-0:{port}"]
    last = "usb"
    for subsystem, parent in parents:
        if subsystem in ("pci", "platform") and subsystem != last:
            parts.insert(0, f"{subsystem}-{parent}")
        last = subsystem
    return "-".join(parts)


def port_of(id_path: str) -> str:
    """Return the part of `ID_PATH` that names the socket; empty where no USB port is in it."""
    found = _PORT.match(id_path)
    return found["port"] if found else ""


def peer_name(port_name: str) -> str:
    """Return what a device in a port is called: `1-1.2` in `1-1-port2`, `2-6` in `usb2-port6`."""
    hub, _, number = port_name.rpartition("-port")
    if hub.startswith("usb"):
        return f"{hub.removeprefix('usb')}-{number}"
    return f"{hub}.{number}"
