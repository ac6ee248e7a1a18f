"""The dock's side of the link: what there is to send, and what becomes of what comes back.

- A receipt counts only if it names the platform, dock, key, bytes and a manifest of ours (trust.md,
  Delivered); then the bytes are `delivered`, and every revision up to its own is receipted.
- A refusal never deletes anything: it is kept with its reason and tried again, or waits for a person.
- A receipt for a revision that this store forgot makes it send its newest: the answer tells the rest.
- Every revision goes to the platform, in order; a later one never moves the bytes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from zoneinfo import ZoneInfo

from daemon.counters import Counters
from daemon.custody import Custody
from daemon.desk.outgoing import Outgoing
from daemon.desk.receipts import Receipts
from daemon.desk.refusals import Refusals
from daemon.lineage.chain import NEVER, ChainLine
from daemon.lineage.heads import Meaning
from daemon.logfields import about
from daemon.reconciling import reconcile
from daemon.registries import keep_registry
from daemon.store import Store
from daemon.tagrules import TagRules, shipped_rules
from daemon.vault import Vault
from uplink import delivery
from uplink.desk import HeadTaken, Taken
from uplink.errors import Refused
from uplink.keys import KeyRing
from uplink.messages import Receipt

UTC = ZoneInfo("UTC")
_LOG = logging.getLogger(__name__)


class StoreDesk(Outgoing):
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
        zone: ZoneInfo = UTC,
    ) -> None:
        super().__init__(store, custody, vault, zone)
        self._ring = ring
        self._counters = counters
        self._changed = changed
        self._lease = -1
        self._chain = ChainLine(store, custody)
        self._receipts = Receipts(store, custody, counters)
        self._refusals = Refusals(store, custody, counters, rules or shipped_rules())

    @property
    def silent(self) -> bool:
        return self._chain.copied or self._chain.key_gone

    @property
    def key_gone(self) -> bool:
        """Whether the platform knows this dock by a key that it does not have."""
        return self._chain.key_gone

    def file_failed(self, recording: str, reason: str, new_attempt: bool) -> None:
        super().file_failed(recording, reason, new_attempt)
        self._changed()

    def take_receipt(self, recording: str, raw: bytes) -> Taken:
        facts = self._receipts.facts(recording)
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
            taken = self._receipts.keep(signed, message)
        else:
            taken = self._refusals.keep(message)
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
        anew = head.lease > self._lease
        if anew:
            self._lease = head.lease
            self._send_all_again()
        what = self._chain.take(head.at, head.dock_key)
        if what not in (Meaning.OURS, Meaning.UNSETTLED):
            self._counters.count(f"head.{what.value}")
            self._changed()
        after, beside = self._chain.sending(head.at)
        return HeadTaken(Taken.TAKEN, after, beside, what is Meaning.UNSETTLED, anew)

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

    def _send_newest(self, recording: str) -> None:
        with self._store.write() as tx:
            tx.execute(
                "UPDATE manifests SET receipted = 0, retry_at = '' WHERE platform = ? AND recording = ?"
                " AND receipted = 1 AND revision = (SELECT revision FROM recordings WHERE recording = ?)",
                (self._platform, recording, recording),
            )

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
