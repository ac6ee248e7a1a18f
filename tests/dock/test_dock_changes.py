"""udev's many events made into single facts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dock.changes import DeviceChange, Gone, Known, NoFilesystem, NoMedium, Present
from dock.devices import BlockDevice, from_properties, read_label

DISK = {
    "SUBSYSTEM": "block",
    "DEVNAME": "/dev/sda",
    "DEVTYPE": "disk",
    "DISKSEQ": "9",
    "ID_BUS": "usb",
    "ID_VENDOR_ID": "2C7A",
    "ID_MODEL_ID": "0b01",
    "ID_SERIAL": "BWC_0042-0:0",
    "ID_SERIAL_SHORT": "0042",
    "ID_PATH": "pci-0000:00:14.0-usb-0:1.2:1.0-scsi-0:0:0:0",
    "ID_FS_TYPE": "vfat",
    "ID_FS_UUID": "1234-5678",
    "ID_FS_LABEL": "CAM01",
}


def device(size_bytes: int = 1 << 30, partitions: int = 0, **more: str) -> BlockDevice:
    properties = {key: value for key, value in (DISK | more).items() if value}
    made = from_properties(
        properties, sys_path="/sys/block/sda", size_bytes=size_bytes, partitions=partitions
    )
    assert made is not None
    return made


def test_what_udev_says_of_a_camera() -> None:
    made = device()
    assert (made.serial, made.serial_known, made.vendor_id, made.product_id) == ("0042", True, "2c7a", "0b01")
    assert (made.diskseq, made.fs_type, made.fs_label, made.whole_disk) == (9, "vfat", "CAM01", True)


def test_only_usb_disks_and_partitions_are_ours() -> None:
    for change in ({"ID_BUS": "ata"}, {"DEVTYPE": "zone"}, {"DEVNAME": ""}, {"SUBSYSTEM": "usb"}):
        assert from_properties(DISK | change, sys_path="/sys/x", size_bytes=1) is None
    # A USB bridge that lets the disk speak for itself.
    assert from_properties(DISK | {"ID_BUS": "ata", "ID_USB_DRIVER": "uas"}, sys_path="/sys/x", size_bytes=1)


def test_odd_serials_and_labels_are_made_safe() -> None:
    assert device(ID_SERIAL_SHORT="../a b#+\n视频").serial == "a-b"
    assert device(ID_SERIAL_SHORT="").serial == "unknown-1234-5678"
    unknown = device(ID_SERIAL_SHORT="///", ID_FS_UUID="")
    assert unknown.serial == "unknown-2c7a-0b01-pci-0000-00-14.0-usb-0-1.2-1.0-scsi-0-0-0-0"
    assert not unknown.serial_known
    assert read_label("\\xca\\xd3\\xc6\\xb5A") == "视频A"
    assert read_label("\\xe8\\xa7\\x86A\\x20B") == "视A B"
    assert device(DISKSEQ="x").diskseq is None


def test_a_serial_that_the_maker_never_set_tells_no_camera() -> None:
    for never_set in ("0123456789ABCDEF", "000000000000", "0123456789", "12345678", "ffffffff"):
        made = device(ID_SERIAL_SHORT=never_set)
        assert (made.serial, made.serial_known) == ("unknown-1234-5678", False), never_set
    for own in ("0042", "20261104", "C0FFEE123456", "8888889"):
        assert device(ID_SERIAL_SHORT=own).serial_known, own


def test_add_then_change_is_one_camera() -> None:
    known = Known()
    bare = device(size_bytes=0, ID_FS_TYPE="", ID_FS_UUID="")
    assert known.seen("/dev/sda", bare) == [NoMedium(bare)]
    assert known.seen("/dev/sda", bare) == []
    assert known.seen("/dev/sda", device()) == [Gone("/dev/sda", 9), Present(device())]
    assert known.seen("/dev/sda", device()) == []
    assert known.seen("/dev/sda", None) == [Gone("/dev/sda", 9)]
    assert known.seen("/dev/sda", None) == []


def test_another_medium_is_another_camera() -> None:
    known = Known()
    known.seen("/dev/sda", device())
    other = device(DISKSEQ="10")
    assert known.seen("/dev/sda", other) == [Gone("/dev/sda", 9), Present(other)]
    empty = device(size_bytes=0, DISKSEQ="11")
    assert known.seen("/dev/sda", empty) == [Gone("/dev/sda", 10), NoMedium(empty)]
    assert known.seen("/dev/sda", device(size_bytes=0, DISKSEQ="12")) == []  # asked again, still empty
    partition = replace(empty, node="/dev/sda1", whole_disk=False)
    assert known.seen("/dev/sda1", partition) == []


def test_a_medium_with_nothing_readable_is_said_once_a05() -> None:
    known = Known()
    empty = device(ID_FS_TYPE="", ID_FS_UUID="")
    assert known.seen("/dev/sda", empty) == [NoFilesystem(empty)]
    assert known.seen("/dev/sda", empty) == []
    damaged = replace(empty, node="/dev/sda1", whole_disk=False)
    assert known.seen("/dev/sda1", damaged) == [NoFilesystem(damaged)]


def test_every_partition_counts_and_the_disk_around_them_does_not_a04() -> None:
    known = Known()
    disk = device(partitions=3, ID_FS_TYPE="", ID_FS_UUID="")
    assert known.seen("/dev/sda", disk) == []
    first, second = (replace(device(), node=f"/dev/sda{n}", whole_disk=False) for n in (1, 5))
    around = replace(first, node="/dev/sda2", fs_type="", container=True)
    assert known.seen("/dev/sda1", first) == [Present(first)]
    assert known.seen("/dev/sda2", around) == []
    assert known.seen("/dev/sda5", second) == [Present(second)]


def test_cloned_cards_are_two_cameras_b04() -> None:
    known = Known()
    one, two = device(), replace(device(), node="/dev/sdb", diskseq=10)
    assert known.seen("/dev/sda", one) + known.seen("/dev/sdb", two) == [Present(one), Present(two)]


def test_a_resynchronisation_ends_what_is_not_there_any_more_b14() -> None:
    known = Known()
    cameras = [replace(device(), node=f"/dev/sd{letter}") for letter in "abcd"]
    assert known.resynchronise(cameras) == [Present(camera) for camera in cameras]
    assert known.resynchronise(cameras) == []
    assert known.resynchronise(cameras[:1]) == [Gone(camera.node, 9) for camera in cameras[1:]]


SEQUENCES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0, 1, 2, 3])), max_size=60)


@given(SEQUENCES)
def test_any_storm_leaves_what_is_there_and_reports_in_turns_b17(events: list[tuple[str, int]]) -> None:
    """0 is a removal, 1-3 are media; the reports for a node alternate between coming and going."""
    known = Known()
    last: dict[str, int] = {}
    said: dict[str, list[DeviceChange]] = {"a": [], "b": []}
    for letter, medium in events:
        node = f"/dev/sd{letter}"
        last[letter] = medium
        seen = replace(device(), node=node, diskseq=medium)
        said[letter] += known.seen(node, seen if medium else None)
    for letter, reports in said.items():
        assert [isinstance(report, Present) for report in reports] == [
            index % 2 == 0 for index in range(len(reports))
        ]
        there = reports[-1].device.diskseq if reports and isinstance(reports[-1], Present) else 0
        assert there == last.get(letter, 0)
