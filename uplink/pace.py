"""A limit on bytes per second: pure, time is given.

- What is sent makes a debt that time pays off; sending waits while there is one.  So a segment goes
  whole, and the mean keeps to the limit.
- Nothing is saved up while nothing is sent.
"""

from __future__ import annotations


class Pace:
    """`bytes_per_s` None: no limit."""

    def __init__(self, bytes_per_s: int | None) -> None:
        if bytes_per_s is not None and bytes_per_s < 1:
            raise ValueError("a limit is at least 1 byte per second")
        self._bytes_per_s = bytes_per_s
        self._clear_at = 0.0

    def clear_at(self, now: float) -> float:
        """Return when the next may be sent, at or after `now`."""
        return max(now, self._clear_at)

    def spend(self, size_bytes: int, now: float) -> None:
        if self._bytes_per_s is not None:
            self._clear_at = self.clear_at(now) + size_bytes / self._bytes_per_s
