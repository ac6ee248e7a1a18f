"""Registry snapshots that were signed, and the center's own numbers."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Snapshot:
    """A signed snapshot of one kind for one site."""

    site: str
    kind: str
    version: int
    raw: bytes
    rows: int
    signed_at: str


def next_version(connection: sqlite3.Connection, site: str, kind: str, now_unix_s: int) -> int:
    """Return a version above all before.

    Not the next number: in a catalogue restored from a backup that would be one that docks have taken, and
    they take no version twice.
    """
    row = connection.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM registries WHERE site = ? AND kind = ?", (site, kind)
    ).fetchone()
    return max(int(row[0]), now_unix_s)


def add(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    connection.execute(
        "INSERT INTO registries (site, kind, version, raw, rows, signed_at) VALUES (?, ?, ?, ?, ?, ?)",
        (
            snapshot.site,
            snapshot.kind,
            snapshot.version,
            snapshot.raw,
            snapshot.rows,
            snapshot.signed_at,
        ),
    )


def newest(connection: sqlite3.Connection) -> list[Snapshot]:
    """Return the highest version of each kind for each site."""
    rows = connection.execute(
        "SELECT site, kind, max(version) AS version, raw, rows, signed_at FROM registries GROUP BY site, kind"
    )
    return [
        Snapshot(row["site"], row["kind"], row["version"], bytes(row["raw"]), row["rows"], row["signed_at"])
        for row in rows
    ]


def next_lease(connection: sqlite3.Connection, now_ms: int) -> int:
    """Draw the lease of this run: a counter alone in a restored catalogue would go back (trust.md)."""
    row = connection.execute("SELECT value FROM center WHERE name = 'lease'").fetchone()
    lease = max(now_ms, (row["value"] if row is not None else 0) + 1)
    connection.execute(
        "INSERT INTO center (name, value) VALUES ('lease', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (lease,),
    )
    return lease
