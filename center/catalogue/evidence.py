"""What was refused: counted always, kept where it may be evidence (trust.md: never discarded).

- Each dock has a share for what its own key signed and one for the rest, so that no flood pushes out what
  another, or the dock itself, really said.
- Of each share half, by count and by bytes, is for what came first, half for the newest: whoever floods it
  pushes out neither how it began nor how it goes on, only the middle.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from center.settings import Limits


@dataclass(frozen=True)
class Evidence:
    """Something refused.  `dock`: empty where the topic's dock is not enrolled."""

    dock: str
    topic: str
    code: str
    reason: str
    raw: bytes
    signed: bool = False  # by that dock's key


@dataclass(frozen=True)
class Kept:
    """Whether it is there now, and how many newer-than-first ones gave way."""

    there: bool
    dropped: int = 0


def keep(connection: sqlite3.Connection, item: Evidence, limits: Limits, now: datetime) -> Kept:
    """Keep `item`, in its share's first half while that has room, else among the newest."""
    digest = hashlib.sha256(item.raw).hexdigest()
    known = connection.execute(
        "SELECT 1 FROM quarantine WHERE dock = ? AND topic = ? AND sha256 = ?",
        (item.dock, item.topic, digest),
    ).fetchone()
    if known is not None:
        return Kept(True)
    half, half_bytes = limits.quarantine_items // 2, limits.quarantine_bytes // 2
    count, size_bytes = _filled(connection, item, early=True)
    early = count < half and size_bytes + len(item.raw) <= half_bytes
    if not early and (limits.quarantine_items == 0 or len(item.raw) > half_bytes):
        return Kept(False)
    connection.execute(
        "INSERT INTO quarantine (dock, topic, code, reason, sha256, raw, received_at, signed, early)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            item.dock,
            item.topic,
            item.code,
            item.reason[:500],
            digest,
            item.raw,
            now.isoformat(),
            int(item.signed),
            int(early),
        ),
    )
    return Kept(True, 0 if early else _drop(connection, item, limits.quarantine_items - half, half_bytes))


def _filled(connection: sqlite3.Connection, item: Evidence, early: bool) -> tuple[int, int]:
    """Return count and bytes of one half of the share that `item` belongs to."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(length(raw)), 0) FROM quarantine"
        " WHERE dock = ? AND signed = ? AND early = ?",
        (item.dock, int(item.signed), int(early)),
    ).fetchone()
    return int(row[0]), int(row[1])


def _drop(connection: sqlite3.Connection, item: Evidence, items: int, size_bytes: int) -> int:
    """Drop the oldest of the newest until they are within bounds.  Returns how many."""
    dropped = 0
    while True:
        count, held_bytes = _filled(connection, item, early=False)
        if count <= items and held_bytes <= size_bytes:
            return dropped
        connection.execute(
            "DELETE FROM quarantine WHERE id ="
            " (SELECT min(id) FROM quarantine WHERE dock = ? AND signed = ? AND early = 0)",
            (item.dock, int(item.signed)),
        )
        dropped += 1


def listed(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT id, dock, topic, code, reason, sha256, length(raw) AS size_bytes, received_at, signed"
        " FROM quarantine ORDER BY id"
    ).fetchall()


def count(connection: sqlite3.Connection, counted: dict[tuple[str, str], int]) -> None:
    """Add to the counters.  `counted`: (name, dock) to how many more."""
    connection.executemany(
        "INSERT INTO counters (name, dock, value) VALUES (?, ?, ?)"
        " ON CONFLICT (name, dock) DO UPDATE SET value = value + excluded.value",
        [(name, dock, value) for (name, dock), value in counted.items()],
    )


def counters(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute("SELECT name, dock, value FROM counters ORDER BY name, dock").fetchall()
