"""kill -9 again and again on the whole path: dock, broker, center; at fault points and at random moments.

- A pass puts new files on the camera; the kills of a pass fall into whatever is going on then.
- Dock and center always run with a fault point armed (`faults`).  Who reaches it dies there; if nobody does
  within a random moment, one of them, or the broker, is killed wherever it is.
- At the end both run undisturbed until everything is delivered, and everything is looked at.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.faults import Fault
from tests.rig.forkery import ForkedProgram, Forkery
from tests.rig.small_office import SmallOffice

_OFTEN = {"commit": 3, "publish": 6}  # else up to 2
_BROKER_SHARE = 0.05
_MOMENT_S = 0.8
_PATIENT_SHARE, _PATIENCE_S = 0.25, 1.2  # so that a busy machine too reaches fault points
_NOTED = (
    "rename_no_replace@dock.vault_copy",
    "commit@daemon.ingest.ledger",
    "publish@uplink.courier._publish",
    "link@center.blobs.adopt",
    "commit@center.receipting.due",
)


@dataclass
class Rounds:
    """An office, and what has been done to it.  `points`: those that died at them, and how often."""

    office: SmallOffice
    card: Path
    rng: random.Random
    contents: dict[str, bytes] = field(default_factory=dict)
    kills: int = 0
    points: Counter[str] = field(default_factory=Counter)
    known: dict[str, list[str]] = field(default_factory=dict)  # fault points, by program
    armed: dict[str, Fault] = field(default_factory=dict)

    def put(self, *sizes: int) -> None:
        """Put new recordings on the camera, and a note."""
        for size in (*sizes, None):
            number = len(self.contents)
            name = f"DSJ1_J1_202611{4 + number // 24:02d}{number % 24:02d}0000_{number:04d}.mp4"
            name = name if size is not None else f"note{number}.txt"
            self.contents[name] = self.rng.randbytes(100 if size is None else size)
            (self.card / name).write_bytes(self.contents[name])

    def learn(self, folder: Path) -> None:
        """Let one pass go through undisturbed, and note the fault points on its way."""
        for program in self._programs:
            program.kill()
            program.start(f"note:{folder / program.name}")
        self.put(1_500_000, 20_000, 0)
        self.rest(60)
        for program in self._programs:
            self.known[program.name] = sorted(set((folder / program.name).read_text().split()))
        every = {point for points in self.known.values() for point in points}
        missed = [name for name in _NOTED if not any(point.startswith(name) for point in every)]
        assert missed == [], f"not passed: {missed}"

    def one_pass(self, kills: int) -> None:
        """Put files on the camera and kill `kills` times."""
        sizes = (self.rng.randrange(limit) for limit in (3_000_000, 2_000_000, 90_000, 9_000, 900, 1))
        self.put(*sizes)
        for program in self._programs:
            program.kill()
            self._start(program)
        for _ in range(kills):
            self._round()

    def rest(self, seconds: float) -> None:
        """Wait until everything is delivered."""
        self.office.wait("everything is delivered", self._settled, seconds)

    def recover(self) -> None:
        for program in self._programs:
            program.kill()
        for program in self._programs:
            program.start()
        self.rest(120)

    # Inside

    @property
    def _programs(self) -> tuple[ForkedProgram, ForkedProgram]:
        dock, center = self.office.dock, self.office.center
        assert isinstance(dock, ForkedProgram)
        assert isinstance(center, ForkedProgram)
        return dock, center

    def _start(self, program: ForkedProgram) -> None:
        point = self.rng.choice(self.known[program.name])
        most = _OFTEN.get(point.split("@")[0], 2)
        count = min(self.rng.randint(1, most), self.rng.randint(1, most))
        fault = Fault(point, self.rng.random() < 0.5, count)
        self.armed[program.name] = fault
        program.start(str(fault))

    def _round(self) -> None:
        moment_s = self.rng.uniform(0.02, _MOMENT_S)
        patient = self.rng.random() < _PATIENT_SHARE
        until = time.monotonic() + (_PATIENCE_S if patient else moment_s)
        victim = self.rng.choice([self._programs[0], *self._programs])
        broker = self.rng.random() < _BROKER_SHARE
        self.kills += 1
        while time.monotonic() < until:
            for program in self._programs:
                if (ended := program.ended()) is not None:
                    assert ended == "-9", f"{program.name} ended with {ended}:\n{program.log[-3000:]}"
                    self.points[self.armed[program.name].point] += 1
                    self._start(program)
                    return
            time.sleep(0.002)
        if broker:
            self.office.broker.stop(kill=True)
            self.office.broker.start()
            return
        victim.kill()
        self._start(victim)

    def _settled(self) -> bool:
        items, status = self.office.recordings(), self.office.status()
        return (
            status is not None
            and len(items) == len(self.contents)
            and all(item["revision"] == item["delivered_revision"] for item in items)
            and status["waiting_inspection"] == 0
            and status["waiting_manifests"] == 0
            and self._count("SELECT count(*) FROM receipts WHERE told = 0") == 0
            and self._count("SELECT count(*) FROM dockings WHERE state IN ('attached', 'pulling')") == 0
        )

    def _count(self, sql: str) -> int:
        with closing(store_of(self.office)) as store:
            return int(store.execute(sql).fetchone()[0])


@contextmanager
def rounds(folder: Path, seed: int) -> Iterator[Rounds]:
    """Yield an office with a directory for a camera, its fault points learnt."""
    card = folder / "card"
    card.mkdir()
    with Forkery() as forkery:
        made = SmallOffice(folder, [card], speech=False, settle_s=0.05, forkery=forkery)
        with made:
            made.dock.start()
            found = Rounds(made, card, random.Random(seed))
            notes = folder / "notes"
            notes.mkdir()
            found.learn(notes)
            yield found


# At the end


def check(done: Rounds) -> None:
    """Everything is there once.  Raises AssertionError."""
    office, wanted = done.office, sorted(_sha256(content) for content in done.contents.values())
    vault = office.folder / "state/vault"
    assert sorted(_sha256(path.read_bytes()) for path in vault.glob("??/*")) == wanted
    assert list((vault / "incoming").iterdir()) == []
    assert sorted(item["sha256"] for item in office.ask_center("list")) == wanted
    blobs = [path for path in (office.center_folder / "store").rglob("*") if path.is_file()]
    assert sorted(_sha256(path.read_bytes()) for path in blobs) == sorted(set(wanted))
    assert list((office.center_folder / "incoming").iterdir()) == []
    _check_store(office)
    for end in (office.ask_dock("verify", "--deep"), office.ask_center("verify", "--deep")):
        assert end["holds"] is True, end["flaws"]


def _check_store(office: SmallOffice) -> None:
    with closing(store_of(office)) as store, closing(_catalogue_of(office)) as catalogue:
        told = store.execute("SELECT kind, docking, count(*) FROM events GROUP BY kind, docking").fetchall()
        assert {count for kind, _, count in told if kind in ("attached", "listed", "closed")} == {1}
        assert store.execute("SELECT count(*) FROM epochs").fetchone()[0] == 1
        ours = [tuple(row) for row in store.execute("SELECT n, event FROM events ORDER BY n")]
        assert [n for n, _ in ours] == list(range(len(ours)))
        held = "SELECT n, digest FROM events WHERE line = 'main' ORDER BY n"
        office.wait("the platform holds the chain", lambda: _rows(catalogue, held) == ours, 30)
        assert _rows(catalogue, "SELECT digest FROM events WHERE line <> 'main'") == []
        sums = (
            "SELECT d.docking FROM dockings d JOIN files f USING (docking) WHERE f.state <> 'listed'"
            " GROUP BY d.docking HAVING d.listed_count <> count(*) OR d.listed_bytes <> sum(f.size)"
        )
        assert _rows(store, sums) == []
        stored = (
            "SELECT docking, count(*) FROM events WHERE kind = 'stored' GROUP BY docking ORDER BY docking"
        )
        settled = (
            "SELECT docking, count(*) FROM files WHERE state IN ('stored', 'already') GROUP BY docking"
            " ORDER BY docking"
        )
        assert _rows(store, stored) == _rows(store, settled)
        newest = (
            "SELECT r.recording, count(c.receipt) FROM recordings r LEFT JOIN receipts c"
            " ON c.recording = r.recording AND c.revision = r.revision GROUP BY r.recording"
        )
        assert {count for _, count in _rows(store, newest)} == {1}
        signed = "SELECT recording, revision FROM receipts GROUP BY recording, revision HAVING count(*) > 1"
        assert _rows(store, signed) == []
        assert _rows(catalogue, signed) == []
        assert _rows(catalogue, "SELECT 1 FROM transfers WHERE state = 'open'") == []


def store_of(office: SmallOffice) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{office.folder / 'state/store.db'}?mode=ro", uri=True)


def _catalogue_of(office: SmallOffice) -> sqlite3.Connection:
    (path,) = office.center_folder.glob("catalogue.*db")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _rows(connection: sqlite3.Connection, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(sql)]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
