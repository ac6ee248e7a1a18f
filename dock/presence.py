"""Whether a device is still the one that was plugged in.

After a yank the kernel's vfat lies: the mount stays, `listdir` returns an empty or an old listing without
an error (field-facts.md).  So "empty" and "gone" are believed only after asking sysfs: the device's folder
is there, its medium has a size, and its diskseq is the one that was seen when it came.
"""

from __future__ import annotations

from pathlib import Path

from dock.devices import BlockDevice


def is_present(device: BlockDevice) -> bool:
    """Return whether the very medium that `device` describes is still attached."""
    sys_path = Path(device.sys_path)
    try:
        if int((sys_path / "size").read_text()) == 0:
            return False
    except (OSError, ValueError):
        return False
    if device.diskseq is None:
        return True
    # A partition has no diskseq of its own: it is in the folder of its disk, one up.
    for place in (sys_path, sys_path.parent):
        try:
            return int((place / "diskseq").read_text()) == device.diskseq
        except (OSError, ValueError):
            continue
    return False
