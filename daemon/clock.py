"""The dock's clock: a claim that never goes back (trust.md, Time).

- `floor` is the latest of: build, last commit, last signed platform time.
- When the machine's clock is below the floor, time goes on from the floor, and it is said to be unsynced.
  It goes at half speed, so that retries still come due (a dock without a battery never catches up) and a
  clock that was set back does catch up.
- No security decision compares these times.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from uplink.messages import Clock

BUILD_TIME = datetime(2026, 11, 25, tzinfo=UTC)
_SYNCED = Path("/run/systemd/timesync/synchronized")


def _machine_time() -> datetime:
    return datetime.now(UTC)


class DockClock:
    """Time that does not go below what was already signed.  Thread-safe."""

    def __init__(
        self,
        floor: datetime | None = None,
        machine: Callable[[], datetime] = _machine_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._floor = max(BUILD_TIME, floor) if floor else BUILD_TIME
        self._turned_at = monotonic()

    def now(self) -> datetime:
        """Return the time to write down; the floor follows it."""
        with self._lock:
            turned_at = self._monotonic()
            slow = self._floor + timedelta(seconds=(turned_at - self._turned_at) / 2)
            machine = self._machine()
            self._floor = machine if machine >= self._floor else slow
            self._turned_at = turned_at
            return self._floor

    def raise_floor(self, seen: datetime) -> None:
        """A signed platform time was seen: never again below it."""
        with self._lock:
            if seen > self._floor:
                self._floor, self._turned_at = seen, self._monotonic()

    def behind_s(self) -> float:
        """Return by how many seconds the machine's clock is below the floor; 0 where it is not."""
        with self._lock:
            return max(0.0, (self._floor - self._machine()).total_seconds())

    def claim(self) -> Clock:
        """Return what goes into signed things beside their time."""
        with self._lock:
            behind = self._machine() < self._floor
            synced = _SYNCED.exists() and not behind
            return Clock(synced=synced, source="ntp" if synced else "none", floor=self._floor)
