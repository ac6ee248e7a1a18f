"""What the daemon's tests make: recordings without bytes, reports, a signing platform, folders as cards."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from daemon.board import SlotBoard
from daemon.counters import Counters
from daemon.desk import StoreDesk
from daemon.ingest.arriving import Arrived, FileTimes
from daemon.ingest.docking import StayJob
from daemon.ingest.memory import Memory
from daemon.ingest.opening import open_docking
from daemon.ingest.stay import Stay, docking_of
from daemon.ingest.tools import Tools
from daemon.ingest.volumes import DiskVolume, Volume
from daemon.settings import InspectionSettings
from daemon.stages.claims import Claims
from daemon.stages.first import FirstStage
from daemon.stages.inspecting import Progress, RequestMaker
from daemon.stages.standard import StandardStage
from daemon.stages.tools import StageTools
from dock.devices import BlockDevice
from dock.docking import Docking
from dock.filesystems import Attempt
from dock.listing import CardFile, Listing
from dock.mount import MountedCard
from dock.profiles import load_profiles
from dock.slots import Slot
from dock.source import CardSource, CardSpace, MountedSource
from tests.daemon.conftest import Dock, listing
from transcoder.report import (
    Depth,
    Engine,
    RecordingReport,
    Report,
    RulesUsed,
    TimeSpan,
    Verdict,
)
from transcoder.request import InspectRequest
from transcoder.rules import load_rules
from uplink import envelope
from uplink.envelope import Envelope
from uplink.ids import draw_id, recording_id
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import ChainPoint, CustodyEvent, Head, Manifest, Receipt, Reconciliation, Refusal, Wire
from uplink.messages.receipt import Kept, StoredProof

PROFILES = load_profiles()
RULES = load_rules(None)
SHANGHAI = ZoneInfo("Asia/Shanghai")


# Recordings without bytes


def arrived(docking: Docking, file: CardFile, content: bytes | None = None) -> Arrived:
    """Return `file` as if it had been pulled; its bytes are made up from its path."""
    sha256 = hashlib.sha256(content if content is not None else file.path).hexdigest()
    recording = recording_id(docking.camera.serial, file.path, file.size_bytes, sha256)
    named = file.facts.named_at
    return Arrived(
        docking=docking.id,
        index=file.index,
        serial=docking.camera.serial,
        serial_by=docking.camera.serial_by,
        path=file.path,
        kind=file.kind,
        marked=file.marked,
        facts=file.facts,
        times=FileTimes(file.modified_at, named.replace(tzinfo=SHANGHAI).astimezone(UTC) if named else None),
        size_bytes=file.size_bytes,
        sha256=sha256,
        zero_bytes=0,
        recording=recording,
        vault=f"{recording[:2]}/{recording}.mp4",
    )


def take_in(dock: Dock, *names: str, attachment: str = "a", close: bool = True) -> list[str]:
    """Store files with these names in one docking; return their recordings in this order."""
    found: Listing = listing({name.encode(): 100 for name in names}, profile="gat947")
    docking = dock.begin(found, attachment=attachment)
    made = {file.path.decode(): arrived(docking, file) for file in found.files}
    for name in names:
        dock.ledger.store(made[name])
    if close:
        dock.ledger.close(docking.id, removed=False)
    return [made[name].recording for name in names]


# Reports


@dataclass
class FakeInspector:
    """Answers at once, with real reports.  `bad`: recordings that make it raise; `padding`: more bytes."""

    asked: list[InspectRequest] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    padding: int = 0
    deadline_s: float | None = None

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        self.asked.append(request)
        self.deadline_s = deadline_s
        if {item.recording for item in request.items} & self.bad:
            raise RuntimeError("a bug")
        return report_of(request, self.padding)

    def asked_for(self, depth: Depth) -> list[list[str]]:
        return [[item.recording or "" for item in r.items] for r in self.asked if r.depth is depth]


def report_of(request: InspectRequest, padding: int = 0) -> Report:
    recordings = tuple(
        RecordingReport(
            id=item.recording,
            path=item.display_name,
            kind=item.kind,
            size_bytes=item.size_bytes,
            sha256=item.sha256,
            container="mov,mp4",
            started_at=_span(item.named_at),
            duration_s=60.0,
            streams=(),
            verdict=Verdict.UNCHECKED,
            findings=(),
        )
        for item in request.items
    )
    more: dict[str, Any] = {"padding": "x" * padding} if padding else {}
    return Report(
        engine=Engine(bodydock="0", av="0", ffmpeg="0", speech_model=None),
        rules=RulesUsed(name="default", sha256=RULES.sha256),
        profile=request.join.profile,
        depth=request.depth,
        verdict=Verdict.UNCHECKED,
        recordings=recordings,
        runs=(),
        **more,
    )


def _span(at: datetime | None) -> TimeSpan | None:
    return TimeSpan.model_validate({"earliest": at, "latest": at, "from": ["name"]}) if at else None


@dataclass
class Line:
    """The stages of a dock, with an inspector that is none."""

    first: FirstStage
    standard: StandardStage
    inspector: FakeInspector


def line_of(dock: Dock) -> Line:
    inspector = FakeInspector()
    maker = RequestMaker(dock.vault, InspectionSettings(speech=False))
    tools = StageTools(dock.store, dock.custody, maker, inspector, PROFILES)
    return Line(FirstStage(tools), StandardStage(tools, Claims()), inspector)


# What the store says


def events(dock: Dock, *kinds: str) -> list[CustodyEvent]:
    rows = dock.store.rows("SELECT raw, kind FROM events ORDER BY place, n")
    return [
        CustodyEvent.parse(envelope.unseal(row["raw"], "event", dock.own_ring, Role.DOCK).payload)
        for row in rows
        if not kinds or row["kind"] in kinds
    ]


def manifests(dock: Dock, recording: str) -> list[tuple[Manifest, str]]:
    """Return the revisions, each verified under the dock's key, with its digest."""
    rows = dock.store.rows(
        "SELECT m.raw FROM manifests m JOIN epochs e USING (platform)"
        " WHERE m.recording = ? GROUP BY m.manifest ORDER BY max(e.place), m.revision",
        (recording,),
    )
    found = []
    for row in rows:
        signed = envelope.unseal(row["raw"], "manifest", dock.own_ring, Role.DOCK)
        found.append((Manifest.parse(signed.payload), signed.digest))
    return found


