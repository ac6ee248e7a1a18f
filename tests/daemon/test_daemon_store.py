"""The store: durable, safe between threads and processes, never two daemons."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from daemon.errors import StoreBusy
from daemon.store import Store, schema
from daemon.store.database import from_text, to_text
from uplink import envelope
from uplink.keys import SigningKey

ENVELOPE_BYTES = 1200  # of an event, as they are


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state?#" / "store.db"


def test_what_is_committed_survives_a_power_cut_e05(path: Path) -> None:
    store = Store(path)
    assert store.value("PRAGMA journal_mode") == "wal"
    assert store.value("PRAGMA synchronous") == 2  # FULL
    assert store.value("PRAGMA foreign_keys") == 1
    store.close()


def test_four_writers_that_read_first_never_fail_e02(path: Path) -> None:
    store = Store(path)
    with store.write() as tx:
        tx.insert("counters", {"name": "n", "count": 0})
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(25):
                with store.write() as tx:
                    row = tx.row("SELECT count FROM counters")
                    assert row is not None
                    tx.execute("UPDATE counters SET count = ?", (row["count"] + 1,))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
        finally:
            store.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.value("SELECT count FROM counters") == 100
    store.close()


def test_a_writer_holds_the_lock_from_its_beginning_e02(path: Path) -> None:
    store = Store(path)
    other = sqlite3.connect(path, timeout=0)
    with store.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("INSERT INTO counters VALUES ('x', 1)")
    other.close()
    store.close()


def test_every_thread_has_a_connection_of_its_own_e07(path: Path) -> None:
    store = Store(path)
    seen: list[object] = []

    def look() -> None:
        seen.append(store.value("SELECT count(*) FROM meta"))
        store.release()
        seen.append(store.value("SELECT count(*) FROM meta"))  # opens another
        store.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [0, 0]
    store.close()


def test_an_exception_leaves_nothing_and_the_connection_usable(path: Path) -> None:
    store = Store(path)
    with pytest.raises(KeyError), store.write() as tx:
        tx.insert("counters", {"name": "x", "count": 1})
        raise KeyError
    with store.write() as tx:
        tx.insert("counters", {"name": "x", "count": 2})
    assert store.value("SELECT count FROM counters") == 2
    store.close()


def test_a_commit_that_fails_is_rolled_back_and_the_next_one_works(path: Path) -> None:
    store = Store(path)
    row = "INSERT INTO receipts VALUES ('r', 'p', 'none', 1, 'm', x'', '', '', 's', 0, NULL, 0)"
    with pytest.raises(sqlite3.IntegrityError), store.write() as tx:
        tx.execute("PRAGMA defer_foreign_keys = ON")  # so that COMMIT is what fails
        tx.execute(row)
    with store.write() as tx:
        tx.insert("counters", {"name": "x", "count": 1})
    assert store.value("SELECT count(*) FROM receipts") == 0
    store.close()


def test_where_sqlite_rolled_back_itself_the_first_error_is_told(path: Path) -> None:
    store = Store(path)
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        tx.execute("ROLLBACK")
        raise ZeroDivisionError
    store.close()


def test_a_second_daemon_is_refused_and_the_first_ones_end_lets_it_in(path: Path) -> None:
    first = Store(path)
    with pytest.raises(StoreBusy, match="in use"):
        Store(path)
    first.close()
    Store(path).close()


def test_it_can_be_read_while_the_daemon_writes_and_never_written(path: Path) -> None:
    store = Store(path)
    with store.write() as tx:
        tx.insert("counters", {"name": "x", "count": 1})
        reader = Store(path, read_only=True)
        assert reader.value("SELECT count(*) FROM counters") == 0
    assert reader.value("SELECT count(*) FROM counters") == 1
    with pytest.raises(sqlite3.OperationalError, match="readonly"), reader.write() as tx:
        tx.execute("DELETE FROM counters")
    reader.close()
    store.close()


def test_an_existing_store_gets_what_is_new_and_keeps_what_it_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(path)
    with store.write() as tx:
        tx.insert("counters", {"name": "x", "count": 1})
    store.close()
    later = Migrations("bodydock.store")
    later(name="first")(schema.first)

    @later(name="a later one")
    def second(db: Database) -> None:
        db.execute("ALTER TABLE counters ADD COLUMN unit TEXT")

    monkeypatch.setattr("daemon.store.database.migrations", later)
    store = Store(path)
    row = store.row("SELECT * FROM counters")
    assert row is not None
    assert dict(row) == {"name": "x", "count": 1, "unit": None}
    store.close()


def test_a_migration_that_breaks_off_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migrations("bodydock.store")

    @broken(name="first")
    def first(db: Database) -> None:
        schema.first(db)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("daemon.store.database.migrations", broken)
        Store(path)
    tables = sqlite3.connect(path).execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'")
    assert tables.fetchone() == (0,)
    Store(path).close()  # and keeps nobody out


def test_times_sort_as_text_and_come_back() -> None:
    start = datetime(2026, 11, 25, 23, 59, 59, 999_999, tzinfo=UTC)
    times = [start.replace(year=1970), start, start + timedelta(microseconds=1), start.replace(year=2199)]
    texts = [to_text(time) or "" for time in times]
    assert sorted(texts) == texts
    assert [from_text(text) for text in texts] == times
    assert (to_text(None), from_text(None)) == (None, None)


def test_receipts_of_a_store_of_before_get_the_id_that_a_resend_names(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Migrations("bodydock.store")
    before(name="first")(schema.first)
    monkeypatch.setattr("daemon.store.database.migrations", before)
    store = Store(path)
    receipt = {
        "platform": "pf", "store": "s", "dock": "d", "dock_key": "a" * 64, "recording": "a" * 26,
        "sha256": "a" * 64, "size": 1, "revision": 1, "manifest": "a" * 64, "receipt": "c" * 32,
        "received_at": "2026-01-01T00:00:00Z",
        "stored": {"verified_by_reading": True, "copies": 1, "at": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    raw = envelope.seal("receipt", json.dumps(receipt).encode(), SigningKey.draw()).raw
    with store.write() as tx:
        tx.execute(
            "INSERT INTO dockings (docking, slot, serial, serial_by, profile, attachment, attached_at, state)"
            " VALUES ('k', 1, '', '', '', '', '', 'closed')"
        )
        tx.execute(
            "INSERT INTO recordings (recording, docking, idx, serial, serial_by, path, kind, size, sha256,"
            " zero_bytes, vault, stored_at, state)"
            " VALUES ('r', 'k', 0, '', '', x'', '', 1, '', 0, '', '', 'delivered')"
        )
        tx.execute("INSERT INTO receipts VALUES ('x', 'pf', 'r', 1, 'm', ?, '', '', '', 0)", (raw,))
    store.close()
    monkeypatch.undo()
    store = Store(path)
    row = store.row("SELECT id, voided FROM receipts")
    assert row is not None
    assert tuple(row) == ("c" * 32, 0)
    store.close()


def test_a_store_that_everybody_could_read_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    state = tmp_path / "state"
    Store(state / "store.db").close()
    for folder in ("vault", "keys"):
        (state / folder).mkdir()
    ours = (state, state / "vault", state / "keys", state / "store.db")
    for path in ours:
        path.chmod(0o755)
    store = Store(state / "store.db")
    with store.write() as tx:
        tx.execute("CREATE TABLE t (a)")
    try:
        assert {
            path.name: path.stat().st_mode & 0o007 for path in (*ours, *state.glob("store.db-*"))
        } == dict.fromkeys(("state", "vault", "keys", "store.db", "store.db-wal", "store.db-shm"), 0)
    finally:
        store.close()


def test_envelopes_lie_close_together(path: Path) -> None:
    """20,001 small files made a store of 306 MB, three quarters of which was nothing."""
    store = Store(path)
    before = store.value("PRAGMA page_count")
    _with_events(store, 300)
    used = (store.value("PRAGMA page_count") - before) * store.value("PRAGMA page_size")
    assert used < 300 * ENVELOPE_BYTES * 1.4
    store.close()


def test_a_store_of_before_is_made_denser_and_keeps_events_heads_and_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Migrations("bodydock.store")
    for step in (
        schema.first, schema.second, schema.vault, schema.dock_second, schema.restored_dock,
        schema.failing, schema.deep,
    ):  # fmt: skip
        before(name=step.__name__)(step)
    monkeypatch.setattr("daemon.store.database.migrations", before)
    store = Store(path)
    _with_events(store, 20)
    with store.write() as tx:
        tx.execute("INSERT INTO heads VALUES ('pf', 'e7')")
    events = [tuple(row) for row in store.rows("SELECT * FROM events ORDER BY place, n")]
    names = _named(store)
    store.close()
    monkeypatch.undo()
    store = Store(path)
    assert [tuple(row) for row in store.rows("SELECT * FROM events ORDER BY place, n")] == events
    assert tuple(store.row("SELECT * FROM heads") or ()) == ("pf", "e7")
    assert _named(store) >= names
    assert store.rows("PRAGMA foreign_key_check") == []
    with pytest.raises(sqlite3.IntegrityError), store.write() as tx:
        tx.execute("DELETE FROM events WHERE event = 'e7'")  # a head refers to it still
    with pytest.raises(sqlite3.IntegrityError), store.write() as tx:
        tx.execute("INSERT INTO events SELECT place, n, 'other', kind, NULL, NULL, '', x'' FROM events")
    store.close()


def _with_events(store: Store, count: int) -> None:
    with store.write() as tx:
        tx.execute("INSERT INTO epochs (place, epoch, platform) VALUES (0, 'e', 'pf')")
        for n in range(count):
            tx.insert(
                "events",
                {"place": 0, "n": n, "event": f"e{n}", "kind": "stored", "made_at": "", "raw": bytes(1200)},
            )


def _named(store: Store) -> set[str]:
    rows = store.rows("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {row["name"] for row in rows}
