"""Which slot a device sits in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock.slots import Slot, check_slots, slot_of

PCI = "pci-0000:00:14.0-"
ports = st.lists(st.integers(1, 30), min_size=1, max_size=5).map(lambda hops: ".".join(map(str, hops)))


@pytest.mark.parametrize(
    ("id_path", "number"),
    [
        (f"{PCI}usb-0:1.2:1.0-scsi-0:0:0:0", 1),
        (f"{PCI}usb-0:1.2.3:1.0-scsi-0:0:0:0", 1),  # a hub within the camera
        (f"{PCI}usb-0:1.21:1.0-scsi-0:0:0:0", 2),
        (f"{PCI}usb-0:1.22:1.0-scsi-0:0:0:0", None),
        ("pci-0000:00:15.0-usb-0:1.2:1.0-scsi-0:0:0:0", None),
        (f"{PCI}usb-0:4:1.0-scsi-0:0:0:0", 1),  # the other half of a USB 3 socket
        (f"{PCI}usb-0:1.2", 1),
        ("", None),
    ],
)
def test_ports_are_matched_on_whole_components(id_path: str, number: int | None) -> None:
    slots = [Slot(1, (f"{PCI}usb-0:1.2", f"{PCI}usb-0:4")), Slot(2, (f"{PCI}usb-0:1.21",))]
    found = slot_of(id_path, slots)
    assert (found and found.number) == number


def test_the_nearer_port_wins_in_any_order() -> None:
    outer, inner = Slot(1, (f"{PCI}usb-0:1",)), Slot(2, (f"{PCI}usb-0:1.4",))
    for slots in ([outer, inner], [inner, outer]):
        assert slot_of(f"{PCI}usb-0:1.4:1.0", slots) == inner
        assert slot_of(f"{PCI}usb-0:1.3:1.0", slots) == outer


@given(ports, ports)
def test_a_port_holds_exactly_itself_and_what_hangs_below_it(port: str, other: str) -> None:
    slot = Slot(1, (f"{PCI}usb-0:{port}",))
    below = other.split(".")[: port.count(".") + 1] == port.split(".")
    assert (slot_of(f"{PCI}usb-0:{other}:1.0-scsi-0:0:0:0", [slot]) is slot) == below


@pytest.mark.parametrize(
    ("slots", "complaint"),
    [
        ([Slot(1, ("a",)), Slot(1, ("b",))], "slot 1 is given twice"),
        ([Slot(1, ("a",)), Slot(2, ("a",))], "port a belongs to both"),
        ([Slot(1, ())], "slot 1 has no port"),
        ([Slot(1, ("",))], "slot 1 has no port"),
    ],
)
def test_slots_that_cannot_be_told_apart_are_refused(slots: list[Slot], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_slots(slots)