# A platform


class Platform:
    """Signs what a platform signs, right or wrong."""

    def __init__(self, dock: Dock, name: str = "pf") -> None:
        self.dock = dock
        self.name = name
        self.receipts, self.registry = SigningKey.draw(), SigningKey.draw()
        self.ring = KeyRing(
            [self.receipts.record(Role.RECEIPT, name), self.registry.record(Role.REGISTRY, name)]
        )

    def seal(self, kind: str, message: Wire, key: SigningKey | None = None) -> bytes:
        return envelope.seal(kind, message.to_bytes(), key or self.receipts).raw

    def receipt(self, recording: str, revision: int, /, **changes: Any) -> bytes:
        values = self._binding(recording, revision) | {
            "receipt": draw_id(),
            "received_at": datetime(2026, 11, 25, 9, tzinfo=UTC),
            "stored": StoredProof(
                verified_by_reading=True, copies=1, at=datetime(2026, 11, 25, 9, tzinfo=UTC)
            ),
        }
        return self.seal("receipt", Receipt.model_validate(values | changes))

    def refusal(
        self, recording: str, revision: int, code: str, reason: str = "because", **more: Any
    ) -> bytes:
        values = self._binding(recording, revision) | {
            "refusal": draw_id(),
            "code": code,
            "reason": reason,
            "at": datetime(2026, 11, 25, 9, tzinfo=UTC),
        }
        return self.seal("refusal", Refusal.model_validate(values | more))

    def head(self, at: ChainPoint | None, lease: int) -> bytes:
        identity = self.dock.custody.identity
        time = datetime(2026, 11, 25, tzinfo=UTC)  # later would raise the floor of the dock's time
        return self.seal("head", Head(platform=self.name, dock=identity.dock, at=at, lease=lease, time=time))

    def reconciliation(self, *kept: tuple[str, str]) -> bytes:
        page = Reconciliation(
            platform=self.name,
            dock=self.dock.custody.identity.dock,
            time=datetime(2026, 11, 25, 9, tzinfo=UTC),
            recordings=[Kept(recording=recording, sha256=sha256) for recording, sha256 in kept],
        )
        return self.seal("reconciliation", page)

    def _binding(self, recording: str, revision: int) -> dict[str, Any]:
        row = self.dock.store.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
        assert row is not None
        digest = self.dock.store.value(
            "SELECT manifest FROM manifests WHERE platform = ? AND recording = ? AND revision = ?",
            (self.name, recording, revision),
        )
        identity = self.dock.custody.identity
        return {
            "platform": self.name,
            "store": "main",
            "dock": identity.dock,
            "dock_key": identity.key.key_id,
            "recording": recording,
            "sha256": row["sha256"],
            "size": row["size"],
            "revision": revision,
            "manifest": digest or "ab" * 32,
        }


def newest_event(desk: StoreDesk) -> ChainPoint | None:
    """Return the end of the dock's own chain."""
    events = desk.events_after(None, 1_000_000)
    return events[-1].at if events else None


