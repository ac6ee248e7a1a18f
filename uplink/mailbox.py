"""Telemetry on its way out: the newest for each topic, from any thread to the link's.

- Bounded by the number of topics: a slot that changes fast costs no more than one that does not.
- What was sent is kept, for brokers forget retained messages (a restart without persistence, expiry):
  after each connect and once a day everything goes again (mqtt.md).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

MAX_TOPICS = 256


@dataclass(frozen=True)
class Letter:
    rest: str
    payload: bytes


class Mailbox:
    """Letters by topic, oldest waiting first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Letter] = {}
        self._waiting: dict[str, None] = {}

    def put(self, topic: str, payload: bytes) -> None:
        """Leave what is newest on `topic`.  Raises ValueError beyond 256 topics: a bug."""
        with self._lock:
            if topic not in self._newest and len(self._newest) >= MAX_TOPICS:
                raise ValueError(f"more than {MAX_TOPICS} topics of telemetry")
            self._newest[topic] = Letter(topic, payload)
            self._waiting[topic] = None

    def take(self) -> Letter | None:
        """Return one that waits."""
        with self._lock:
            for topic in self._waiting:
                del self._waiting[topic]
                return self._newest[topic]
            return None

    def put_back(self, letter: Letter) -> None:
        """It could not be sent: it waits again, or what is newer by now."""
        with self._lock:
            self._waiting[letter.rest] = None

    def send_all_again(self) -> None:
        with self._lock:
            self._waiting.update(dict.fromkeys(self._newest))
