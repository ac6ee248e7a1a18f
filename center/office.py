"""What the intakes of one receiver share: catalogue, signing, counting, clocks, and what goes out."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from center.catalogue import database, evidence
from center.catalogue.docks import Dock
from center.platform import PlatformKeys
from center.settings import Settings
from uplink import envelope, ids
from uplink.messages.base import Wire
from uplink.messages.receipt import Head, Receipt, Refusal, RefusalCode, StoredProof


@dataclass(frozen=True)
class Outgoing:
    """A message to publish."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True)
class Subject:
    """What a receipt or refusal speaks of: one revision of one recording."""

    recording: str
    sha256: str
    size_bytes: int
    revision: int
    manifest: str


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Office:
    """The catalogue's writer and the platform's pen.  For one thread."""

    connection: sqlite3.Connection
    settings: Settings
    keys: PlatformKeys
    lease: int
    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    _counted: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def platform(self) -> str:
        return self.settings.id

    def count(self, name: str, dock: str = "") -> None:
        self._counted[(name, dock)] += 1

    def flush_counters(self) -> None:
        """Write down what was counted.  Raises sqlite3.Error; nothing is lost then."""
        if not self._counted:
            return
        with database.writing(self.connection):
            evidence.count(self.connection, dict(self._counted))
        self._counted.clear()

    def quarantine(self, item: evidence.Evidence) -> None:
        """Keep what was refused, as far as there is room."""
        with database.writing(self.connection):
            kept = evidence.keep(self.connection, item, self.settings.limits, self.now())
        if not kept:
            self.count("quarantine.full", item.dock)

    # Signing

    def receipt(self, dock: Dock, subject: Subject, stored_at: datetime, supersedes: str | None) -> Receipt:
        return Receipt(
            **self._binding(dock, subject),
            receipt=ids.draw_id(),
            received_at=self.now(),
            stored=StoredProof(verified_by_reading=True, copies=1, at=stored_at),
            supersedes=supersedes,
        )

    def refusal(
        self, dock: Dock, subject: Subject, code: RefusalCode, reason: str, current: bytes | None = None
    ) -> Outgoing:
        """Sign a refusal.  `current`: the newest manifest held, as received."""
        refusal = Refusal(
            **self._binding(dock, subject),
            refusal=ids.draw_id(),
            code=code,
            reason=reason,
            at=self.now(),
            current=None if current is None else json.loads(current),
        )
        self.count(f"refused.manifest.{code}", dock.dock)
        return Outgoing(dock.topics.down(f"receipts/{subject.recording}"), self.sealed("refusal", refusal))

    def head(self, dock: Dock) -> Outgoing:
        head = Head(platform=self.platform, dock=dock.dock, at=dock.head, lease=self.lease, time=self.now())
        return Outgoing(dock.topics.down("head"), self.sealed("head", head), retain=True)

    def sealed(self, kind: str, message: Wire) -> bytes:
        return envelope.seal(kind, message.to_bytes(), self.keys.receipt).raw

    def _binding(self, dock: Dock, subject: Subject) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "store": self.settings.store,
            "dock": dock.dock,
            "dock_key": dock.key.key_id,
            "recording": subject.recording,
            "sha256": subject.sha256,
            "size": subject.size_bytes,
            "revision": subject.revision,
            "manifest": subject.manifest,
        }
