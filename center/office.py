"""What the intakes of one receiver share: catalogue, signing, counting, clocks, and what goes out."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from center.catalogue import database, evidence, registries, troubles
from center.catalogue.docks import Dock
from center.fence import Vain
from center.platform import PlatformKeys
from center.quiet import Quiet
from center.settings import Settings
from center.troubles import FADES_AFTER, FADING
from uplink import envelope, ids
from uplink.messages.base import Wire
from uplink.messages.receipt import Head, Receipt, Refusal, RefusalCode, StoredProof

log = logging.getLogger(__name__)
# What a counter says of the message that is being taken.  A dock after a restore, and one whose platform was
# restored, repeat thousands of manifests and events, each answered: that is held already, and hardly counts.
_AGAIN = ("again.", "early.", "refused.manifest.")
_IN_VAIN = ("refused.", "ignored.")
MAX_COUNTED = 10_000  # names and docks are bounded: this holds should one ever not be


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
    quiet: Quiet = field(init=False)
    _counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    _vain: Vain = Vain.NOT
    _in_vain: dict[str, tuple[int, int]] = field(default_factory=dict)
    _troubles: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.quiet = Quiet(log, self.monotonic)

    @property
    def platform(self) -> str:
        return self.settings.id

    def count(self, name: str, dock: str = "", times: int = 1) -> None:
        """Count one more, or `times`.

        `name`: ours, never made of what came in; `dock`: one that is enrolled.
        """
        key = (name, dock)
        if key not in self._counted and len(self._counted) >= MAX_COUNTED:
            key = ("other", "")
        self._counted[key] += times
        if name.startswith(_AGAIN):
            self.note_vain(Vain.AGAIN)
        elif name.startswith(_IN_VAIN):
            self.note_vain()

    def note_vain(self, how: Vain = Vain.WHOLLY) -> None:
        """Note that the message that is being taken tells nothing new; some counters say so as well."""
        self._vain = max(self._vain, how)

    def begin_message(self) -> None:
        self._vain = Vain.NOT

    def end_message(self, dock: str, size_bytes: int) -> None:
        """Note that one message of `dock` was taken: in vain, or not."""
        if self._vain is not Vain.NOT:
            points, before_bytes = self._in_vain.get(dock, (0, 0))
            more_bytes = size_bytes if self._vain is Vain.WHOLLY else 0
            self._in_vain[dock] = (points + self._vain, before_bytes + more_bytes)

    def take_in_vain(self) -> dict[str, tuple[int, int]]:
        """Return what each dock sent in vain since the last time: points, bytes."""
        taken, self._in_vain = self._in_vain, {}
        return taken

    def trouble(self, name: str, detail: str, dock: str = "") -> None:
        """Note what wants a person (`center.troubles`); it is written down with the counters."""
        times, _ = self._troubles.get((name, dock), (0, ""))
        self._troubles[(name, dock)] = (times + 1, detail)

    def no_trouble(self, name: str, dock: str = "") -> None:
        """Note that it is over.  Raises StoreFull, sqlite3.Error."""
        self._troubles.pop((name, dock), None)
        with database.writing(self.connection) as connection:
            troubles.clear(connection, name, dock)

    def flush_counters(self) -> None:
        """Write down what was counted and noted.  Raises sqlite3.Error; nothing is lost then."""
        if not self._counted and not self._troubles:
            return
        with database.writing(self.connection) as connection:
            evidence.count(connection, dict(self._counted))
            for (name, dock), (times, detail) in self._troubles.items():
                troubles.note(connection, name, dock, times, detail, self.now())
        self._counted.clear()
        self._troubles.clear()

    def fade_troubles(self) -> None:
        """Note that we are alive; forget what did not happen again for a day.

        Raises StoreFull, sqlite3.Error.
        """
        with database.writing(self.connection) as connection:
            troubles.note_alive(connection, self.now())
            troubles.fade(connection, FADING, self.now(), FADES_AFTER)

    def quarantine(self, item: evidence.Evidence) -> None:
        """Keep what was refused, as far as there is room.  Raises StoreFull, sqlite3.Error."""
        with database.writing(self.connection):
            kept = evidence.keep(self.connection, item, self.settings.limits, self.now())
        if not kept.there or kept.dropped:
            self.count("quarantine.full", item.dock)
            self.trouble("evidence_dropped", f"on {item.topic}", item.dock)

    def draw_lease(self) -> None:
        """Go on under a new lease, as after a restart: what is durable is said anew.

        Raises StoreFull, sqlite3.Error.
        """
        with database.writing(self.connection) as connection:
            self.lease = registries.next_lease(connection, int(self.now().timestamp() * 1000))

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
        head = Head(
            platform=self.platform,
            dock=dock.dock,
            at=dock.head,
            lease=self.lease,
            time=self.now(),
            dock_key=dock.key.key_id,
        )
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
