"""Forks of docks' chains that a person ended: who, when, and what it was."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Settling:
    """A decision.  `person`: as named; `login`: the Unix user who asked; `at`: RFC 3339 UTC."""

    person: str
    login: str
    at: str
    events_beside: int
    cloned: bool


def add(connection: sqlite3.Connection, dock: str, done: Settling) -> None:
    connection.execute(
        "INSERT INTO settlings (dock, person, login, at, events_beside, cloned) VALUES (?, ?, ?, ?, ?, ?)",
        (dock, done.person, done.login, done.at, done.events_beside, int(done.cloned)),
    )


def of(connection: sqlite3.Connection, dock: str) -> list[Settling]:
    """Return a dock's, oldest first."""
    rows = connection.execute("SELECT * FROM settlings WHERE dock = ? ORDER BY id", (dock,))
    return [
        Settling(row["person"], row["login"], row["at"], row["events_beside"], bool(row["cloned"]))
        for row in rows
    ]
