"""What was refused: counted always, kept where it may be evidence (trust.md: never discarded).

Bounded per dock, and what came first stays: whoever floods it cannot push older evidence out.
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


def keep(connection: sqlite3.Connection, item: Evidence, limits: Limits, now: datetime) -> bool:
    """Keep `item` unless the dock's share is full; returns whether it is there now."""
    count, size_bytes = connection.execute(
        "SELECT count(*), coalesce(sum(length(raw)), 0) FROM quarantine WHERE dock = ?", (item.dock,)
    ).fetchone()
    if count >= limits.quarantine_items or size_bytes + len(item.raw) > limits.quarantine_bytes:
        return False
    connection.execute(
        "INSERT INTO quarantine (dock, topic, code, reason, sha256, raw, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            item.dock,
            item.topic,
            item.code,
            item.reason[:500],
            hashlib.sha256(item.raw).hexdigest(),
            item.raw,
            now.isoformat(),
        ),
    )
    return True


def listed(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT id, dock, topic, code, reason, sha256, length(raw) AS size_bytes, received_at"
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
