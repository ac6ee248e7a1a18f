"""Receipts that were verified and kept are told to the chain: one `delivered` event for a batch."""

from __future__ import annotations

from daemon.custody import Custody
from daemon.store import Store
from uplink.messages.custody import Delivered, ReceiptTaken

BATCH = 1000


class ToldStage:
    """Commits `delivered` events."""

    def __init__(self, store: Store, custody: Custody) -> None:
        self._store = store
        self._custody = custody

    def step(self) -> bool:
        """Tell what is untold.  Returns whether there was anything."""
        with self._store.write() as tx:
            rows = tx.rows(
                "SELECT receipt, recording, revision FROM receipts WHERE told = 0"
                " ORDER BY verified_at LIMIT ?",
                (BATCH,),
            )
            if not rows:
                return False
            taken = [
                ReceiptTaken(recording=r["recording"], revision=r["revision"], receipt=r["receipt"])
                for r in rows
            ]
            self._custody.append(tx, "delivered", Delivered(receipts=taken))
            for row in rows:
                tx.execute("UPDATE receipts SET told = 1 WHERE receipt = ?", (row["receipt"],))
        return True
