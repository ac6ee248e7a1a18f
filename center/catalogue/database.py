"""Opening the catalogue, and the one way to write to it (field-facts.md, SQLite).

- WAL and synchronous=FULL are set explicitly: a receipt must outlive a power cut (known-faults E05).
- Writers begin IMMEDIATE: read-then-write in a deferred transaction fails at once with BUSY_SNAPSHOT
  whatever the timeout (E02).
- One connection per thread (E07); readers open read-only and stay short (E03).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import sqlite_utils

from center.catalogue.schema import MIGRATIONS
from center.errors import BadFolder, StoreFull
from center.settings import Folder
from uplink.closed import close_to_others

BUSY_S = 10.0
WAL_KEEP_BYTES = 16 * 1024 * 1024  # after a reader held it up, the WAL shrinks again


def open_for_writing(folder: Folder) -> sqlite3.Connection:
    """Open the catalogue and bring its tables up to date.  Raises BadFolder."""
    try:
        connection = _connect(f"{folder.catalogue.as_uri()}?mode=rwc")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA journal_size_limit={WAL_KEEP_BYTES}")
        with folder.locked("migrations"):
            MIGRATIONS.apply(sqlite_utils.Database(connection))
        wal = (folder.catalogue.with_name(f"{folder.catalogue.name}{end}") for end in ("-wal", "-shm"))
        ours = (
            folder.catalogue,
            *wal,
            folder.keys,
            folder.store,
            folder.incoming,
            folder.ca,
            folder.settings,
        )
        close_to_others(folder.root, ours)
    except (sqlite3.Error, OSError) as e:
        raise BadFolder(f"the catalogue {folder.catalogue} cannot be opened: {e}") from None
    return connection


@contextlib.contextmanager
def reading(folder: Folder) -> Iterator[sqlite3.Connection]:
    """Open the catalogue read-only, as one snapshot, while a center may be running.  Raises BadFolder."""
    try:
        connection = _connect(f"{folder.catalogue.as_uri()}?mode=ro")
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM docks LIMIT 1")
    except sqlite3.Error as e:
        raise BadFolder(
            f"no catalogue to read in {folder.root} ({e}): `bodydock center keys`, then `docks add`"
        ) from None
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run one transaction: committed at the end, rolled back on an exception.

    Raises StoreFull where the disk is, sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException as e:
        with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        if isinstance(e, sqlite3.Error) and e.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise StoreFull(f"the catalogue has no room: {e}") from None
        raise


def _connect(uri: str) -> sqlite3.Connection:
    # isolation_level None: transactions begin where `writing` says, nowhere else.
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
