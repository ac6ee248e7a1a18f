"""Other limits are obeyed at once by a link that runs: hours, and bytes per second."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.rig.broker import Broker
from tests.rig.memory_desk import PLATFORM, MemoryDesk
from tests.rig.small_receiver import SmallReceiver
from tests.rig.until import until
from tests.uplink.test_link import CENTER, Dock
from uplink import courier
from uplink.keys import KeyRing, Role, SigningKey

MIB = 1024 * 1024


def test_outside_the_hours_facts_go_and_footage_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SHUT_S", 0.02)
    path = tmp_path / "a.mp4"
    path.write_bytes(os.urandom(3 * MIB))
    desk = MemoryDesk(SigningKey.draw(), KeyRing([CENTER.record(Role.RECEIPT, PLATFORM)]))
    recording = desk.add_file(path)
    may_send = False
    with Broker() as broker, SmallReceiver(broker.port, CENTER, desk.key) as receiver:
        dock = Dock(broker.port, desk)
        try:
            dock.link.set_limits(None, lambda: may_send)
            until(lambda: len(receiver.chain) == 1, "the event")
            # What went before the receiver was there goes again by its timer.
            until(lambda: "manifest" in receiver.order, "the manifest", 45.0)
            began = dock.link._turned_at
            until(lambda: dock.link._turned_at > began + 0.2, "the link goes on turning")
            assert "init" not in receiver.order
            may_send = True
            until(lambda: recording in desk.delivered, "the receipt")
        finally:
            dock.close()


def test_another_pace_holds_from_the_next_segment_on(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(os.urandom(6 * MIB))
    desk = MemoryDesk(SigningKey.draw(), KeyRing([CENTER.record(Role.RECEIPT, PLATFORM)]))
    with Broker() as broker, SmallReceiver(broker.port, CENTER, desk.key) as receiver:
        dock = Dock(broker.port, desk, bytes_per_s=1000)
        try:
            recording = desk.add_file(path)
            dock.link.wake()
            until(lambda: receiver.segment_bytes > 0, "the first segment")
            assert receiver.segment_bytes <= 2 * MIB
            began = time.monotonic()
            dock.link.set_limits(None, lambda: True)
            until(lambda: recording in desk.delivered, "the receipt")
            assert time.monotonic() - began < 10
        finally:
            dock.close()
