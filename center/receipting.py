"""When a receipt is signed (trust.md, Delivered, released, refused).

- For the newest manifest held, once the bytes of this dock's record were read back from the store,
  and a report that travels beside it has come.
- Once for each revision: asked again, the same receipt is given again; only where its key is not in force any
  more a new one is signed in its place, or the dock would never believe it.
- Not while the dock's chain has a fork that no `restarted` names, nor while it is `cloned`.
- The store is looked at each time: bytes that are gone are no longer receipted, and what was signed for them
  is void, so that they are taken again and a new receipt is signed.
"""

from __future__ import annotations

import itertools
import logging
from datetime import datetime

from center import keybook
from center.blobs import Blobs
from center.catalogue import database, docks, events, recordings, voiding
from center.catalogue.docks import Dock
from center.catalogue.recordings import HeldReceipt, Recording
from center.office import Office, Outgoing, Subject

log = logging.getLogger(__name__)


class Receipting:
    """Signs receipts, and remembers for which recordings it has been asked to look again."""

    def __init__(self, office: Office, blobs: Blobs) -> None:
        self._office = office
        self._blobs = blobs
        self._waiting: dict[tuple[str, str], None] = {}  # in order, each once

    def due(self, dock: Dock, recording: str) -> list[Outgoing]:
        """Return the receipt for the newest manifest, signed now or before; nothing if none is due."""
        connection = self._office.connection
        with database.writing(connection):
            receipt = self._held_or_signed(dock, recording)
        if receipt is None:
            return []
        return [Outgoing(dock.topics.down(f"receipts/{recording}"), receipt.raw)]

    def release(self, dock: str) -> None:
        """Look again at all that waits for a receipt (a fork was settled, the center was restarted)."""
        waiting = recordings.without_receipt(self._office.connection, dock)
        self._waiting |= {(dock, recording): None for recording in waiting}

    def held_back(self) -> frozenset[str]:
        """Return the docks whose receipts wait: forked, or cloned."""
        return events.held_back(self._office.connection)

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def some(self, limit: int) -> list[Outgoing]:
        """Work on what `release` found, at most `limit` recordings."""
        found: list[Outgoing] = []
        for name, recording in list(itertools.islice(self._waiting, limit)):
            del self._waiting[(name, recording)]
            dock = docks.find(self._office.connection, name)
            if dock is not None:
                found += self.due(dock, recording)
        return found

    def _held_or_signed(self, dock: Dock, recording: str) -> HeldReceipt | None:
        connection = self._office.connection
        held = recordings.find(connection, dock.dock, recording)
        if held is None or held.stored_at is None or self._held_back(dock):
            return None
        if not self._blobs.has(held.sha256, held.size_bytes):
            log.error("the store has lost %s (recording %s of %s)", held.sha256, recording, dock.dock)
            self._office.count("store.lost", dock.dock)
            voiding.void(connection, dock.dock, recording, self._office.now())
            return None
        signed = recordings.receipts(connection, dock.dock, recording)
        for receipt in signed:
            if receipt.manifest == held.manifest:
                if keybook.signed_by(receipt.raw, self._office.keys):
                    return receipt
                log.warning("receipt %s is signed with a key that was replaced: signed anew", receipt.receipt)
                voiding.void_one(connection, dock.dock, receipt.receipt, self._office.now())
        if not self._report_held(dock, held):
            return None
        return self._sign(dock, held, datetime.fromisoformat(held.stored_at), signed)

    def _held_back(self, dock: Dock) -> bool:
        fresh = docks.find(self._office.connection, dock.dock)
        forked = events.open_branch_events(self._office.connection, dock.dock) > 0
        return forked or fresh is None or fresh.cloned

    def _report_held(self, dock: Dock, held: Recording) -> bool:
        connection = self._office.connection
        manifest = recordings.manifest(connection, dock.dock, held.recording, held.revision)
        if manifest is None or manifest.report is None:
            return manifest is not None
        return recordings.report(connection, dock.dock, manifest.report) is not None

    def _sign(
        self, dock: Dock, held: Recording, stored_at: datetime, signed: list[HeldReceipt]
    ) -> HeldReceipt:
        subject = Subject(held.recording, held.sha256, held.size_bytes, held.revision, held.manifest)
        supersedes = signed[-1].receipt if signed else None
        supersedes = supersedes or voiding.newest(self._office.connection, dock.dock, held.recording)
        receipt = self._office.receipt(dock, subject, stored_at, supersedes)
        raw = self._office.sealed("receipt", receipt)
        kept = HeldReceipt(
            held.revision, held.manifest, receipt.receipt, raw, receipt.received_at.isoformat()
        )
        recordings.add_receipt(self._office.connection, dock.dock, held.recording, kept)
        self._office.count("receipts", dock.dock)
        return kept
