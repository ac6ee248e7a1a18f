"""Refusals: kept with their reason, never deleting anything; what waits for time, what for a person.

A refusal with `current` may show that our line and the platform's parted (`daemon.lineage.line`).
"""

from __future__ import annotations

import logging
from datetime import timedelta

from daemon.counters import Counters
from daemon.custody import Custody
from daemon.desk.outgoing import LAST_RETRY_S
from daemon.lineage.chain import NEVER
from daemon.lineage.history import Current, History
from daemon.lineage.line import Answer
from daemon.logfields import about
from daemon.store import Store, Transaction
from daemon.store.database import to_text
from daemon.tagrules import TagRules
from uplink.desk import Taken
from uplink.errors import Refused
from uplink.messages import Refusal
from uplink.messages.custody import RefusedByPlatform

_LOG = logging.getLogger(__name__)


class Refusals:
    """Keeps refusals and decides when, or by whom, a thing is tried again."""

    def __init__(self, store: Store, custody: Custody, counters: Counters, rules: TagRules) -> None:
        self._store = store
        self._custody = custody
        self._counters = counters
        self._platform = custody.identity.platform
        self._history = History(store, custody, rules)

    def keep(self, refusal: Refusal) -> Taken:
        words = f"{refusal.code}: {refusal.reason}"
        self._counters.count(f"refusal.{refusal.code}")
        missing = refusal.code == "later" and refusal.reason.startswith("missing")
        current = self._current(refusal) if missing or refusal.code == "conflict" else None
        waits_for_person = refusal.code in ("never", "not_allowed", "conflict")
        wait = timedelta(seconds=refusal.retry_after if refusal.retry_after is not None else LAST_RETRY_S)
        retry_at = NEVER if waits_for_person else to_text(self._custody.clock.now() + wait)
        with self._store.write() as tx:
            answer = self._history.take(tx, refusal, current) if current is not None else None
            if answer is Answer.UNITE:
                self._counters.count("line.united")
                return Taken.TAKEN
            if answer is Answer.NOTHING and refusal.code == "conflict":
                # An older revision met a newer one that is ours: its receipt covers both, a transfer goes on.
                self._leave_for_later(tx, refusal.manifest)
                return Taken.IGNORED
            with about(recording=refusal.recording):
                _LOG.warning("recording %s refused by the platform: %s", refusal.recording, words)
            before = tx.row("SELECT retry_at FROM manifests WHERE manifest = ?", (refusal.manifest,))
            tx.execute(
                "UPDATE manifests SET refusal = ?, retry_at = ? WHERE manifest = ?",
                (words[:500], retry_at, refusal.manifest),
            )
            if missing and answer is not Answer.NOTHING:
                self._send_after(tx, refusal, current.manifest.revision if current is not None else 0)
            if refusal.code == "full":
                tx.execute(
                    "UPDATE recordings SET retry_at = max(retry_at, ?)"
                    " WHERE recording = ? AND state <> 'delivered'",
                    (retry_at, refusal.recording),
                )
            if waits_for_person and before is not None and before["retry_at"] != NEVER:
                self._tell_refusal(tx, refusal, words)
        return Taken.TAKEN

    def _tell_refusal(self, tx: Transaction, refusal: Refusal, words: str) -> None:
        tx.execute(
            "UPDATE recordings SET failure = ?, retry_at = ? WHERE recording = ? AND state <> 'delivered'",
            (words[:500], NEVER, refusal.recording),
        )
        told = RefusedByPlatform(code=refusal.code, reason=refusal.reason, manifest=refusal.manifest)
        self._custody.append(tx, "refused", told, recording=refusal.recording)

    def _send_after(self, tx: Transaction, refusal: Refusal, held: int) -> None:
        """The platform lacks revisions before this one: all after the newest it holds go again."""
        tx.execute(
            "UPDATE manifests SET receipted = 0, retry_at = '' WHERE platform = ? AND recording = ?"
            " AND revision > ? AND revision <= ?",
            (self._platform, refusal.recording, held, refusal.revision),
        )

    def _current(self, refusal: Refusal) -> Current | None:
        try:
            return self._history.current(refusal)
        except Refused as refused:
            self._counters.count(f"refused.current.{refused.code}")
            return None

    def _leave_for_later(self, tx: Transaction, manifest: str) -> None:
        again = to_text(self._custody.clock.now() + timedelta(seconds=LAST_RETRY_S))
        tx.execute("UPDATE manifests SET retry_at = ? WHERE manifest = ?", (again, manifest))
