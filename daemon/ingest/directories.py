"""A slot that is a directory: looked at again and again, docked when it has settled (dock.directory).

One thread a slot does it all, since a look at a network mount may hang.  What is there when the daemon starts
and was docked before is the same stay; what vanished and came again, or lists otherwise, is another one.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.ingest import wording
from daemon.ingest.puller import Attempts
from daemon.ingest.stay import Stay
from daemon.ingest.tools import Tools
from daemon.ingest.volumes import Volume, boot_id
from dock.devices import BlockDevice
from dock.directory import (
    DirectoryOrigin,
    Found,
    Settling,
    directory_source,
    file_system_of,
    look,
    unlistable,
    waking,
)
from dock.docking import Origin
from dock.leftovers import Leftovers
from dock.slots import Slot
from dock.source import CardSource

_LOG = logging.getLogger(__name__)
_PART = "directory"
# How often a directory is looked at whose changes are seen besides.
_SEEN_POLL_S = 30.0
_LOOK_SHARE = 5
_STEP_S = 0.5


@dataclass(frozen=True)
class DirectoryVolume:
    """The files of a directory, as they were when it settled."""

    path: Path
    attachment: str
    origin: Origin
    file_system: str
    may_repeat: bool = False
    device: BlockDevice | None = None
    label: str = ""
    has_local_times: bool = False

    @property
    def name(self) -> str:
        return str(self.path)

    def leftovers(self) -> Leftovers | None:
        return None

    @contextlib.contextmanager
    def opened(self, mounts: Path, gone: Callable[[], bool]) -> Iterator[CardSource]:  # noqa: ARG002
        yield directory_source(self.path, lambda: not gone())


class DirectoryStay(Stay):
    """A stay of what one directory holds; it ends when it is another directory."""

    def __init__(self, slot: Slot, path: Path, found: Found) -> None:
        super().__init__(slot, _PART)
        self._path = path
        self._found = found

    def has(self, volume: Volume) -> bool:
        if _identity(self._path) != (self._found.device, self._found.inode):
            self.leave()
        return super().has(volume)


class DirectoryKeeper(threading.Thread):
    """Keeps one slot."""

    def __init__(self, tools: Tools, slot: Slot, stop: threading.Event, release: Callable[[], None]) -> None:
        """`release` lets go of what this thread holds of the store, when it ends."""
        assert slot.directory is not None
        super().__init__(name=f"directory-{slot.number}", daemon=True)
        self._tools = tools
        self.slot = slot
        self._path = slot.directory
        self._settle_s = slot.settle_s
        self._stopping = stop
        self._release = release
        self._docked: Found | None = None
        self._settling = Settling(slot.settle_s)
        self._changed = threading.Event()
        self._look_s = 0.0
        self._is_first = True  # nothing was docked since the daemon started
        self._is_shown = False

    def look_again(self) -> None:
        """Look now.  Any thread."""
        self._changed.set()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                with waking(self._path, self._changed) as seen:
                    self._keep(seen)
        finally:
            self._release()

    def _keep(self, seen: bool) -> None:
        """Look until it is another directory, or none: then the watch on it is worth nothing any more."""
        identity = _identity(self._path)
        while not self._stopping.is_set():
            self._changed.clear()
            try:
                quiet = self._turn()
            except Exception:  # noqa: BLE001 - a bug, or a mount gone wrong: the next turn tries again
                _LOG.exception("slot %d: %s was not taken in", self.slot.number, self._path)
                quiet = False
            # A look at a large network mount takes long: most of the time shall be left to others.
            watched = seen and identity is not None
            pause_s = _SEEN_POLL_S if watched and quiet else max(self._settle_s, _LOOK_SHARE * self._look_s)
            if not self._wait(pause_s, identity):
                return

    def _wait(self, seconds: float, identity: tuple[int, int] | None) -> bool:
        """Wait for `seconds`, or until something changed; returns whether it is the same directory."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and not self._changed.is_set() and time.monotonic() < deadline:
            self._changed.wait(min(_STEP_S, max(0.01, deadline - time.monotonic())))
            if _identity(self._path) != identity:  # a mount over it, which no watch sees
                return False
        if self._changed.is_set():  # let it settle; a file that is written says so all the time
            self._stopping.wait(min(self._settle_s, _STEP_S))
        return True

    def _turn(self) -> bool:
        """Look once; dock what has settled.  Returns whether there is nothing to wait for."""
        began_at = time.monotonic()
        found = look(self._path)
        self._look_s = time.monotonic() - began_at
        if self._is_first and found is None:
            self._close_open("")
        if found is not None and found == self._docked:
            return True
        if self._docked is not None:
            self._docked = None
            self._clear()
        if found is None:
            self._show_none(unlistable(self._path))
            self._settling.saw(None, time.monotonic())
            self._is_first = False
            return True
        if not self._settling.saw(found, time.monotonic()):
            self._show_settling()
            return False
        self._dock(found)
        return False

    def _dock(self, found: Found) -> None:
        volume = DirectoryVolume(
            path=self._path,
            attachment=self._attachment(found),
            origin=DirectoryOrigin(self._path),
            file_system=file_system_of(self._path) or "directory",
        )
        self._is_first = False
        self._close_open(volume.attachment)
        stay = DirectoryStay(self.slot, self._path, found)
        stay.came(volume)
        self._tools.board.show(self.slot.number, "attached", part=_PART, text=wording.SEEN)
        self._is_shown = True
        Attempts(self._tools, stay, self._stopping.is_set).run_until_settled()
        if not self._stopping.is_set() and not stay.has(volume):
            self._close_open("")
            self._clear()
        else:
            self._docked = found

    def _attachment(self, found: Found) -> str:
        base = f"{boot_id()}:{self._path}:{found.device}:{found.inode}:{found.digest}"
        known = self._tools.ledger.stays_like(self.slot.number, base)
        return f"{base}:{max(0, known - 1) if self._is_first else known}"

    def _close_open(self, but: str) -> None:
        """Close what is open in this slot, but for what is docked from the medium `but`."""
        ledger = self._tools.ledger
        for row in ledger.open_dockings():
            if row["slot"] == self.slot.number and row["attachment"] != but:
                ledger.close(row["docking"], removed=True)
                _LOG.warning("slot %d: %s left early", self.slot.number, self._path)
                self._tools.stored()

    def _show_none(self, why: str | None) -> None:
        """Show an empty slot, or `why` nobody can know whether it is empty."""
        if why is None:
            self._clear()
            return
        said = f"{self._path}: {why}"
        self._tools.board.show(
            self.slot.number, "error", part=_PART, text=wording.DIRECTORY_UNREADABLE, error=said
        )
        self._is_shown = True

    def _show_settling(self) -> None:
        if not self._is_shown:
            self._tools.board.show(self.slot.number, "attached", part=_PART, text=wording.SETTLING)
            self._is_shown = True

    def _clear(self) -> None:
        if self._is_shown:
            self._tools.board.clear(self.slot.number, _PART)
            self._is_shown = False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
