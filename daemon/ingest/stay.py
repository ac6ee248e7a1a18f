"""One stay of a camera in a slot: the volumes that it shows, as they come and go.  Thread-safe.

The slot keeper tells it what udev says; the puller of the stay asks it, often.
"""

from __future__ import annotations

import re
import threading
import time
from typing import cast

from daemon.ingest.volumes import Volume
from daemon.store import Row
from daemon.store.database import from_text
from dock.docking import Camera, Docking, SerialBy
from dock.slots import Slot

_NUMBER = re.compile(r"(\d+)")


class Stay:
    """`key` tells the cameras of one slot apart."""

    def __init__(self, slot: Slot, key: str) -> None:
        self.slot = slot
        self.key = key
        self._volumes: dict[str, Volume] = {}  # by attachment
        self._changed = threading.Condition()
        self._last_came_at = time.monotonic()
        self._left = False
        self._again = False

    @property
    def left(self) -> bool:
        """Whether the whole camera is gone."""
        return self._left

    def came(self, volume: Volume) -> None:
        with self._changed:
            self._volumes[volume.attachment] = volume
            self._last_came_at = time.monotonic()
            self._changed.notify_all()

    def lost(self, name: str) -> None:
        """The volume that is called `name` left; with the last one the camera did."""
        with self._changed:
            self._volumes = {key: volume for key, volume in self._volumes.items() if volume.name != name}
            self._left = not self._volumes
            self._changed.notify_all()

    def leave(self) -> None:
        """All of it is gone."""
        with self._changed:
            self._volumes.clear()
            self._left = True
            self._changed.notify_all()

    def volumes(self) -> list[Volume]:
        """Return what is there now, in an order that a restart does not change."""
        with self._changed:
            return sorted(self._volumes.values(), key=_place)

    def ask_again(self) -> None:
        """Somebody wants what could not be read looked at once more."""
        with self._changed:
            self._again = True
            self._changed.notify_all()

    @property
    def asked_again(self) -> bool:
        return self._again

    def take_again(self) -> bool:
        """Return whether somebody `ask_again`ed since the last call."""
        with self._changed:
            asked, self._again = self._again, False
            return asked

    def has(self, volume: Volume) -> bool:
        return volume.attachment in self._volumes

    def quiet_for_s(self) -> float:
        """Return how long no volume has come."""
        return time.monotonic() - self._last_came_at

    def wait(self, timeout_s: float) -> None:
        """Return when something changed, at the latest after `timeout_s`."""
        with self._changed:
            if not self._left:
                self._changed.wait(timeout_s)


def _place(volume: Volume) -> tuple[str, list[tuple[int, str]]]:
    # loop10 comes after loop9, sda10 after sda9.
    parts = [(int(part), "") if part.isdigit() else (0, part) for part in _NUMBER.split(volume.name)]
    return volume.device.id_path if volume.device else "", parts


def docking_of(row: Row, slot: Slot) -> Docking:
    """Return the docking of a row of `dockings`."""
    attached_at = from_text(row["attached_at"])
    assert attached_at is not None  # the column is not null
    camera = Camera(
        serial=row["serial"],
        serial_by=cast(SerialBy, row["serial_by"]),
        vendor_id=row["vendor_id"] or "",
        product_id=row["product_id"] or "",
        profile=row["profile"],
    )
    return Docking(row["docking"], slot, camera, attached_at)
