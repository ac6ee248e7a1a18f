"""Receipts: verified against what this dock knows, kept, and what follows from them (trust.md, Delivered)."""

from __future__ import annotations

import logging

from daemon.counters import Counters
from daemon.custody import Custody
from daemon.logfields import about
from daemon.reconciling import forgotten
from daemon.store import Store, Transaction
from daemon.store.database import to_text
from uplink import delivery
from uplink.desk import Taken
from uplink.envelope import Envelope
from uplink.messages import Receipt

_LOG = logging.getLogger(__name__)


class Receipts:
    """Keeps receipts and marks what they deliver."""

    def __init__(self, store: Store, custody: Custody, counters: Counters) -> None:
        self._store = store
        self._custody = custody
        self._counters = counters
        self._platform = custody.identity.platform

    def facts(self, recording: str) -> delivery.RecordingFacts | None:
        row = self._store.row("SELECT size, sha256 FROM recordings WHERE recording = ?", (recording,))
        if row is None:
            return None
        manifests = self._store.rows(
            "SELECT manifest, revision FROM manifests WHERE platform = ?1 AND recording = ?2 UNION ALL"
            " SELECT manifest, revision FROM sidelined WHERE platform = ?1 AND recording = ?2",
            (self._platform, recording),
        )
        return delivery.RecordingFacts(
            platform=self._platform,
            dock=self._custody.identity.dock,
            dock_key=self._custody.identity.key.key_id,
            recording=recording,
            size=row["size"],
            sha256=row["sha256"],
            manifests={r["manifest"]: r["revision"] for r in manifests},
            before=self._custody.identity.keys_before,
        )

    def keep(self, signed: Envelope, receipt: Receipt) -> Taken:
        now = to_text(self._custody.clock.now())
        with self._store.write() as tx:
            if forgotten(tx, receipt):
                self._counters.count("ignored.receipt.forgotten")
                return Taken.IGNORED
            known = tx.row("SELECT voided FROM receipts WHERE receipt = ?", (signed.digest,))
            if known is not None and known["voided"]:
                self._counters.count("ignored.receipt.voided")
                return Taken.IGNORED
            if known is not None:
                self._mark_delivered(tx, receipt)
                return Taken.KNOWN
            tx.insert(
                "receipts",
                {
                    "receipt": signed.digest,
                    "id": receipt.receipt,
                    "platform": receipt.platform,
                    "recording": receipt.recording,
                    "revision": receipt.revision,
                    "manifest": receipt.manifest,
                    "raw": signed.raw,
                    "received_at": to_text(receipt.received_at),
                    "verified_at": now,
                    "signer": signed.signers[0],
                },
            )
            self._mark_delivered(tx, receipt)
        with about(recording=receipt.recording):
            _LOG.info("recording %s delivered, revision %d", receipt.recording, receipt.revision)
        return Taken.TAKEN

    def _mark_delivered(self, tx: Transaction, receipt: Receipt) -> None:
        """The bytes are delivered; so is the revision, and those before it, if it is of the line as it is."""
        ours = tx.row("SELECT 1 FROM manifests WHERE manifest = ?", (receipt.manifest,)) is not None
        if ours:
            tx.execute(
                "UPDATE manifests SET receipted = 1, refusal = NULL"
                " WHERE platform = ? AND recording = ? AND revision <= ?",
                (self._platform, receipt.recording, receipt.revision),
            )
        tx.execute(
            "UPDATE recordings SET state = 'delivered', failure = NULL, durable_bytes = size,"
            " delivered_revision = max(delivered_revision, ?) WHERE recording = ?",
            (receipt.revision if ours else 0, receipt.recording),
        )
