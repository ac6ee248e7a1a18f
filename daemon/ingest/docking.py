"""One docking, from a mounted card to `closed`: what the puller thread of a slot does.

- List, commit the listing, pull file by file; each file is committed by itself, so that a kill costs at
  most the file that was on the way, and that one is resumed by its verified prefix.
- The same stay after a restart of the daemon is the same docking (boot id and disk sequence say so).
- A file that cannot be had is explained and costs only itself; one that changes is looked at once more at
  the end.
- A full disk is waited for, and said; a reserve stays free, or the store could commit nothing any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.board import SlotBoard
from daemon.camera_time import to_utc
from daemon.ingest.ledger import FileTimes, Ledger, Volume
from daemon.ingest.shelving import adopt_partial, keep
from daemon.ingest.stay import attachment_of, docking_of
from daemon.logfields import about
from daemon.vault import Vault
from dock.devices import BlockDevice
from dock.docking import Docking, camera_of, new_docking_id
from dock.errors import (
    CameraGone,
    ChangedWhileReading,
    DiskFull,
    PullCancelled,
    Refused,
    Unreadable,
)
from dock.listing import CardFile, Listing, Reason
from dock.mount import mounted
from dock.profiles import CameraProfile, Profiles
from dock.pull import Pulled, pull, resume
from dock.slots import Slot
from dock.source import CardSource, MountedSource
from uplink.messages.telemetry import Phase

_LOG = logging.getLogger(__name__)
_ROOM_PAUSE_S = 2.0
_LONGEST_ROOM_PAUSE_S = 60.0
_ROOM_STEP_S = 0.1
# What an event and a manifest can carry (as base64); FAT's longest path is far below.
_MAX_PATH_BYTES = 6000
# FAT keeps local time without a zone; others keep UTC (cameras.md, names and folders).
_LOCAL_TIME_FS = frozenset({"vfat", "msdos"})
_EXPLAINED = {
    Unreadable: Reason.UNREADABLE,
    Refused: Reason.NOT_REGULAR,
    ChangedWhileReading: Reason.CHANGED,
}


@dataclass(frozen=True)
class Tools:
    """What a puller works with."""

    ledger: Ledger
    vault: Vault
    board: SlotBoard
    profiles: Profiles
    mounts: Path
    zone: ZoneInfo
    now: Callable[[], datetime]
    stored: Callable[[], None]  # wakes the next stage
    reserve_bytes: int = 64 * 1024 * 1024


class DockingJob:
    """One docking.  `gone` and `stop` are asked often; both leave everything resumable."""

    def __init__(
        self,
        tools: Tools,
        slot: Slot,
        device: BlockDevice,
        gone: Callable[[], bool],
        stop: Callable[[], bool],
    ) -> None:
        self._tools = tools
        self._slot = slot
        self._device = device
        self._attachment = attachment_of(device)
        self._gone = gone
        self._stop = stop
        self._bytes_done = 0
        self._files_done = 0

    def run(self) -> None:
        """Do the docking, to `closed`.  Raises MountFailed, CameraGone, PullCancelled, VaultFailed."""
        if self._was_done():
            return
        self._show("listing", text=_READING)
        with mounted(self._device, self._tools.mounts) as card:
            docking = self.take_in(MountedSource(card, self.recognise, said_gone=self._gone))
        closed = self._tools.ledger.close(docking.id, removed=False)
        with about(docking=docking.id):
            _LOG.info(
                "slot %d: docking %s closed, %d files", self._slot.number, docking.id, closed.listed.count
            )
        self._show("done", safe_to_take=True, file="", text=_SAFE)
        self._tools.stored()

    def recognise(self, names: Sequence[str]) -> CameraProfile:
        return self._tools.profiles.recognise(self._device, names)

    def take_in(self, source: CardSource) -> Docking:
        """List `source` and settle every file of it; the docking is left open.  Raises as `run`."""
        listing = source.walk()
        times = {file.index: self._times(file, listing.profile) for file in listing.files}
        docking = self._begin(listing, times)
        with about(docking=docking.id):
            self._pull_all(source, docking, listing, times)
        return docking

    def _was_done(self) -> bool:
        """Whether all of this stay was done before the daemon was restarted; shows it if so."""
        if self._device.diskseq is None:
            return False  # an old kernel: this may be another stay of the same camera
        ledger = self._tools.ledger
        row = ledger.ended_docking(self._slot.number, self._attachment)
        if row is None:
            return False
        with about(docking=row["docking"]):
            _LOG.info("slot %d: docking %s was closed before", self._slot.number, row["docking"])
        pulled = ledger.to_pull(row["docking"])
        self._show(
            "done",
            docking=docking_of(row, self._slot),
            files_done=pulled.count,
            files_total=pulled.count,
            bytes_done=pulled.bytes,
            bytes_total=pulled.bytes,
            safe_to_take=True,
            text=_SAFE,
        )
        return True

    def _begin(self, listing: Listing, times: dict[int, FileTimes]) -> Docking:
        tools, slot = self._tools, self._slot
        camera = camera_of(self._device, listing)
        row = tools.ledger.open_docking(slot.number, self._attachment)
        docking = None if row is None else docking_of(row, slot)
        if row is not None and docking is not None and not self._goes_on(row["listing"], docking, listing):
            # Written to meanwhile, or read by another profile: another listing, another docking.
            tools.ledger.close(docking.id, removed=True)
            docking = None
        if docking is None:
            docking = Docking(new_docking_id(), slot, camera, tools.now())
            volume = Volume(self._attachment, self._device.fs_type, self._device.fs_label)
            tools.ledger.begin(docking, volume, listing, times)
        self._show(
            "pulling",
            docking=docking,
            files_total=len(listing.files),
            bytes_total=sum(file.size_bytes for file in listing.files),
            text=_PULLING,
        )
        return docking

    def _goes_on(self, digest: str, docking: Docking, listing: Listing) -> bool:
        if digest != listing.digest or docking.camera != camera_of(self._device, listing):
            return False
        # A profile that was changed meanwhile numbers other files.
        return self._tools.ledger.listed_paths(docking.id) == {f.index: f.path for f in listing.files}

    def _pull_all(
        self, source: CardSource, docking: Docking, listing: Listing, times: dict[int, FileTimes]
    ) -> None:
        still_open = self._tools.ledger.open_indexes(docking.id)
        changed = []
        for file in sorted(listing.files, key=_order):
            if file.index in still_open and not self._pull_one(source, docking, file, times[file.index]):
                changed.append(file)
            self._files_done += 1
            self._bytes_done += file.size_bytes
            self._show_progress(file, 0)
        for file in changed:
            self._pull_one(source, docking, file, times[file.index], last_look=True)

    def _pull_one(
        self,
        source: CardSource,
        docking: Docking,
        file: CardFile,
        times: FileTimes,
        *,
        last_look: bool = False,
    ) -> bool:
        """Settle one file.  Returns False, and leaves it open, if it changed and shall be looked at again."""
        if len(file.path) > _MAX_PATH_BYTES:
            self._explain(docking, file, Reason.LIMIT, f"path of {len(file.path)} bytes")
            return True
        pause_s = _ROOM_PAUSE_S
        while True:
            try:
                pulled = self._copy(source, docking, file)
                keep(self._tools.ledger, self._tools.vault, docking, file, times, pulled)
                break
            except DiskFull as full:
                self._wait_for_room(docking, file, full, pause_s)
                pause_s = min(pause_s * 2, _LONGEST_ROOM_PAUSE_S)  # each try reads the card from the start
            except (Unreadable, Refused, ChangedWhileReading) as error:
                _LOG.warning("slot %d: %s", self._slot.number, error)
                if isinstance(error, ChangedWhileReading) and not last_look:
                    return False
                self._explain(docking, file, _EXPLAINED[type(error)], str(error))
                return True
        self._tools.stored()
        return True

    def _explain(self, docking: Docking, file: CardFile, reason: Reason, detail: str) -> None:
        self._tools.ledger.explain(docking.id, file.index, reason, detail)
        self._tools.vault.partial(docking.id, file.index).unlink(missing_ok=True)

    def _copy(self, source: CardSource, docking: Docking, file: CardFile) -> Pulled:
        if not self._has_room(docking, file):
            raise DiskFull(f"no room for {file.size_bytes} bytes in {self._tools.vault.folder}")
        partial = self._tools.vault.partial(docking.id, file.index)
        if not partial.exists():
            adopt_partial(self._tools.ledger, self._tools.vault, docking, file)
        copy = resume if partial.exists() else pull
        return copy(source, file, partial, lambda done: self._show_progress(file, done), self._cancelled)

    def _has_room(self, docking: Docking, file: CardFile) -> bool:
        partial = self._tools.vault.partial(docking.id, file.index)
        there = partial.stat().st_size if partial.exists() else 0
        missing = max(0, file.size_bytes - there)
        return self._tools.vault.free_bytes() >= missing + self._tools.reserve_bytes

    def _wait_for_room(self, docking: Docking, file: CardFile, full: DiskFull, pause_s: float) -> None:
        self._show("making_room", text=_NO_ROOM)
        _LOG.warning("slot %d: no room for %s: %s", self._slot.number, file.display_name, full)
        not_before = time.monotonic() + pause_s
        while time.monotonic() < not_before or not self._has_room(docking, file):
            if self._gone():
                raise CameraGone(f"the camera left while the dock had no room for {file.display_name}")
            if self._stop():
                raise PullCancelled("the dock is stopping")
            time.sleep(_ROOM_STEP_S)
        self._show("pulling", text=_PULLING)

    def _show(self, phase: Phase, **changes: object) -> None:
        self._tools.board.show(self._slot.number, phase, part=self._device.node, **changes)

    def _show_progress(self, file: CardFile, done: int) -> None:
        self._tools.board.move(
            self._slot.number,
            self._bytes_done + done,
            self._files_done,
            file.display_name,
            part=self._device.node,
        )

    def _cancelled(self) -> bool:
        """Asked before each MiB.  Raises DiskFull when others have taken the room meanwhile."""
        if self._stop() or self._gone():
            return True
        if self._tools.vault.free_bytes() < self._tools.reserve_bytes:
            raise DiskFull(f"no room in {self._tools.vault.folder}: the reserve is reached")
        return False

    def _times(self, file: CardFile, profile: CameraProfile) -> FileTimes:
        zone = ZoneInfo(profile.time_zone) if profile.time_zone else self._tools.zone
        modified: datetime | None = file.modified_at
        if self._device.fs_type in _LOCAL_TIME_FS:
            modified = to_utc(file.modified_at.replace(tzinfo=None), zone)
        return FileTimes(modified, to_utc(file.facts.named_at, zone))


def _order(file: CardFile) -> tuple[bool, int, int]:
    # Marked before unmarked, oldest first (cameras.md; mqtt.md, order of sending).
    return (not file.marked, file.modified_ns, file.index)


_READING = {"zh": "正在读取，请勿拔出", "en": "reading the card, do not unplug"}
_PULLING = {"zh": "正在采集，请勿拔出", "en": "copying, do not unplug"}
_SAFE = {"zh": "采集完成，可以取走", "en": "done, safe to take"}
_NO_ROOM = {
    "zh": "采集站存储已满，请勿拔出，请联系管理员",
    "en": "the dock is full: leave the camera in, call the administrator",
}
