"""Block devices as udev describes them.

- Pure: made from plain udev properties and the numbers that sysfs adds; nothing is opened here.
- Only what hangs on USB counts: `ID_BUS=usb`, or a bridge whose disk says `ata` while `ID_USB_DRIVER` is
  set.
- The serial is `ID_SERIAL_SHORT` (`ID_SERIAL` carries a `-0:0` suffix); it is what a stranger's firmware
  says, so only characters that are safe in file names, topics and logs are kept.
- A device without a serial is not refused: it is `unknown-{file system UUID}` or
  `unknown-{vendor-product-port}`.  A serial that a maker never set (0123456789ABCDEF, all zeros) is none: all
  of its devices show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SERIAL_CHARACTERS = 64
_PLACEHOLDER_CHARACTERS = 8
_DIGITS_IN_ORDER = ("0123456789" * 4, "0123456789ABCDEF" * 3, "ABCDEF0123456789" * 3, "9876543210" * 4)
_LABEL_ESCAPE = re.compile(r"((?:\\x[0-9a-fA-F]{2})+)")
# MBR types of extended partitions: containers of others, never a file system of their own.
_EXTENDED = frozenset({"0x5", "0xf", "0x85"})


@dataclass(frozen=True)
class BlockDevice:
    """A USB disk or partition.

    `serial` is sanitised and never empty; `serial_known` tells a real one from a stand-in.  `diskseq` is
    the kernel's counter of media (None before Linux 5.15): the same node with another number is another
    card. `fs_type` is empty where no file system was found.  `partitions` counts those of a whole disk.
    """

    node: str
    sys_path: str
    diskseq: int | None
    serial: str
    serial_known: bool
    vendor_id: str
    product_id: str
    id_path: str
    fs_type: str
    fs_uuid: str
    fs_label: str
    size_bytes: int
    whole_disk: bool
    partitions: int = 0
    container: bool = False


def from_properties(
    properties: Mapping[str, str], *, sys_path: str, size_bytes: int, partitions: int = 0
) -> BlockDevice | None:
    """Return the device that udev describes, or None for one that is no USB disk or partition."""
    node = properties.get("DEVNAME", "")
    kind = properties.get("DEVTYPE", "")
    if properties.get("SUBSYSTEM", "block") != "block" or not node or kind not in ("disk", "partition"):
        return None
    if properties.get("ID_BUS") != "usb" and not properties.get("ID_USB_DRIVER"):
        return None
    diskseq = properties.get("DISKSEQ", "")
    fs_uuid = properties.get("ID_FS_UUID", "")
    vendor_id = hex_id(properties.get("ID_USB_VENDOR_ID") or properties.get("ID_VENDOR_ID", ""))
    product_id = hex_id(properties.get("ID_USB_MODEL_ID") or properties.get("ID_MODEL_ID", ""))
    id_path = properties.get("ID_PATH", "")
    own = clean_serial(properties.get("ID_SERIAL_SHORT") or properties.get("ID_USB_SERIAL_SHORT", ""))
    if is_placeholder(own):
        own = ""
    stand_in = clean_serial(fs_uuid) or clean_serial(f"{vendor_id}-{product_id}-{id_path}")
    return BlockDevice(
        node=node,
        sys_path=sys_path,
        diskseq=int(diskseq) if diskseq.isascii() and diskseq.isdigit() else None,
        serial=own or f"unknown-{stand_in}",
        serial_known=bool(own),
        vendor_id=vendor_id,
        product_id=product_id,
        id_path=id_path,
        fs_type=properties.get("ID_FS_TYPE", ""),
        fs_uuid=fs_uuid,
        fs_label=read_label(properties.get("ID_FS_LABEL_ENC") or properties.get("ID_FS_LABEL", "")),
        size_bytes=size_bytes,
        whole_disk=kind == "disk",
        partitions=partitions,
        container=properties.get("ID_PART_ENTRY_TYPE", "") in _EXTENDED,
    )


def clean_serial(text: str) -> str:
    """Return `text` with every run of unsafe characters as one `-`, at most 64 characters, maybe empty."""
    return _UNSAFE.sub("-", text)[:_SERIAL_CHARACTERS].strip("-._")


def is_placeholder(serial: str) -> bool:
    """Whether a serial is what a maker left as it was: one character all along, or digits in their order."""
    plain = serial.upper()
    if len(plain) < _PLACEHOLDER_CHARACTERS:
        return False
    return len(set(plain)) == 1 or any(plain in row for row in _DIGITS_IN_ORDER)


def read_label(text: str) -> str:
    r"""Return a volume label in its best reading: udev's `\xNN` undone, UTF-8, else GBK."""

    def undo(found: re.Match[str]) -> str:
        raw = bytes.fromhex(found.group(1).replace("\\x", ""))
        return best_reading(raw)

    return _LABEL_ESCAPE.sub(undo, text).strip()


def best_reading(raw: bytes) -> str:
    """Return text for people: UTF-8 if it is that, else GBK (usual on such cards), else with U+FFFD."""
    for encoding in ("utf-8", "gbk"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def hex_id(text: str) -> str:
    """Return a vendor's or product's id as four lower-case hexadecimal digits, empty if it is none."""
    return text.lower() if re.fullmatch(r"[0-9a-fA-F]{4}", text) else ""