def desk_of(dock: Dock, platform: Platform, changed: Callable[[], None] = lambda: None) -> StoreDesk:
    return StoreDesk(dock.store, dock.custody, dock.vault, platform.ring, Counters(dock.store), changed)


def sealed_manifest(manifest: Manifest, key: SigningKey) -> Envelope:
    return envelope.seal("manifest", manifest.to_bytes(), key)


# Cards


class Card:
    """A folder that stands for a mounted card, with a made-up sysfs entry; plug it with `job`."""

    def __init__(
        self, folder: Path, *, serial: str = "CAM1", diskseq: int | None = 7, fs_type: str = "ext4"
    ) -> None:
        self.folder = folder
        self.path = folder / "card"
        self.path.mkdir(parents=True, exist_ok=True)
        self._sys = folder / "sys"
        self._sys.mkdir(exist_ok=True)
        for name, content in (("size", "2048\n"), ("diskseq", f"{diskseq}\n")):
            file = self._sys / name
            if not file.exists() or file.read_text() != content:
                file.write_text(content)
        self.device = BlockDevice(
            f"/dev/{serial}",
            str(self._sys),
            diskseq,
            serial,
            True,
            "2c7a",
            "0b01",
            "",
            fs_type,
            "",
            "",
            1,
            True,
        )
        self.space: CardSpace | None = None
        self.gone = False
        self.stop = False

    def write(self, name: str, content: bytes, modified_s: int = 1_764_000_000) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (modified_s, modified_s))
        return file

    def replug(self) -> None:
        """The same card comes again: another stay."""
        assert self.device.diskseq is not None
        values = {**self.device.__dict__, "diskseq": self.device.diskseq + 1}
        self.device = BlockDevice(**values)
        (self._sys / "diskseq").write_text(f"{self.device.diskseq}\n")
        self.gone = self.stop = False

    @property
    def volume(self) -> FolderVolume:
        return FolderVolume(self.device, self)

    def stay(self, slot: int = 1) -> Stay:
        """Return a stay in which this card is there until it is `gone`."""
        stay = CardStay(Slot(slot, ("p",)), self)
        stay.came(self.volume)
        return stay

    def job(self, tools: Tools, slot: int = 1) -> StayJob:
        return StayJob(tools, self.stay(slot), lambda: self.stop)

    def dock_in(self, dock: Dock, tools: Tools | None = None) -> Docking:
        """Do the whole docking; return it, closed."""
        self.job(tools or tools_of(dock)).run()
        row = dock.store.row("SELECT * FROM dockings WHERE state = 'closed' ORDER BY rowid DESC")
        assert row is not None
        return docking_of(row, Slot(row["slot"], ("p",)))

    def only_list(self, dock: Dock) -> str:
        """List it, and pull nothing of it; return the docking, open."""
        opened = open_docking(tools_of(dock), Slot(1, ("p",)), [self.volume], None, lambda volume: False)
        opened.stack.close()
        return opened.docking.id


class CardStay(Stay):
    """A stay of one card."""

    def __init__(self, slot: Slot, card: Card) -> None:
        super().__init__(slot, card.device.serial)
        self._card = card

    def has(self, volume: Volume) -> bool:
        if self._card.gone:
            self.lost(self._card.device.node)
        return super().has(volume)


class FolderSource(MountedSource):
    """Has the space that the test says, and not this machine's."""

    def __init__(self, card: MountedCard, gone: Callable[[], bool], space: CardSpace | None) -> None:
        super().__init__(card, said_gone=gone)
        self._space = space

    def space(self) -> CardSpace | None:
        return self._space


@dataclass(frozen=True)
class FolderVolume(DiskVolume):
    """A disk that needs no mount."""

    card: Card

    @contextmanager
    def opened(self, mounts: Path, gone: Callable[[], bool]) -> Iterator[CardSource]:
        card = MountedCard(self.device, self.card.path, Attempt("ext4", ""))
        yield FolderSource(card, gone, self.card.space)


def tools_of(dock: Dock, **changes: Any) -> Tools:
    values: dict[str, Any] = {
        "ledger": dock.ledger,
        "memory": Memory(dock.store, dock.vault),
        "vault": dock.vault,
        "board": SlotBoard([(1, ""), (2, "")], lambda view: None),
        "profiles": PROFILES,
        "mounts": dock.folder / "mounts",
        "zone": SHANGHAI,
        "now": dock.custody.clock.now,
        "stored": lambda: None,
        "count": lambda name: None,
        "reserve_bytes": 0,
        "gather_s": 0.0,
    }
    return Tools(**(values | changes))
