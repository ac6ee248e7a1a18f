"""The chains of the docks, as received."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from center import chain
from center.catalogue import docks
from uplink.audit import HeldEvent
from uplink.messages.base import ChainPoint
from uplink.messages.custody import CustodyEvent


class HeldChain:
    """One dock's chain in the catalogue (`chain.Chain`)."""

    def __init__(self, connection: sqlite3.Connection, dock: docks.Dock) -> None:
        self._connection = connection
        self._dock = dock

    def head(self) -> ChainPoint | None:
        return self._dock.head

    def find(self, digest: str) -> chain.Held | None:
        row = self._connection.execute(
            "SELECT epoch, n, line FROM events WHERE dock = ? AND digest = ?", (self._dock.dock, digest)
        ).fetchone()
        if row is None:
            return None
        return chain.Held(ChainPoint(epoch=row["epoch"], n=row["n"], head=digest), chain.Line(row["line"]))

    def elsewhere(self, digest: str) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM events WHERE dock IN (SELECT dock FROM docks WHERE dock <> ?) AND digest = ?",
            (self._dock.dock, digest),
        ).fetchone()
        return row is not None

    def main_has_run(self, run: str) -> bool:
        return self._any("SELECT 1 FROM events WHERE dock = ? AND run = ? AND line = 'main' LIMIT 1", run)

    def is_tip(self, digest: str) -> bool:
        return not self._any("SELECT 1 FROM parents WHERE dock = ? AND parent = ? LIMIT 1", digest)

    def _any(self, query: str, value: str) -> bool:
        return self._connection.execute(query, (self._dock.dock, value)).fetchone() is not None


def add(
    connection: sqlite3.Connection,
    event: CustodyEvent,
    digest: str,
    raw: bytes,
    decision: chain.Decision,
    now: datetime,
) -> None:
    """Keep an event that joins or branches, and move the head."""
    joins = decision.outcome is chain.Outcome.JOINS
    line = chain.Line.MAIN if joins else chain.Line.BRANCH
    manifest, revision = committed(event)
    connection.execute(
        "INSERT INTO events (dock, digest, epoch, n, prev, line, run, kind, recording, revision, manifest,"
        " raw, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.dock,
            digest,
            event.epoch,
            event.n,
            event.prev,
            line.value,
            event.run,
            event.kind,
            event.recording,
            revision,
            manifest,
            raw,
            now.isoformat(),
        ),
    )
    lost = {point.head for point in decision.lost}
    for parent in _parents(event):
        connection.execute(
            "INSERT INTO parents (dock, child, parent, lost) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (event.dock, digest, parent, int(parent in lost)),
        )
    if decision.merges is not None:
        merge(connection, event.dock, decision.merges)
    if decision.cloned:
        docks.set_cloned(connection, event.dock, True)
    if joins:
        docks.set_head(connection, event.dock, ChainPoint(epoch=event.epoch, n=event.n, head=digest))


def commits(connection: sqlite3.Connection, dock: str, recording: str, manifest: str) -> bool:
    """Return whether a held event of the dock commits the manifest with this digest."""
    row = connection.execute(
        "SELECT 1 FROM events WHERE dock = ? AND recording = ? AND manifest = ? LIMIT 1",
        (dock, recording, manifest),
    ).fetchone()
    return row is not None


def rolls(connection: sqlite3.Connection, dock: str) -> list[tuple[int, bytes]]:
    """Return what rolled a dock's keys, in the order in which it came: (order, as received)."""
    rows = connection.execute(
        "SELECT e.rowid, e.raw FROM dock_keys k JOIN events e ON e.dock = k.dock AND e.digest = k.event"
        " WHERE k.dock = ? ORDER BY e.rowid",
        (dock,),
    )
    return [(row["rowid"], bytes(row["raw"])) for row in rows]


def committed(event: CustodyEvent) -> tuple[str | None, int | None]:
    """Return (manifest digest, revision) that an event commits; (None, None) for others."""
    manifest, revision = event.data.get("manifest"), event.data.get("revision")
    if event.recording is None or not isinstance(manifest, str) or not isinstance(revision, int):
        return None, None
    return manifest, revision


