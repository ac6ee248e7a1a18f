"""Waiting for what a DeviceWatch says about one camera."""

from __future__ import annotations

import time

from dock.detect import DeviceWatch, Gone, NoFilesystem, Present, UsbGone
from dock.devices import BlockDevice

WAIT_S = 20.0


def wait_present(watch: DeviceWatch, node: str) -> BlockDevice:
    """Return the device at `node` once it is Present; what happens to others is passed over."""
    change = _wait_for(watch, Present, node)
    assert isinstance(change, Present)
    return change.device


def wait_all_present(watch: DeviceWatch, nodes: set[str]) -> list[BlockDevice]:
    """Return the devices at `nodes` once each is Present; one that is said twice is in it twice."""
    found: list[BlockDevice] = []
    give_up_at = time.monotonic() + WAIT_S
    while nodes - {device.node for device in found}:
        if time.monotonic() > give_up_at:
            raise AssertionError(f"only {found} of {nodes} within {WAIT_S:.0f} s")
        changes = watch.changes(0.5)
        found += [c.device for c in changes if isinstance(c, Present) and c.device.node in nodes]
    return found


def wait_no_filesystem(watch: DeviceWatch, node: str) -> BlockDevice:
    """Return the device at `node` once it is said to hold no file system."""
    change = _wait_for(watch, NoFilesystem, node)
    assert isinstance(change, NoFilesystem)
    return change.device


def wait_gone(watch: DeviceWatch, node: str) -> Gone:
    """Return once the device at `node` is Gone."""
    change = _wait_for(watch, Gone, node)
    assert isinstance(change, Gone)
    return change


def _wait_for(
    watch: DeviceWatch, kind: type[Present | NoFilesystem | Gone], node: str
) -> Present | NoFilesystem | Gone:
    give_up_at = time.monotonic() + WAIT_S
    while time.monotonic() < give_up_at:
        for change in watch.changes(0.5):
            its_node = change.node if isinstance(change, Gone | UsbGone) else change.device.node
            if isinstance(change, kind) and its_node == node:
                return change
    raise AssertionError(f"no {kind.__name__} for {node} within {WAIT_S:.0f} s")
