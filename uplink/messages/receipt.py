"""What the platform signs about recordings: receipt, refusal, head, reconciliation (trust.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from uplink.messages.base import (
    ChainPoint,
    Count,
    Digest,
    Hex128,
    KeyId,
    Name,
    Positive,
    RecordingId,
    Sha256,
    Short,
    Text,
    Utc,
    Wire,
)

RefusalCode = Literal["never", "later", "full", "not_allowed", "conflict", "checksum"]


class LogPoint(Wire):
    """The platform's Merkle log (later)."""

    size: Count
    root: Sha256
    index: Count


class StoredProof(Wire):
    """How the store was seen to hold the bytes.  `verified_by_reading`: read back and hashed."""

    verified_by_reading: bool
    copies: Positive
    at: Utc


class Binding(Wire):
    """Which bytes and which facts a receipt or refusal speaks of."""

    platform: Name
    store: Short
    dock: Name
    dock_key: KeyId
    recording: RecordingId
    sha256: Sha256
    size: Count
    revision: Positive
    manifest: Digest


class Receipt(Binding):
    """Payload type `receipt`: the bytes and this manifest are kept."""

    receipt: Hex128
    received_at: Utc
    stored: StoredProof
    supersedes: Hex128 | None = None
    log: LogPoint | None = None


class Refusal(Binding):
    """Payload type `refusal`.  `current`: the newest manifest held, as received (an envelope), or null.

    `reason` starts with a stable word where a program acts on it (`missing`).
    """

    refusal: Hex128
    code: RefusalCode
    reason: Text
    at: Utc
    retry_after: Annotated[float, Field(ge=0, le=86400)] | None = None
    current: dict[str, Any] | None = None


class Head(Wire):
    """Payload type `head`: the last event of this dock that the platform holds; null: none.

    `dock_key`: the key of this dock that is in force at the platform; null: it does not say.
    """

    platform: Name
    dock: Name
    at: ChainPoint | None
    lease: Count
    time: Utc
    dock_key: KeyId | None = None
    log: LogPoint | None = None


class Kept(Wire):
    recording: RecordingId
    sha256: Sha256


class PageRange(Wire):
    """Ids in order, from behind `after` to `until` (included); null: from the first, to the last."""

    after: RecordingId | None
    until: RecordingId | None

    def covers(self, recording: str) -> bool:
        return (self.after is None or recording > self.after) and (
            self.until is None or recording <= self.until
        )


class Reconciliation(Wire):
    """Payload type `reconciliation`: what the store was found to hold then; each page stands alone.

    `time` is before the store was looked at.  With `range`, all that the store holds of this dock in that
    range is on the page, so that what is not listed is not held; without, a page says nothing of absence.
    """

    platform: Name
    dock: Name
    time: Utc
    recordings: Annotated[list[Kept], Field(max_length=2000)]
    range: PageRange | None = None
