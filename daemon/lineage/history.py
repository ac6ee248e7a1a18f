"""Refusals with `current`: what this dock forgot is taken back, and two lines become one (rules: `line`).

Everything that follows from one refusal is one transaction: the history that is kept, the revisions that are
put aside, the united revision and its `merged` event.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass

from daemon.custody import Custody, sideline
from daemon.fitting import room_for
from daemon.lineage.line import Answer, Link, judge, put_aside
from daemon.lineage.uniting import United, unite
from daemon.registries import load_registries
from daemon.revisions import Deed, Merging, beside, revise
from daemon.stages.first import tag_facts
from daemon.store import Row, Store, Transaction
from daemon.store.database import to_text
from daemon.tagging import tag
from daemon.tagrules import TagRules
from uplink import envelope
from uplink.envelope import Envelope
from uplink.errors import Refused
from uplink.keys import Role
from uplink.messages import Manifest, Refusal
from uplink.messages.manifest import MAX_MANIFEST_BYTES, ReportRef

_LOG = logging.getLogger(__name__)
MAX_CASES = MAX_HOLDS = 64  # of the wire


@dataclass(frozen=True)
class Current:
    """The newest revision that the platform holds: signed by this dock, for this recording's bytes."""

    signed: Envelope
    manifest: Manifest

    @property
    def link(self) -> Link:
        return Link(self.manifest.revision, self.signed.digest, self.manifest.prev_manifest)


