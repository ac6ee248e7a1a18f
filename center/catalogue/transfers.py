"""Transfers and their durable ranges: what a restarted center goes on from."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from enum import Enum

from center.transfers import Transfer
from uplink.ranges import Ranges

KEPT_ATTEMPTS = 16


class State(Enum):
    OPEN = "open"
    DONE = "done"
    CHECKSUM = "checksum"  # used up: the bytes were not the ones promised
    ABORTED = "aborted"  # used up


def add(connection: sqlite3.Connection, transfer: Transfer, now: datetime) -> None:
    connection.execute(
        "INSERT INTO transfers (file_id, dock, recording, attempt, size, sha256, ranges, state, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            transfer.file_id,
            transfer.dock,
            transfer.recording,
            transfer.attempt,
            transfer.size_bytes,
            transfer.sha256,
            "[]",
            State.OPEN.value,
            now.isoformat(),
        ),
    )


def note_ranges(connection: sqlite3.Connection, file_id: str, ranges: Ranges, now: datetime) -> None:
    connection.execute(
        "UPDATE transfers SET ranges = ?, changed_at = ? WHERE file_id = ?",
        (json.dumps(ranges.to_list()), now.isoformat(), file_id),
    )


def end(connection: sqlite3.Connection, file_id: str, state: State, now: datetime) -> None:
    """End a transfer; its id is used up."""
    connection.execute(
        "UPDATE transfers SET state = ?, ranges = '[]', changed_at = ? WHERE file_id = ?",
        (state.value, now.isoformat(), file_id),
    )


def forget(connection: sqlite3.Connection, file_id: str) -> None:
    """Forget a transfer as if it had never begun: its id may begin again."""
    connection.execute("DELETE FROM transfers WHERE file_id = ?", (file_id,))


def forget_old(
    connection: sqlite3.Connection, dock: str, recording: str, newest: int = KEPT_ATTEMPTS
) -> None:
    """Keep the newest used-up attempts of a recording only: anybody can make up more of them.

    None need be kept of what is stored: its bytes are `complete` under any id.
    """
    connection.execute(
        "DELETE FROM transfers WHERE dock = ?1 AND recording = ?2 AND state IN ('checksum', 'aborted')"
        " AND file_id NOT IN (SELECT file_id FROM transfers WHERE dock = ?1 AND recording = ?2"
        " AND state IN ('checksum', 'aborted') ORDER BY changed_at DESC LIMIT ?3)",
        (dock, recording, newest),
    )


def state(connection: sqlite3.Connection, dock: str, file_id: str) -> tuple[State, str] | None:
    """Return (state, recording) of a transfer of `dock`."""
    row = connection.execute(
        "SELECT state, recording FROM transfers WHERE file_id = ? AND dock = ?", (file_id, dock)
    ).fetchone()
    return None if row is None else (State(row["state"]), row["recording"])


def every_open(connection: sqlite3.Connection) -> list[Transfer]:
    rows = connection.execute("SELECT * FROM transfers WHERE state = 'open'")
    return [
        Transfer(
            file_id=row["file_id"],
            dock=row["dock"],
            recording=row["recording"],
            attempt=row["attempt"],
            size_bytes=row["size"],
            sha256=row["sha256"],
            durable=Ranges.checked(json.loads(row["ranges"]), row["size"], 1000),
        )
        for row in rows
    ]
