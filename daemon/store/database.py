"""Connections to the store.

- WAL, synchronous=FULL: what is committed survives a power cut (known-faults.md, E05).
- One connection a thread (E07); writers begin IMMEDIATE, or read-then-write fails at once whatever
  the timeout (E02).
- A commit for which the disk has no room frees the reserve and is told as StoreFull: the next one finds room.
- Times are stored as RFC 3339 UTC text, which sorts as it means.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from daemon.errors import StoreBusy, StoreFull
from daemon.store.schema import migrations
from uplink.closed import close_to_others

Row = sqlite3.Row
Value = str | int | float | bytes | None


_FULL_BELOW_BYTES = 1024 * 1024
_TIMEOUT_S = 30
_READERS_TIMEOUT_MS = 200


def to_text(time: datetime | None) -> str | None:
    """Return a time as the store keeps it."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text(text: str | None) -> datetime | None:
    """Return a time that the store keeps."""
    return None if text is None else datetime.fromisoformat(text)


class Transaction:
    """One write transaction; ends with the `with` block that made it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, args: Sequence[Value] | dict[str, Value] = ()) -> int:
        """Run one statement; return how many rows it changed."""
        return self._connection.execute(sql, args).rowcount

    def rows(self, sql: str, args: Sequence[Value] | dict[str, Value] = ()) -> list[Row]:
        return self._connection.execute(sql, args).fetchall()

    def row(self, sql: str, args: Sequence[Value] | dict[str, Value] = ()) -> Row | None:
        found = self._connection.execute(sql, args).fetchone()
        return found if isinstance(found, Row) else None

    def insert(self, table: str, values: dict[str, Value]) -> None:
        self.insert_all(table, (values,))

    def insert_all(self, table: str, rows: Iterable[dict[str, Value]]) -> None:
        """Insert rows that name the same columns in the same order."""
        rows = iter(rows)
        first = next(rows, None)
        if first is None:
            return
        marks = ", ".join("?" * len(first))
        sql = f"INSERT INTO {table} ({', '.join(first)}) VALUES ({marks})"
        self._connection.executemany(sql, (tuple(row.values()) for row in chain((first,), rows)))

    def execute_all(self, sql: str, args: Iterable[Sequence[Value]]) -> int:
        """Run one statement for each of `args`; return how many rows they changed in all."""
        return self._connection.executemany(sql, args).rowcount


class Store:
    """The store: `write()` for a transaction, `rows`/`row` to ask.  Usable from any thread."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._local = threading.local()
        self._lock_fd: int | None = None
        self._on_full: Callable[[], None] = lambda: None
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._lock_fd = _take_lock(path.with_suffix(".lock"))
            try:
                migrations.apply(Database(self._connection()))
                # -wal and -shm take the mode of the store when they are made again
                beside = (*path.parent.glob(f"{path.name}-*"), path.parent / "vault", path.parent / "keys")
                close_to_others(path.parent, (path, *beside))
            except BaseException:
                self.close()  # or nobody else could open it as long as this process lives
                raise

    def when_full(self, give_room: Callable[[], None]) -> None:
        """Have `give_room` called when a commit finds no room on the disk."""
        self._on_full = give_room

    def release(self) -> None:
        """Close this thread's connection; the next question opens another."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def close(self) -> None:
        """Close this thread's connection and let the next daemon in."""
        self.release()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One IMMEDIATE transaction: commits at the end, rolls back on any exception.  Raises StoreFull."""
        try:
            with self._transaction() as tx:
                yield tx
        except sqlite3.OperationalError as error:
            if not self._is_full(error.sqlite_errorcode):
                raise
            self._on_full()
            raise StoreFull(f"{self._path}: no room to commit ({error})") from error

    def _is_full(self, code: int) -> bool:
        if code & 0xFF == sqlite3.SQLITE_IOERR:  # so it is told where -wal or -shm cannot grow
            found = os.statvfs(self._path.parent)
            return found.f_bavail * found.f_frsize < _FULL_BELOW_BYTES
        return code & 0xFF == sqlite3.SQLITE_FULL

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield Transaction(connection)
            connection.execute("COMMIT")
        except BaseException:
            # A COMMIT that failed (no room) leaves it open, and the next BEGIN would fail for ever; where
            # SQLite rolled back by itself there is nothing left to undo.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is asked inside the block is of one instant.  Not for long: the WAL grows meanwhile (E03)."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")

    def wal_bytes(self) -> int:
        """Return how large the write-ahead log is on the disk."""
        wal = self._path.with_name(self._path.name + "-wal")
        return wal.stat().st_size if wal.exists() else 0

    def truncate_wal(self) -> bool:
        """Write the log into the store and cut it to nothing.  Returns False, soon, if somebody reads it."""
        connection = self._connection()
        connection.execute(f"PRAGMA busy_timeout={_READERS_TIMEOUT_MS}")  # writers wait meanwhile
        try:
            row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout={_TIMEOUT_S * 1000}")
        return bool(row[0] == 0)

    def rows(self, sql: str, args: Sequence[Value] | dict[str, Value] = ()) -> list[Row]:
        return self._connection().execute(sql, args).fetchall()

    def row(self, sql: str, args: Sequence[Value] | dict[str, Value] = ()) -> Row | None:
        found = self._connection().execute(sql, args).fetchone()
        return found if isinstance(found, Row) else None

    def value(self, sql: str, args: Sequence[Value] | dict[str, Value] = ()) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(sql, args)
        return None if found is None else found[0]

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open()
            self._local.connection = connection
        return connection

    def _open(self) -> sqlite3.Connection:
        if self._read_only:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None)
        else:
            connection = sqlite3.connect(self._path, timeout=_TIMEOUT_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA journal_size_limit=67108864")
        connection.row_factory = sqlite3.Row
        return connection


def _take_lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise StoreBusy(
            f"{path.parent} is in use by another bodydock:"
            " stop it first, or give this one a state folder of its own"
        ) from None
    return fd
