"""The store's write-ahead log is cut when nothing is going on."""

from __future__ import annotations

import sqlite3
import time

from daemon.store import Store
from daemon.tidying import EVERY_S, WORTH_BYTES, TidyStage
from tests.daemon.conftest import Dock


class Clock:
    at = 100.0

    def __call__(self) -> float:
        return self.at


def fill(store: Store) -> None:
    for number in range(300):
        with store.write() as tx:
            tx.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (f"fill {number}", "x" * 8000))


def test_the_log_is_cut_when_idle_and_readers_are_not_waited_for_e03(dock: Dock) -> None:
    clock, busy = Clock(), True
    stage = TidyStage(dock.store, lambda: busy, clock)
    fill(dock.store)
    assert dock.store.wal_bytes() >= WORTH_BYTES
    stage.step()
    assert dock.store.wal_bytes() >= WORTH_BYTES, "a camera is being read"
    busy = False
    reader = sqlite3.connect(f"file:{dock.folder / 'store.db'}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM meta").fetchone()
    with dock.store.write() as tx:
        tx.execute("INSERT INTO meta (name, value) VALUES ('after', '')")
    began = time.monotonic()
    stage.step()
    assert dock.store.wal_bytes() >= WORTH_BYTES, "somebody reads"
    assert time.monotonic() - began < 5.0
    reader.close()
    stage.step()
    assert dock.store.wal_bytes() >= WORTH_BYTES, "once a minute"
    clock.at += EVERY_S
    stage.step()
    assert dock.store.wal_bytes() == 0
    assert dock.store.value("SELECT count(*) FROM meta WHERE name LIKE 'fill %'") == 300
