"""Recordings, their manifests, reports and receipts, as received and as signed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

MAX_REPORT_BYTES = 8 * 1024 * 1024 - 16 * 1024  # one message, within the receiver's largest packet


@dataclass(frozen=True)
class Recording:
    """A recording of one dock.  `revision`, `manifest`: the newest held.  `stored_at`: bytes verified."""

    dock: str
    recording: str
    sha256: str
    size_bytes: int
    revision: int
    manifest: str
    incomplete: bool
    first_at: str
    stored_at: str | None


@dataclass(frozen=True)
class HeldManifest:
    """A revision as received.  `report`: SHA-256 of a report that travels beside it, if one does."""

    revision: int
    digest: str
    raw: bytes
    report: str | None
    received_at: str


@dataclass(frozen=True)
class HeldReceipt:
    """A receipt that was signed."""

    revision: int
    manifest: str
    receipt: str
    raw: bytes
    received_at: str


def find(connection: sqlite3.Connection, dock: str, recording: str) -> Recording | None:
    row = connection.execute(
        "SELECT * FROM recordings WHERE dock = ? AND recording = ?", (dock, recording)
    ).fetchone()
    return None if row is None else _recording(row)


def every(connection: sqlite3.Connection) -> list[Recording]:
    return [
        _recording(row) for row in connection.execute("SELECT * FROM recordings ORDER BY first_at, rowid")
    ]


def of_dock(connection: sqlite3.Connection, dock: str) -> list[Recording]:
    """Return everything that is known of a dock's recordings, in order of ids."""
    rows = connection.execute("SELECT * FROM recordings WHERE dock = ? ORDER BY recording", (dock,))
    return [_recording(row) for row in rows]


def stored_of(connection: sqlite3.Connection, dock: str) -> list[Recording]:
    """Return what a dock brought and was seen to be in the store, in order of ids."""
    rows = connection.execute(
        "SELECT * FROM recordings WHERE dock = ? AND stored_at IS NOT NULL ORDER BY recording", (dock,)
    )
    return [_recording(row) for row in rows]


def begins_with(connection: sqlite3.Connection, start: str) -> list[Recording]:
    rows = connection.execute(
        "SELECT * FROM recordings WHERE substr(recording, 1, ?) = ?", (len(start), start)
    )
    return [_recording(row) for row in rows]


def bytes_of_dock(connection: sqlite3.Connection, dock: str) -> int:
    """Return the bytes that are kept or promised for a dock."""
    stored = connection.execute(
        "SELECT coalesce(sum(size), 0) FROM recordings WHERE dock = ? AND stored_at IS NOT NULL", (dock,)
    ).fetchone()
    promised = connection.execute(
        "SELECT coalesce(sum(size), 0) FROM transfers WHERE dock = ? AND state = 'open'", (dock,)
    ).fetchone()
    return int(stored[0]) + int(promised[0])


def add_manifest(
    connection: sqlite3.Connection,
    dock: str,
    recording: str,
    facts: tuple[str, int],
    manifest: HeldManifest,
    incomplete: bool,
) -> None:
    """Keep a revision, which becomes the newest.  `facts`: SHA-256 and size in bytes."""
    sha256, size_bytes = facts
    connection.execute(
        "INSERT INTO recordings (dock, recording, sha256, size, revision, manifest, incomplete, first_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dock, recording) DO UPDATE SET"
        " revision = excluded.revision, manifest = excluded.manifest,"
        " incomplete = max(incomplete, excluded.incomplete)",
        (
            dock,
            recording,
            sha256,
            size_bytes,
            manifest.revision,
            manifest.digest,
            int(incomplete),
            manifest.received_at,
        ),
    )
    connection.execute(
        "INSERT INTO manifests (dock, recording, revision, digest, raw, report, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            dock,
            recording,
            manifest.revision,
            manifest.digest,
            manifest.raw,
            manifest.report,
            manifest.received_at,
        ),
    )
    if manifest.report is not None:
        connection.execute(
            "UPDATE reports SET named = 1 WHERE dock = ? AND digest = ?", (dock, manifest.report)
        )


def manifest(connection: sqlite3.Connection, dock: str, recording: str, revision: int) -> HeldManifest | None:
    row = connection.execute(
        "SELECT * FROM manifests WHERE dock = ? AND recording = ? AND revision = ?",
        (dock, recording, revision),
    ).fetchone()
    return None if row is None else _manifest(row)


