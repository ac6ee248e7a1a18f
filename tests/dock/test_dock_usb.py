"""USB devices: what a slot makes of one; as properties, and through udev with made-up devices (umockdev)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dock.changes import KnownUsb, UsbGone, UsbPresent
from dock.usb import UsbDevice, UsbMode, id_path_from, peer_name, port_of, usb_from_properties

CAMERA = {
    "SUBSYSTEM": "usb",
    "DEVTYPE": "usb_device",
    "DEVNAME": "/dev/bus/usb/001/007",
    "ID_VENDOR_ID": "2C7A",
    "ID_MODEL_ID": "0b01",
    "ID_SERIAL_SHORT": "CAM1",
    "ID_PATH": "pci-0000:00:14.0-usb-0:1.2",
    "ID_USB_INTERFACES": ":080650:",
}
CONTROLLER = "/sys/devices/pci0000:00/0000:00:14.0/usb1"


def device(**more: str) -> UsbDevice:
    made = usb_from_properties(CAMERA | more, sys_path=f"{CONTROLLER}/1-1.2")
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("interfaces", "mode"),
    [
        (":080650:", UsbMode.DISK),
        (":060101:080650:", UsbMode.DISK),
        (":ff4201:080662:", UsbMode.DISK),
        (":060101:", UsbMode.WRONG),
        (":ff0000:", UsbMode.WRONG),
        ("", UsbMode.WRONG),
        (":030101:", UsbMode.OTHER),
        (":0b0000:", UsbMode.OTHER),
    ],
)
def test_what_a_slot_expects_of_a_usb_device_a13(interfaces: str, mode: UsbMode) -> None:
    assert device(ID_USB_INTERFACES=interfaces).mode is mode
    assert device(ID_USB_INTERFACES=interfaces).shows_pictures == ("06" in interfaces[1:3])


def test_a_camera_that_becomes_a_disk_after_a_command_is_expected_to_a14() -> None:
    locked = {"ID_USB_INTERFACES": ":ff0000:", "ID_VENDOR_ID": "4255", "ID_MODEL_ID": "000f"}
    assert device(**locked).mode is UsbMode.DISK
    assert device(**locked | {"ID_MODEL_ID": "0010"}).mode is UsbMode.WRONG


def test_hubs_interfaces_and_disks_are_no_usb_devices_of_ours() -> None:
    for change in ({"ID_USB_INTERFACES": ":090001:"}, {"DEVTYPE": "usb_interface"}, {"SUBSYSTEM": "block"}):
        assert usb_from_properties(CAMERA | change, sys_path="/sys/x") is None


@pytest.mark.parametrize(
    ("name", "parents", "path"),
    [
        ("1-1.2", [("usb", "usb1"), ("pci", "0000:00:14.0")], "pci-0000:00:14.0-usb-0:1.2"),
        (
            "2-4",
            [
                ("usb", "usb2"),
                ("pci", "0000:01:00.0"),
                ("pci", "0000:00:00.0"),
                ("platform", "fd500000.pcie"),
            ],
            "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:4",
        ),
        ("3-1", [("usb", "usb3"), ("platform", "xhci-hcd.0"), ("", "soc")], "platform-xhci-hcd.0-usb-0:1"),
        ("usb1", [("pci", "0000:00:14.0")], ""),
    ],
)
def test_id_path_is_made_as_udev_makes_it(name: str, parents: list[tuple[str, str]], path: str) -> None:
    assert id_path_from(name, parents) == path


def test_ports_and_their_usb3_twins() -> None:
    assert port_of("pci-0000:00:14.0-usb-0:1.2:1.0-scsi-0:0:0:1-part2") == "pci-0000:00:14.0-usb-0:1.2"
    assert port_of("pci-0000:00:14.0-usb-0:1.2") == "pci-0000:00:14.0-usb-0:1.2"
    assert port_of("pci-0000:00:17.0-ata-1") == ""
    assert (peer_name("1-1-port2"), peer_name("usb2-port6"), peer_name("2-1.4-port1")) == (
        "1-1.2",
        "2-6",
        "2-1.4.1",
    )


def test_a_changed_mode_is_another_device_and_a_repeated_event_is_none_a13() -> None:
    known = KnownUsb()
    pictures, disk = device(ID_USB_INTERFACES=":060101:"), device()
    node = disk.node
    assert known.seen(node, pictures) == [UsbPresent(pictures)]
    assert known.seen(node, pictures) == []
    assert known.seen(node, disk) == [UsbGone(node), UsbPresent(disk)]
    assert known.resynchronise([disk]) == []
    assert known.resynchronise([]) == [UsbGone(node)]


MADE_UP = """\
P: /devices/pci0000:00/0000:00:14.0
E: SUBSYSTEM=pci

P: /devices/pci0000:00/0000:00:14.0/usb1
N: bus/usb/001/001
E: DEVNAME=/dev/bus/usb/001/001
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: MAJOR=189
E: MINOR=0
E: ID_USB_INTERFACES=:090000:

P: /devices/pci0000:00/0000:00:14.0/usb1/1-1
N: bus/usb/001/007
E: DEVNAME=/dev/bus/usb/001/007
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: MAJOR=189
E: MINOR=6
E: ID_USB_INTERFACES=:060101:

P: /devices/pci0000:00/0000:00:14.0/usb1/1-2
N: bus/usb/001/008
E: DEVNAME=/dev/bus/usb/001/008
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: MAJOR=189
E: MINOR=7
E: ID_USB_INTERFACES=:080650:

P: /devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host3/target3:0:0/3:0:0:0/block/sdb
N: sdb
E: DEVNAME=/dev/sdb
E: DEVTYPE=disk
E: SUBSYSTEM=block
E: MAJOR=8
E: MINOR=16
E: ID_BUS=usb
E: ID_SERIAL_SHORT=CAM2
E: ID_PATH=pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0
A: size=0
"""
# udev's database is not mocked: a private /run/udev says that the devices are finished with.
RUN = """
mount -t tmpfs tmpfs /run/udev && mkdir /run/udev/data || exit 1
for id in c189:0 c189:6 c189:7 b8:16; do echo I:1 > /run/udev/data/$id; done
exec umockdev-run -d "$1" -- "$2" -c "$3"
"""
WATCH = """
from dock.detect import DeviceWatch
with DeviceWatch() as watch:
    for change in watch.changes(0):
        print(type(change).__name__, change.device.node, change.device.id_path)
"""


@pytest.mark.devices
def test_the_watch_finds_usb_devices_and_disks_without_a_medium_a13_a14(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("umockdev-run") is None or not Path("/run/udev").is_dir():
        pytest.skip("needs root, /run/udev and umockdev-run (apt install umockdev)")
    made_up = tmp_path / "cameras.umockdev"
    made_up.write_text(MADE_UP)
    command = ["unshare", "--mount", "--net", "sh", "-c", RUN, "sh", str(made_up), sys.executable, WATCH]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "NoMedium /dev/sdb pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0",
        "UsbPresent /dev/bus/usb/001/007 pci-0000:00:14.0-usb-0:1",
        "UsbPresent /dev/bus/usb/001/008 pci-0000:00:14.0-usb-0:2",
    ]
