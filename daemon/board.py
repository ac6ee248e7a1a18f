"""What each slot shows right now: kept in memory, read by the panel, the CLI and the uplink.

Whoever works in a slot writes here; a listener is told at once of a new phase, and of progress at most
every `PROGRESS_S` (mqtt.md: slots at most every 5 s while moving, at once on a change of phase).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from dock.docking import Docking
from uplink.messages.telemetry import Phase

PROGRESS_S = 5.0
_RATE_WINDOW_S = 3.0


@dataclass(frozen=True)
class SlotView:
    """One slot at one instant.  Sizes in bytes, rate in bytes a second."""

    slot: int
    label: str = ""
    phase: Phase = "empty"
    docking: Docking | None = None
    file: str = ""
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    rate_bytes_per_s: float | None = None
    safe_to_take: bool = False
    text: dict[str, str] = field(default_factory=dict)
    error: str | None = None

    @property
    def time_left_s(self) -> float | None:
        if not self.rate_bytes_per_s or self.phase != "pulling":
            return None
        return (self.bytes_total - self.bytes_done) / self.rate_bytes_per_s


class SlotBoard:
    """The views of all slots.  Thread-safe."""

    def __init__(self, slots: Iterable[tuple[int, str]], listener: Callable[[SlotView], None]) -> None:
        self._lock = threading.Lock()
        self._views = {number: SlotView(number, label) for number, label in slots}
        self._listener = listener
        self._told_at: dict[int, float] = {}
        self._moves: dict[int, deque[tuple[float, int]]] = {}

    def views(self) -> list[SlotView]:
        with self._lock:
            return [self._views[number] for number in sorted(self._views)]

    def show(self, slot: int, phase: Phase, **changes: object) -> None:
        """Show a new phase; what is not named stays."""
        with self._lock:
            self._moves.pop(slot, None)
            view = replace(self._views[slot], phase=phase, rate_bytes_per_s=None, **changes)  # type: ignore[arg-type]
            self._views[slot] = view
            self._told_at[slot] = time.monotonic()
        self._listener(view)

    def clear(self, slot: int) -> None:
        """The slot is empty."""
        with self._lock:
            label = self._views[slot].label
            view = self._views[slot] = SlotView(slot, label)
            self._moves.pop(slot, None)
        self._listener(view)

    def move(self, slot: int, bytes_done: int, files_done: int, file: str) -> None:
        """Show progress within a phase."""
        now = time.monotonic()
        with self._lock:
            moves = self._moves.setdefault(slot, deque(maxlen=1000))
            moves.append((now, bytes_done))
            while now - moves[0][0] > _RATE_WINDOW_S and len(moves) > 2:
                moves.popleft()
            (then, before), span_s = moves[0], now - moves[0][0]
            rate = (bytes_done - before) / span_s if span_s > 0 and then < now else None
            view = self._views[slot] = replace(
                self._views[slot],
                bytes_done=bytes_done,
                files_done=files_done,
                file=file,
                rate_bytes_per_s=rate,
            )
            tell = now - self._told_at.get(slot, 0.0) >= PROGRESS_S
            if tell:
                self._told_at[slot] = now
        if tell:
            self._listener(view)
