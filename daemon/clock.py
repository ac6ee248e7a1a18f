"""The dock's clock: a claim that never goes back (trust.md, Time).

- `floor` is the latest of: build, last commit, last signed platform time.
- When the machine's clock is below the floor, the floor is what is said, and it is said to be unsynced.
- No security decision compares these times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from uplink.messages import Clock

BUILD_TIME = datetime(2026, 11, 25, tzinfo=UTC)
_SYNCED = Path("/run/systemd/timesync/synchronized")


def _machine_time() -> datetime:
    return datetime.now(UTC)


class DockClock:
    """Time that does not go below what was already signed."""

    def __init__(
        self, floor: datetime | None = None, machine: Callable[[], datetime] = _machine_time
    ) -> None:
        self._machine = machine
        self._lock = threading.Lock()
        self._floor = max(BUILD_TIME, floor) if floor else BUILD_TIME

    def now(self) -> datetime:
        """Return the time to write down; the floor follows it."""
        with self._lock:
            self._floor = max(self._machine(), self._floor)
            return self._floor

    def raise_floor(self, seen: datetime) -> None:
        """A signed platform time was seen: never again below it."""
        with self._lock:
            self._floor = max(seen, self._floor)

    def claim(self) -> Clock:
        """Return what goes into signed things beside their time."""
        with self._lock:
            behind = self._machine() < self._floor
            synced = _SYNCED.exists() and not behind
            return Clock(synced=synced, source="ntp" if synced else "none", floor=self._floor)
