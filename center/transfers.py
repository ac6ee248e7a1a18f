"""File transfer at the receiving end, without I/O (mqtt.md, Files; trust.md, Ids and payloads).

- A file id recomputes from platform, the dock's first key, recording, SHA-256 and attempt; never reused.
- Ranges are credited only when they are durable; what is durable is never written over.
- Credit comes every 4 MiB or after 20 ms of quiet: never above half a window (8 MiB at least).
- Segments come in any order, twice, overlapping, in changing sizes; none lies beyond the size.
- At most 1000 ranges: beyond, the smallest of those before is forgotten, and its bytes come again.  Nothing
  here is signed: refusing would let anybody stop a transfer with 1000 bytes, and forgetting the newcomer
  with 1000 ranges that are larger than the dock's segments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from uplink import ids
from uplink.errors import Refused
from uplink.messages.transfer import MAX_RANGES, FileInit
from uplink.ranges import Ranges

CREDIT_BYTES = 4 * 1024 * 1024
CREDIT_QUIET_S = 0.020
_OFFSET = re.compile(r"0|[1-9][0-9]{0,15}")
_FILE_ID = re.compile(r"[0-9a-f]{32}")


class Phase(Enum):
    OPEN = "open"
    VERIFYING = "verifying"  # complete, and being read back


@dataclass
class Transfer:
    """One attempt to bring one recording's bytes.

    `durable`: on the medium and noted so; `written`: handed to the kernel since.
    """

    file_id: str
    dock: str
    recording: str
    attempt: int
    size_bytes: int
    sha256: str
    durable: Ranges = field(default_factory=Ranges)
    written: Ranges = field(default_factory=Ranges)
    phase: Phase = Phase.OPEN
    fin_nonce: str | None = None
    since_credit_bytes: int = 0
    last_segment_s: float = 0.0
    touched_s: float = 0.0  # by an `init` or a segment
    full: bool = False  # the store had no room; said once, until there is an `init`

    @property
    def whole(self) -> bool:
        return self.durable.union(self.written).covers(self.size_bytes)

    @property
    def owes_credit(self) -> bool:
        return self.since_credit_bytes > 0

    def same_as(self, init: FileInit) -> bool:
        """Return whether `init` speaks of this very transfer (its manifest may differ)."""
        mine = (self.recording, self.attempt, self.size_bytes, self.sha256)
        return mine == (init.recording, init.attempt, init.size, init.sha256)

    def missing_of(self, offset: int, length_bytes: int) -> Ranges:
        """Return which bytes of a segment are to be written.

        Raises Refused (`segment`: empty, beyond the size).
        """
        end = offset + length_bytes
        if length_bytes == 0 or end > self.size_bytes:
            raise Refused("segment", f"[{offset}, {end}) of a file of {self.size_bytes} bytes")
        if self.phase is not Phase.OPEN:
            return Ranges()
        held = self.durable.union(self.written)
        if len(held.add(offset, end)) > MAX_RANGES:
            smallest = min(held, key=lambda pair: pair[1] - pair[0])
            self.durable = self.durable.remove(*smallest)
            self.written = self.written.remove(*smallest)
        return Ranges([(offset, end)]).subtract(self.durable)

    def note_segment(self, pieces: Ranges, length_bytes: int, now_s: float) -> None:
        """Note that `pieces` were written out of a segment of `length_bytes`.

        A segment that is durable already owes credit too: the dock may have missed it.
        """
        self.written = self.written.union(pieces)
        self.since_credit_bytes += length_bytes
        self.last_segment_s = self.touched_s = now_s

    def credit_due(self, now_s: float) -> bool:
        if not self.owes_credit:
            return False
        quiet = now_s - self.last_segment_s >= CREDIT_QUIET_S
        return quiet or self.since_credit_bytes >= CREDIT_BYTES

    def forget_written(self) -> None:
        """What was written did not become durable: it has to come again."""
        self.written = Ranges()
        self.since_credit_bytes = 0

    def note_durable(self) -> None:
        """Note that all that was written is durable, and noted in the catalogue."""
        self.durable = self.durable.union(self.written)
        self.written = Ranges()
        self.since_credit_bytes = 0


def is_file_id(text: str) -> bool:
    return _FILE_ID.fullmatch(text) is not None


def offset_of(text: str) -> int:
    """Read a segment's offset.  Raises Refused (`offset`)."""
    if not _OFFSET.fullmatch(text):
        raise Refused("offset", f"{text[:40]!r} is no offset and no command")
    return int(text)


def check_id(init: FileInit, file_id: str, platform: str, dock_key: str) -> None:
    """Raise Refused (`file_id`, `name`) unless the id recomputes and the name is the recording's."""
    if file_id != ids.file_id(platform, dock_key, init.recording, init.sha256, init.attempt):
        raise Refused("file_id", "the id does not recompute from platform, key, recording, hash and attempt")
    if not init.name.startswith(init.recording + "."):
        raise Refused("name", f"{init.name} is no name for recording {init.recording}")
