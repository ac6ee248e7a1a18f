"""What a connection is to hear: it may change while the connection stands.

- What is new is subscribed before what is over is unsubscribed: nothing falls between.
- A broker's session that outlives a connection, or a process, may hold subscriptions that are wanted no more:
  they are taken back at the next connect.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """What a session does to follow.  `retained`: those of `new` whose retained messages are wanted."""

    version: int
    new: tuple[str, ...]
    over: tuple[str, ...]
    retained: frozenset[str]


class Listening:
    """For any thread.  `left`: topics that an earlier process may have left subscribed."""

    def __init__(self, wanted: Sequence[str], left: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._wanted = tuple(wanted)
        self._left = set(left) - set(wanted)
        self._retained: frozenset[str] = frozenset()
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def change(self, wanted: Sequence[str], retained: frozenset[str]) -> None:
        """Hear `wanted` and nothing else.  Of what is new, the retained messages of `retained` are sent."""
        with self._lock:
            self._left = (self._left | set(self._wanted)) - set(wanted)
            self._wanted = tuple(wanted)
            self._retained |= retained  # a session may have missed the change before
            self._version += 1

    def at_connect(self) -> Change:
        """Return all that is wanted, and all that may be left."""
        with self._lock:
            self._retained = frozenset()
            return Change(self._version, self._wanted, tuple(sorted(self._left)), frozenset(self._wanted))

    def since(self, heard: frozenset[str]) -> Change:
        """Return what has changed for a session that hears `heard`."""
        with self._lock:
            new = tuple(topic for topic in self._wanted if topic not in heard)
            retained, self._retained = self._retained & set(new), frozenset()
            return Change(self._version, new, tuple(sorted(heard - set(self._wanted))), retained)
