"""Receipts that are void (a `resend`, trust.md; a key that was replaced): kept as evidence, given no more."""

from __future__ import annotations

import sqlite3
from datetime import datetime


def void(connection: sqlite3.Connection, dock: str, recording: str, now: datetime) -> int:
    """Void all receipts for a recording, and hold its bytes for not stored.  Returns how many."""
    connection.execute(
        "INSERT INTO voided (dock, recording, receipt, raw, received_at, voided_at)"
        " SELECT dock, recording, receipt, raw, received_at, ? FROM receipts"
        " WHERE dock = ? AND recording = ?",
        (now.isoformat(), dock, recording),
    )
    done = connection.execute("DELETE FROM receipts WHERE dock = ? AND recording = ?", (dock, recording))
    connection.execute(
        "UPDATE recordings SET stored_at = NULL WHERE dock = ? AND recording = ?", (dock, recording)
    )
    return done.rowcount


def void_one(connection: sqlite3.Connection, dock: str, receipt: str, now: datetime) -> None:
    """Void one receipt; its bytes stay stored."""
    connection.execute(
        "INSERT OR IGNORE INTO voided (dock, recording, receipt, raw, received_at, voided_at)"
        " SELECT dock, recording, receipt, raw, received_at, ? FROM receipts WHERE dock = ? AND receipt = ?",
        (now.isoformat(), dock, receipt),
    )
    connection.execute("DELETE FROM receipts WHERE dock = ? AND receipt = ?", (dock, receipt))


def newest(connection: sqlite3.Connection, dock: str, recording: str) -> str | None:
    """Return the id of the last receipt that was voided for a recording."""
    row = connection.execute(
        "SELECT receipt FROM voided WHERE dock = ? AND recording = ?"
        " ORDER BY voided_at DESC, rowid DESC LIMIT 1",
        (dock, recording),
    ).fetchone()
    return None if row is None else str(row["receipt"])