def _parents(event: CustodyEvent) -> list[str]:
    if event.prev is not None:
        return [event.prev]
    named = chain.parents(event)
    points = (named.after, named.branch) if named is not None else ()
    return [point.head for point in points if point is not None]


def merge(connection: sqlite3.Connection, dock: str, tip: str) -> None:
    """Take the branch that ends in `tip` for merged, back to where it left the main line."""
    connection.execute(
        "WITH RECURSIVE side(digest) AS (SELECT ? UNION SELECT p.parent FROM side JOIN parents p"
        " ON p.dock = ? AND p.child = side.digest JOIN events e ON e.dock = p.dock AND e.digest = p.parent"
        " WHERE e.line = 'branch') UPDATE events SET line = 'merged'"
        " WHERE dock = ? AND line = 'branch' AND digest IN side",
        (tip, dock, dock),
    )


def settle(connection: sqlite3.Connection, dock: str) -> int:
    """Take all open branches for merged: a person decided.  Returns how many events that were."""
    return connection.execute(
        "UPDATE events SET line = 'merged' WHERE dock = ? AND line = 'branch'", (dock,)
    ).rowcount


def open_branch_events(connection: sqlite3.Connection, dock: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM events WHERE dock = ? AND line = 'branch'", (dock,)
    ).fetchone()
    return int(row[0])


def held_back(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the docks with an open branch, or `cloned`."""
    rows = connection.execute(
        "SELECT dock FROM events WHERE line = 'branch' UNION SELECT dock FROM docks WHERE cloned = 1"
    )
    return frozenset(row["dock"] for row in rows)


def lost_parents(connection: sqlite3.Connection, dock: str) -> int:
    """Return how many events a dock's epochs go on from that nobody holds any more."""
    row = connection.execute(
        "SELECT count(*) FROM parents p WHERE p.dock = ? AND p.lost = 1 AND NOT EXISTS"
        " (SELECT 1 FROM events e WHERE e.dock = p.dock AND e.digest = p.parent)",
        (dock,),
    ).fetchone()
    return int(row[0])


@dataclass(frozen=True)
class Missing:
    """A revision that an event commits, and that is not held."""

    dock: str
    recording: str
    revision: int
    manifest: str


def missing_manifests(connection: sqlite3.Connection, limit: int) -> Iterator[Missing]:
    """Yield the newest revisions that events commit beyond what is held, at most `limit`."""
    rows = connection.execute(
        "SELECT e.dock, e.recording, max(e.revision) AS revision, e.manifest FROM events e"
        " LEFT JOIN recordings r ON r.dock = e.dock AND r.recording = e.recording"
        " WHERE e.manifest IS NOT NULL AND e.revision > coalesce(r.revision, 0)"
        " GROUP BY e.dock, e.recording LIMIT ?",
        (limit,),
    )
    for row in rows:
        yield Missing(row["dock"], row["recording"], row["revision"], row["manifest"])


def missing_of(connection: sqlite3.Connection, dock: str) -> list[Missing]:
    """Return the revisions that events of one dock commit beyond what is held."""
    return [item for item in missing_manifests(connection, 100_000) if item.dock == dock]


def on_lines(connection: sqlite3.Connection, dock: str, *, main: bool) -> Iterator[HeldEvent]:
    """Yield a dock's events as they joined: of the main line, or of all others."""
    which = "=" if main else "<>"
    rows = connection.execute(
        "SELECT rowid, epoch, n, digest, kind, recording, raw FROM events"
        f" WHERE dock = ? AND line {which} 'main' ORDER BY rowid",
        (dock,),
    )
    for row in rows:
        yield HeldEvent(
            row["epoch"],
            row["n"],
            row["digest"],
            row["kind"],
            row["recording"],
            bytes(row["raw"]),
            row["rowid"],
        )


def of_recording(connection: sqlite3.Connection, dock: str, recording: str) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT epoch, n, digest, kind, line, revision, manifest, raw, received_at FROM events"
        " WHERE dock = ? AND recording = ? ORDER BY rowid",
        (dock, recording),
    ).fetchall()
