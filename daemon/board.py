"""What each slot shows right now: kept in memory, read by the panel, the CLI and the uplink.

Whoever works in a slot writes here; a listener is told at once of a new phase, and of progress at most
every `PROGRESS_S` (mqtt.md: slots at most every 5 s while moving, at once on a change of phase).

A camera may show several disks (A04).  Each is a `part` of its slot, and the slot shows them joined: what
still moves comes first, sums are of all parts, and it is safe to take only when every part says so.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from dock.docking import Docking
from uplink.messages.telemetry import Phase

PROGRESS_S = 5.0
_RATE_WINDOW_S = 3.0
# Which part of a slot leads: what an officer must not interrupt, then what a person must see.
_LEADING: tuple[Phase, ...] = (
    "making_room",
    "pulling",
    "checking",
    "listing",
    "attached",
    "error",
    "no_file_system",
    "done",
    "wrong_mode",
    "expected",
    "empty",
)


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
    card_full: bool = False  # the camera can hardly record any more

    @property
    def time_left_s(self) -> float | None:
        if not self.rate_bytes_per_s or self.phase != "pulling":
            return None
        return (self.bytes_total - self.bytes_done) / self.rate_bytes_per_s


_READING: frozenset[Phase] = frozenset({"attached", "listing", "pulling", "making_room", "checking"})


class SlotBoard:
    """The views of all slots.  Thread-safe."""

    def __init__(self, slots: Iterable[tuple[int, str]], listener: Callable[[SlotView], None]) -> None:
        self._lock = threading.Lock()
        self._empty = {number: SlotView(number, label) for number, label in slots}
        self._parts: dict[int, dict[str, SlotView]] = {number: {} for number in self._empty}
        self._listener = listener
        self._told_at: dict[int, float] = {}
        self._moves: dict[tuple[int, str], deque[tuple[float, int]]] = {}

    def views(self) -> list[SlotView]:
        with self._lock:
            return [self._joined(number) for number in sorted(self._parts)]

    @property
    def reading(self) -> bool:
        """Whether a camera is being read: what nobody waits for keeps off the disk and the cores."""
        return any(view.phase in _READING for view in self.views())

    def show(self, slot: int, phase: Phase, *, part: str = "", **changes: object) -> None:
        """Show a new phase; what is not named stays, but an error and *safe to take* end with theirs."""
        ended = {"error": None, "safe_to_take": False, "card_full": False, "rate_bytes_per_s": None}
        with self._lock:
            self._moves.pop((slot, part), None)
            before = self._parts[slot].get(part, self._empty[slot])
            self._parts[slot][part] = replace(before, phase=phase, **(ended | changes))  # type: ignore[arg-type]
            self._told_at[slot] = time.monotonic()
            view = self._joined(slot)
        self._listener(view)

    def clear(self, slot: int, part: str = "") -> None:
        """A part left; the slot is empty when the last one did."""
        with self._lock:
            self._parts[slot].pop(part, None)
            self._moves.pop((slot, part), None)
            view = self._joined(slot)
        self._listener(view)

    def move(self, slot: int, bytes_done: int, files_done: int, file: str, *, part: str = "") -> None:
        """Show progress within a phase."""
        now = time.monotonic()
        with self._lock:
            moves = self._moves.setdefault((slot, part), deque(maxlen=1000))
            moves.append((now, bytes_done))
            while now - moves[0][0] > _RATE_WINDOW_S and len(moves) > 2:
                moves.popleft()
            (then, before), span_s = moves[0], now - moves[0][0]
            rate = (bytes_done - before) / span_s if span_s > 0 and then < now else None
            self._parts[slot][part] = replace(
                self._parts[slot].get(part, self._empty[slot]),
                bytes_done=bytes_done,
                files_done=files_done,
                file=file,
                rate_bytes_per_s=rate,
            )
            tell = now - self._told_at.get(slot, 0.0) >= PROGRESS_S
            if tell:
                self._told_at[slot] = now
            view = self._joined(slot)
        if tell:
            self._listener(view)

    def _joined(self, slot: int) -> SlotView:
        parts = list(self._parts[slot].values())
        return joined(parts) if parts else self._empty[slot]


def joined(parts: Sequence[SlotView]) -> SlotView:
    """Return what a slot shows whose disks show `parts` (one at least)."""
    lead = min(parts, key=lambda part: _LEADING.index(part.phase))
    rates = [part.rate_bytes_per_s for part in parts if part.rate_bytes_per_s is not None]
    return replace(
        lead,
        files_done=sum(part.files_done for part in parts),
        files_total=sum(part.files_total for part in parts),
        bytes_done=sum(part.bytes_done for part in parts),
        bytes_total=sum(part.bytes_total for part in parts),
        rate_bytes_per_s=sum(rates) if rates else None,
        safe_to_take=all(part.safe_to_take for part in parts),
        card_full=any(part.card_full for part in parts),
    )
