"""What was asked of the reconciler, and what it found: one row for a dock's survey that a person wants."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Wanted:
    """A survey that a person asked for.  `done_at` None: not yet."""

    id: int
    dock: str
    deep: bool
    done_at: str | None
    held: int
    lost: int


def ask(connection: sqlite3.Connection, docks: list[str], deep: bool, now: datetime) -> list[int]:
    """Ask for surveys; returns their ids."""
    asked = []
    for dock in docks:
        row = connection.execute(
            "INSERT INTO surveys (dock, deep, asked_at) VALUES (?, ?, ?) RETURNING id",
            (dock, int(deep), now.isoformat()),
        ).fetchone()
        asked.append(int(row["id"]))
    return asked


def waiting(connection: sqlite3.Connection) -> list[Wanted]:
    rows = connection.execute("SELECT * FROM surveys WHERE done_at IS NULL ORDER BY id")
    return [_wanted(row) for row in rows]


def find(connection: sqlite3.Connection, asked: int) -> Wanted | None:
    row = connection.execute("SELECT * FROM surveys WHERE id = ?", (asked,)).fetchone()
    return None if row is None else _wanted(row)


def done(connection: sqlite3.Connection, asked: int, held: int, lost: int, now: datetime) -> None:
    """Note what was found; what is older than the newest thousand is forgotten."""
    connection.execute(
        "UPDATE surveys SET done_at = ?, held = ?, lost = ? WHERE id = ?",
        (now.isoformat(), held, lost, asked),
    )
    connection.execute("DELETE FROM surveys WHERE id <= ?", (asked - 1000,))


def _wanted(row: sqlite3.Row) -> Wanted:
    return Wanted(row["id"], row["dock"], bool(row["deep"]), row["done_at"], row["held"], row["lost"])
