"""Keeps the slots: watches udev, starts one puller a camera, says what a slot shows when nothing is pulled.

- Events are idempotent: a device that is present twice is pulled once.  All disks of one camera in a slot are
  one stay (`camera_key`), two cameras in one slot are two.
- An open docking whose camera is not there any more is closed as removed early, so that every docking adds
  up: after a removal, and at the start for what was open when the daemon ended.  Others of the slot go on.
- A camera that leaves early again and again is waited for before it is read again (ingest.unstable).
- A slot that is a directory has a keeper of its own (ingest.directories).
- A thread that ends in an exception costs its docking's turn, never the others; what goes wrong in this one
  is logged and tried again (B17).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from daemon.ingest import wording
from daemon.ingest.directories import DirectoryKeeper
from daemon.ingest.idle import Idle
from daemon.ingest.puller import Puller
from daemon.ingest.stay import Stay
from daemon.ingest.tools import Tools
from daemon.ingest.unstable import Place, Removals
from daemon.ingest.volumes import DiskVolume, camera_key
from daemon.logfields import about
from daemon.store import Store
from dock.detect import Change, DeviceWatch, Gone, NoMedium, UsbGone, UsbPresent
from dock.devices import BlockDevice
from dock.mount import clear_stale
from dock.slots import Slot, slot_of
from uplink.messages.telemetry import Phase

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_LEAVING_S = 30.0  # a read that hangs in the kernel is not waited for any longer
_IDLE = "idle"  # the part of a slot that shows what is not pulled


class SlotKeeper:
    """The one thread that listens to udev."""

    def __init__(
        self,
        store: Store,
        tools: Tools,
        slots: Sequence[Slot],
        stop: threading.Event,
        alive: Callable[[], None],
    ) -> None:
        self._store = store
        self._tools = tools
        self._slots = slots
        self._stop = stop
        self._alive = alive
        self._pullers: dict[Place, Puller] = {}
        self._places: dict[str, Place] = {}  # by node
        self._idle = {slot.number: Idle() for slot in slots}
        self._idle_shown: dict[int, Phase] = {}
        self._directories = [
            DirectoryKeeper(tools, slot, stop, store.release) for slot in slots if slot.directory is not None
        ]
        self._removals = Removals()
        self._to_close = True  # there may be open dockings whose camera is gone
        self._rescans: deque[int | None] = deque(maxlen=16)

    def rescan(self, slot: int | None) -> None:
        """Have a slot (None: all) looked at again: whatever had ended there is tried anew.  Any thread."""
        self._rescans.append(slot)

    def run(self) -> None:
        clear_stale(self._tools.mounts)
        for keeper in self._directories:
            keeper.start()
        with DeviceWatch() as watch:
            timeout_s = 0.0  # the first call says what is there
            while not self._stop.is_set():
                self._turn(watch.changes(timeout_s))
                timeout_s = _POLL_S
        self._join()

    def _turn(self, changes: Sequence[Change]) -> None:
        # All are told first: a hub that vanishes must not cost the patience for each of its cameras in turn.
        for change in changes:
            if isinstance(change, Gone) and change.node in self._places:
                self._pullers[self._places[change.node]].stay.lost(change.node)
        for change in changes:
            self._alive()
            try:
                self._take(change)
            except Exception:  # noqa: BLE001 - one device costs its own turn, never the others
                _LOG.exception("%s was not taken in", change)
        self._look_again()
        self._alive()
        if self._to_close:
            try:
                self._close_abandoned()
                self._to_close = False
            except Exception:  # noqa: BLE001 - as above: the next turn tries again
                _LOG.exception("open dockings could not be closed")

    def _take(self, change: Change) -> None:
        if isinstance(change, Gone):
            self._volume_left(change.node)
        if isinstance(change, Gone | UsbGone):
            self._not_idle(change.node)
            return
        device = change.device
        slot = slot_of(device.id_path, self._slots)
        if slot is None:
            _LOG.info("%s (%s) is in no slot", device.node, device.id_path)
        elif isinstance(change, UsbPresent):
            _LOG.info("slot %d: USB device, mode %s", slot.number, change.device.mode.value)
            self._idle[slot.number].usb[device.node] = change.device
            self._show_idle(slot.number)
        elif isinstance(change, NoMedium):
            self._idle[slot.number].readers.add(device.node)
            self._show_idle(slot.number)
        else:
            self._start(slot, change.device)

    def _start(self, slot: Slot, device: BlockDevice) -> None:
        place = (slot.number, camera_key(device))
        volume = DiskVolume(device)
        if device.node in self._places:
            puller = self._pullers[self._places[device.node]]
            if self._places[device.node] == place and puller.stay.has(volume):
                return
            puller.stay.lost(device.node)  # another medium under the same node
            self._volume_left(device.node)
        self._places[device.node] = place
        if place in self._pullers:
            self._pullers[place].stay.came(volume)
            return
        stay = Stay(slot, place[1])
        stay.came(volume)
        self._tools.board.show(slot.number, "attached", part=stay.key, text=wording.SEEN)
        calm_s = self._removals.calm_s(place, time.monotonic())
        if calm_s:
            _LOG.error("slot %d: %s leaves again and again: unstable port", slot.number, place[1])
        puller = Puller(self._tools, stay, self._stop.is_set, self._store.release, calm_s)
        self._pullers[place] = puller
        self._show_idle(slot.number)
        puller.start()

    def _volume_left(self, node: str) -> None:
        """The stay was told already; with its last volume the camera left."""
        place = self._places.pop(node, None)
        if place is None or not self._pullers[place].stay.left:
            return
        puller = self._pullers.pop(place)
        puller.join(timeout=_LEAVING_S)
        self._to_close = True
        self._tools.board.clear(place[0], puller.stay.key)
        self._note_removal(place, puller.unfinished)
        self._show_idle(place[0])

    def _note_removal(self, place: Place, early: bool) -> None:
        if early:
            together = self._removals.left_early(place, time.monotonic())
            if together > 1:
                _LOG.error("%d cameras left at once in mid-copy: look at the hub and its power", together)
        else:
            self._removals.was_complete(place)

    def _not_idle(self, node: str) -> None:
        for number, idle in self._idle.items():
            if node in idle.readers or node in idle.usb:
                idle.readers.discard(node)
                idle.usb.pop(node, None)
                self._show_idle(number)

    def _show_idle(self, number: int) -> None:
        phase, text = self._idle[number].phase()
        if any(place[0] == number for place in self._pullers):
            phase = "empty"
        if phase == self._idle_shown.get(number, "empty"):
            return
        self._idle_shown[number] = phase
        if phase == "empty":
            self._tools.board.clear(number, _IDLE)
            return
        if phase == "wrong_mode":
            _LOG.warning("slot %d: %s", number, text["en"])
        self._tools.board.show(number, phase, part=_IDLE, text=text)

    def _look_again(self) -> None:
        while self._rescans:
            slot = self._rescans.popleft()
            for place, puller in self._pullers.items():
                if slot in (None, place[0]):
                    puller.stay.ask_again()
            for keeper in self._directories:
                if slot in (None, keeper.slot.number):
                    keeper.look_again()

    def _close_abandoned(self) -> None:
        there = {volume.attachment for puller in self._pullers.values() for volume in puller.stay.volumes()}
        others = {slot.number for slot in self._slots if slot.directory is not None}
        ledger = self._tools.ledger
        for row in ledger.open_dockings():
            if row["slot"] not in others and there.isdisjoint(
                volume["attachment"] for volume in ledger.volumes_of(row["docking"])
            ):
                ledger.close(row["docking"], removed=True)
                with about(slot=row["slot"], docking=row["docking"]):
                    _LOG.warning("slot %d: camera removed early, docking %s", row["slot"], row["docking"])
                self._tools.stored()

    def _join(self) -> None:
        deadline = time.monotonic() + 20
        for thread in (*self._pullers.values(), *self._directories):
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