class History:
    """For the link's one thread."""

    def __init__(self, store: Store, custody: Custody, rules: TagRules) -> None:
        self._store = store
        self._custody = custody
        self._rules = rules

    def current(self, refusal: Refusal) -> Current | None:
        """Return the refusal's `current`, if it has one.  Raises Refused where it is not this dock's."""
        if refusal.current is None:
            return None
        raw = envelope.dump(refusal.current)
        signed = envelope.unseal(raw, "manifest", self._custody.identity.ring, Role.DOCK, MAX_MANIFEST_BYTES)
        manifest = Manifest.parse(signed.payload, MAX_MANIFEST_BYTES)
        theirs = (manifest.platform, manifest.dock, manifest.recording, manifest.sha256, manifest.size)
        identity = self._custody.identity
        if theirs != (identity.platform, identity.dock, refusal.recording, refusal.sha256, refusal.size):
            raise Refused("current", f"a manifest of {'/'.join(theirs[:3])}")
        return Current(signed, manifest)

    def take(self, tx: Transaction, refusal: Refusal, current: Current) -> Answer | None:
        """Do what follows from a verified refusal; None where a person is needed: it does not fit."""
        row = tx.row("SELECT * FROM recordings WHERE recording = ?", (refusal.recording,))
        assert row is not None  # the refusal was checked against it
        line = self._line(tx, refusal.recording)
        judged = judge(line, refusal.manifest, current.link, conflict=refusal.code == "conflict")
        if judged.adopt:
            self._keep(tx, current)
        if judged.answer is Answer.UNITE and not self._unite(tx, row, line, current):
            return None
        return judged.answer

    def _line(self, tx: Transaction, recording: str) -> list[Link]:
        rows = tx.rows(
            "SELECT revision, manifest, raw FROM manifests WHERE platform = ? AND recording = ?"
            " ORDER BY revision",
            (self._custody.identity.platform, recording),
        )
        return [Link(row["revision"], row["manifest"], _parsed(row).prev_manifest) for row in rows]

    def _unite(self, tx: Transaction, row: Row, line: list[Link], current: Current) -> bool:
        recording, platform = row["recording"], self._custody.identity.platform
        newest = tx.row(
            "SELECT manifest, raw FROM manifests WHERE platform = ? AND recording = ? AND revision = ?",
            (platform, recording, row["revision"]),
        )
        assert newest is not None  # a refusal speaks of what was sent
        united = unite(_parsed(newest), current.manifest, self._rules)
        registries = load_registries(self._store)
        made = tag(tag_facts(row, None), united.tag, registries, self._rules)
        too_many = len(made.cases) > MAX_CASES or len(united.holds) > MAX_HOLDS
        if too_many or not room_for(made, united.holds):
            _LOG.error("recording %s: the union of both lines does not fit a manifest", recording)
            return False
        receipts = tx.rows("SELECT manifest FROM receipts WHERE recording = ?", (recording,))
        receipted = {receipt["manifest"] for receipt in receipts}
        aside = put_aside(line, current.link, receipted)
        for number in aside:
            which = "platform = ? AND recording = ? AND revision = ?"
            sideline(tx, which, (platform, recording, number))
        self._keep(tx, current)
        kept = [link.revision for link in line if link.revision not in aside and link.manifest in receipted]
        tx.execute(
            "UPDATE recordings SET revision = ?, manifest = ?, delivered_revision = ?, retry_at = '',"
            " failure = NULL WHERE recording = ?",
            (current.manifest.revision, current.signed.digest, max(kept, default=0), recording),
        )
        self._take_report(tx, recording, united, current)
        merging = Merging(current.signed.digest, newest["manifest"], united.basis)
        deed = Deed(holds=united.holds, merging=merging)
        revision = revise(tx, self._custody, recording, made, registries.versions, None, deed)
        _LOG.warning(
            "recording %s: the platform holds revision %d, which this dock had forgotten; united as %d",
            recording,
            current.manifest.revision,
            revision.revision,
        )
        return True

    def _keep(self, tx: Transaction, current: Current) -> None:
        """Put history into the line: the platform holds it, so that it need not go again."""
        manifest, digest = current.manifest, current.signed.digest
        before: str | None = digest
        while before is not None:  # what was put aside and turns out to be before it comes back
            before = self._bring_back(tx, before)
        tx.execute(
            "INSERT OR IGNORE INTO manifests"
            " (platform, recording, revision, manifest, raw, report, made_at, receipted, history)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1)",
            (
                manifest.platform,
                manifest.recording,
                manifest.revision,
                digest,
                current.signed.raw,
                beside(manifest.report),
                to_text(manifest.time),
            ),
        )

    def _bring_back(self, tx: Transaction, digest: str) -> str | None:
        """Put a revision that was put aside into the line again; return the digest of the one before it."""
        row = tx.row("SELECT raw FROM sidelined WHERE manifest = ?", (digest,))
        if row is None:
            return None
        columns = "platform, recording, revision, manifest, raw, report, made_at, history"
        tx.execute(
            f"INSERT OR IGNORE INTO manifests ({columns}, receipted)"
            f" SELECT {columns}, 1 FROM sidelined WHERE manifest = ?",
            (digest,),
        )
        kept = tx.row("SELECT 1 FROM manifests WHERE manifest = ?", (digest,))
        if kept is None:  # another one of ours has its place
            return None
        tx.execute("DELETE FROM sidelined WHERE manifest = ?", (digest,))
        return _parsed(row).prev_manifest

    def _take_report(self, tx: Transaction, recording: str, united: United, current: Current) -> None:
        """The report that goes on is the row's, where its bytes can be had; else it is inspected again."""
        ref = current.manifest.report
        if ref is None or united.basis is not current.manifest:
            return
        body = _bytes_of(ref)
        if body is not None:
            tx.execute(
                "INSERT OR IGNORE INTO reports (report, depth, body, made_at) VALUES (?, ?, ?, ?)",
                (ref.sha256, ref.depth, body, to_text(current.manifest.time)),
            )
            tx.execute(
                "UPDATE recordings SET report = ?, verdict = ? WHERE recording = ?",
                (ref.sha256, ref.verdict, recording),
            )


def _parsed(row: Row) -> Manifest:
    return Manifest.parse(envelope.peek(row["raw"], "manifest"), MAX_MANIFEST_BYTES)


def _bytes_of(ref: ReportRef) -> bytes | None:
    """Return the exact bytes of a report that stood in a manifest, where they can be told."""
    if ref.body is None:
        return None
    body = json.dumps(ref.body, ensure_ascii=False, separators=(",", ":")).encode()
    return body if hashlib.sha256(body).hexdigest() == ref.sha256 else None
