"""Watching udev: the edge of `dock.changes`.

A poll loop of our own (pyudev's MonitorObserver dies of the first exception in a callback, unseen: B17).
 Whatever goes wrong with the netlink socket, an overrun (ENOBUFS) above all, ends in a new socket and a
fresh enumeration, so that nothing plugged in meanwhile is missed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyudev

from dock.changes import (
    DeviceChange,
    Gone,
    Known,
    KnownUsb,
    NoFilesystem,
    NoMedium,
    Present,
    UsbChange,
    UsbGone,
    UsbPresent,
)
from dock.devices import BlockDevice, from_properties
from dock.usb import UsbDevice, usb_from_properties

__all__ = [
    "Change",
    "DeviceChange",
    "DeviceWatch",
    "Gone",
    "NoFilesystem",
    "NoMedium",
    "Present",
    "UsbChange",
    "UsbGone",
    "UsbPresent",
]
Change = DeviceChange | UsbChange

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

# A hub with ten cameras sends some hundred events of 1-8 KiB at once; the default of 208 KiB overruns.
_RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
# So that a storm cannot keep a caller (and its watchdog) inside one call for ever.
_EVENTS_PER_CALL = 512
_SECTOR_BYTES = 512
# Between two tries to reach udev at all.
_RETRY_S = 1.0


class DeviceWatch:
    """USB devices, disks and partitions as they come and go.  One thread owns it; a context manager."""

    def __init__(self) -> None:
        self._context = pyudev.Context()
        self._known = Known()
        self._known_usb = KnownUsb()
        self._monitor: Any = None

    def __enter__(self) -> DeviceWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the netlink socket (closed when its last reference goes)."""
        self._monitor = None

    def changes(self, timeout_s: float) -> list[Change]:
        """Return what changed since the last call, waiting at most `timeout_s` for something.

        The first call, and the first after trouble with the socket, enumerates what is there.  Raises
        nothing that a later call would not mend: a failure to reach udev at all gives an empty list and a
        log line.
        """
        if self._monitor is None:
            return self._start(timeout_s)
        changes: list[Change] = []
        try:
            self._drain(timeout_s, changes)
        except Exception as error:  # noqa: BLE001 - the watch outlives whatever one event brings (B17)
            _LOG.warning("udev watch: %s; listing all devices anew", error)
            self._monitor = None
            changes += self._start(timeout_s)
        return changes

    def _start(self, timeout_s: float) -> list[Change]:
        try:
            # Listening before listing: what comes in between is then seen twice, never missed.
            self._monitor = _listen(self._context)
            disks = self._known.resynchronise(_enumerate(self._context, "block", _read))
            return [*disks, *self._known_usb.resynchronise(_enumerate(self._context, "usb", _read_usb))]
        except Exception as error:  # noqa: BLE001 - as above
            self._monitor = None
            _LOG.error("udev watch cannot start: %s", error)
            time.sleep(min(timeout_s, _RETRY_S))  # the caller's loop would spin otherwise
            return []

    def _drain(self, timeout_s: float, changes: list[Change]) -> None:
        # Into the caller's list: what was taken in before an exception counts as said from then on.
        wait_s = timeout_s
        for _ in range(_EVENTS_PER_CALL):
            event = self._monitor.poll(timeout=wait_s)
            if event is None:
                break
            changes += self._take(event)
            wait_s = 0.0

    def _take(self, event: Any) -> Sequence[Change]:
        # An event only says where to look: it may be old, and what it carries be over (a long queue, a camera
        # that came, left and came again).  What counts is what udev's database says now.
        node = event.device_node
        if not node:
            return []
        if event.subsystem == "usb":
            return self._known_usb.seen(node, _current(self._context, event.sys_path, _read_usb))
        return self._known.seen(node, _current(self._context, event.sys_path, _read))


def _listen(context: Any) -> Any:
    monitor = pyudev.Monitor.from_netlink(context)
    monitor.filter_by("block")
    monitor.filter_by("usb", "usb_device")
    try:
        monitor.set_receive_buffer_size(_RECEIVE_BUFFER_BYTES)
    except OSError as error:  # needs CAP_NET_ADMIN; an overrun then only costs an enumeration more
        _LOG.info("udev receive buffer stays at its default: %s", error)
    monitor.start()
    return monitor


def _enumerate(context: Any, subsystem: str, read: Callable[[Any], T | None]) -> list[T]:
    found = []
    for entry in context.list_devices(subsystem=subsystem):
        try:
            device = read(entry)
        except Exception as error:  # noqa: BLE001 - one odd device hides none of the others
            _LOG.warning("%s cannot be read: %s", entry.sys_path, error)
            continue
        if device is not None:
            found.append(device)
    return found


def _current(context: Any, sys_path: str, read: Callable[[Any], T | None]) -> T | None:
    try:
        return read(pyudev.Devices.from_sys_path(context, sys_path))
    except pyudev.DeviceNotFoundError:
        return None


def _read(entry: Any) -> BlockDevice | None:
    # One that udevd has not finished with has no properties yet (its event is still to come), and one that it
    # saw leave has none any more.
    if not entry.is_initialized:
        return None
    sys_path = Path(entry.sys_path)
    return from_properties(
        dict(entry.properties),
        sys_path=str(sys_path),
        size_bytes=_size_bytes(sys_path),
        partitions=sum(1 for _ in sys_path.glob("*/partition")),
    )


def _read_usb(entry: Any) -> UsbDevice | None:
    if not entry.is_initialized or entry.device_type != "usb_device":
        return None
    parents = [(parent.subsystem or "", parent.sys_name) for parent in _ancestors(entry)]
    return usb_from_properties(dict(entry.properties), sys_path=str(entry.sys_path), parents=parents)


def _ancestors(entry: Any) -> Iterator[Any]:
    while (entry := entry.parent) is not None:
        yield entry


def _size_bytes(sys_path: Path) -> int:
    try:
        return int((sys_path / "size").read_text()) * _SECTOR_BYTES
    except (OSError, ValueError):
        return 0
