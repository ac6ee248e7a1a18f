"""Manifests on their way: what the desk says is due, reports that travel beside before their manifest.

- The desk owns who is due and when again; what is fetched from it counts as sent by its clock.
- At most 100 that are neither receipted nor refused, or a receiver that comes back would find its
  broker's queue overflowing; after 10 s without an answer that count is forgotten.
- A report goes once a connection for all manifests that name it; with a repeated manifest again.
"""

from __future__ import annotations

from collections import deque

from uplink.desk import Desk, OutgoingManifest
from uplink.errors import TooLarge
from uplink.outbox import Outbox, Sent

MOST_UNANSWERED = 100
QUIET_S = 10.0
BATCH = 20
REMEMBERED = 1000


class ManifestFlow:
    """For the link's one thread."""

    def __init__(self, outbox: Outbox, desk: Desk) -> None:
        self._outbox = outbox
        self._desk = desk
        self._fetched: deque[OutgoingManifest] = deque()
        self._told: dict[str, None] = {}  # digests of manifests and reports sent on this connection
        self._unanswered = 0
        self._heard_at = 0.0

    def connected(self, now: float) -> None:
        # What was fetched may be outdated: an older revision after a newer one would be a conflict.
        self._fetched.clear()
        self._told.clear()
        self._unanswered = 0
        self._heard_at = now

    def answered(self, now: float) -> None:
        """A receipt or a refusal came."""
        self._unanswered = max(0, self._unanswered - 1)
        self._heard_at = now

    def work(self, now: float) -> bool:
        """Send what is due; True if there may be more.  Raises Offline."""
        if self._unanswered >= MOST_UNANSWERED:
            if now - self._heard_at < QUIET_S:
                return False
            self._unanswered = 0
        if not self._fetched:
            self._fetched.extend(self._desk.waiting_manifests(BATCH))
        full = len(self._fetched) >= BATCH
        while self._fetched:
            self._send(self._fetched[0])
            self._fetched.popleft()
            self._unanswered += 1
            self._heard_at = now
        return full

    def send_newest(self, recording: str) -> None:
        """Send the newest revision of a recording that the platform says it does not know.

        If it lacks those before too, its refusal says so to the desk.  Raises Offline.
        """
        newest = self._desk.newest_manifest(recording)
        if newest is not None:
            self._send(newest)

    def _send(self, manifest: OutgoingManifest) -> None:
        again = manifest.digest in self._told
        try:
            for digest in manifest.reports:
                if again or digest not in self._told:
                    self._send_report(digest)
            sent = Sent("manifest", manifest.recording)
            self._outbox.publish(sent, f"manifests/{manifest.recording}", manifest.raw)
            self._remember(manifest.digest)
        except TooLarge:
            self._desk.count("too_large.manifest")  # the desk has it tried again

    def _send_report(self, digest: str) -> None:
        body = self._desk.report(digest)
        if body is None:
            self._desk.count("missing.report")
            return
        self._outbox.publish(Sent("report", digest), f"reports/{digest}", body)
        self._remember(digest)

    def _remember(self, digest: str) -> None:
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[digest] = None
