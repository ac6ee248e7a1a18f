"""One docking, from a mounted card to `closed`: what the puller thread of a slot does.

- List, commit the listing, pull file by file; each file is committed by itself, so that a kill costs at
  most the file that was on the way, and that one is resumed by its verified prefix.
- The same stay after a restart of the daemon is the same docking (boot id and disk sequence say so).
- A file that cannot be had is explained and costs only itself.
- A full disk is waited for, and said.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.board import SlotBoard
from daemon.ingest.ledger import Arrived, FileTimes, Ledger, Volume
from daemon.store.database import from_text
from daemon.vault import Vault
from dock.devices import BlockDevice
from dock.docking import Docking, camera_of, new_docking_id
from dock.errors import (
    CameraGone,
    ChangedWhileReading,
    DiskFull,
    NameTaken,
    PullCancelled,
    Refused,
    Unreadable,
)
from dock.listing import CardFile, Listing, Reason
from dock.mount import mounted
from dock.profiles import CameraProfile, Profiles
from dock.pull import Pulled, finish, pull, resume
from dock.slots import Slot
from dock.source import CardSource, MountedSource
from uplink.ids import recording_id

_LOG = logging.getLogger(__name__)
_ROOM_POLL_S = 2.0
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
        self._gone = gone
        self._stop = stop
        self._bytes_done = 0
        self._files_done = 0

    def run(self) -> bool:
        """Do the docking.  Returns whether it was closed.  Raises MountFailed, CameraGone, PullCancelled."""
        tools, slot = self._tools, self._slot
        attachment = f"{_boot_id()}:{self._device.diskseq}:{self._device.node}:{self._device.serial}"
        if (done := tools.ledger.ended_docking(slot.number, attachment)) is not None:
            _LOG.info("slot %d: docking %s was closed before", slot.number, done["docking"])
            tools.board.show(slot.number, "done", safe_to_take=True, text=_SAFE)
            return True
        tools.board.show(slot.number, "listing", text=_READING)
        with mounted(self._device, tools.mounts) as card:
            source = MountedSource(card, self._recognise, said_gone=self._gone)
            listing = source.walk()
            times = {file.index: self._times(file, listing.profile) for file in listing.files}
            docking = self._begin(attachment, listing, times)
            self._pull_all(source, docking, listing, times)
        closed = tools.ledger.close(docking.id, removed=False)
        _LOG.info("slot %d: docking %s closed, %d files", slot.number, docking.id, closed.listed.count)
        tools.board.show(slot.number, "done", safe_to_take=True, file="", text=_SAFE)
        tools.stored()
        return True

    def _recognise(self, names: Sequence[str]) -> CameraProfile:
        return self._tools.profiles.recognise(self._device, names)

    def _begin(self, attachment: str, listing: Listing, times: dict[int, FileTimes]) -> Docking:
        tools, slot = self._tools, self._slot
        camera = camera_of(self._device, listing)
        row = tools.ledger.open_docking(slot.number, attachment)
        if row is not None and row["listing"] == listing.digest:
            attached_at = from_text(row["attached_at"])
            assert attached_at is not None
            docking = Docking(row["docking"], slot, camera, attached_at)
        else:
            if row is not None:  # the card was written to meanwhile: another listing, another docking
                tools.ledger.close(row["docking"], removed=True)
            docking = Docking(new_docking_id(), slot, camera, tools.now())
            volume = Volume(attachment, self._device.fs_type, self._device.fs_label)
            tools.ledger.begin(docking, volume, listing, times)
        tools.board.show(
            slot.number,
            "pulling",
            docking=docking,
            files_total=len(listing.files),
            bytes_total=sum(file.size_bytes for file in listing.files),
            text=_PULLING,
        )
        return docking

    def _pull_all(
        self, source: CardSource, docking: Docking, listing: Listing, times: dict[int, FileTimes]
    ) -> None:
        still_open = self._tools.ledger.open_indexes(docking.id)
        for file in sorted(listing.files, key=_order):
            if file.index in still_open:
                self._pull_one(source, docking, file, times[file.index])
            self._files_done += 1
            self._bytes_done += file.size_bytes
            self._show(file, 0)

    def _pull_one(self, source: CardSource, docking: Docking, file: CardFile, times: FileTimes) -> None:
        while True:
            try:
                pulled = self._copy(source, docking, file, times)
                break
            except DiskFull:
                self._wait_for_room(file)
            except (Unreadable, Refused, ChangedWhileReading) as error:
                _LOG.warning("slot %d: %s", self._slot.number, error)
                self._tools.ledger.explain(docking.id, file.index, _EXPLAINED[type(error)], str(error))
                self._tools.vault.partial(docking.id, file.index).unlink(missing_ok=True)
                return
        self._keep(docking, file, times, pulled)
        self._tools.stored()

    def _copy(self, source: CardSource, docking: Docking, file: CardFile, times: FileTimes) -> Pulled:
        partial = self._tools.vault.partial(docking.id, file.index)
        if not partial.exists():
            self._adopt_partial(docking, file, times, partial)
        copy = resume if partial.exists() else pull
        return copy(source, file, partial, lambda done: self._show(file, done), self._cancelled)

    def _adopt_partial(self, docking: Docking, file: CardFile, times: FileTimes, partial: Path) -> None:
        """Go on where an earlier docking of this camera broke off; nothing of it is believed unread."""
        left = self._tools.ledger.left_behind(
            docking.camera.serial, file.path, file.size_bytes, times.modified_at
        )
        if left is not None:
            earlier = self._tools.vault.partial(left["docking"], left["idx"])
            if earlier.exists():
                earlier.rename(partial)

    def _keep(self, docking: Docking, file: CardFile, times: FileTimes, pulled: Pulled) -> None:
        tools = self._tools
        partial = tools.vault.partial(docking.id, file.index)
        arrived = _arrived(docking, file, times, pulled, tools.vault)
        known = tools.ledger.known(arrived.recording)
        if known is None:
            self._finish(partial, tools.vault.path(arrived.vault))
            tools.ledger.store(arrived)
        elif _has_size(tools.vault.path(known["vault"]), pulled.size_bytes):
            tools.ledger.store_again(arrived)
            partial.unlink()
        else:  # the vault had lost it: the card gave it back
            self._finish(partial, tools.vault.path(known["vault"]))
            tools.ledger.store_again(arrived)

    def _finish(self, partial: Path, final: Path) -> None:
        final.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            finish(partial, final)
        except NameTaken:
            # Killed between rename and commit.  The copy at hand was just read and hashed; the old one was
            # not, so it makes way.
            final.unlink()
            finish(partial, final)

    def _wait_for_room(self, file: CardFile) -> None:
        self._tools.board.show(self._slot.number, "making_room", text=_NO_ROOM)
        _LOG.warning("slot %d: no room for %s", self._slot.number, file.display_name)
        deadline = time.monotonic() + _ROOM_POLL_S
        while time.monotonic() < deadline:
            if self._gone():
                raise CameraGone(f"the camera left while the dock had no room for {file.display_name}")
            if self._stop():
                raise PullCancelled("the dock is stopping")
            time.sleep(0.1)
        self._tools.board.show(self._slot.number, "pulling", text=_PULLING)

    def _show(self, file: CardFile, done: int) -> None:
        self._tools.board.move(
            self._slot.number, self._bytes_done + done, self._files_done, file.display_name
        )

    def _cancelled(self) -> bool:
        return self._stop() or self._gone()

    def _times(self, file: CardFile, profile: CameraProfile) -> FileTimes:
        zone = ZoneInfo(profile.time_zone) if profile.time_zone else self._tools.zone
        modified = file.modified_at
        if self._device.fs_type in _LOCAL_TIME_FS:
            modified = modified.replace(tzinfo=zone).astimezone(UTC)
        named = file.facts.named_at
        return FileTimes(modified, named.replace(tzinfo=zone).astimezone(UTC) if named else None)


def _order(file: CardFile) -> tuple[bool, int, int]:
    # Marked before unmarked, oldest first (cameras.md; mqtt.md, order of sending).
    return (not file.marked, file.modified_ns, file.index)


def _arrived(docking: Docking, file: CardFile, times: FileTimes, pulled: Pulled, vault: Vault) -> Arrived:
    serial = docking.camera.serial
    recording = recording_id(serial, file.path, pulled.size_bytes, pulled.sha256)
    return Arrived(
        docking=docking.id,
        index=file.index,
        serial=serial,
        serial_by=docking.camera.serial_by,
        path=file.path,
        kind=file.kind,
        marked=file.marked,
        facts=file.facts,
        times=times,
        size_bytes=pulled.size_bytes,
        sha256=pulled.sha256,
        zero_bytes=pulled.zero_block_bytes,
        recording=recording,
        vault=vault.relative(recording, file.path),
    )


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


_READING = {"zh": "正在读取，请勿拔出", "en": "reading the card, do not unplug"}
_PULLING = {"zh": "正在采集，请勿拔出", "en": "copying, do not unplug"}
_SAFE = {"zh": "采集完成，可以取走", "en": "done, safe to take"}
_NO_ROOM = {
    "zh": "采集站存储已满，请勿拔出，请联系管理员",
    "en": "the dock is full: leave the camera in, call the administrator",
}
