"""How much of a file is on the way, in what pieces, and how long silence is borne: pure.

- At most a window of bytes that the receiver has not credited: brokers acknowledge and then drop for a
  slow or absent subscriber, so only credit counts (mqtt.md, Credit).
- 8 MiB; where the round trip is over 20 ms, more in proportion, at most 32 MiB.
- A segment is min(1 MiB, the broker's maximum packet - 1 KiB), worked out anew for each one, so that a
  maximum that shrinks splits what is still to be sent (mqtt.md, Sizes).
- Silence is borne for 10 s, doubling to 5 min, with jitter (mqtt.md, Timers).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MIB = 1024 * 1024
WINDOW_BYTES = 8 * MIB
LARGEST_WINDOW_BYTES = 32 * MIB
LONG_ROUND_TRIP_S = 0.02
SEGMENT_BYTES = MIB
PACKET_MARGIN_BYTES = 1024  # topic, properties and header of a segment
SMALLEST_SEGMENT_BYTES = 128
FIRST_PATIENCE_S = 10.0
LONGEST_PATIENCE_S = 300.0


def window_bytes(round_trip_s: float | None) -> int:
    """Return the window for a round trip (None: not measured yet)."""
    if round_trip_s is None or round_trip_s <= LONG_ROUND_TRIP_S:
        return WINDOW_BYTES
    return min(int(WINDOW_BYTES * round_trip_s / LONG_ROUND_TRIP_S), LARGEST_WINDOW_BYTES)


def segment_bytes(max_packet_bytes: int) -> int:
    """Return the largest segment for a broker that takes packets of `max_packet_bytes`."""
    return min(SEGMENT_BYTES, max(max_packet_bytes - PACKET_MARGIN_BYTES, SMALLEST_SEGMENT_BYTES))


class Patience:
    """A timer that doubles each time it runs out.  `draw`: 0 to 1 (random.random)."""

    def __init__(
        self,
        draw: Callable[[], float],
        first_s: float = FIRST_PATIENCE_S,
        longest_s: float = LONGEST_PATIENCE_S,
    ) -> None:
        self._draw = draw
        self._first_s = first_s
        self._longest_s = longest_s
        self._length_s = first_s
        self.due_at = 0.0
        self.ran_out = 0

    def expire(self) -> None:
        """Be due at once, without having run out."""
        self.due_at = 0.0

    def reset(self, now: float) -> None:
        """Something was heard: short again, counted from now."""
        self._length_s = self._first_s
        self.ran_out = 0
        self.due_at = now + self._jittered()

    def start(self, now: float) -> None:
        """Count from now, and be twice as long the next time."""
        self.due_at = now + self._jittered()
        self._length_s = min(self._length_s * 2, self._longest_s)
        self.ran_out += 1

    def extend(self, now: float) -> None:
        """Count from now again, as long as this time."""
        self.due_at = now + self._jittered()

    def _jittered(self) -> float:
        return self._length_s * (0.8 + 0.4 * self._draw())


class Rate:
    """Bytes a second over the last seconds."""

    SPAN_S = 10.0

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque(maxlen=64)

    def note(self, now: float, total_bytes: int) -> None:
        if self._points and now - self._points[-1][0] < self.SPAN_S / 50:
            self._points[-1] = (self._points[-1][0], total_bytes)
            return
        self._points.append((now, total_bytes))
        while now - self._points[0][0] > self.SPAN_S:
            self._points.popleft()

    def clear(self) -> None:
        self._points.clear()

    @property
    def bytes_per_s(self) -> float | None:
        if len(self._points) < 2:
            return None
        (first_at, first), (last_at, last) = self._points[0], self._points[-1]
        return max(0.0, (last - first) / (last_at - first_at)) if last_at > first_at else None
