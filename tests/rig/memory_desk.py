"""A dock's side of the link in memory: signs real events and manifests, verifies real receipts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

from uplink import delivery, envelope
from uplink.desk import HeadTaken, OutgoingEvent, OutgoingFile, OutgoingManifest, Taken
from uplink.errors import Refused
from uplink.ids import draw_id, file_id, recording_id
from uplink.keys import KeyRing, SigningKey
from uplink.messages import ChainPoint, CustodyEvent, Receipt

NOW = "2026-01-02T03:04:05Z"
PLATFORM, SITE, DOCK = "p1", "s1", "d1"


class MemoryDesk:
    """Implements uplink.desk.Desk.  `platform_ring`: whose receipts count."""

    def __init__(self, key: SigningKey, platform_ring: KeyRing) -> None:
        self.key = key
        self.ring = platform_ring
        self.epoch = draw_id()
        self.events: list[OutgoingEvent] = []
        self.revisions: dict[str, list[OutgoingManifest]] = {}
        self.due: list[OutgoingManifest] = []
        self.files: dict[str, OutgoingFile] = {}
        self.waiting: list[str] = []
        self.delivered: dict[str, Receipt] = {}
        self.failed: list[tuple[str, str, bool]] = []
        self.progress: list[tuple[str, int, int]] = []
        self.heads: list[tuple[ChainPoint | None, bool]] = []
        self.registries: Counter[str] = Counter()
        self.reports: dict[str, bytes] = {}
        self.counters: Counter[str] = Counter()
        self.silent = False
        self.lease = 0

    # What a test puts in

    def add_event(self, kind: str = "cleared") -> OutgoingEvent:
        last = self.events[-1].at if self.events else None
        n = last.n + 1 if last else 0
        clock = {"synced": True, "source": "ntp", "floor": NOW}
        event = {
            "dock": DOCK,
            "platform": PLATFORM,
            "epoch": self.epoch,
            "n": n,
            "prev": last.head if last else None,
            "run": self.epoch,
            "time": NOW,
            "clock": clock,
            "kind": kind,
            "actor": {"person": "x", "by": "machine", "proven": True},
            "data": {"recordings": []},
        }
        payload = CustodyEvent.model_validate_json(json.dumps(event)).to_bytes()
        signed = envelope.seal("event", payload, self.key)
        outgoing = OutgoingEvent(ChainPoint(epoch=self.epoch, n=n, head=signed.digest), signed.raw)
        self.events.append(outgoing)
        return outgoing

    def add_file(self, path: Path, *, attempt: int = 1, sent_before: int = 0) -> str:
        """Take a file in: one event, one manifest, and the bytes wait."""
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        recording = recording_id("SN1", path.name.encode(), len(data), sha256)
        if not self.events:
            self.add_event()
        manifest = self.add_revision(recording, sha256, len(data))
        name = file_id(PLATFORM, self.key.key_id, recording, sha256, attempt)
        self.files[recording] = OutgoingFile(
            recording, name, attempt, path, "mp4", len(data), sha256, manifest.digest, sent_before
        )
        self.waiting.append(recording)
        return recording

    def add_revision(
        self, recording: str, sha256: str, size: int, reports: tuple[str, ...] = ()
    ) -> OutgoingManifest:
        before = self.revisions.setdefault(recording, [])
        payload = (
            f'{{"recording":"{recording}","revision":{len(before) + 1},"sha256":"{sha256}","size":{size}}}'
        ).encode()
        signed = envelope.seal("manifest", payload, self.key)
        made = OutgoingManifest(recording, len(before) + 1, signed.digest, signed.raw, reports)
        before.append(made)
        self.due.append(made)
        return made

    # The border

    def events_after(self, at: ChainPoint | None, limit: int) -> list[OutgoingEvent]:
        points = [event.at for event in self.events]
        start = points.index(at) + 1 if at in points else 0
        return self.events[start : start + limit]

    def waiting_manifests(self, limit: int) -> list[OutgoingManifest]:
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    def newest_manifest(self, recording: str) -> OutgoingManifest | None:
        known = self.revisions.get(recording, [])
        return known[-1] if known else None

    def report(self, digest: str) -> bytes | None:
        return self.reports.get(digest)

    def next_file(self, busy: frozenset[str]) -> OutgoingFile | None:
        free = [recording for recording in self.waiting if recording not in busy]
        if not free:
            return None
        self.waiting.remove(free[0])
        return self.files[free[0]]

    def file_progress(self, recording: str, durable_bytes: int, sent_bytes: int) -> None:
        self.progress.append((recording, durable_bytes, sent_bytes))

    def file_failed(self, recording: str, reason: str, new_attempt: bool) -> None:
        self.failed.append((recording, reason, new_attempt))

    def take_receipt(self, recording: str, raw: bytes) -> Taken:
        file = self.files.get(recording)
        if file is None:
            return Taken.IGNORED
        manifests = {m.digest: m.revision for m in self.revisions[recording]}
        facts = delivery.RecordingFacts(
            PLATFORM, DOCK, self.key.key_id, recording, file.size_bytes, file.sha256, manifests
        )
        try:
            _, message = delivery.check_receipt(raw, self.ring, facts)
        except Refused as e:
            self.count(f"refused.receipt.{e.code}")
            return Taken.REFUSED
        if isinstance(message, Receipt):
            self.delivered[recording] = message
        else:
            self.count(f"refusal.{message.code}")
        return Taken.TAKEN

    def take_head(self, raw: bytes, live: bool) -> HeadTaken:
        try:
            _, head = delivery.check_head(raw, self.ring, PLATFORM, DOCK)
        except Refused as e:
            self.count(f"refused.head.{e.code}")
            return HeadTaken(Taken.REFUSED)
        self.heads.append((head.at, live))
        anew = live and head.lease > self.lease
        if anew:  # as the daemon's: a receiver that began lacks, at worst, all that it gave no receipt for
            self.lease = head.lease
            unheard = [made[-1] for name, made in self.revisions.items() if name not in self.delivered]
            self.due += [manifest for manifest in unheard if manifest not in self.due]
        return HeadTaken(Taken.TAKEN, head.at, anew=anew)

    def take_registry(self, kind: str, raw: bytes) -> Taken:
        try:
            delivery.check_registry(raw, self.ring, PLATFORM, SITE, kind)
        except Refused as e:
            self.count(f"refused.registry.{e.code}")
            return Taken.REFUSED
        self.registries[kind] += 1
        return Taken.TAKEN

    def take_reconciliation(self, raw: bytes) -> Taken:
        self.count("reconciliation")
        return Taken.TAKEN

    def count(self, what: str) -> None:
        self.counters[what] += 1
