"""The docks that were enrolled, and the head of each one's chain."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages.base import ChainPoint
from uplink.topics import DockTopics


@dataclass(frozen=True)
class Dock:
    """A dock as the platform knows it.  `cloned`: receipts wait for a person (trust.md)."""

    dock: str
    site: str
    key: KeyRecord
    host: str | None
    added_at: str
    head: ChainPoint | None
    cloned: bool
    state: str | None  # a claim (`up/state`), with the time it came
    state_at: str | None

    @property
    def topics(self) -> DockTopics:
        return DockTopics(self.site, self.dock)

    @property
    def ring(self) -> KeyRing:
        return KeyRing([self.key])


def add(
    connection: sqlite3.Connection,
    key: KeyRecord,
    site: str,
    host: str | None,
    identity: bytes,
    now: datetime,
) -> None:
    connection.execute(
        "INSERT INTO docks (dock, site, key_id, public, alg, host, identity, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key.owner, site, key.key_id, key.public, key.alg, host, identity, now.isoformat()),
    )


def find(connection: sqlite3.Connection, dock: str) -> Dock | None:
    row = connection.execute("SELECT * FROM docks WHERE dock = ?", (dock,)).fetchone()
    return None if row is None else _dock(row)


def by_key(connection: sqlite3.Connection, key_id: str) -> Dock | None:
    row = connection.execute("SELECT * FROM docks WHERE key_id = ?", (key_id,)).fetchone()
    return None if row is None else _dock(row)


def every(connection: sqlite3.Connection) -> list[Dock]:
    return [_dock(row) for row in connection.execute("SELECT * FROM docks ORDER BY site, dock")]


def sites(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the site of each dock."""
    return {row["dock"]: row["site"] for row in connection.execute("SELECT dock, site FROM docks")}


def any_enrolled(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM docks LIMIT 1").fetchone() is not None


def set_head(connection: sqlite3.Connection, dock: str, head: ChainPoint) -> None:
    connection.execute("UPDATE docks SET head = ? WHERE dock = ?", (head.model_dump_json(), dock))


def set_cloned(connection: sqlite3.Connection, dock: str, cloned: bool) -> None:
    connection.execute("UPDATE docks SET cloned = ? WHERE dock = ?", (int(cloned), dock))


def note_state(connection: sqlite3.Connection, dock: str, state: str, now: datetime) -> None:
    connection.execute(
        "UPDATE docks SET state = ?, state_at = ? WHERE dock = ?", (state, now.isoformat(), dock)
    )


def _dock(row: sqlite3.Row) -> Dock:
    return Dock(
        dock=row["dock"],
        site=row["site"],
        key=KeyRecord(row["public"], Role.DOCK, row["dock"], row["alg"]),
        host=row["host"],
        added_at=row["added_at"],
        head=None if row["head"] is None else ChainPoint.model_validate_json(row["head"]),
        cloned=bool(row["cloned"]),
        state=row["state"],
        state_at=row["state_at"],
    )
