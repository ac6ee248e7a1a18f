"""What a verified reconciliation page changes (trust.md, A platform that forgot).

- Listed with our SHA-256: noted with the page's time; that is half of *clearable* (`retention.py`).
- Not listed although the page's range covers it, and delivered by a receipt *before* the page: the platform
  does not hold it.  It is delivered no longer: the bytes go again in a new attempt, the newest manifest too,
  and receipts up to the page's time count for nothing any more (the same one may come once more).
- A receipt after the page's time is not touched: the bytes came while the page was on its way.
- A page without a range lists, and says nothing about what it does not list.
- A later page that lists it again takes the finding back: a store that was not mounted is not a lost store.
- Receipt and page are compared by the platform's own times, never by the dock's.
- The page that ended a delivery is kept as it came: the platform signed that it lost something.
"""

from __future__ import annotations

from daemon.store import Store, Transaction
from daemon.store.database import to_text
from uplink.envelope import Envelope
from uplink.messages import Receipt, Reconciliation


def reconcile(store: Store, platform: str, signed: Envelope, page: Reconciliation) -> list[str]:
    """Note a page of `platform`.  Returns the recordings whose delivery it ends."""
    at = to_text(page.time) or ""
    with store.write() as tx:
        for kept in page.recordings:
            changed = tx.execute(
                "INSERT INTO reconciled (recording, at) SELECT recording, ? FROM recordings"
                " WHERE recording = ? AND sha256 = ?"
                " ON CONFLICT (recording) DO UPDATE SET at = max(at, excluded.at)",
                (at, kept.recording, kept.sha256),
            )
            if changed:
                _found_again(tx, platform, kept.recording, at)
        lost = _lost(tx, platform, page, at)
        for recording in lost:
            _forget(tx, platform, recording, at)
        if lost:
            tx.execute(
                "INSERT OR IGNORE INTO omissions (page, at, raw) VALUES (?, ?, ?)",
                (signed.digest, at, signed.raw),
            )
    return lost


def forgotten(tx: Transaction, receipt: Receipt) -> bool:
    """Whether the platform said after this receipt that it does not hold the bytes."""
    row = tx.row("SELECT forgotten_at FROM recordings WHERE recording = ?", (receipt.recording,))
    return row is not None and (to_text(receipt.received_at) or "") <= row["forgotten_at"]


def _lost(tx: Transaction, platform: str, page: Reconciliation, at: str) -> list[str]:
    if page.range is None:
        return []
    listed = {(kept.recording, kept.sha256) for kept in page.recordings}
    rows = tx.rows(
        "SELECT recording, sha256 FROM recordings r WHERE state = 'delivered'"
        " AND recording > ? AND (recording <= ? OR ? IS NULL)"
        " AND (SELECT max(received_at) FROM receipts p"
        "      WHERE p.recording = r.recording AND p.platform = ? AND p.voided = 0) < ?"
        # A later page, which came before this one, lists it.
        " AND NOT EXISTS (SELECT 1 FROM reconciled c WHERE c.recording = r.recording AND c.at >= ?)",
        (page.range.after or "", page.range.until, page.range.until, platform, at, at),
    )
    return [row["recording"] for row in rows if (row["recording"], row["sha256"]) not in listed]


def _forget(tx: Transaction, platform: str, recording: str, at: str) -> None:
    tx.execute(
        "UPDATE recordings SET state = 'stored', attempt = attempt + 1, failures = 0, failure = NULL,"
        " retry_at = '', delivered_revision = 0, durable_bytes = 0, sent_bytes = 0, forgotten_at = ?"
        " WHERE recording = ?",
        (at, recording),
    )
    tx.execute("DELETE FROM reconciled WHERE recording = ?", (recording,))
    tx.execute(
        "UPDATE manifests SET receipted = 0, tries = 0, retry_at = '' WHERE platform = ? AND recording = ?"
        " AND revision = (SELECT revision FROM recordings WHERE recording = ?)",
        (platform, recording, recording),
    )


def _found_again(tx: Transaction, platform: str, recording: str, at: str) -> None:
    row = tx.row(
        "SELECT state FROM recordings WHERE recording = ? AND forgotten_at <> '' AND forgotten_at < ?",
        (recording, at),
    )
    if row is None:
        return
    tx.execute("UPDATE recordings SET forgotten_at = '' WHERE recording = ?", (recording,))
    revision = tx.row(
        "SELECT max(revision) AS revision FROM receipts WHERE recording = ? AND platform = ? AND voided = 0",
        (recording, platform),
    )
    if row["state"] == "delivered" or revision is None or revision["revision"] is None:
        return
    tx.execute(
        "UPDATE recordings SET state = 'delivered', durable_bytes = size, failure = NULL,"
        " delivered_revision = ? WHERE recording = ?",
        (revision["revision"], recording),
    )
    tx.execute(
        "UPDATE manifests SET receipted = 1 WHERE platform = ? AND recording = ? AND revision <= ?",
        (platform, recording, revision["revision"]),
    )
