"""Learning which USB ports lead to which slot: a stick is plugged into each port in turn.

- Whatever is plugged in tells its port: a stick, a camera in any mode, a reader without a card.
- A USB 3 socket is two ports, one for each speed (`ID_PATH` may differ): the kernel names the other one where
  it knows it (`port/peer` in sysfs); where it does not, a person is asked for a device of the other speed.
- A port belongs to one slot; one that was learnt already is said and not taken again.
- Pure but for `twin_of`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from pathlib import Path

from dock.changes import Gone, UsbGone, UsbPresent
from dock.detect import Change
from dock.slots import Slot
from dock.usb import peer_name, port_of

_USB_NAME = re.compile(r"^\d+-\d+(\.\d+)*$")


def port_of_change(change: Change, seen: Container[str] = ()) -> tuple[str, str] | None:
    """Return the port at which something was plugged in, and its folder in sysfs; None for anything else.

    `seen`: ports known already.  There a disk says nothing: it belongs to the device that was plugged in.
    """
    if isinstance(change, Gone | UsbGone):
        return None
    port = port_of(change.device.id_path)
    if not port or (port in seen and not isinstance(change, UsbPresent)):
        return None
    return port, change.device.sys_path


def twin_of(port: str, sys_path: str) -> str | None:
    """Return the other port of the same socket (`port` itself if both are called the same).

    None where the kernel does not say whether there is one.
    """
    folder = _usb_folder(Path(sys_path))
    if folder is None:
        return None
    try:
        peer = (folder / "port" / "peer").resolve(strict=True).name
    except OSError:
        return None
    _, _, chain = peer_name(peer).partition("-")
    return f"{port.rpartition('usb-0:')[0]}usb-0:{chain}"


def slot_of_port(port: str, slots: Sequence[Slot]) -> int | None:
    """Return the slot that has `port` already."""
    return next((slot.number for slot in slots if port in slot.ports), None)


def slots_toml(slots: Sequence[Slot]) -> str:
    """Return the `[[slots]]` tables of the settings."""
    tables = []
    for slot in slots:
        lines = ["[[slots]]", f"number = {slot.number}"]
        lines += [f"label = {json.dumps(slot.label, ensure_ascii=False)}"] if slot.label else []
        tables.append("\n".join([*lines, f"ports = {json.dumps(list(slot.ports))}"]) + "\n")
    return "\n".join(tables)


def _usb_folder(sys_path: Path) -> Path | None:
    """Return the folder of the USB device that `sys_path` is, or hangs on."""
    for folder in (sys_path, *sys_path.parents):
        if _USB_NAME.match(folder.name):
            return folder
    return None
