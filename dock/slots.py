"""Which slot a device sits in.

- A slot is a set of USB ports, each given as the beginning of a udev `ID_PATH`
  (`pci-0000:00:14.0-usb-0:1.2`); a USB 3 socket has two, a camera may show several disks below one.
- A beginning counts only on whole components: `…usb-0:1.2` is not the beginning of `…usb-0:1.21:1.0…`.
- Where ports of two slots fit, the longer (nearer) one wins; equal ones cannot both be configured
  (`check_slots`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# What may follow a whole component of ID_PATH: a deeper hub port, the interface, the next bus.
_SEPARATORS = (".", ":", "-")


@dataclass(frozen=True)
class Slot:
    """One place for a camera: its number on the housing, its USB ports, and what is written beside it.

    A camera that is reached by a directory instead of a port has `directory`, and no ports; it is complete
    when two looks `settle_s` apart agree.
    """

    number: int
    ports: tuple[str, ...]
    label: str = ""
    directory: Path | None = None
    settle_s: float = 5.0


def slot_of(id_path: str, slots: Sequence[Slot]) -> Slot | None:
    """Return the slot whose port `id_path` lies in, or None for a device in no slot."""
    best: Slot | None = None
    best_length = 0
    for slot in slots:
        for port in slot.ports:
            if len(port) > best_length and lies_in(id_path, port):
                best, best_length = slot, len(port)
    return best


def lies_in(id_path: str, port: str) -> bool:
    """Whether `id_path` is `port` or something plugged in below it, on whole components."""
    if not port or not id_path.startswith(port):
        return False
    rest = id_path[len(port) :]
    return not rest or rest.startswith(_SEPARATORS)


def check_slots(slots: Sequence[Slot]) -> None:
    """Raise ValueError if a number or a port is given twice, or a slot has no port."""
    numbers: set[int] = set()
    ports: dict[str, int] = {}
    for slot in slots:
        if slot.number in numbers:
            raise ValueError(f"slot {slot.number} is given twice")
        numbers.add(slot.number)
        if not any(slot.ports) and slot.directory is None:
            raise ValueError(f"slot {slot.number} has no port")
        for port in slot.ports:
            if port in ports and ports[port] != slot.number:
                raise ValueError(f"port {port} belongs to both slot {ports[port]} and slot {slot.number}")
            ports[port] = slot.number
