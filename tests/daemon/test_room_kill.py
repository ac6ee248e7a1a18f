"""kill -9 at any instant of clearing: what is not said to be cleared is there; nothing is told twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from daemon.store import Store
from tests.daemon.conftest import make_dock
from tests.daemon.making import Card, Platform, desk_of, line_of
from tests.daemon.vault_bench import DAY, RECEIVED_AT, WHOLE, Machine, VaultBench
from uplink import envelope
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import CustodyEvent
from uplink.messages.custody import Cleared

FILES = 120
ROOT = Path(__file__).resolve().parents[2]


def prepared(folder: Path) -> tuple[dict[str, bytes], SigningKey]:
    """A dock with `FILES` clearable recordings; returns their bytes by recording."""
    folder.mkdir()
    key, _ = SigningKey.load_or_make(folder / "dock.pem")
    dock = make_dock(folder, key=key)
    platform = Platform(dock)
    bench = VaultBench(
        dock, Machine(), platform, desk_of(dock, platform), Card(folder.parent / "camera"), line_of(dock)
    )
    files = {f"{number:03d}.mp4": os.urandom(3000) for number in range(FILES)}
    bench.take_in(files)
    names = bench.recordings()
    for recording in names.values():
        bench.receipt(recording)
    bench.reconcile(list(names.values()), RECEIVED_AT + DAY, WHOLE)
    dock.store.close()
    return {names[name]: content for name, content in files.items()}, key


def told_of(store: Store, key: SigningKey) -> Counter[str]:
    ring = KeyRing([key.record(Role.DOCK, "dock-1")])
    told: Counter[str] = Counter()
    for row in store.rows("SELECT raw FROM events WHERE kind = 'cleared'"):
        event = CustodyEvent.parse(envelope.unseal(row["raw"], "event", ring, Role.DOCK).payload)
        told.update(Cleared.model_validate(event.data).recordings)
    return told


def check(folder: Path, files: dict[str, bytes], key: SigningKey) -> int:
    """Returns how many are cleared."""
    store = Store(folder / "store.db", read_only=True)
    rows = store.rows("SELECT recording, vault, cleared_at FROM recordings")
    for row in rows:
        if row["cleared_at"] is None:
            assert (folder / "vault" / row["vault"]).read_bytes() == files[row["recording"]]
    cleared = {row["recording"] for row in rows if row["cleared_at"] is not None}
    assert told_of(store, key) == Counter(cleared)
    store.close()
    return len(cleared)


def test_kill_9_while_clearing_loses_nothing_that_is_still_promised(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    files, key = prepared(folder)
    seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"KILL_SEED={seed}")
    chance = random.Random(seed)
    command = [sys.executable, "-m", "tests.daemon.clear_worker", str(folder)]
    worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdin is not None
    assert worker.stdout is not None

    def round_of(seconds: float) -> int:
        worker.stdin.write(f"{seconds}\n")  # type: ignore[union-attr]
        worker.stdin.flush()  # type: ignore[union-attr]
        return int(worker.stdout.readline().split()[0])  # type: ignore[union-attr]

    in_between, longest_s = 0, 0.03
    for _ in range(60):
        ended = round_of(chance.uniform(0.005, longest_s))
        assert ended in (0, -9)
        cleared = check(folder, files, key)
        in_between += 0 < cleared < FILES
        if cleared == 0:  # a busy machine: let it come to the point
            longest_s *= 1.2
        if ended == 0:
            break
    assert in_between >= 1
    assert round_of(60) == 0
    assert check(folder, files, key) == FILES
    assert list((folder / "vault").glob("??/*")) == []  # nor is anything left over
    worker.stdin.close()
    assert worker.wait(20) == 0