def manifests(connection: sqlite3.Connection, dock: str, recording: str) -> list[HeldManifest]:
    rows = connection.execute(
        "SELECT * FROM manifests WHERE dock = ? AND recording = ? ORDER BY revision", (dock, recording)
    )
    return [_manifest(row) for row in rows]


def holds_manifest(connection: sqlite3.Connection, dock: str, recording: str, digest: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM manifests WHERE dock = ? AND digest = ? AND recording = ?", (dock, digest, recording)
    ).fetchone()
    return row is not None


def set_stored(connection: sqlite3.Connection, dock: str, recording: str, at: datetime | None) -> None:
    """Note when the bytes were seen to be in the store; None: they are not."""
    connection.execute(
        "UPDATE recordings SET stored_at = ? WHERE dock = ? AND recording = ?",
        (None if at is None else at.isoformat(), dock, recording),
    )


def naming_report(connection: sqlite3.Connection, dock: str, report: str) -> list[str]:
    """Return the recordings whose newest manifest names a report that travels beside."""
    rows = connection.execute(
        "SELECT m.recording FROM manifests m JOIN recordings r ON r.dock = m.dock"
        " AND r.recording = m.recording AND r.revision = m.revision WHERE m.dock = ? AND m.report = ?",
        (dock, report),
    )
    return [row["recording"] for row in rows]


def add_report(connection: sqlite3.Connection, dock: str, digest: str, raw: bytes, now: datetime) -> None:
    connection.execute(
        "INSERT INTO reports (dock, digest, raw, named, received_at) VALUES (?, ?, ?, EXISTS"
        " (SELECT 1 FROM manifests WHERE dock = ? AND report = ?), ?) ON CONFLICT DO NOTHING",
        (dock, digest, raw, dock, digest, now.isoformat()),
    )


def report(connection: sqlite3.Connection, dock: str, digest: str) -> bytes | None:
    row = connection.execute(
        "SELECT raw FROM reports WHERE dock = ? AND digest = ?", (dock, digest)
    ).fetchone()
    return None if row is None else bytes(row["raw"])


def report_is_named(connection: sqlite3.Connection, dock: str, digest: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM manifests WHERE dock = ? AND report = ? LIMIT 1", (dock, digest)
    ).fetchone()
    return row is not None


def unnamed_reports(connection: sqlite3.Connection, dock: str) -> int:
    row = connection.execute("SELECT count(*) FROM reports WHERE dock = ? AND named = 0", (dock,)).fetchone()
    return int(row[0])


def add_receipt(connection: sqlite3.Connection, dock: str, recording: str, receipt: HeldReceipt) -> None:
    connection.execute(
        "INSERT INTO receipts (dock, recording, revision, manifest, receipt, raw, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            dock,
            recording,
            receipt.revision,
            receipt.manifest,
            receipt.receipt,
            receipt.raw,
            receipt.received_at,
        ),
    )


def receipts(connection: sqlite3.Connection, dock: str, recording: str) -> list[HeldReceipt]:
    rows = connection.execute(
        "SELECT * FROM receipts WHERE dock = ? AND recording = ? ORDER BY revision", (dock, recording)
    )
    return [
        HeldReceipt(row["revision"], row["manifest"], row["receipt"], bytes(row["raw"]), row["received_at"])
        for row in rows
    ]


def newest_receipt(connection: sqlite3.Connection) -> bytes | None:
    """Return the receipt that was signed last."""
    row = connection.execute("SELECT raw FROM receipts ORDER BY received_at DESC LIMIT 1").fetchone()
    return None if row is None else bytes(row["raw"])


def without_receipt(connection: sqlite3.Connection, dock: str) -> list[str]:
    """Return the recordings whose bytes are stored and whose newest manifest has no receipt."""
    rows = connection.execute(
        "SELECT recording FROM recordings r WHERE dock = ? AND stored_at IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM receipts s WHERE s.dock = r.dock AND s.recording = r.recording"
        " AND s.manifest = r.manifest)",
        (dock,),
    )
    return [row["recording"] for row in rows]


def _recording(row: sqlite3.Row) -> Recording:
    return Recording(
        row["dock"],
        row["recording"],
        row["sha256"],
        row["size"],
        row["revision"],
        row["manifest"],
        bool(row["incomplete"]),
        row["first_at"],
        row["stored_at"],
    )


def _manifest(row: sqlite3.Row) -> HeldManifest:
    return HeldManifest(row["revision"], row["digest"], bytes(row["raw"]), row["report"], row["received_at"])
