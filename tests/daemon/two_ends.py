"""A dock and a platform without a broker between them: real desk, real receiver, and restores of both.

Each end can be backed up and restored as an administrator does it: its folder, while it is stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from center import enrolment
from center.catalogue import docks
from center.catalogue import recordings as received
from center.catalogue.docks import Dock as Record
from center.office import Subject
from center.survey import Survey, pages
from center.verifying import Verifier as CenterVerifier
from daemon.clock import DockClock
from daemon.counters import Counters
from daemon.custody import Custody, enrol
from daemon.desk import StoreDesk
from daemon.identity import load_identity
from daemon.ingest.ledger import Ledger
from daemon.lineage.chain import ChainLine
from daemon.revisions import Deed, holds_of, revise
from daemon.rolling import Rolled, roll
from daemon.settings import BrokerSettings, DockSettings, PlatformSettings, Settings, SlotSettings
from daemon.stages.first import tag_of
from daemon.stages.told import ToldStage
from daemon.store import Store
from daemon.vault import Vault
from daemon.verifying import Verifier
from tests.center.bench import Bench
from tests.center.scripted import PLATFORM
from tests.daemon.conftest import Dock, listing
from tests.daemon.making import arrived, line_of, newest_event
from uplink import envelope
from uplink.desk import HeadTaken
from uplink.ids import draw_id
from uplink.keys import SigningKey
from uplink.messages import MACHINE, Case, FileFin, FileInit, Manifest, Tag
from uplink.messages.manifest import Hold

Pair = tuple[Dock, StoreDesk]
SITE, NAME = "site-1", "dock-1"
ROUNDS = 60
TICK_S = 3.0


class TwoEnds:
    """`dock` and `bench` are the ends as they run now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = SigningKey.draw()
        self.now_s = 0.0
        self.made = 0
        self._beside = False
        self.bench = Bench(folder / "platform")
        self.bench.start()
        self.dock = self._open(folder / "dock")
        self.desk = self._desk()
        statement = self.dock.custody.identity.statement(self.dock.custody.clock.now())
        signed = envelope.seal("identity", statement.to_bytes(), self.key).raw
        enrolment.take_in(self.bench.folder, self.bench.settings, enrolment.read(signed, "test"))

    def close(self) -> None:
        self.dock.store.close()
        self.bench._stack.close()

    # What happens at the dock

    def take_in(self, name: str) -> str:
        """A new recording, with its first revision."""
        content = name.encode().ljust(100, b".")
        found = listing({name.encode(): len(content)})
        docking = self.dock.begin(found, attachment=draw_id())
        one = arrived(docking, found.files[0], content)
        path = self.dock.vault.make_room_for(one.vault)
        path.write_bytes(content)
        self.dock.ledger.store(one)
        self.dock.ledger.close(docking.id, removed=False)
        line_of(self.dock).first.step()
        return one.recording

    def put_in_case(self, recording: str, case: str) -> None:
        with self.dock.store.write() as tx:
            row = tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
            assert row is not None
            tag = tag_of(row) or Tag()
            cases = [*tag.cases, Case(case=case, by="declaration")]
            revise(tx, self.dock.custody, recording, tag.model_copy(update={"cases": cases}), "", None)

    def hold(self, recording: str) -> str:
        with self.dock.store.write() as tx:
            row = tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
            assert row is not None
            now = self.dock.custody.clock.now()
            made = Hold(hold=draw_id(), person="p", reason="r", since=now)
            deed = Deed(holds=[*holds_of(row), made], held=made)
            revise(tx, self.dock.custody, recording, tag_of(row) or Tag(), "", None, deed)
        return made.hold

    # Backups

    def back_up(self, end: str) -> Path:
        """Copy an end's folder while it is stopped."""
        self.made += 1
        kept = self.folder / f"backup-{end}-{self.made}"
        self._stop(end)
        shutil.copytree(self.folder / end, kept)
        self._start(end)
        return kept

    def restore(self, end: str, kept: Path) -> None:
        self._stop(end)
        shutil.rmtree(self.folder / end)
        shutil.copytree(kept, self.folder / end)
        self._start(end)

    def restart(self) -> None:
        """Stop the dock and start it: another run."""
        self._stop("dock")
        self._start("dock")

    def copy(self) -> Pair:
        """A second dock from this one's folder, started."""
        self._stop("dock")
        shutil.copytree(self.folder / "dock", self.folder / "copy")
        self._start("dock")
        here = (self.dock, self.desk)
        self.dock = self._open(self.folder / "copy")
        self.desk = self._desk()
        made, (self.dock, self.desk) = (self.dock, self.desk), here
        return made

    @contextmanager
    def being(self, other: Pair) -> Iterator[None]:
        """Within it, this is the other dock that speaks."""
        here = (self.dock, self.desk)
        self.dock, self.desk = other
        try:
            yield
        finally:
            self.dock, self.desk = here

    def settle(self) -> None:
        """A person decides."""
        enrolment.settle(self.bench.folder, NAME, "王伟", "root")
        self.bench.tick(TICK_S)

    def enrol_elsewhere(self) -> None:
        """Another platform in the settings, for one start; everything is signed for it."""
        self._stop("dock")
        moved = self._open(self.folder / "dock", platform="elsewhere")
        line_of(moved).first.step()
        moved.store.close()
        self._start("dock")

    def put_in_case_when_signed(self, recording: str, case: str) -> None:
        line_of(self.dock).first.step()
        self.put_in_case(recording, case)

    # The way between

    def hear_head(self, *, live: bool = True) -> HeadTaken:
        """Hear the platform's head, and say nothing."""
        self.now_s += TICK_S
        return self.desk.take_head(self.bench.office.head(self._record()).payload, live)

    def newest_raw(self, recording: str) -> bytes:
        raw = self.dock.store.value(
            "SELECT raw FROM manifests WHERE recording = ? AND platform = ? ORDER BY revision DESC LIMIT 1",
            (recording, PLATFORM),
        )
        return bytes(raw)

    def receipt(self, recording: str) -> bytes:
        """Return a receipt for the newest revision of `recording`, signed by the platform."""
        row = self.dock.store.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
        assert row is not None
        subject = Subject(recording, row["sha256"], row["size"], row["revision"], row["manifest"])
        now = self.bench.office.now()
        return self.bench.office.sealed(
            "receipt", self.bench.office.receipt(self._record(), subject, now, None)
        )

    def refuse(self, recording: str, current: bytes) -> bytes:
        """Return a conflict about the newest revision of `recording`, signed by the platform."""
        row = self.dock.store.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
        assert row is not None
        subject = Subject(recording, row["sha256"], row["size"], row["revision"], row["manifest"])
        return self.bench.office.refusal(self._record(), subject, "conflict", "test", current).payload

    def sync(self, rounds: int = ROUNDS) -> bool:
        """Exchange until there is nothing more to say; False if it does not come to rest."""
        return any(not self._round() for _ in range(rounds))

    def _round(self) -> bool:
        """Say a live head, and take what the dock says to it.  Returns whether anything moved."""
        self.now_s += TICK_S
        before = self._state()
        self.bench.tick(TICK_S)
        self.reconcile()
        topics = self.dock.custody.identity
        head = self.bench.office.head(self._record())
        taken = self.desk.take_head(head.payload, live=True)
        if not self.desk.silent:
            # Beside the head: after silence from the first event (uplink.eventflow).
            again, self._beside = taken.beside and self._beside, taken.beside
            for event in self.desk.events_after(None if again else taken.after, 10_000):
                self.bench.hear(f"bodydock/1/{topics.site}/{topics.dock}/up/events", event.raw)
            self._manifests()
            self._files()
            ToldStage(self.dock.store, self.dock.custody).step()
        return self._state() != before or not self._resting()

    def reconcile(self) -> None:
        """What the platform does daily: it says what its store was found to hold."""
        survey = Survey(self.bench.folder, deep=False, going_on=lambda: True)
        found = survey.look(self.bench.office.connection, self._record())
        for page in pages(self.bench.keys, found):
            self.desk.take_reconciliation(page)

    def _resting(self) -> bool:
        """Whether the dock has nothing that waits."""
        if self.desk.silent:
            return True
        waiting = self.dock.store.value(
            "SELECT count(*) FROM manifests WHERE receipted = 0 AND platform = ?", (PLATFORM,)
        )
        newest = newest_event(self.desk)
        head = self._record().head
        return not waiting and newest is not None and head is not None and head.head == newest.head

    def _state(self) -> tuple[object, ...]:
        events = self.dock.store.value("SELECT count(*) FROM events")
        held = self.bench.office.connection.execute("SELECT count(*) FROM events").fetchone()[0]
        manifests = self.bench.office.connection.execute("SELECT count(*) FROM manifests").fetchone()[0]
        return events, held, manifests, self._record().head

    def _manifests(self) -> None:
        self.dock.store.rows("SELECT 1")
        with self.dock.store.write() as tx:  # timers are another test's
            tx.execute("UPDATE manifests SET retry_at = '' WHERE retry_at < '9999'")
            tx.execute("UPDATE recordings SET retry_at = '' WHERE retry_at < '9999'")
        topics = self._record().topics
        for manifest in self.desk.waiting_manifests(1000):
            for report in manifest.reports:
                body = self.desk.report(report)
                if body is not None:
                    self._answers(self.bench.hear(topics.up(f"reports/{report}"), body))
            self._answers(self.bench.hear(topics.up(f"manifests/{manifest.recording}"), manifest.raw))

    def _files(self) -> None:
        topics = self._record().topics
        busy: set[str] = set()
        while (file := self.desk.next_file(frozenset(busy))) is not None:
            busy.add(file.recording)
            init = FileInit(
                name=f"{file.recording}.{file.extension}",
                recording=file.recording,
                attempt=file.attempt,
                size=file.size_bytes,
                sha256=file.sha256,
                manifest=file.manifest,
                nonce=draw_id(),
            )
            up = topics.up(f"file/{file.file_id}")
            answers = self.bench.answers(self.bench.hear(f"{up}/init", init.to_bytes()))
            if answers[-1].status not in ("ranges", "complete"):
                new_attempt = answers[-1].status in ("checksum", "conflict")
                self.desk.file_failed(file.recording, answers[-1].status, new_attempt)
                continue
            pairs = (("sha256", file.sha256),)
            self.bench.hear(f"{up}/0", file.path.read_bytes(), user_properties=pairs)
            before = len(self.bench.said)
            self.bench.hear(f"{up}/fin", FileFin(nonce=draw_id()).to_bytes())
            self.bench.until(lambda: not self.bench.receiver._files.busy)
            self._answers(self.bench.said[before:])

    def _answers(self, said: Sequence[object]) -> None:
        for out in said:
            topic, payload = out.topic, out.payload  # type: ignore[attr-defined]
            if "/down/receipts/" in topic:
                self.desk.take_receipt(topic.rsplit("/", 1)[1], payload)

    # What both hold

    def newest_here(self, recording: str) -> Manifest:
        raw = self.dock.store.value(
            "SELECT raw FROM manifests WHERE recording = ? AND platform = ? ORDER BY revision DESC LIMIT 1",
            (recording, PLATFORM),
        )
        return Manifest.parse(envelope.peek(raw, "manifest"))

    def newest_there(self, recording: str) -> Manifest | None:
        connection = self.bench.office.connection
        held = received.find(connection, NAME, recording)
        if held is None:
            return None
        kept = received.manifest(connection, NAME, recording, held.revision)
        assert kept is not None
        return Manifest.parse(envelope.peek(kept.raw, "manifest"))

    def here(self) -> list[str]:
        return [row["recording"] for row in self.dock.store.rows("SELECT recording FROM recordings")]

    def facts(self, *manifests: Manifest | None) -> set[tuple[str, str]]:
        """Return the cases and holds that manifests name."""
        found: set[tuple[str, str]] = set()
        for manifest in manifests:
            if manifest is not None:
                found |= {("case", case.case) for case in manifest.tag.cases}
                found |= {("hold", hold.hold) for hold in manifest.holds}
        return found

    def flaws(self) -> list[str]:
        """Return what `bodydock verify` and `bodydock center verify` find."""
        here = Verifier(self.dock.store, self.settings_of(self.dock.folder)).everything().flaws
        there = CenterVerifier(self.bench.folder).every_dock().flaws
        return [f"{flaw.place}: {flaw.code}: {flaw.text}" for flaw in (*here, *there)]

    def settings_of(self, folder: Path) -> Settings:
        platform = PlatformSettings(id=PLATFORM, keys=self._public_keys())
        dock = DockSettings(id=NAME, site=SITE, state=folder)
        slots = [SlotSettings(number=1, ports=["p"])]
        return Settings(dock=dock, slots=slots, platform=platform, broker=BrokerSettings())

    def roll(self, forgotten: Path | None = None) -> Rolled:
        """Roll the dock's key, as its administrator does."""
        settings = self.settings_of(self.dock.folder)
        return roll(self.dock.store, self.dock.custody, settings, MACHINE, forgotten=forgotten)

    def key_file(self) -> Path:
        """A copy of the key file as it is now, as somebody keeps it who backs up keys alone."""
        self.made += 1
        kept = self.folder / f"key-{self.made}.pem"
        shutil.copy2(self.dock.folder / "keys" / "dock.pem", kept)
        return kept

    def _public_keys(self) -> dict[str, list[str]]:
        return {role.value: [key.public.hex()] for role, key in self.bench.keys.by_role.items()}

    def unheld_events(self) -> list[str]:
        """Return the dock's events that the platform lacks, or has beside the main line."""
        lines = {
            row["digest"]: row["line"]
            for row in self.bench.office.connection.execute("SELECT digest, line FROM events")
        }
        rows = self.dock.store.rows(
            "SELECT event, kind FROM events JOIN epochs USING (place) WHERE platform = ? ORDER BY place, n",
            (PLATFORM,),
        )
        return [
            f"{r['kind']} {lines.get(r['event'])}" for r in rows if lines.get(r["event"]) in (None, "branch")
        ]

    def _record(self) -> Record:
        found = docks.find(self.bench.office.connection, NAME)
        assert found is not None
        return found

    @property
    def cloned(self) -> bool:
        return self._record().cloned

    # Inside

    def _stop(self, end: str) -> None:
        if end == "dock":
            self.dock.store.close()
        else:
            self.bench._stack.close()

    def _start(self, end: str) -> None:
        if end == "dock":
            self.dock = self._open(self.folder / "dock")
            self.desk = self._desk()
        else:
            now_s = self.bench.now_s
            self.bench = Bench(self.folder / "platform")
            self.bench.now_s = now_s
            self.bench.start()
            self.desk._lease = -1  # each start of a center has a higher one; here they share a millisecond

    def _open(self, folder: Path, platform: str = PLATFORM) -> Dock:
        (folder / "keys").mkdir(exist_ok=True, parents=True, mode=0o700)
        if not (folder / "store.db").exists():
            self.key.keep(folder / "keys" / "dock.pem")
        store = Store(folder / "store.db")
        try:
            identity = replace(load_identity(self.settings_of(folder)), platform=platform, host=None)
            custody = Custody(identity, DockClock())
            enrol(store, custody, [])
        except BaseException:
            store.close()
            raise
        vault = Vault(folder / "vault")
        vault.prepare()
        return Dock(folder, store, custody, Ledger(store, custody), vault)

    def _desk(self) -> StoreDesk:
        ring = self.bench.keys.ring()
        desk = StoreDesk(
            self.dock.store, self.dock.custody, self.dock.vault, ring, Counters(self.dock.store), lambda: None
        )
        desk._chain = ChainLine(self.dock.store, self.dock.custody, lambda: self.now_s)
        return desk
