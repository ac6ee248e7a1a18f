"""Opening a docking: its volumes mounted, listed and committed, before the first byte is pulled.

- All volumes that a camera shows are one docking; what cannot be read of them is said in it (A04, A05).
- The same stay after a restart of the daemon is the same docking, if it lists the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.camera_time import to_utc
from daemon.ingest.arriving import FileTimes
from daemon.ingest.contents import Contents, Note, VolumeContent, list_volumes
from daemon.ingest.disguised import look_into
from daemon.ingest.fullness import FullCard, full_card
from daemon.ingest.leavings import leftovers_of
from daemon.ingest.stay import docking_of
from daemon.ingest.tools import Tools
from daemon.ingest.volumes import Volume
from daemon.store import Row
from dock.camera_clock import ClockReading, Stamped, read_clock
from dock.docking import Camera, Docking, camera_of, new_docking_id
from dock.errors import MountFailed
from dock.listing import CardFile, Listing, Reason, Scan
from dock.profiles import CameraProfile
from dock.slots import Slot
from dock.source import CardSource

_LOG = logging.getLogger(__name__)
_NAMES = 10


@dataclass
class OpenDocking:
    """A docking whose volumes are mounted until `stack` is closed.  Lists are in the order of the volumes."""

    docking: Docking
    contents: Contents
    volumes: Sequence[Volume]
    sources: Sequence[CardSource | None]
    times: dict[int, FileTimes]
    stack: ExitStack
    problems: list[str] = field(default_factory=list)
    full: FullCard | None = None

    def source(self, volume: int) -> CardSource:
        source = self.sources[volume]
        assert source is not None  # only volumes that were listed have files
        return source


def open_docking(
    tools: Tools, slot: Slot, volumes: Sequence[Volume], first: str | None, gone: Callable[[Volume], bool]
) -> OpenDocking:
    """Mount and list `volumes` (one at least), and commit that; goes on with an open docking of the same.

    `first`: the docking that the stay began with, if it did not begin with this one.  Raises CameraGone.
    """
    problems: list[str] = []
    with ExitStack() as stack:
        sources = [_source(tools, volume, gone, stack, problems) for volume in volumes]
        scans = [None if source is None else source.scan() for source in sources]
        profile = _recognise(tools, volumes, scans)
        listings = list_volumes(scans, profile, look_into(sources, scans, profile))
        contents = Contents(
            tuple(
                VolumeContent(
                    attachment=volume.attachment,
                    name=volume.name,
                    file_system=volume.file_system,
                    label=volume.label,
                    note=_note(volume, scan),
                    listing=listing,
                )
                for volume, scan, listing in zip(volumes, scans, listings, strict=True)
            )
        )
        zone = ZoneInfo(profile.time_zone) if profile.time_zone else tools.zone
        times = {file.index: _times(zone, volumes[place], file) for place, file in contents.files}
        files = [file for _, file in contents.files]
        camera = camera_of(_lead(volumes).origin, files, profile, _lead(volumes).label)
        docking = _go_on(tools, slot, contents, camera)
        if docking is None:
            docking = Docking(new_docking_id(), slot, camera, tools.now())
            contents = _with_leftovers(slot, contents, volumes)
            clock = _clock(tools, volumes, contents, times, profile)
            tools.ledger.begin(docking, contents, times, first, leftovers_of(contents, profile, zone), clock)
            _tell_left_out(slot, docking, listings)
        full = full_card(
            [space for source in sources if source is not None and (space := source.space()) is not None],
            files,
            tools.card_free_share,
            loop=profile.file.housekeeping.loop,
        )
        return OpenDocking(docking, contents, volumes, sources, times, stack.pop_all(), problems, full)


def _tell_left_out(slot: Slot, docking: Docking, listings: Sequence[Listing | None]) -> None:
    names = [
        entry.display_name
        for listing in listings
        for entry in (listing.explained if listing else ())
        if entry.reason is Reason.LEFT_OUT
    ]
    if names:
        shown = ", ".join(names[:_NAMES]) + (" …" if len(names) > _NAMES else "")
        _LOG.info(
            "slot %d: profile %s leaves out %d files: %s",
            slot.number,
            docking.camera.profile,
            len(names),
            shown,
        )


def _source(
    tools: Tools,
    volume: Volume,
    gone: Callable[[Volume], bool],
    stack: ExitStack,
    problems: list[str],
) -> CardSource | None:
    if not volume.file_system:
        problems.append(f"{volume.name} has no file system")
        return None
    try:
        return stack.enter_context(volume.opened(tools.mounts, lambda: gone(volume)))
    except MountFailed as error:
        _LOG.error("%s", error)
        problems.append(str(error))
        return None


def _note(volume: Volume, scan: Scan | None) -> Note:
    if not volume.file_system:
        return Note.NO_FILE_SYSTEM
    if scan is None:
        return Note.UNREADABLE
    return Note.NONE if scan.entries or scan.explained else Note.EMPTY


def _recognise(tools: Tools, volumes: Sequence[Volume], scans: Sequence[Scan | None]) -> CameraProfile:
    devices = [volume.device for volume in volumes if volume.device is not None]
    return tools.profiles.recognise(devices, [name for scan in scans if scan for name in scan.names])


def _lead(volumes: Sequence[Volume]) -> Volume:
    """Return the volume that names the camera where no serial is known: the first that can be read."""
    return next((volume for volume in volumes if volume.file_system), volumes[0])


def _with_leftovers(slot: Slot, contents: Contents, volumes: Sequence[Volume]) -> Contents:
    """Look at what the volumes that were listed still show of deleted files."""
    seen = []
    for content, volume in zip(contents.volumes, volumes, strict=True):
        found = volume.leftovers() if content.listing is not None else None
        if found is not None and found.problem:
            _LOG.warning("slot %d: deleted files of %s: %s", slot.number, volume.name, found.problem)
        seen.append(replace(content, leftovers=found))
    return Contents(tuple(seen))


def _clock(
    tools: Tools,
    volumes: Sequence[Volume],
    contents: Contents,
    times: dict[int, FileTimes],
    profile: CameraProfile,
) -> ClockReading | None:
    """How far the camera's clock is from the dock's; None for what is no disk of a camera."""
    zone = ZoneInfo(profile.time_zone) if profile.time_zone else tools.zone
    stamped = [
        Stamped(modified, profile.is_clock_file(file.display_name))
        for place, file in contents.files
        if volumes[place].device is not None and (modified := times[file.index].modified_at) is not None
    ]
    now = tools.now()
    offset = now.astimezone(zone).utcoffset()
    unsure = any(volume.file_system == "exfat" for volume in volumes) and offset is not None
    return read_clock(stamped, now, max(0.0, offset.total_seconds()) if unsure and offset else 0.0)


def _times(zone: ZoneInfo, volume: Volume, file: CardFile) -> FileTimes:
    modified: datetime | None = file.modified_at
    if volume.has_local_times:
        modified = to_utc(file.modified_at.replace(tzinfo=None), zone)
    return FileTimes(modified, to_utc(file.facts.named_at, zone))


def _go_on(tools: Tools, slot: Slot, contents: Contents, camera: Camera) -> Docking | None:
    """Return the open docking of the same stay, if there is one; what lists otherwise by now is closed."""
    rows = {
        row["docking"]: row
        for attachment in contents.attachments
        for row in tools.ledger.dockings_of(slot.number, attachment)
        if row["state"] in ("attached", "pulling")
    }
    same = None
    for row in rows.values():
        if same is None and _is_same(tools, row, slot, contents, camera):
            same = docking_of(row, slot)
        else:  # written to meanwhile, read by another profile, or part of it left: it ends here
            tools.ledger.close(row["docking"], removed=True)
    return same


def _is_same(tools: Tools, row: Row, slot: Slot, contents: Contents, camera: Camera) -> bool:
    if row["listing"] != contents.digest or docking_of(row, slot).camera != camera:
        return False
    volumes = tuple(volume["attachment"] for volume in tools.ledger.volumes_of(row["docking"]))
    # A profile that was changed meanwhile numbers other files.
    paths = {file.index: file.path for _, file in contents.files}
    return volumes == contents.attachments and tools.ledger.listed_paths(row["docking"]) == paths
