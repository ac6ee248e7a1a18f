"""Every thread's life feeds the systemd watchdog (architecture.md, Processes).

A thread says `beat()` whenever it turns; the main thread pings systemd only while all of them are
younger than their limits.  A hung worker stops the pings, and systemd restarts the service.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Heartbeats:
    """Names with a limit in seconds.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits_s: dict[str, float] = {}
        self._beats: dict[str, float] = {}

    def register(self, name: str, limit_s: float) -> Callable[[], None]:
        """Return the `beat` of a new name."""
        with self._lock:
            self._limits_s[name] = limit_s
            self._beats[name] = time.monotonic()

        def beat() -> None:
            with self._lock:
                self._beats[name] = time.monotonic()

        return beat

    def late(self) -> list[str]:
        """Return who has not turned within its limit."""
        now = time.monotonic()
        with self._lock:
            return [name for name, at in self._beats.items() if now - at > self._limits_s[name]]
