"""A dock with one tagged recording, and what acts work with: for the tests of acts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.acts.tools import Tools
from daemon.ingest.arriving import Arrived, FileTimes
from daemon.limits import Limits
from daemon.revisions import revise
from daemon.settings import DockSettings, Settings, SlotSettings
from daemon.stages.first import tag_of
from daemon.store import Row
from daemon.tagrules import shipped_rules
from dock.profiles import NameFacts
from tests.daemon.conftest import ATTACHED_AT, Dock, listing, make_dock
from uplink import envelope
from uplink.ids import recording_id
from uplink.messages import CustodyEvent, Manifest, Officer, Tag

SHA256 = "ab" * 32


@dataclass
class Desk:
    """The dock of `tests/daemon/conftest.py` with tools whose edges are noted."""

    dock: Dock
    recording: str
    applied: list[Limits] = field(default_factory=list)
    rescanned: list[int | None] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    woken: int = 0

    @property
    def tools(self) -> Tools:
        settings = Settings(
            dock=DockSettings(id="dock-1", site="site-1", state=self.dock.folder),
            slots=[SlotSettings(number=1, ports=["p"])],
            people={"root": "王伟"},
            sha256="5" * 64,
        )
        return Tools(
            store=self.dock.store,
            custody=self.dock.custody,
            settings=settings,
            rules=shipped_rules(),
            apply=self.applied.append,
            rescan=self.rescanned.append,
            health=lambda: {"disk_free_bytes": 1},
            wake=self._wake,
        )

    def row(self) -> Row:
        row = self.dock.store.row("SELECT * FROM recordings WHERE recording = ?", (self.recording,))
        assert row is not None
        return row

    def tag(self) -> Tag:
        return tag_of(self.row()) or Tag()

    def manifest(self) -> Manifest:
        raw = self.dock.store.value("SELECT raw FROM manifests WHERE manifest = ?", (self.row()["manifest"],))
        return Manifest.parse(envelope.peek(raw, "manifest"))

    def events(self) -> list[CustodyEvent]:
        rows = self.dock.store.rows("SELECT raw FROM events ORDER BY place, n")
        return [CustodyEvent.parse(envelope.peek(row["raw"], "event")) for row in rows]

    def last(self) -> tuple[str, str, dict[str, Any]]:
        """The newest event: kind, person, data."""
        event = self.events()[-1]
        return event.kind, event.actor.person, event.data

    def _wake(self) -> None:
        self.woken += 1


def make_desk(folder: Path, tag: Tag | None = None, **more: Any) -> Desk:
    """Take one file in, and commit its revision 1 with `tag`."""
    made = make_dock(folder, **more)
    docking = made.begin(listing({b"a.mp4": 10}))
    recording = recording_id("CAM1", b"a.mp4", 10, SHA256)
    made.ledger.store(
        Arrived(
            docking=docking.id,
            index=0,
            serial="CAM1",
            serial_by="usb",
            path=b"a.mp4",
            kind="video",
            marked=False,
            facts=NameFacts(),
            times=FileTimes(ATTACHED_AT, None),
            size_bytes=10,
            sha256=SHA256,
            zero_bytes=0,
            recording=recording,
            vault=made.vault.relative(recording, b"a.mp4"),
        )
    )
    first = tag or Tag(officer=Officer(officer="J1", by="name"))
    with made.store.write() as tx:
        revise(tx, made.custody, recording, first, "", None)
    return Desk(made, recording)
