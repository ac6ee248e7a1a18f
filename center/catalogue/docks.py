"""The docks that were enrolled, the keys of each, and the head of each one's chain.

A dock has one key in force at a time; those that it was rolled from stay known for ever (trust.md).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages.base import ChainPoint
from uplink.topics import DockTopics


@dataclass(frozen=True)
class Dock:
    """A dock as the platform knows it.  `cloned`: receipts wait for a person (trust.md).

    `key`: the one in force; `before`: those that it was rolled from, oldest first.
    """

    dock: str
    site: str
    key: KeyRecord
    host: str | None
    added_at: str
    head: ChainPoint | None
    cloned: bool
    state: str | None  # a claim (`up/state`), with the time it came
    state_at: str | None
    before: tuple[KeyRecord, ...] = ()

    @property
    def topics(self) -> DockTopics:
        return DockTopics(self.site, self.dock)

    @property
    def ring(self) -> KeyRing:
        """What signs now."""
        return KeyRing([self.key])

    @property
    def kept_ring(self) -> KeyRing:
        """What signed at some time: for what is kept, and what is bound to something that is."""
        return KeyRing([*self.before, self.key])

    @property
    def first_key(self) -> KeyRecord:
        """The one that was enrolled: file ids are made with it."""
        return self.before[0] if self.before else self.key


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
    _add_key(connection, key, now, None)


def roll(connection: sqlite3.Connection, key: KeyRecord, event: str, now: datetime) -> None:
    """Have `key` take the place of its dock's key.  `event`: digest of the `key_rolled` that says so."""
    connection.execute(
        "UPDATE docks SET key_id = ?, public = ?, alg = ?, rolled = rolled + 1 WHERE dock = ?",
        (key.key_id, key.public, key.alg, key.owner),
    )
    _add_key(connection, key, now, event)


def _add_key(connection: sqlite3.Connection, key: KeyRecord, now: datetime, event: str | None) -> None:
    connection.execute(
        "INSERT INTO dock_keys (key_id, dock, public, alg, since, event) VALUES (?, ?, ?, ?, ?, ?)",
        (key.key_id, key.owner, key.public, key.alg, now.isoformat(), event),
    )


def find(connection: sqlite3.Connection, dock: str) -> Dock | None:
    row = connection.execute("SELECT * FROM docks WHERE dock = ?", (dock,)).fetchone()
    return None if row is None else _dock(connection, row)


def by_key(connection: sqlite3.Connection, key_id: str) -> Dock | None:
    """Return the dock whose key it is, or ever was."""
    row = connection.execute(
        "SELECT d.* FROM docks d JOIN dock_keys k USING (dock) WHERE k.key_id = ?", (key_id,)
    ).fetchone()
    return None if row is None else _dock(connection, row)


def every(connection: sqlite3.Connection) -> list[Dock]:
    rows = connection.execute("SELECT * FROM docks ORDER BY site, dock").fetchall()
    return [_dock(connection, row) for row in rows]


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


def _dock(connection: sqlite3.Connection, row: sqlite3.Row) -> Dock:
    before: list[KeyRecord] = []
    if row["rolled"]:
        rows = connection.execute(
            "SELECT * FROM dock_keys WHERE dock = ? AND key_id <> ? ORDER BY rowid",
            (row["dock"], row["key_id"]),
        )
        before = [KeyRecord(bytes(key["public"]), Role.DOCK, row["dock"], key["alg"]) for key in rows]
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
        before=tuple(before),
    )
