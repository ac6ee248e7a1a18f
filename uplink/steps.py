"""The words of sending one file: where it stands, what is to be done, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from uplink.messages.transfer import FileFin, FileInit


class Step(Enum):
    OFFLINE = "offline"
    ASKING = "asking"  # init sent or due
    SENDING = "sending"
    FINISHING = "finishing"  # fin sent or due
    VERIFYING = "verifying"  # the receiver reads back
    COMPLETE = "complete"  # it has all; the receipt is awaited
    ENDED = "ended"


class Outcome(Enum):
    DELIVERED = "delivered"  # a receipt was taken
    AGAIN = "again"  # later, with the same file_id
    FULL = "full"  # later; the platform has no room for any file now
    NEW_ATTEMPT = "new_attempt"  # this file_id is used up


@dataclass(frozen=True)
class Init:
    message: FileInit


@dataclass(frozen=True)
class Segment:
    """Bytes [offset, offset + length) of the file."""

    offset: int
    length: int


@dataclass(frozen=True)
class Fin:
    message: FileFin


@dataclass(frozen=True)
class Wait:
    """Nothing to do before `until` (None: before something is heard)."""

    until: float | None


@dataclass(frozen=True)
class Ended:
    outcome: Outcome
    reason: str


Action = Init | Segment | Fin | Wait | Ended


@dataclass(frozen=True)
class FileFacts:
    """What is to be sent.  `sent_before_bytes`: what went out in this attempt before a restart."""

    file_id: str
    recording: str
    attempt: int
    name: str
    size_bytes: int
    sha256: str
    manifest: str
    sent_before_bytes: int = 0
