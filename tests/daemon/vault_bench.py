"""A dock whose recordings have bytes, and a platform that receipts and reconciles them when told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.clock import DockClock
from daemon.custody import Custody
from daemon.desk import StoreDesk
from daemon.ingest.ledger import Ledger
from daemon.read_back import ReadBackStage
from daemon.reserve import Reserve
from daemon.room import RoomStage, RoomTools
from daemon.settings import VaultSettings
from daemon.waiting_room import WaitingRoom
from dock.docking import Docking
from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import Card, Line, Platform, desk_of, line_of
from uplink.desk import Taken
from uplink.keys import SigningKey
from uplink.messages import Reconciliation
from uplink.messages.receipt import Kept, PageRange

RECEIVED_AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
DAY = timedelta(days=1)
WHOLE = PageRange(after=None, until=None)


@dataclass
class Machine:
    """The machine's clock, turned by hand."""

    at: datetime = RECEIVED_AT

    def now(self) -> datetime:
        return self.at


@dataclass
class VaultBench:
    """A dock, its platform, and a camera that is a folder."""

    dock: Dock
    machine: Machine
    platform: Platform
    desk: StoreDesk
    card: Card
    line: Line

    @property
    def store(self):  # type: ignore[no-untyped-def]
        return self.dock.store

    def take_in(self, files: dict[str, bytes], tools=None) -> Docking:  # type: ignore[no-untyped-def]
        """Put `files` on the card, dock it in, judge it."""
        for name, content in files.items():
            self.card.write(name, content)
        docking = self.card.dock_in(self.dock, tools)
        self.judge()
        return docking

    def judge(self) -> None:
        while self.line.first.step() or self.line.standard.step():
            pass

    def recordings(self) -> dict[str, str]:
        """Return each file's recording by its path on the card."""
        rows = self.dock.store.rows("SELECT path, recording FROM recordings")
        return {row["path"].decode(): row["recording"] for row in rows}

    def receipt(self, recording: str, at: datetime = RECEIVED_AT) -> Taken:
        revision = self.dock.store.value("SELECT revision FROM recordings WHERE recording = ?", (recording,))
        return self.desk.take_receipt(recording, self.platform.receipt(recording, revision, received_at=at))

    def reconcile(self, recordings: list[str], at: datetime, covers: PageRange | None = WHOLE) -> Taken:
        return self.desk.take_reconciliation(self.page(recordings, at, covers))

    def page(self, recordings: list[str], at: datetime, covers: PageRange | None = WHOLE) -> bytes:
        kept = [Kept(recording=name, sha256=self.row(name)["sha256"]) for name in sorted(recordings)]
        page = Reconciliation(platform="pf", dock="dock-1", time=at, recordings=kept, range=covers)
        return self.platform.seal("reconciliation", page)

    def row(self, recording: str):  # type: ignore[no-untyped-def]
        row = self.dock.store.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
        assert row is not None
        return row

    def path(self, recording: str) -> Path:
        return self.dock.vault.path(self.row(recording)["vault"])

    def room(self, waiting: WaitingRoom | None = None, **settings: object) -> RoomStage:
        values = {"reserve_bytes": 1024 * 1024, "high_water": 1.0} | settings
        reserve = Reserve(self.dock.folder / "reserve", 4096)
        return RoomStage(
            RoomTools(
                self.dock.store,
                self.dock.custody,
                self.dock.vault,
                reserve,
                waiting or WaitingRoom(lambda: None),
                VaultSettings.model_validate(values),
            )
        )

    def read_back(self, busy: bool = False) -> ReadBackStage:
        settings = VaultSettings()
        return ReadBackStage(
            self.dock.store, self.dock.vault, self.dock.custody.clock, settings, lambda: busy, lambda s: None
        )

    def clear_everything(self, **settings: object) -> None:
        """Make room as if the disk were full."""
        self.dock.custody.clock.now()  # a running dock does this all the time: the floor follows
        waiting = WaitingRoom(lambda: None)
        with waiting.waiting("test", 1 << 60):
            stage = self.room(waiting, **settings)
            while stage.step():
                pass


@contextmanager
def vault_bench(
    folder: Path, camera: Path | None = None, key: SigningKey | None = None
) -> Iterator[VaultBench]:
    dock = make_dock(folder / "state", key=key)
    machine = Machine()
    dock.custody = Custody(dock.custody.identity, DockClock(machine=machine.now))
    dock.ledger = Ledger(dock.store, dock.custody)
    platform = Platform(dock)
    bench = VaultBench(
        dock, machine, platform, desk_of(dock, platform), Card(camera or folder / "camera"), line_of(dock)
    )
    try:
        yield bench
    finally:
        dock.store.close()
