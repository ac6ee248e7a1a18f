"""What the link to the platform asks of the dock: the daemon implements it on its store.

The link owns the broker connection and the order of sending; the desk owns the facts.  Every method
is called from the link's one thread, returns quickly and commits before it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from uplink.messages.base import ChainPoint


@dataclass(frozen=True)
class OutgoingEvent:
    """A signed event: where it stands in the chain, and its envelope's exact bytes."""

    at: ChainPoint
    raw: bytes


@dataclass(frozen=True)
class OutgoingManifest:
    """A signed manifest revision that no receipt names yet.

    `reports`: digests of reports that travel beside it (mqtt.md, `up/reports/{digest}`).
    """

    recording: str
    revision: int
    digest: str
    raw: bytes
    reports: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutgoingFile:
    """Bytes in the vault that the platform has not receipted.  `manifest`: the newest revision's digest.

    `sent_before_bytes`: what `file_progress` was last told to have gone out in this attempt.
    """

    recording: str
    file_id: str
    attempt: int
    path: Path
    extension: str
    size_bytes: int
    sha256: str
    manifest: str
    sent_before_bytes: int = 0


class Taken(Enum):
    """What became of something the platform sent."""

    TAKEN = "taken"
    KNOWN = "known"  # had it already: nothing changes
    IGNORED = "ignored"  # not for anything this dock knows
    REFUSED = "refused"  # did not verify: counted


@dataclass(frozen=True)
class HeadTaken:
    """What became of a head.  `after`: the events after this one are to be sent (None: from the first).

    `beside`: the head is on another line, which what is sent will move only in the end.  `again`: it has to
    stand for a moment before anything follows from it: offer it again, unless another one comes.  `anew`: its
    lease is higher than any before: a receiver began, and may have heard nothing of what was sent.
    """

    taken: Taken
    after: ChainPoint | None = None
    beside: bool = False
    again: bool = False
    anew: bool = False


class Desk(Protocol):
    """The dock's side of the link."""

    @property
    def silent(self) -> bool:
        """Whether nothing but telemetry and answers may be sent (there is a copy of this dock)."""

    def events_after(self, at: ChainPoint | None, limit: int) -> list[OutgoingEvent]:
        """Return the events after `at` (None: from the first), in order, at most `limit`.

        Where `at` is not in the own chain, the list starts with the chain's first event.
        """

    def waiting_manifests(self, limit: int) -> list[OutgoingManifest]:
        """Return newest revisions without a receipt whose retry time has come, oldest first."""

    def newest_manifest(self, recording: str) -> OutgoingManifest | None:
        """Return the newest revision."""

    def report(self, digest: str) -> bytes | None:
        """Return the bytes of a report that travels beside its manifest."""

    def next_file(self, busy: frozenset[str]) -> OutgoingFile | None:
        """Claim the next file to send (state `sending`), none of the recordings in `busy`."""

    def file_progress(self, recording: str, durable_bytes: int, sent_bytes: int) -> None:
        """Note how much the platform holds durably, and how much has gone out in this attempt."""

    def file_failed(self, recording: str, reason: str, new_attempt: bool) -> None:
        """Put a file back (`stored`); `new_attempt`: its file_id is used up (checksum, conflict)."""

    def take_receipt(self, recording: str, raw: bytes) -> Taken:
        """Verify and keep a receipt or a refusal for `recording` (the topic's)."""

    def take_head(self, raw: bytes, live: bool) -> HeadTaken:
        """Verify a head, and do what it asks for.

        Not `live`: it came as retained and may be old, so it starts nothing but sending (trust.md).
        """

    def take_registry(self, kind: str, raw: bytes) -> Taken:
        """Verify and keep a registry snapshot; a lower version changes nothing."""

    def take_reconciliation(self, raw: bytes) -> Taken:
        """Verify a reconciliation page and note what it lists."""

    def count(self, what: str) -> None:
        """Count something that was refused or ignored (`refused.head.signature`)."""
