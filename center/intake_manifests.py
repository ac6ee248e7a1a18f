"""Manifests and reports come in: verify, put in line, keep, answer (rules: `revisions.py`)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from center import revisions, rolling
from center.catalogue import database, recordings
from center.catalogue.docks import Dock
from center.catalogue.evidence import Evidence
from center.catalogue.recordings import HeldManifest, Recording
from center.office import Office, Outgoing, Subject
from center.receipting import Receipting
from uplink import envelope
from uplink.errors import Refused
from uplink.messages.manifest import Manifest

MAX_UNNAMED_REPORTS = 64
MAX_REMEMBERED = 1000


class ManifestIntake:
    """Takes manifests and the reports that travel beside them."""

    def __init__(self, office: Office, receipting: Receipting) -> None:
        self._office = office
        self._receipting = receipting
        # (dock, recording): {revision: (digest, first answered with `missing`)}
        self._asked: OrderedDict[tuple[str, str], dict[int, tuple[str, float]]] = OrderedDict()

    def take(self, dock: Dock, recording: str, raw: bytes) -> list[Outgoing]:
        """Keep a manifest, or refuse it by a signed answer.  Raises Refused where none is owed."""
        sealed, manifest = rolling.open_manifest(self._office.connection, dock, raw)
        topic = revisions.Topic(self._office.platform, dock.dock, recording)
        with database.writing(self._office.connection) as connection:
            held = recordings.find(connection, dock.dock, manifest.recording)
            newest = None if held is None else revisions.Newest(held.revision, held.manifest)
            same = recordings.manifest(connection, dock.dock, manifest.recording, manifest.revision)
            decision = revisions.decide(
                manifest,
                sealed.digest,
                topic,
                revisions.Held(newest, None if same is None else same.digest),
                self._asked_s(dock, manifest, sealed.digest),
            )
            if decision.outcome in (revisions.Outcome.TAKE, revisions.Outcome.TAKE_INCOMPLETE):
                incomplete = decision.outcome is revisions.Outcome.TAKE_INCOMPLETE
                self._keep(dock, manifest, sealed, incomplete)
        return self._answer(dock, manifest, sealed, held, decision)

    def take_report(self, dock: Dock, digest: str, raw: bytes) -> list[Outgoing]:
        """Keep a report that travels beside.  Raises Refused (`report`, `quota`)."""
        if len(raw) > recordings.MAX_REPORT_BYTES or hashlib.sha256(raw).hexdigest() != digest:
            raise Refused("report", f"{len(raw)} bytes that are not those named {digest[:16]}")
        with database.writing(self._office.connection) as connection:
            named = recordings.report_is_named(connection, dock.dock, digest)
            if not named and recordings.unnamed_reports(connection, dock.dock) >= MAX_UNNAMED_REPORTS:
                raise Refused("quota", "too many reports that no manifest names: the manifest first")
            recordings.add_report(connection, dock.dock, digest, raw, self._office.now())
        self._office.count("reports", dock.dock)
        out: list[Outgoing] = []
        for recording in recordings.naming_report(self._office.connection, dock.dock, digest):
            out += self._receipting.due(dock, recording)
        return out

    def _keep(self, dock: Dock, manifest: Manifest, sealed: envelope.Envelope, incomplete: bool) -> None:
        beside = manifest.report is not None and manifest.report.body is None
        report = manifest.report.sha256 if beside and manifest.report is not None else None
        recordings.add_manifest(
            self._office.connection,
            dock.dock,
            manifest.recording,
            (manifest.sha256, manifest.size),
            HeldManifest(
                manifest.revision, sealed.digest, sealed.raw, report, self._office.now().isoformat()
            ),
            incomplete,
        )

    def _answer(
        self,
        dock: Dock,
        manifest: Manifest,
        sealed: envelope.Envelope,
        held: Recording | None,
        decision: revisions.Decision,
    ) -> list[Outgoing]:
        match decision.outcome:
            case revisions.Outcome.TAKE | revisions.Outcome.TAKE_INCOMPLETE:
                self._office.count("manifests", dock.dock)
                self._asked.pop((dock.dock, manifest.recording), None)
                return self._receipting.due(dock, manifest.recording)
            case revisions.Outcome.AGAIN:
                self._office.count("again.manifest", dock.dock)
                return self._receipting.due(dock, manifest.recording)
        if decision.evidence:
            topic = dock.topics.up(f"manifests/{manifest.recording}")
            reason = decision.reason
            self._office.quarantine(
                Evidence(dock.dock, topic, decision.code, reason, sealed.raw, signed=True)
            )
        if decision.code == "later":
            self._note_asked(dock, manifest, sealed.digest)
        current = None
        if decision.with_current and held is not None:
            newest = recordings.manifest(
                self._office.connection, dock.dock, manifest.recording, held.revision
            )
            current = None if newest is None else newest.raw
        subject = Subject(
            manifest.recording, manifest.sha256, manifest.size, manifest.revision, sealed.digest
        )
        return [self._office.refusal(dock, subject, decision.code, decision.reason, current)]

    def _asked_s(self, dock: Dock, manifest: Manifest, digest: str) -> float | None:
        """Return since when this manifest is the lowest one that the dock has to offer."""
        asked = self._asked.get((dock.dock, manifest.recording), {})
        known, first_s = asked.get(manifest.revision, ("", 0.0))
        if known != digest or manifest.revision != min(asked):
            return None
        return self._office.monotonic() - first_s

    def _note_asked(self, dock: Dock, manifest: Manifest, digest: str) -> None:
        asked = self._asked.setdefault((dock.dock, manifest.recording), {})
        if asked.get(manifest.revision, ("", 0.0))[0] != digest and len(asked) < MAX_REMEMBERED:
            asked[manifest.revision] = (digest, self._office.monotonic())
        if len(self._asked) > MAX_REMEMBERED:
            self._asked.popitem(last=False)
