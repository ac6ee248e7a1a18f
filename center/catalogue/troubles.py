"""What a person is to look at, as the running center noted it (`center status`).

Names are those of `center.troubles`, docks those enrolled: no row comes from what somebody made up.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta


def note(
    connection: sqlite3.Connection, name: str, dock: str, times: int, detail: str, now: datetime
) -> None:
    """Note that it happened `times` more; `detail` is the last one's."""
    connection.execute(
        "INSERT INTO troubles (name, dock, since, last_at, times, detail) VALUES (?1, ?2, ?3, ?3, ?4, ?5)"
        " ON CONFLICT (name, dock) DO UPDATE SET last_at = ?3, times = times + ?4, detail = ?5",
        (name, dock, now.isoformat(), times, detail[:500]),
    )


def clear(connection: sqlite3.Connection, name: str, dock: str) -> None:
    connection.execute("DELETE FROM troubles WHERE name = ? AND dock = ?", (name, dock))


def fade(connection: sqlite3.Connection, names: frozenset[str], now: datetime, after: timedelta) -> None:
    """Forget those of `names` that did not happen again for `after`."""
    marks = ", ".join("?" * len(names))
    connection.execute(
        f"DELETE FROM troubles WHERE name IN ({marks}) AND last_at < ?",
        (*sorted(names), (now - after).isoformat()),
    )


def listed(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute("SELECT * FROM troubles ORDER BY since, name, dock").fetchall()


def note_alive(connection: sqlite3.Connection, now: datetime) -> None:
    """Note that the center runs."""
    connection.execute(
        "INSERT INTO center (name, value) VALUES ('alive', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (int(now.timestamp()),),
    )


def alive_at(connection: sqlite3.Connection) -> datetime | None:
    """Return when a running center said so last."""
    row = connection.execute("SELECT value FROM center WHERE name = 'alive'").fetchone()
    return None if row is None else datetime.fromtimestamp(row["value"], UTC)
