"""The bounded queue of a connection that hears many senders: a lane for each, and each in its turn.

- Whoever sends more than its share is dropped while it is read, before anything looks into it, and counted.
  A dock that keeps the protocol never has as much on the way (mqtt.md: a window of 32 MiB, 200 events,
  100 manifests); what a broker kept for an absent receiver fits as well.
- One message of each lane in turn, so that a full lane delays the others by one message a turn.
- A message is acknowledged when it is in its lane, in the order of arrival, so that a full lane takes none of
  the broker's in-flight slots (mosquitto keeps one queue for a subscriber, in order).  What a kill loses of
  it comes again, as what is dropped does: only credit and receipts count, never PUBACK (mqtt.md).
- A closed lane is empty and takes nothing.
- Full in all, reading stops, and TCP holds the broker back (as `inbox.py`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Shares:
    """What one lane may hold.  `lane_of`: a topic's lane, of few; called from the network thread."""

    lane_of: Callable[[str], str]
    messages: int = 2500
    size_bytes: int = 40 * 1024 * 1024


@dataclass(frozen=True)
class Dropped:
    """What was dropped of one lane."""

    messages: int
    size_bytes: int


@dataclass(eq=False)  # one is not another that holds as much
class _Lane(Generic[T]):
    items: deque[tuple[T, int]] = field(default_factory=deque)
    size_bytes: int = 0
    closed: bool = False
    dropped_messages: int = 0
    dropped_bytes: int = 0

    def drop(self, messages: int, size_bytes: int) -> None:
        self.dropped_messages += messages
        self.dropped_bytes += size_bytes


class Lanes(Generic[T]):
    """Notices (few, first, never dropped), and messages in lanes."""

    def __init__(self, shares: Shares, max_messages: int, max_bytes: int) -> None:
        self._shares = shares
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._notices: deque[T] = deque()
        self._lanes: dict[str, _Lane[T]] = {}
        self._turns: deque[_Lane[T]] = deque()  # those that hold something
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._messages = 0
        self._bytes = 0
        self._woken = False
        self.dropped = 0

    def put(self, notice: T) -> None:
        """Add a notice; whoever adds them bounds their number."""
        with self._ready:
            self._notices.append(notice)
            self._ready.notify()

    def offer(self, message: T, topic: str, size_bytes: int, acknowledge: Callable[[], None] | None) -> bool:
        """Add a message to its lane, or drop it and return False."""
        name = self._shares.lane_of(topic)
        with self._ready:
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = _Lane()
            fits = self._fits(lane, size_bytes)
            if fits:
                if not lane.items:
                    self._turns.append(lane)
                lane.items.append((message, size_bytes))
                lane.size_bytes += size_bytes
                self._messages += 1
                self._bytes += size_bytes
                self._ready.notify()
        if acknowledge is not None:
            acknowledge()
        return fits

    def _fits(self, lane: _Lane[T], size_bytes: int) -> bool:
        in_share = len(lane.items) < self._shares.messages
        in_share = in_share and lane.size_bytes + size_bytes <= self._shares.size_bytes
        if lane.closed or not in_share:
            lane.drop(1, size_bytes)
        elif self._messages < 2 * self._max_messages and self._bytes + size_bytes <= 2 * self._max_bytes:
            return True
        self.dropped += 1
        return False

    def take(self, timeout_s: float) -> T | None:
        """Return a notice, or the next message of the lane whose turn it is.

        None after `timeout_s`, or sooner: woken.
        """
        with self._ready:
            if not self._notices and not self._turns:
                self._ready.wait_for(lambda: self._notices or self._turns or self._woken, timeout_s)
                self._woken = False
            if self._notices:
                return self._notices.popleft()
            if not self._turns:
                return None
            lane = self._turns.popleft()
            message, size_bytes = lane.items.popleft()
            lane.size_bytes -= size_bytes
            if lane.items:
                self._turns.append(lane)
            self._shrink(1, size_bytes)
            return message

    def _shrink(self, messages: int, size_bytes: int) -> None:
        self._messages -= messages
        self._bytes -= size_bytes
        self._room.notify()

    def close(self, names: frozenset[str]) -> None:
        """Have just these lanes closed; what they hold counts as dropped."""
        with self._lock:
            for name in names - self._lanes.keys():
                self._lanes[name] = _Lane()
            for lane_name, lane in self._lanes.items():
                lane.closed = lane_name in names
                if lane.closed and lane.items:
                    lane.drop(len(lane.items), lane.size_bytes)
                    self.dropped += len(lane.items)
                    self._shrink(len(lane.items), lane.size_bytes)
                    lane.items.clear()
                    lane.size_bytes = 0
                    self._turns.remove(lane)

    def take_dropped(self) -> dict[str, Dropped]:
        """Return what was dropped since the last time, for being beyond a share or in a closed lane."""
        with self._lock:
            found = {}
            for name, lane in self._lanes.items():
                if lane.dropped_messages:
                    found[name] = Dropped(lane.dropped_messages, lane.dropped_bytes)
                    lane.dropped_messages = lane.dropped_bytes = 0
            return found

    def wait_for_room(self, timeout_s: float) -> bool:
        """Return whether more should be read; wait for that at most `timeout_s`."""
        with self._lock:
            return self._room.wait_for(self._has_room, timeout_s)

    def _has_room(self) -> bool:
        return self._messages < self._max_messages and self._bytes < self._max_bytes

    def wake(self) -> None:
        """Let `take` return, though nothing is there."""
        with self._ready:
            self._woken = True
            self._ready.notify()
