"""The dock's side of the link: what there is to send, and what becomes of what comes back.

- A receipt counts only if it names the platform, dock, key, bytes and a manifest of ours (trust.md,
  Delivered); then the bytes are `delivered`, and every revision up to its own is receipted.
- A refusal never deletes anything: it is kept with its reason and tried again, or waits for a person.
- A refusal with `current` may show that our line and the platform's parted (`daemon.lineage.line`).
- A receipt for a revision that this store forgot makes it send its newest: the answer tells the rest.
- Every revision goes to the platform, in order; a later one never moves the bytes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from daemon.counters import Counters
from daemon.custody import Custody
from daemon.lineage.chain import NEVER, ChainLine
from daemon.lineage.heads import Meaning
from daemon.lineage.history import Current, History
from daemon.lineage.line import Answer
from daemon.logfields import about
from daemon.reconciling import forgotten, reconcile
from daemon.registries import keep_registry
from daemon.store import Row, Store, Transaction
from daemon.store.database import to_text
from daemon.tagrules import TagRules, shipped_rules
from daemon.vault import Vault, extension_of
from uplink import delivery
from uplink.desk import HeadTaken, OutgoingEvent, OutgoingFile, OutgoingManifest, Taken
from uplink.envelope import Envelope
from uplink.errors import Refused
from uplink.ids import file_id
from uplink.keys import KeyRing
from uplink.messages import ChainPoint, Receipt, Refusal
from uplink.messages.custody import RefusedByPlatform

__all__ = ["NEVER", "StoreDesk"]

_LOG = logging.getLogger(__name__)
_FIRST_RETRY_S = 10.0
_LAST_RETRY_S = 300.0


class StoreDesk:
    """Implements uplink.desk.Desk on the store.  Called from the link's one thread."""

    def __init__(
        self,
        store: Store,
        custody: Custody,
        vault: Vault,
        ring: KeyRing,
        counters: Counters,
        changed: Callable[[], None],
        rules: TagRules | None = None,
    ) -> None:
        self._store = store
        self._custody = custody
        self._vault = vault
        self._ring = ring
        self._counters = counters
        self._changed = changed
        self._lease = -1
        self.marked_first = True
        identity = custody.identity
        self._platform = identity.platform
        self._chain = ChainLine(store, custody)
        self._history = History(store, custody, rules or shipped_rules())

    @property
    def silent(self) -> bool:
        return self._chain.copied

    # What there is to send.

    def newest_event(self) -> ChainPoint | None:
        row = self._store.row(
            "SELECT v.n, v.event, e.epoch FROM events v JOIN epochs e USING (place)"
            " ORDER BY v.place DESC, v.n DESC LIMIT 1"
        )
        return ChainPoint(epoch=row["epoch"], n=row["n"], head=row["event"]) if row else None

    def events_after(self, at: ChainPoint | None, limit: int) -> list[OutgoingEvent]:
        start = None
        if at is not None:
            start = self._store.row("SELECT place, n FROM events WHERE event = ?", (at.head,))
        place, n = (start["place"], start["n"]) if start else (-1, -1)
        rows = self._store.rows(
            "SELECT v.n, v.event, v.raw, e.epoch FROM events v JOIN epochs e USING (place)"
            " WHERE e.platform = ? AND e.dock = ? AND (v.place, v.n) > (?, ?)"
            " ORDER BY v.place, v.n LIMIT ?",
            (self._platform, self._custody.identity.dock, place, n, limit),
        )
        return [
            OutgoingEvent(ChainPoint(epoch=r["epoch"], n=r["n"], head=r["event"]), r["raw"]) for r in rows
        ]

    def waiting_manifests(self, limit: int) -> list[OutgoingManifest]:
        now = self._custody.clock.now()
        with self._store.write() as tx:
            rows = tx.rows(
                "SELECT * FROM manifests WHERE platform = ? AND receipted = 0 AND retry_at <= ?"
                " ORDER BY retry_at, made_at, revision LIMIT ?",
                (self._platform, to_text(now), limit),
            )
            for row in rows:
                tx.execute(
                    "UPDATE manifests SET tries = tries + 1, retry_at = ? WHERE manifest = ?",
                    (to_text(now + _backoff(row["tries"])), row["manifest"]),
                )
        return [_outgoing(row) for row in sorted(rows, key=lambda r: (r["made_at"], r["revision"]))]

    def newest_manifest(self, recording: str) -> OutgoingManifest | None:
        row = self._store.row(
            "SELECT * FROM manifests WHERE platform = ? AND recording = ? ORDER BY revision DESC LIMIT 1",
            (self._platform, recording),
        )
        return _outgoing(row) if row else None

    def report(self, digest: str) -> bytes | None:
        body = self._store.value("SELECT body FROM reports WHERE report = ?", (digest,))
        return bytes(body) if body is not None else None

    def next_file(self, busy: frozenset[str]) -> OutgoingFile | None:
        now = to_text(self._custody.clock.now())
        with self._store.write() as tx:
            rows = tx.rows(
                "SELECT * FROM recordings WHERE state IN ('stored', 'sending') AND revision > 0"
                " AND cleared_at IS NULL AND damaged IS NULL"
                " AND retry_at <= ? ORDER BY holds = '[]', marked AND ? DESC, stored_at LIMIT ?",
                (now, self.marked_first, len(busy) + 1),
            )
            row = next((row for row in rows if row["recording"] not in busy), None)
            if row is None:
                return None
            tx.execute("UPDATE recordings SET state = 'sending' WHERE recording = ?", (row["recording"],))
        return OutgoingFile(
            recording=row["recording"],
            file_id=file_id(
                self._platform,
                self._custody.identity.key.key_id,
                row["recording"],
                row["sha256"],
                row["attempt"],
            ),
            attempt=row["attempt"],
            path=self._vault.path(row["vault"]),
            extension=extension_of(row["path"]),
            size_bytes=row["size"],
            sha256=row["sha256"],
            manifest=row["manifest"],
            sent_before_bytes=row["sent_bytes"],
        )

    def file_progress(self, recording: str, durable_bytes: int, sent_bytes: int) -> None:
        with self._store.write() as tx:
            tx.execute(
                "UPDATE recordings SET durable_bytes = ?, sent_bytes = ? WHERE recording = ?",
                (durable_bytes, sent_bytes, recording),
            )

    def file_failed(self, recording: str, reason: str, new_attempt: bool) -> None:
        now = self._custody.clock.now()
        with self._store.write() as tx:
            row = tx.row("SELECT state, failures FROM recordings WHERE recording = ?", (recording,))
            if row is None or row["state"] == "delivered":
                return
            tx.execute(
                "UPDATE recordings SET state = 'stored', failures = failures + 1, failure = ?,"
                " retry_at = max(retry_at, ?), attempt = attempt + ? WHERE recording = ? AND retry_at < ?",
                (
                    reason[:500],
                    to_text(now + _backoff(row["failures"])),
                    int(new_attempt),
                    recording,
                    NEVER,
                ),
            )
            if new_attempt:  # another file_id: nothing of it has gone out; our own copy is read back next
                tx.execute(
                    "UPDATE recordings SET durable_bytes = 0, sent_bytes = 0, checked_at = ''"
                    " WHERE recording = ?",
                    (recording,),
                )
        self._changed()

    # What comes back.

    def take_receipt(self, recording: str, raw: bytes) -> Taken:
        facts = self._facts(recording)
        if facts is None:  # of another dock, or of before a restore (trust.md): nothing to do
            self._counters.count("ignored.receipt.unknown")
            return Taken.IGNORED
        try:
            signed, message = delivery.check_receipt(raw, self._ring, facts)
        except Refused as refused:
            self._counters.count(f"refused.receipt.{refused.code}")
            if refused.code == "manifest":
                self._send_newest(recording)
            with about(recording=recording):
                _LOG.warning("receipt for %s refused: %s", recording, refused)
            return Taken.REFUSED
        if isinstance(message, Receipt):
            taken = self._keep_receipt(signed, message)
        else:
            taken = self._keep_refusal(message)
        self._changed()
        return taken

    def take_head(self, raw: bytes, live: bool) -> HeadTaken:
        try:
            _, head = delivery.check_head(raw, self._ring, self._platform, self._custody.identity.dock)
        except Refused as refused:
            self._counters.count(f"refused.head.{refused.code}")
            return HeadTaken(Taken.REFUSED)
        self._custody.clock.raise_floor(head.time)
        if not live:  # a ghost, perhaps: it starts nothing but sending
            return HeadTaken(Taken.TAKEN, *self._chain.sending(head.at))
        if head.lease < self._lease:
            return HeadTaken(Taken.IGNORED)
        if head.lease > self._lease:
            self._lease = head.lease
            self._send_all_again()
        what = self._chain.take(head.at)
        if what not in (Meaning.OURS, Meaning.UNSETTLED):
            self._counters.count(f"head.{what.value}")
            self._changed()
        after, beside = self._chain.sending(head.at)
        return HeadTaken(Taken.TAKEN, after, beside, what is Meaning.UNSETTLED)

    def take_registry(self, kind: str, raw: bytes) -> Taken:
        identity = self._custody.identity
        try:
            signed, registry = delivery.check_registry(raw, self._ring, self._platform, identity.site, kind)
        except Refused as refused:
            self._counters.count(f"refused.registry.{refused.code}")
            return Taken.REFUSED
        newer = keep_registry(
            self._store, self._custody.clock, kind, registry.version, signed.raw, signed.payload
        )
        if newer:
            _LOG.info("registry %s version %d taken", kind, registry.version)
            self._changed()
        return Taken.TAKEN if newer else Taken.KNOWN

    def take_reconciliation(self, raw: bytes) -> Taken:
        try:
            signed, page = delivery.check_reconciliation(
                raw, self._ring, self._platform, self._custody.identity.dock
            )
        except Refused as refused:
            self._counters.count(f"refused.reconciliation.{refused.code}")
            return Taken.REFUSED
        self._custody.clock.raise_floor(page.time)
        lost = reconcile(self._store, self._platform, signed, page)
        if lost:
            self._counters.count("platform.forgot")
            _LOG.error("the platform does not hold %s (and %d more)", lost[0], len(lost) - 1)
        self._changed()
        return Taken.TAKEN

    def count(self, what: str) -> None:
        self._counters.count(what)

    # Inside.

    def _facts(self, recording: str) -> delivery.RecordingFacts | None:
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
        )

    def _keep_receipt(self, signed: Envelope, receipt: Receipt) -> Taken:
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

    def _keep_refusal(self, refusal: Refusal) -> Taken:
        words = f"{refusal.code}: {refusal.reason}"
        self._counters.count(f"refusal.{refusal.code}")
        missing = refusal.code == "later" and refusal.reason.startswith("missing")
        current = self._current(refusal) if missing or refusal.code == "conflict" else None
        waits_for_person = refusal.code in ("never", "not_allowed", "conflict")
        wait = timedelta(seconds=refusal.retry_after if refusal.retry_after is not None else _LAST_RETRY_S)
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

    def _send_newest(self, recording: str) -> None:
        with self._store.write() as tx:
            tx.execute(
                "UPDATE manifests SET receipted = 0, retry_at = '' WHERE platform = ? AND recording = ?"
                " AND receipted = 1 AND revision = (SELECT revision FROM recordings WHERE recording = ?)",
                (self._platform, recording, recording),
            )

    def _leave_for_later(self, tx: Transaction, manifest: str) -> None:
        again = to_text(self._custody.clock.now() + timedelta(seconds=_LAST_RETRY_S))
        tx.execute("UPDATE manifests SET retry_at = ? WHERE manifest = ?", (again, manifest))

    def _send_all_again(self) -> None:
        """A receiver that (re)started lacks, at worst, everything that it gave no receipt for."""
        with self._store.write() as tx:
            tx.execute(
                "UPDATE manifests SET retry_at = '', tries = 0"
                " WHERE platform = ? AND receipted = 0 AND retry_at < ?",
                (self._platform, NEVER),
            )
            tx.execute(
                "UPDATE recordings SET retry_at = '' WHERE state <> 'delivered' AND retry_at < ?", (NEVER,)
            )


def _outgoing(row: Row) -> OutgoingManifest:
    reports = (row["report"],) if row["report"] else ()
    return OutgoingManifest(row["recording"], row["revision"], row["manifest"], bytes(row["raw"]), reports)


def _backoff(tries: int) -> timedelta:
    return timedelta(seconds=min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(tries, 10)))
