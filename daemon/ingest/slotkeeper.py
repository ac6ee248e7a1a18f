"""Keeps the slots: watches udev, starts one puller a slot, says what a slot shows when nothing can be pulled.

- Events are idempotent: a device that is present twice is pulled once.
- An open docking whose camera is not there any more is closed as removed early, so that every docking adds
  up: after a removal, and at the start for what was open when the daemon ended.  Others of the slot go on.
- A thread that ends in an exception costs its docking's turn, never the others; what goes wrong in this one
  is logged and tried again (B17).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from daemon.ingest.docking import DockingJob, Tools
from daemon.ingest.stay import attachment_of
from daemon.logfields import about
from daemon.store import Store
from dock.detect import DeviceChange, DeviceWatch, Gone, NoFilesystem
from dock.devices import BlockDevice
from dock.errors import CameraGone, DockError, MountFailed, PullCancelled
from dock.mount import clear_stale
from dock.slots import Slot, slot_of

_LOG = logging.getLogger(__name__)
_POLL_S = 0.5
_RETRY_S = 10.0
_LEAVING_S = 30.0  # a read that hangs in the kernel is not waited for any longer


class Puller(threading.Thread):
    """The thread of one camera in one slot."""

    def __init__(
        self,
        tools: Tools,
        slot: Slot,
        device: BlockDevice,
        stop: Callable[[], bool],
        release: Callable[[], None],
    ) -> None:
        """`release` lets go of what this thread holds of the store, when it ends."""
        super().__init__(name=f"puller-{slot.number}", daemon=True)
        self.slot = slot
        self.device = device
        self._tools = tools
        self._stop_asked = stop
        self._release = release
        self._left = threading.Event()

    def camera_left(self) -> None:
        self._left.set()

    def run(self) -> None:
        try:
            with about(slot=self.slot.number):
                while not self._stop_asked() and not self._left.is_set():
                    if self._attempt():
                        return
                    self._wait(_RETRY_S)
        finally:
            self._release()

    def _wait(self, seconds: float) -> bool:
        """Wait until the camera left (True), the dock stops, or `seconds` are over."""
        deadline = time.monotonic() + seconds
        while not self._left.wait(_POLL_S) and not self._stop_asked():
            if time.monotonic() > deadline:
                return False
        return self._left.is_set()

    def _attempt(self) -> bool:
        """Returns whether there is nothing more to try."""
        number = self.slot.number
        job = DockingJob(self._tools, self.slot, self.device, self._left.is_set, self._stop_asked)
        try:
            job.run()
        except PullCancelled:
            return True
        except CameraGone as error:
            # udev may be a moment behind; if the device stays, it is the cable or the port (B12).
            _LOG.warning("slot %d: %s", number, error)
            if self._wait(_RETRY_S):
                return True
            self._trouble(str(error), _UNSTABLE)
            return False
        except MountFailed as error:
            _LOG.error("slot %d: %s", number, error)
            self._trouble(str(error), _UNREADABLE)
        except DockError as error:
            _LOG.error("slot %d: %s", number, error)
            self._trouble(str(error), _TROUBLE)
            return False
        except Exception as error:  # noqa: BLE001 - a bug costs this turn, never the daemon
            _LOG.exception("slot %d: unexpected failure", number)
            self._trouble(repr(error), _TROUBLE)
            return False
        return True

    def _trouble(self, error: str, text: dict[str, str]) -> None:
        self._tools.board.show(self.slot.number, "error", part=self.device.node, error=error, text=text)


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
        self._unreadable: dict[str, Slot] = {}  # by node: something is there that cannot be mounted
        self._to_close = True  # there may be open dockings whose camera is gone
        self._rescans: deque[int | None] = deque(maxlen=16)

    def rescan(self, slot: int | None) -> None:
        """Have a slot (None: all) looked at again: whatever had ended there is tried anew.  Any thread."""
        self._rescans.append(slot)

    def run(self) -> None:
        clear_stale(self._tools.mounts)
        with DeviceWatch() as watch:
            timeout_s = 0.0  # the first call says what is there
            while not self._stop.is_set():
                self._turn(watch.changes(timeout_s))
                timeout_s = _POLL_S
        self._join()

    def _turn(self, changes: Sequence[DeviceChange]) -> None:
        # All are told first: a hub that vanishes must not cost the patience for each of its cameras in turn.
        for change in changes:
            if isinstance(change, Gone) and change.node in self._pullers:
                self._pullers[change.node].camera_left()
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

    def _take(self, change: DeviceChange) -> None:
        if isinstance(change, Gone):
            self._camera_left(change.node)
            return
        slot = slot_of(change.device.id_path, self._slots)
        if slot is None:
            _LOG.info("%s (%s) is in no slot", change.device.node, change.device.id_path)
            return
        if isinstance(change, NoFilesystem):
            with about(slot=slot.number):
                _LOG.warning("slot %d: %s has no file system", slot.number, change.device.node)
            self._unreadable[change.device.node] = slot
            self._tools.board.show(
                slot.number, "no_file_system", part=change.device.node, text=_NO_FILE_SYSTEM
            )
            return
        self._start(slot, change.device)

    def _start(self, slot: Slot, device: BlockDevice) -> None:
        if (running := self._pullers.get(device.node)) is not None:
            if running.device.diskseq == device.diskseq:
                return
            self._camera_left(device.node)
        self._tools.board.show(slot.number, "attached", part=device.node, text=_SEEN)
        puller = Puller(self._tools, slot, device, self._stop.is_set, self._store.release)
        self._pullers[device.node] = puller
        puller.start()

    def _look_again(self) -> None:
        while self._rescans:
            slot = self._rescans.popleft()
            for node, puller in list(self._pullers.items()):
                if slot in (None, puller.slot.number) and not puller.is_alive():
                    del self._pullers[node]
                    self._start(puller.slot, puller.device)

    def _camera_left(self, node: str) -> None:
        puller = self._pullers.pop(node, None)
        slot = puller.slot if puller is not None else self._unreadable.pop(node, None)
        if puller is not None:
            puller.camera_left()
            puller.join(timeout=_LEAVING_S)
            self._to_close = True
        if slot is not None:
            self._tools.board.clear(slot.number, node)

    def _close_abandoned(self) -> None:
        there = {attachment_of(puller.device) for puller in self._pullers.values()}
        for row in self._tools.ledger.open_dockings():
            if row["attachment"] not in there:
                self._tools.ledger.close(row["docking"], removed=True)
                with about(slot=row["slot"], docking=row["docking"]):
                    _LOG.warning("slot %d: camera removed early, docking %s", row["slot"], row["docking"])
                self._tools.stored()

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
_UNSTABLE = {
    "zh": "记录仪连接不稳定，请换一根线或卡位",
    "en": "the connection breaks again and again: try another cable or slot",
}
_TROUBLE = {"zh": "采集出错，正在重试，请勿拔出", "en": "copying failed, trying again, do not unplug"}
