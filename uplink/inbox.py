"""The bounded queue between a connection's callbacks and the one thread that works on them.

- Putting never blocks: it is called from paho's callbacks, where waiting stops keepalive (D11).
- What came at QoS 1 is acknowledged only when it is taken, and MQTT 5's Receive Maximum bounds what is
  not; but mosquitto 2.0.11 sends a whole Receive Maximum more for each acknowledgement (measured).
  So, when it is full, the network thread stops reading: TCP holds the broker back.
- What goes beyond twice the bound all the same is dropped and counted.  That is harmless: nothing
  depends on a message having been seen once (mqtt.md).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Waiting(Protocol[T]):
    """What a session puts notices and messages into (`Inbox`, `lanes.Lanes`)."""

    dropped: int

    def put(self, notice: T) -> None: ...

    def offer(
        self, message: T, topic: str, size_bytes: int, acknowledge: Callable[[], None] | None
    ) -> bool: ...

    def wait_for_room(self, timeout_s: float) -> bool: ...

    def wake(self) -> None: ...

    def take(self, timeout_s: float) -> T | None: ...


class Inbox(Generic[T]):
    """A queue of notices (few, never dropped) and messages (many, bounded), in order of arrival."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._items: deque[tuple[T | None, int, Callable[[], None] | None]] = deque()
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
            self._items.append((notice, 0, None))
            self._ready.notify()

    def offer(self, message: T, _topic: str, size_bytes: int, acknowledge: Callable[[], None] | None) -> bool:
        """Add a message, or drop it and return False.  `acknowledge` is called when its turn comes."""
        with self._ready:
            bytes_fit = self._bytes + size_bytes <= 2 * self._max_bytes
            fits = bytes_fit and self._messages < 2 * self._max_messages
            if fits:
                self._messages += 1
                self._bytes += size_bytes
                self._items.append((message, size_bytes, acknowledge))
            else:
                self.dropped += 1
                if acknowledge is not None:
                    # Acknowledgements keep the order of arrival (MQTT-4.6.0-2), so it waits its turn.
                    self._items.append((None, 0, acknowledge))
            self._ready.notify()
            return fits

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

    def take(self, timeout_s: float) -> T | None:
        """Return the next item; None after `timeout_s`, or sooner: woken, or a dropped one's turn."""
        with self._ready:
            if not self._items:
                self._ready.wait_for(lambda: self._items or self._woken, timeout_s)
                self._woken = False
            if not self._items:
                return None
            item, size_bytes, acknowledge = self._items.popleft()
            if item is not None and size_bytes:
                self._messages -= 1
                self._bytes -= size_bytes
                self._room.notify()
        if acknowledge is not None:
            acknowledge()
        return item
