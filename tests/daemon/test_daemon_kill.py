"""kill -9 at any instant: everything is there once, the chain joins, sums come out, bytes are equal."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.identity import load_identity
from daemon.store import Store
from tests.daemon.kill_worker import card_in, settings
from uplink import envelope
from uplink.keys import KeyRing, Role
from uplink.messages import CustodyEvent, Manifest
from uplink.messages.custody import Closed, Stored

ROUNDS = 30
ROOT = Path(__file__).resolve().parents[2]


class Killed:
    """A card in a folder, and the dock that takes it in while it is killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.files: dict[bytes, bytes] = {}
        self.kills = 0
        self.took_s = 0.0
        command = [sys.executable, "-m", "tests.daemon.kill_worker", str(folder)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0

    def add_files(self, *sizes: int) -> None:
        card = card_in(self.folder)
        for size in sizes:
            number = len(self.files)
            name = f"DSJ1_J1_202611{4 + number // 6:02d}{8 + number % 6:02d}0000_{number:04d}.mp4"
            self.files[name.encode()] = self.random.randbytes(size)
            card.write(name, self.files[name.encode()])

    def replug(self) -> None:
        card_in(self.folder).replug()

    def round(self, kill_after_s: float = 60.0) -> bool:
        """Run the dock.  Returns whether it came to its end before it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kill_after_s}\n")
        ended, took_s = self._process.stdout.readline().split()
        assert int(ended) in (0, -signal.SIGKILL)
        self.took_s = float(took_s)
        self.kills += int(ended) != 0
        return ended == "0"


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"KILL_SEED={seed}")
    made = Killed(tmp_path, seed)
    yield made
    made.close()


def test_kill_9_loses_nothing_and_repeats_nothing(killed: Killed) -> None:
    killed.add_files(*[100_000] * 8, 6_000_000)
    whole_s = 0.25
    for _ in range(ROUNDS):
        done = killed.round(killed.random.uniform(0.0, whole_s))
        if done:
            whole_s = killed.took_s  # so that the next kills fall into the work
        if done or killed.random.random() < 0.3:
            killed.replug()
            killed.add_files(*[killed.random.randrange(300_000) for _ in range(2)], 2_000_000)
    assert killed.round()
    assert killed.round()  # what was left over is tidied at the next start
    print(f"{killed.kills} kills, {len(killed.files)} files")
    assert killed.kills >= 5
    check(killed)


def check(killed: Killed) -> None:
    made = settings(killed.folder)
    identity = load_identity(made)
    ring = KeyRing([identity.key.record(Role.DOCK, identity.dock)])
    store = Store(made.store_file)
    check_vault(store, made.vault_folder, killed.files)
    events = check_chain(store, ring)
    check_dockings(store, events)
    check_revisions(store, ring, events)
    store.close()


def check_vault(store: Store, vault: Path, files: dict[bytes, bytes]) -> None:
    rows = store.rows("SELECT path, vault, sha256 FROM recordings")
    assert Counter(row["path"] for row in rows) == Counter(files.keys())
    assert {row["path"]: (vault / row["vault"]).read_bytes() for row in rows} == files
    assert len(list(vault.glob("??/*"))) == len(files)
    assert list((vault / "incoming").iterdir()) == []
    assert store.rows("SELECT * FROM counters WHERE name LIKE 'vault.%'") == []


def check_chain(store: Store, ring: KeyRing) -> list[CustodyEvent]:
    signed = [
        envelope.unseal(row["raw"], "event", ring, Role.DOCK)
        for row in store.rows("SELECT raw FROM events ORDER BY place, n")
    ]
    events = [CustodyEvent.parse(s.payload) for s in signed]
    assert [event.n for event in events] == list(range(len(events)))
    for (before, _), (_, event) in pairwise(zip(signed, events, strict=True)):
        assert event.prev == before.digest
    assert Counter(event.kind for event in events)["enrolled"] == 1
    return events


def check_dockings(store: Store, events: list[CustodyEvent]) -> None:
    dockings = {row["docking"] for row in store.rows("SELECT docking FROM dockings")}
    for kind in ("attached", "listed", "closed"):
        assert Counter(e.data["docking"] for e in events if e.kind == kind) == Counter(dockings)
    stored = [Stored.model_validate(e.data) for e in events if e.kind == "stored"]
    for closed in (Closed.model_validate(e.data) for e in events if e.kind == "closed"):
        own = [s for s in stored if s.docking == closed.docking]
        assert sum(s.size for s in own if not s.already) == closed.stored.bytes
        assert sum(s.size for s in own if s.already) == closed.already_stored.bytes
        assert len({s.index for s in own}) == len(own)
    first = Counter(e.recording for e in events if e.kind == "stored" and not e.data["already"])
    assert set(first.values()) == {1}
    assert len(first) == store.value("SELECT count(*) FROM recordings")
    assert store.value("SELECT count(*) FROM dockings WHERE judged = 0") == 0


def check_revisions(store: Store, ring: KeyRing, events: list[CustodyEvent]) -> None:
    committed = Counter(e.data["manifest"] for e in events if "manifest" in e.data)
    places = {e.data["manifest"]: (e.n, e.prev) for e in events if "manifest" in e.data}
    digests: list[str] = []
    for row in store.rows("SELECT recording FROM recordings"):
        before = None
        raws = store.rows(
            "SELECT raw FROM manifests WHERE recording = ? ORDER BY revision", (row["recording"],)
        )
        for number, raw in enumerate(raws, 1):
            signed = envelope.unseal(raw["raw"], "manifest", ring, Role.DOCK)
            manifest = Manifest.parse(signed.payload)
            assert (manifest.revision, manifest.prev_manifest) == (number, before)
            assert (manifest.after.n + 1, manifest.after.head) == places[signed.digest]
            before = signed.digest
            digests.append(signed.digest)
        assert len(raws) == 2  # fast, then standard, each once
    assert committed == Counter(digests)
