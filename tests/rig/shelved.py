"""Files in the vault of a dock that does not run, as a docking would have put them there."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from daemon.ingest.arriving import Arrived, FileTimes
from daemon.ingest.contents import Contents, Note, VolumeContent
from daemon.parts import open_parts
from daemon.revisions import ReportFacts, revise
from daemon.settings import load_settings
from dock.docking import Camera, Docking, new_docking_id
from dock.listing import Entry, Scan, listing_of
from dock.profiles import NameFacts
from dock.slots import Slot
from uplink.ids import draw_id, recording_id
from uplink.messages.manifest import Tag

AT = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)


def shelve(settings_file: Path, name: str, content: bytes, report: ReportFacts | None = None) -> str:
    """Take one file in, in a docking of its own, as if inspected with `report`; return the recording."""
    parts = open_parts(load_settings(settings_file))
    path, sha256 = name.encode(), hashlib.sha256(content).hexdigest()
    scan = Scan((Entry(path, len(content), 1_764_000_000_000_000_000),), ())
    listing = listing_of(scan, parts.profiles.by_name("generic"))
    docking = Docking(new_docking_id(), Slot(1, ("none",)), Camera("CAM1", "usb", "", "", "generic"), AT)
    volume = VolumeContent(f"boot:{draw_id()}", "sda1", "vfat", "", Note.NONE, listing)
    parts.ledger.begin(docking, Contents((volume,)), {0: FileTimes(AT, None)})
    recording = recording_id("CAM1", path, len(content), sha256)
    relative = parts.vault.relative(recording, path)
    target = parts.vault.path(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    parts.ledger.store(
        Arrived(
            docking=docking.id,
            index=0,
            serial="CAM1",
            serial_by="usb",
            path=path,
            kind="attachment",
            marked=False,
            facts=NameFacts(),
            times=FileTimes(AT, None),
            size_bytes=len(content),
            sha256=sha256,
            zero_bytes=0,
            recording=recording,
            vault=relative,
        )
    )
    parts.ledger.close(docking.id, removed=False)
    if report is not None:
        with parts.store.write() as tx:
            revise(tx, parts.custody, recording, Tag(), "", report)
    parts.store.close()
    return recording
