"""Where pulls wait until there is room, and what they are told while they do.  Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WaitingRoom:
    """Pulls come in with what they still have to write; `wake` has somebody make room."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        """Without `wake` nobody makes room: only a person can."""
        self._wake = wake
        self._lock = threading.Lock()
        self._missing_bytes: dict[str, int] = {}
        self._stuck = wake is None

    @contextmanager
    def waiting(self, who: str, missing_bytes: int) -> Iterator[None]:
        """Wait inside the block."""
        with self._lock:
            self._missing_bytes[who] = missing_bytes
            if self._wake is not None:
                self._stuck = False
        if self._wake is not None:
            self._wake()
        try:
            yield
        finally:
            with self._lock:
                del self._missing_bytes[who]

    @property
    def missing_bytes(self) -> int:
        """What all who wait have to write."""
        with self._lock:
            return sum(self._missing_bytes.values())

    @property
    def stuck(self) -> bool:
        """Whether nothing more can be cleared: a person has to act."""
        return self._stuck

    def tell(self, stuck: bool) -> None:
        """Told by who makes room."""
        with self._lock:
            self._stuck = stuck
