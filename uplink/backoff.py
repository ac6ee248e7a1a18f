"""When to try the broker again: pure, time is given.

- First retries are quick (0.2 s), each twice the one before, at most 60 s, with jitter, so that a
  thousand docks do not come back in one instant after a broker's restart (known-faults D13).
- Only a connection that held for a minute makes retries quick again: a broker that accepts and drops
  would otherwise be asked for ever at the quickest rate.
- After what only a person can mend, the next attempt is 30 to 60 s away at once.
- More than three connections lost within 5 s of connecting, in a minute, mean that somebody else uses
  this client id: back off 5 min and say so (D08; trust.md: mosquitto before 2.0.15 sends no 0x8E).
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.2
CAP_S = 60.0
STABLE_S = 60.0
SHORT_LIVED_S = 5.0
TAKE_OVER_SPAN_S = 60.0
TAKE_OVER_MORE_THAN = 3
TAKE_OVER_WAIT_S = 300.0


class Backoff:
    """Delays between attempts.  `draw` returns a number from 0 to 1 (random.random)."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._next_s = FIRST_S
        self._short_lived_at: list[float] = []
        self.taken_over = False

    def failed(self) -> float:
        """Return how long to wait after an attempt that never connected, in seconds."""
        return self._step()

    def hopeless(self) -> float:
        """Return how long to wait after a refusal that only a person can end: never soon, never long."""
        self._next_s = CAP_S
        return self._step()

    def lost(self, connected_at: float, now: float) -> float:
        """Return how long to wait after losing a connection made at `connected_at`.

        Sets `taken_over` for as long as that is the reason.  Times: seconds on one monotonic clock.
        """
        held_s = now - connected_at
        if held_s >= STABLE_S:
            self._next_s = FIRST_S
        if held_s < SHORT_LIVED_S:
            self._short_lived_at.append(now)
        else:
            self.taken_over = False
        self._short_lived_at = [at for at in self._short_lived_at if now - at < TAKE_OVER_SPAN_S]
        if len(self._short_lived_at) > TAKE_OVER_MORE_THAN:
            self._short_lived_at.clear()
            self._next_s = FIRST_S
            self.taken_over = True
            return TAKE_OVER_WAIT_S * (1 + 0.2 * self._draw())
        return self._step()

    def _step(self) -> float:
        delay_s = self._next_s * (0.5 + 0.5 * self._draw())
        self._next_s = min(self._next_s * 2, CAP_S)
        return delay_s
