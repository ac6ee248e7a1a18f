"""Which events of the chain go next: pure, time is given.

- From what the platform's head says, at most 200 beyond it; after silence from the head again.
- The dock never waits for a head: without one it starts at its first event, after a moment in which
  a retained one would have come (mqtt.md).
- A head that is none of the events on the way (the platform forgot, or holds another history) starts
  again from there; what that means beyond sending, the desk decides.
- Beside the head (the dock was restored and tells of its branch) no event moves it before the last one.
  There the platform says its head again for what it has heard: that makes room for more, however long the
  branch.  After silence everything goes again, from the first event: what the platform holds is not known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from uplink.messages.base import ChainPoint
from uplink.window import Patience

MOST_BEYOND_HEAD = 200
HEAD_GRACE_S = 0.5
UNHEARD_S = 1.0


class EventFlow:
    """Where the chain has been sent to.  `draw`: 0 to 1 (random.random)."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._held: ChainPoint | None = None
        self._beside = False
        self._told: ChainPoint | None = None  # beside the head: where to start, as it was told
        self._passed: ChainPoint | None = None  # beside the head: heard, as far as can be known
        self._on_the_way: deque[tuple[ChainPoint, float]] = deque()
        self._patience = Patience(draw)
        self._not_before = 0.0

    def connected(self, now: float, *, head_known: bool) -> None:
        """What was on the way may be lost: from the head again."""
        self._restart()
        self._patience.reset(now)
        self._not_before = now if head_known else now + HEAD_GRACE_S

    def head(self, at: ChainPoint | None, now: float, *, beside: bool = False) -> None:
        """The platform holds the chain up to `at` (None: nothing of it).

        `beside`: its head is on another line; what comes after `at` is to be sent.
        """
        self._not_before = 0.0
        if beside:
            self._head_beside(at, now)
            return
        self._beside = False
        if any(point == at for point, _ in self._on_the_way):
            while self._on_the_way.popleft()[0] != at:
                pass
            self._patience.reset(now)
        elif at != self._held:
            self._restart()
            self._patience.reset(now)
        elif self._on_the_way:
            # The head of before, again: a receiver that came late has not heard what is on the way.
            unheard_at = self._on_the_way[0][1] + UNHEARD_S
            self._patience.due_at = min(self._patience.due_at, unheard_at)
        self._held = at

    def _head_beside(self, at: ChainPoint | None, now: float) -> None:
        if not self._beside or at != self._told:
            self._restart()
            self._patience.reset(now)
            self._held, self._told, self._beside = at, at, True
        while self._on_the_way and self._on_the_way[0][1] + UNHEARD_S <= now:
            self._passed = self._on_the_way.popleft()[0]
            self._patience.extend(now)

    def wanted(self, now: float) -> tuple[ChainPoint | None, int]:
        """Return after which event to go on, and how many events may go at most now."""
        if now < self._not_before:
            return None, 0
        self._not_before = 0.0
        if self._unheard and now >= self._patience.due_at:
            self._restart()
            if self._beside:
                self._held = None
            self._patience.start(now)
        return self._cursor, MOST_BEYOND_HEAD - len(self._on_the_way)

    def sent(self, at: ChainPoint, now: float) -> None:
        if not self._on_the_way and not self._patience.ran_out:
            self._patience.reset(now)
        self._on_the_way.append((at, now))

    def nobody(self, now: float) -> None:
        """An event reached nobody: not sent.  Tried again after the timer, or when a head comes."""
        if now >= self._not_before:
            self._restart()
            self._patience.start(now)
            self._not_before = self._patience.due_at

    @property
    def due_at(self) -> float | None:
        """When `wanted` would say something else by itself; None: not before something is heard."""
        if self._not_before:
            return self._not_before
        return self._patience.due_at if self._unheard else None

    @property
    def _unheard(self) -> bool:
        return bool(self._on_the_way) or self._passed is not None

    @property
    def _cursor(self) -> ChainPoint | None:
        return self._on_the_way[-1][0] if self._on_the_way else self._passed or self._held

    def _restart(self) -> None:
        self._on_the_way.clear()
        self._passed = None
