"""What a slot shows while no camera can be pulled in it: waiting for a medium, or a wrong USB mode.  Pure.

- A disk without a medium, or a USB device that can be one, is *camera present, disk expected*: it waits,
  which is no error (A14).
- A USB device that can be no disk is *wrong USB mode*; that is for the person in front of it (A13).
- As long as a camera is pulled, nothing of this is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.ingest import wording
from dock.usb import UsbDevice, UsbMode
from uplink.messages.telemetry import Phase


@dataclass
class Idle:
    """The devices of one slot that hold nothing to pull (yet), by node."""

    readers: set[str] = field(default_factory=set)
    usb: dict[str, UsbDevice] = field(default_factory=dict)

    def phase(self) -> tuple[Phase, wording.Text]:
        """Return what to show."""
        wrong = [device for device in self.usb.values() if device.mode is UsbMode.WRONG]
        if self.readers or any(device.mode is UsbMode.DISK for device in self.usb.values()):
            return "expected", wording.EXPECTED
        if any(device.shows_pictures for device in wrong):
            return "wrong_mode", wording.PICTURE_MODE
        return ("wrong_mode", wording.NO_DISK_MODE) if wrong else ("empty", {})
