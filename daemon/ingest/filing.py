"""Settling one file of a docking: in the vault, proven to be there, or explained.

- Each file is committed by itself, so that a kill costs at most the file that was on the way, and that one
  is resumed by its verified prefix.
- A file that cannot be had is explained and costs only itself; one that changes is looked at once more.
- A full disk is waited for, and said; a reserve stays free, or the store could commit nothing any more.  Who
  waits asks for room (`daemon/room.py`), and goes on as soon as there is some.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from daemon.errors import StoreFull
from daemon.ingest import wording
from daemon.ingest.opening import OpenDocking
from daemon.ingest.order import Item, Stage
from daemon.ingest.shelving import adopt_partial, is_proven, keep
from daemon.ingest.tools import Tools
from daemon.ingest.volumes import Volume
from dock.docking import Docking
from dock.errors import CameraGone, ChangedWhileReading, DiskFull, PullCancelled, Refused, Unreadable
from dock.listing import CardFile, Reason
from dock.pull import Pulled, prove, pull, resume
from dock.source import CardSource
from uplink.messages.telemetry import Phase

_LOG = logging.getLogger(__name__)
_ROOM_PAUSE_S = 2.0
_LONGEST_ROOM_PAUSE_S = 60.0
_ROOM_STEP_S = 0.1
# What an event and a manifest can carry (as base64); FAT's longest path is far below.
_MAX_PATH_BYTES = 6000
_EXPLAINED = {
    Unreadable: Reason.UNREADABLE,
    Refused: Reason.NOT_REGULAR,
    ChangedWhileReading: Reason.CHANGED,
}


class Outcome(Enum):
    """What became of a file."""

    SETTLED = "settled"
    CHANGED = "changed"  # look at it again
    UNKNOWN = "unknown"  # its samples promised what its bytes do not hold: it is new


@dataclass(frozen=True)
class Filer:
    """Settles files of one stay.

    `progress` is told the bytes of the file so far, `show` a phase and what is said with it; `gone` whether a
    volume left, `stop` whether the dock stops, `news` whether something came that goes before a proof.
    """

    tools: Tools
    progress: Callable[[CardFile, int], None]
    show: Callable[[Phase, wording.Text], None]
    gone: Callable[[Volume], bool]
    stop: Callable[[], bool]
    news: Callable[[], bool]

    def settle(self, opened: OpenDocking, item: Item) -> Outcome:
        """Settle one file.  Raises CameraGone, PullCancelled (`stop`, `gone` or `news`), VaultFailed."""
        file = item.file
        if len(file.path) > _MAX_PATH_BYTES:
            self._explain(opened.docking, file, Reason.LIMIT, f"path of {len(file.path)} bytes")
            return Outcome.SETTLED
        try:
            if item.stage is Stage.KNOWN:
                return self._prove(opened, item)
            self._store(opened, item)
        except (Unreadable, Refused, ChangedWhileReading) as error:
            _LOG.warning("slot %d: %s", opened.docking.slot.number, error)
            if isinstance(error, ChangedWhileReading) and item.stage is not Stage.AGAIN:
                return Outcome.CHANGED
            self._explain(opened.docking, file, _EXPLAINED[type(error)], str(error))
        return Outcome.SETTLED

    def _prove(self, opened: OpenDocking, item: Item) -> Outcome:
        volume = opened.volumes[item.volume]

        def cancel() -> bool:
            return self.stop() or self.gone(volume) or self.news()

        file, source = item.file, opened.source(item.volume)
        read = prove(source, file, lambda done: self.progress(file, done), cancel)
        tools, docking = self.tools, opened.docking
        if is_proven(tools.ledger, tools.vault, docking, file, opened.times[file.index], read):
            return Outcome.SETTLED
        _LOG.warning("slot %d: %s is not what its samples promised", docking.slot.number, file.display_name)
        tools.ledger.set_known(docking.id, file.index, False)
        return Outcome.UNKNOWN

    def _store(self, opened: OpenDocking, item: Item) -> None:
        tools, file = self.tools, item.file
        pause_s = _ROOM_PAUSE_S
        while True:
            try:
                with self.turn(opened, item):
                    pulled = self._copy(opened, item)
                if pulled.verified_bytes:
                    _LOG.info(
                        "slot %d: %s went on after %d bytes that were here already",
                        opened.docking.slot.number,
                        file.display_name,
                        pulled.verified_bytes,
                    )
                keep(tools.ledger, tools.vault, opened.docking, file, opened.times[file.index], pulled)
                break
            except (DiskFull, StoreFull) as full:
                self._wait_for_room(opened, item, full, pause_s)
                pause_s = min(pause_s * 2, _LONGEST_ROOM_PAUSE_S)  # each try reads the card from the start
        tools.stored()

    @contextmanager
    def turn(self, opened: OpenDocking, item: Item) -> Iterator[None]:
        """Wait until this camera may be copied.  Raises CameraGone, PullCancelled."""
        waited = False

        def waits() -> None:
            nonlocal waited
            waited = True
            self.show("pulling", wording.WEAK_SUPPLY)

        with self.tools.gate.turn(waits, lambda: self._still_wanted(opened.volumes[item.volume], item.file)):
            if waited:
                self.show("pulling", wording.PULLING)
            yield

    def _still_wanted(self, volume: Volume, file: CardFile) -> None:
        if self.gone(volume):
            raise CameraGone(f"the camera left while {file.display_name} had to wait")
        if self.stop():
            raise PullCancelled("the dock is stopping")

    def _explain(self, docking: Docking, file: CardFile, reason: Reason, detail: str) -> None:
        self.tools.ledger.explain(docking.id, file.index, reason, detail)
        self.tools.vault.partial(docking.id, file.index).unlink(missing_ok=True)

    def _copy(self, opened: OpenDocking, item: Item) -> Pulled:
        tools, docking, file = self.tools, opened.docking, item.file
        if not self._has_room(docking, file):
            raise DiskFull(f"no room for {file.size_bytes} bytes in {tools.vault.folder}")
        partial = tools.vault.partial(docking.id, file.index)
        if not partial.exists():
            adopt_partial(tools.memory, tools.vault, docking, file)
        copy = resume if partial.exists() else pull
        volume = opened.volumes[item.volume]
        source: CardSource = opened.source(item.volume)
        return copy(
            source,
            file,
            partial,
            lambda done: self.progress(file, done),
            lambda: self._cancelled(volume),
        )

    def _has_room(self, docking: Docking, file: CardFile) -> bool:
        missing = self._missing_bytes(docking, file)
        return self.tools.vault.free_bytes() >= missing + self.tools.reserve_bytes

    def _missing_bytes(self, docking: Docking, file: CardFile) -> int:
        partial = self.tools.vault.partial(docking.id, file.index)
        there = partial.stat().st_size if partial.exists() else 0
        return max(0, file.size_bytes - there)

    def _wait_for_room(
        self, opened: OpenDocking, item: Item, full: DiskFull | StoreFull, pause_s: float
    ) -> None:
        file, volume, docking, room = item.file, opened.volumes[item.volume], opened.docking, self.tools.room
        _LOG.warning("slot %d: no room for %s: %s", docking.slot.number, file.display_name, full)
        # Where there seems to be room others take it: then not at once again.
        not_before = time.monotonic() + (pause_s if self._has_room(docking, file) else 0.0)
        said = None
        with room.waiting(docking.id, max(1, self._missing_bytes(docking, file))):
            while time.monotonic() < not_before or not self._has_room(docking, file):
                text = wording.NO_ROOM if room.stuck else wording.MAKING_ROOM
                if text is not said:
                    self.show("making_room", text)
                    said = text
                self._still_wanted(volume, file)
                time.sleep(_ROOM_STEP_S)
        self.show("pulling", wording.PULLING)

    def _cancelled(self, volume: Volume) -> bool:
        """Asked before each MiB.  Raises DiskFull when others have taken the room meanwhile."""
        if self.stop() or self.gone(volume):
            return True
        if self.tools.vault.free_bytes() < self.tools.reserve_bytes:
            raise DiskFull(f"no room in {self.tools.vault.folder}: the reserve is reached")
        return False
