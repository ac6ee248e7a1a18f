"""Ports at which a camera leaves in the middle of a copy again and again (B12), or many at once (B14).  Pure.

- `tries` early removals of one camera in one slot within `window_s`, and the next copy waits until the camera
  has stayed `calm_s`: a loose cable shall not hammer the card, and a person shall see it.
- A docking that was complete forgets them.
- Two cameras or more that leave early within a moment share a cause: a hub, its power, the controller.
"""

from __future__ import annotations

from collections import deque

TRIES = 3
WINDOW_S = 600.0
CALM_S = 30.0
TOGETHER_S = 2.0

Place = tuple[int, str]  # slot, camera


class Removals:
    """Remembers who left early.  Times are seconds of a monotonic clock.  Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._early: dict[Place, deque[float]] = {}
        self._last: dict[Place, float] = {}

    def left_early(self, place: Place, at_s: float) -> int:
        """Remember an early removal; return how many cameras have left early within the last moment."""
        self._early.setdefault(place, deque(maxlen=TRIES)).append(at_s)
        self._last = {p: t for p, t in (self._last | {place: at_s}).items() if at_s - t <= TOGETHER_S}
        return len(self._last)

    def was_complete(self, place: Place) -> None:
        self._early.pop(place, None)

    def calm_s(self, place: Place, at_s: float) -> float:
        """Return how long a camera that came now has to stay before anything is read of it."""
        early = self._early.get(place, ())
        recent = sum(1 for then_s in early if at_s - then_s <= WINDOW_S)
        return CALM_S if recent >= TRIES else 0.0
