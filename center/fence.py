"""Who is not heard for a while, for sending in vain and too much: pure, time is given.

- In vain is what was dropped for being beyond a share (`uplink/lanes.py`), what was refused or ignored, and
  telemetry.  A dock is shut out at 1000 such messages, or 96 MiB of them, within 10 s; what is held already
  counts for a fifth.  A dock of ours repeats a window of 32 MiB and little else, and after a restore, of what
  is held already, a few hundred manifests a second.
- What is useful is not counted, however much it is: the lanes see to it that others have their turns.
- For 5 s from joining an old session nothing counts: what the broker kept while we were away comes at once.
- Shut out means not subscribed: the broker then takes the flood, passes it to nobody and tells the dock so
  (reason 0x10, *not sent*).  Its evidence stays with it, and it sends it again.
- For 10 s the first time, each time twice as long, at most 5 min; ten quiet minutes make it 10 s again.
- MQTT cannot take one dock out of `+/+/up/#`: while anybody is shut out, and a minute longer, every enrolled
  dock is subscribed by itself.  Who is not enrolled is not heard then.
- All who are not enrolled are one, `STRANGERS`.
- Where the broker refuses to have docks subscribed one by one, nobody is shut out: shares are all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from uplink.topics import ROOT, DockTopics

EVERY_DOCK = f"{ROOT}/+/+/up/#"
STRANGERS = ""
AFTER_POINTS = 5000
AFTER_BYTES = 96 * 1024 * 1024
GRACE_S = 5.0
WITHIN_S = 10.0
FIRST_S = 10.0
LONGEST_S = 300.0
QUIET_S = 600.0
APART_S = 60.0


class Vain(IntEnum):
    """How much a message was in vain, in points."""

    NOT = 0
    AGAIN = 1  # held already
    WHOLLY = 5


@dataclass
class _Record:
    since_s: float
    points: int = 0
    size_bytes: int = 0
    until_s: float | None = None  # shut out until then
    length_s: float = FIRST_S  # the next time
    freed_s: float | None = None


class Fence:
    """Who floods, and what is subscribed for it."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._apart_until_s: float | None = None
        self._refused = False
        self._counts_from_s = 0.0

    def connected(self, now_s: float) -> None:
        self._counts_from_s = now_s + GRACE_S

    def in_vain(self, name: str, points: int, size_bytes: int, now_s: float) -> float | None:
        """Note what `name` sent in vain; returns for how long it is shut out, where that begins now."""
        if now_s < self._counts_from_s or self._refused:
            return None
        record = self._records.setdefault(name, _Record(now_s))
        if record.until_s is not None:
            return None
        if now_s - record.since_s > WITHIN_S:
            record.since_s, record.points, record.size_bytes = now_s, 0, 0
        record.points += points
        record.size_bytes += size_bytes
        if record.points < AFTER_POINTS and record.size_bytes < AFTER_BYTES:
            return None
        length_s = record.length_s
        record.until_s = now_s + length_s
        record.length_s = min(2 * length_s, LONGEST_S)
        self._apart_until_s = max(self._apart_until_s or 0.0, record.until_s + APART_S)
        return length_s

    def free(self, now_s: float) -> frozenset[str]:
        """Return who is heard again from now on."""
        freed = set()
        for name, record in list(self._records.items()):
            if record.until_s is not None and now_s >= record.until_s:
                record.until_s, record.freed_s = None, now_s
                record.since_s, record.points, record.size_bytes = now_s, 0, 0
                freed.add(name)
            elif record.until_s is None and now_s - max(record.since_s, record.freed_s or 0.0) > QUIET_S:
                del self._records[name]
        if self._apart_until_s is not None and now_s >= self._apart_until_s:
            self._apart_until_s = None
        return frozenset(freed)

    def refused(self, topic: str) -> bool:
        """The broker does not take a subscription: if it is one dock's, give up shutting out."""
        if topic == EVERY_DOCK or self._refused:
            return False
        self._refused = True
        self._apart_until_s = None
        for record in self._records.values():
            record.until_s = None
        return True

    @property
    def shut_out(self) -> frozenset[str]:
        return frozenset(name for name, record in self._records.items() if record.until_s is not None)

    def topics(self, docks: Mapping[str, str]) -> tuple[str, ...]:
        """Return what is to be subscribed.  `docks`: the site of each dock that is enrolled."""
        shut_out = self.shut_out
        if not shut_out and self._apart_until_s is None:
            return (EVERY_DOCK,)
        return tuple(one_dock(dock, site) for dock, site in sorted(docks.items()) if dock not in shut_out)


def one_dock(dock: str, site: str) -> str:
    """Return the subscription to all that one dock says."""
    return DockTopics(site, dock).up("#")
