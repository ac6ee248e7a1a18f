"""The catalogue's ways with SQLite (known-faults E02, E05, E07)."""

from __future__ import annotations

import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from center import keybook
from center.catalogue import database, docks
from center.errors import BadFolder
from center.platform import dock_record
from center.settings import Folder, Settings, make
from tests.center.bench import Bench
from uplink.keys import SigningKey

NOW = datetime(2026, 3, 5, tzinfo=UTC)


def test_wal_and_full_are_set_and_the_tables_come_by_migration_e05_e07(bench: Bench) -> None:
    connection = database.open_for_writing(bench.folder)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    applied = connection.execute("SELECT name FROM _sqlite_migrations").fetchall()
    assert [row["name"] for row in applied][:2] == ["m001_first", "m002_voided"]
    connection.close()


def test_four_writers_that_read_first_never_meet_a_lock_e02(bench: Bench) -> None:
    trouble: list[Exception] = []

    def work(writer: int) -> None:
        connection = database.open_for_writing(bench.folder)
        try:
            for n in range(15):
                with database.writing(connection):
                    assert docks.find(connection, f"dock-{writer}-{n}") is None
                    key = dock_record(f"dock-{writer}-{n}", SigningKey.draw().public)
                    docks.add(connection, key, "site-1", None, b"", NOW)
        except (sqlite3.Error, AssertionError) as e:
            trouble.append(e)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    with database.reading(bench.folder) as connection:
        assert len(docks.every(connection)) == 60


def test_an_exception_rolls_back(bench: Bench) -> None:
    connection = bench.office.connection
    with pytest.raises(ZeroDivisionError), database.writing(connection):
        docks.add(connection, dock_record("dock-1", SigningKey.draw().public), "site-1", None, b"", NOW)
        raise ZeroDivisionError
    assert docks.every(connection) == []


def test_readers_cannot_write_and_see_one_snapshot(bench: Bench) -> None:
    with database.reading(bench.folder) as connection:
        bench.enrol("dock-1")
        assert docks.every(connection) == []
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM docks")


def test_a_catalogue_that_is_none_is_said(bench: Bench) -> None:
    broken = Folder(bench.folder.root / "other")
    broken.root.mkdir()
    with pytest.raises(BadFolder, match="no catalogue"), database.reading(broken):
        pass
    broken.catalogue.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(BadFolder, match="cannot be opened"):
        database.open_for_writing(broken)


def test_a_folder_that_everybody_could_read_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = Folder(tmp_path / "center")
        make(folder, Settings(id="pf"))
        database.open_for_writing(folder).close()
        assert keybook.load_or_make(folder, "pf")[1]
        for path in (folder.root, folder.catalogue, folder.keys, folder.store):
            path.chmod(0o755)
        connection = database.open_for_writing(folder)
        try:
            for path in (folder.root, *folder.root.iterdir()):
                assert not path.stat().st_mode & 0o007, path
        finally:
            connection.close()
    finally:
        os.umask(before)
