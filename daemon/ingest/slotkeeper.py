"""Keeps the slots: watches udev, starts one puller a slot, says what a slot shows when nothing can be pulled.

- Events are idempotent: a device that is present twice is pulled once.
- A docking that was open when the daemon started, and whose camera is not there any more, is closed as
  removed early, so that every docking adds up.
- A thread that ends in an exception costs its docking's turn, never the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from daemon.ingest.docking import DockingJob, Tools
from daemon.store import Store
from dock.detect import DeviceWatch, Gone, NoFilesystem, Present
from dock.devices import BlockDevice
from dock.errors import CameraGone, DockError, MountFailed, PullCancelled
from dock.mount import clear_stale
from dock.slots import Slot, slot_of

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_RETRY_S = 10.0


class Puller(threading.Thread):
    """The thread of one camera in one slot."""

    def __init__(self, tools: Tools, slot: Slot, device: BlockDevice, stop: Callable[[], bool]) -> None:
        super().__init__(name=f"puller-{slot.number}", daemon=True)
        self.slot = slot
        self.device = device
        self._tools = tools
        self._stop_asked = stop
        self._left = threading.Event()

    def camera_left(self) -> None:
        self._left.set()

    def run(self) -> None:
        while not self._stop_asked() and not self._left.is_set():
            if self._attempt():
                return
            self._left.wait(_RETRY_S)

    def _attempt(self) -> bool:
        """Returns whether there is nothing more to try."""
        board, number = self._tools.board, self.slot.number
        job = DockingJob(self._tools, self.slot, self.device, self._left.is_set, self._stop_asked)
        try:
            return job.run()
        except PullCancelled:
            return True
        except CameraGone as error:
            # udev may be a moment behind; if the device stays, a bad cable shows itself by repetition.
            _LOG.warning("slot %d: %s", number, error)
            return self._left.wait(_RETRY_S)
        except MountFailed as error:
            _LOG.error("slot %d: %s", number, error)
            board.show(number, "error", error=str(error), text=_UNREADABLE)
            return True
        except DockError as error:
            _LOG.error("slot %d: %s", number, error)
            board.show(number, "error", error=str(error), text=_TROUBLE)
        except Exception as error:  # noqa: BLE001 - a bug costs this turn, never the daemon
            _LOG.exception("slot %d: unexpected failure", number)
            board.show(number, "error", error=repr(error), text=_TROUBLE)
        return False


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
        self._pullers: dict[str, Puller] = {}
        self._rescans: deque[int | None] = deque(maxlen=16)

    def rescan(self, slot: int | None) -> None:
        """Have a slot (None: all) looked at again: whatever had ended there is tried anew.  Any thread."""
        self._rescans.append(slot)

    def run(self) -> None:
        clear_stale(self._tools.mounts)
        with DeviceWatch() as watch:
            first = True
            while not self._stop.is_set():
                self._alive()
                for change in watch.changes(0.0 if first else _POLL_S):
                    self._take(change)
                while self._rescans:
                    self._look_again(self._rescans.popleft())
                if first:
                    self._close_abandoned()
                    first = False
        self._join()

    def _take(self, change: Present | NoFilesystem | Gone) -> None:
        if isinstance(change, Gone):
            self._camera_left(change.node)
            return
        slot = slot_of(change.device.id_path, self._slots)
        if slot is None:
            _LOG.info("%s (%s) is in no slot", change.device.node, change.device.id_path)
            return
        if isinstance(change, NoFilesystem):
            self._tools.board.show(slot.number, "no_file_system", text=_NO_FILE_SYSTEM)
            return
        self._start(slot, change.device)

    def _start(self, slot: Slot, device: BlockDevice) -> None:
        if (running := self._pullers.get(device.node)) is not None:
            if running.device.diskseq == device.diskseq:
                return
            self._camera_left(device.node)
        self._tools.board.show(slot.number, "attached", text=_SEEN)
        puller = Puller(self._tools, slot, device, self._stop.is_set)
        self._pullers[device.node] = puller
        puller.start()

    def _look_again(self, slot: int | None) -> None:
        for node, puller in list(self._pullers.items()):
            if slot in (None, puller.slot.number) and not puller.is_alive():
                del self._pullers[node]
                self._start(puller.slot, puller.device)

    def _camera_left(self, node: str) -> None:
        puller = self._pullers.pop(node, None)
        if puller is None:
            return
        puller.camera_left()
        puller.join(timeout=30)
        self._close_open(puller.slot.number)
        if not any(other.slot.number == puller.slot.number for other in self._pullers.values()):
            self._tools.board.clear(puller.slot.number)

    def _close_open(self, slot: int) -> None:
        rows = self._store.rows(
            "SELECT docking FROM dockings WHERE slot = ? AND state IN ('attached', 'pulling')", (slot,)
        )
        for row in rows:
            self._tools.ledger.close(row["docking"], removed=True)
            _LOG.warning("slot %d: camera removed early, docking %s", slot, row["docking"])
            self._tools.stored()

    def _close_abandoned(self) -> None:
        occupied = {puller.slot.number for puller in self._pullers.values()}
        rows = self._store.rows("SELECT DISTINCT slot FROM dockings WHERE state IN ('attached', 'pulling')")
        for row in rows:
            if row["slot"] not in occupied:
                self._close_open(row["slot"])

    def _join(self) -> None:
        deadline = time.monotonic() + 20
        for puller in self._pullers.values():
            puller.join(timeout=max(0.0, deadline - time.monotonic()))


_SEEN = {"zh": "已识别记录仪，请勿拔出", "en": "camera seen, do not unplug"}
_NO_FILE_SYSTEM = {
    "zh": "无法识别存储卡，请联系管理员",
    "en": "no file system on the card: call the administrator",
}
_UNREADABLE = {"zh": "存储卡无法读取，请联系管理员", "en": "the card cannot be read: call the administrator"}
_TROUBLE = {"zh": "采集出错，正在重试，请勿拔出", "en": "copying failed, trying again, do not unplug"}
