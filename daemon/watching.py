"""What a watcher knows of many docks, from their telemetry: pure.

- Telemetry is unsigned (mqtt.md): all of it is a claim, and is shown as one.  Nothing here decides anything.
- A message counts for the dock of its topic only, and only if it says that it is of that dock.
- Retained ghosts: a message of an earlier run of the dock (an older `since`) never replaces one of a later
  run.  In one run the last to come wins, whatever its `seq`: a Last Will was made when it connected.
- A dock that says it is online and was not heard for three of its minutes is *stale*: what it said is old.  A
  retained message was heard when it says it was made, not when the broker handed it out.
- A stale dock is the watcher's own alarm `dock.silent`: since it was heard last, cleared when it is again.
- What is older than the expiry of telemetry is shown as gone, not as it was.
- Bounded: docks, slots a dock, bytes a message.  What does not fit or hold is counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from daemon.alarms import WATCHERS
from uplink.errors import Refused
from uplink.messages.telemetry import (
    TELEMETRY_EXPIRY_S,
    HealthMessage,
    SlotMessage,
    StateMessage,
    Telemetry,
)
from uplink.topics import ROOT, parse

MAX_DOCKS = 5000
MAX_SLOTS = 256
MAX_BYTES = 64 * 1024
KEPT_SILENCES = 16  # of a dock: since, cleared
STALE = timedelta(seconds=180)  # health comes every 60 s
AHEAD = timedelta(days=1)
GONE = timedelta(seconds=TELEMETRY_EXPIRY_S)
Freshness = Literal["fresh", "stale", "gone"]


def subscriptions(sites: Sequence[str]) -> list[str]:
    """Return the topics that a watcher may read, of some sites or of all."""
    return [
        f"{ROOT}/{site}/+/up/{rest}" for site in (sites or ["+"]) for rest in ("state", "health", "slots/+")
    ]


@dataclass
class DockSeen:
    """One dock, as it says."""

    site: str
    dock: str
    state: StateMessage | None = None
    health: HealthMessage | None = None
    slots: dict[int, SlotMessage] = field(default_factory=dict)
    heard_at: datetime | None = None
    was_live: bool = False  # heard itself, not only what the broker kept
    silences: deque[tuple[datetime, datetime]] = field(default_factory=lambda: deque(maxlen=KEPT_SILENCES))

    def freshness(self, now: datetime) -> Freshness:
        if self.heard_at is None or now - self.heard_at > GONE:
            return "gone"
        quiet = self.state is not None and self.state.state == "offline"
        return "fresh" if quiet or now - self.heard_at <= STALE else "stale"

    def messages(self) -> list[Telemetry]:
        found: list[Telemetry | None] = [self.state, self.health, *self.slots.values()]
        return [message for message in found if message is not None]


class Watched:
    """All docks that were heard."""

    def __init__(self) -> None:
        self._docks: dict[tuple[str, str], DockSeen] = {}
        self.counts: Counter[str] = Counter()

    def take(self, topic: str, payload: bytes, now: datetime, *, retained: bool) -> bool:
        """Take a message.  Returns whether anything changed."""
        found = parse(topic)
        if found is None or found.direction != "up":
            self.counts["topic"] += 1
            return False
        dock = self._dock(found.site, found.dock)
        if dock is None:
            self.counts["too many docks"] += 1
            return False
        silent = dock.was_live and dock.freshness(now) != "fresh"  # what was retained was old when it came
        since = dock.heard_at
        try:
            said = self._place(dock, found.parts, payload, now)
        except Refused as refused:
            self.counts[refused.code] += 1
            return False
        if said is not None:
            heard_at = min(now, said.time) if retained else now
            dock.heard_at = max(dock.heard_at or heard_at, heard_at)
            dock.was_live |= not retained
            if silent and since is not None and dock.freshness(now) == "fresh":
                dock.silences.append((since, now))
        return said is not None or not payload

    def docks(self) -> list[DockSeen]:
        """Return the docks that said something, by site and name."""
        return [self._docks[key] for key in sorted(self._docks) if self._docks[key].messages()]

    def _dock(self, site: str, name: str) -> DockSeen | None:
        if (site, name) not in self._docks:
            if len(self._docks) >= MAX_DOCKS:
                return None
            self._docks[(site, name)] = DockSeen(site, name)
        return self._docks[(site, name)]

    def _place(
        self, dock: DockSeen, parts: tuple[str, ...], payload: bytes, now: datetime
    ) -> Telemetry | None:
        """Put a message where it belongs; None for one that changes nothing."""
        match parts:
            case ("state",) if payload:
                state = StateMessage.parse(payload, MAX_BYTES)
                if self._counts(dock, state, now):
                    dock.state = state
                    return state
            case ("health",) if payload:
                health = HealthMessage.parse(payload, MAX_BYTES)
                if self._counts(dock, health, now):
                    dock.health = health
                    return health
            case ("slots", number) if number.isdecimal() and not payload:
                dock.slots.pop(int(number), None)  # the slot is no more
            case ("slots", number) if number.isdecimal():
                slot = SlotMessage.parse(payload, MAX_BYTES)
                if str(slot.slot) != number or (slot.slot not in dock.slots and len(dock.slots) >= MAX_SLOTS):
                    raise Refused("slot", f"slot {slot.slot} on {number}")
                if self._counts(dock, slot, now):
                    dock.slots[slot.slot] = slot
                    return slot
            case _:
                self.counts["topic"] += 1
        return None

    def _counts(self, dock: DockSeen, message: Telemetry, now: datetime) -> bool:
        """Whether a message is of this dock and not of an earlier run of it."""
        if message.dock != dock.dock:
            raise Refused("dock", f"a message of {message.dock}")
        if message.since > now + AHEAD:
            raise Refused("future", "it would keep every later run from being shown")
        newest = max((other.since for other in dock.messages()), default=message.since)
        if message.since < newest:
            self.counts["ghost"] += 1
            return False
        if message.since > newest:
            self._forget_earlier(dock, message)
        return True

    @staticmethod
    def _forget_earlier(dock: DockSeen, message: Telemetry) -> None:
        """A new run of the dock: what the one before said of slots and health is over."""
        if dock.health is not None and dock.health.run != message.run:
            dock.health = None
        if dock.state is not None and dock.state.run != message.run:
            dock.state = None
        dock.slots = {n: slot for n, slot in dock.slots.items() if slot.run == message.run}


@dataclass(frozen=True)
class Standing:
    """An alarm that a dock says it has, or that the watcher has of it.  `cleared` None: it stands."""

    site: str
    dock: str
    alarm: str
    subject: str
    severity: str
    since: datetime
    text: dict[str, str]
    cleared: datetime | None = None


def standing(docks: Sequence[DockSeen], now: datetime) -> list[Standing]:
    """Return all alarms that stand, critical first, oldest first; and docks that fell silent."""
    found = [
        Standing(dock.site, dock.dock, alarm.alarm, alarm.subject, alarm.severity, alarm.since, alarm.text)
        for dock in docks
        if dock.health is not None and dock.freshness(now) != "gone"
        for alarm in dock.health.alarms
        if alarm.cleared is None
    ]
    found += [
        Standing(dock.site, dock.dock, SILENT, "", _SILENT.severity, dock.heard_at or now, _SILENT_TEXT)
        for dock in docks
        if dock.freshness(now) == "stale"
    ]
    return sorted(
        found, key=lambda one: (one.severity != "critical", one.since, one.site, one.dock, one.alarm)
    )


def cleared(docks: Sequence[DockSeen], now: datetime) -> list[Standing]:
    """Return the alarms that cleared of late, the last first."""
    found = [
        Standing(d.site, d.dock, a.alarm, a.subject, a.severity, a.since, a.text, a.cleared)
        for d in docks
        if d.health is not None and d.freshness(now) != "gone"
        for a in d.health.alarms
        if a.cleared is not None
    ]
    found += [
        Standing(d.site, d.dock, SILENT, "", _SILENT.severity, since, _SILENT_TEXT, until)
        for d in docks
        for since, until in d.silences
    ]
    return sorted(found, key=lambda one: one.cleared or now, reverse=True)


SILENT = "dock.silent"
_SILENT = WATCHERS[SILENT]
_SILENT_TEXT = {"zh": _SILENT.zh, "en": _SILENT.en}


def snapshot(watched: Watched, now: datetime, connected: bool) -> dict[str, Any]:
    """Return all of it as plain JSON values, alarms first.  `claims`: nothing of it is signed."""
    docks = watched.docks()
    return {
        "time": now.isoformat(),
        "claims": True,
        "connected": connected,
        "alarms": [_alarm_json(one) for one in standing(docks, now)],
        "cleared": [_alarm_json(one) for one in cleared(docks, now)],
        "docks": [_dock_json(dock, now) for dock in docks],
        "ignored": dict(watched.counts),
    }


def _alarm_json(one: Standing) -> dict[str, Any]:
    return {
        "site": one.site,
        "dock": one.dock,
        "alarm": one.alarm,
        "subject": one.subject,
        "severity": one.severity,
        "since": one.since.isoformat(),
        "cleared": None if one.cleared is None else one.cleared.isoformat(),
        "text": one.text,
    }


def _dock_json(dock: DockSeen, now: datetime) -> dict[str, Any]:
    return {
        "site": dock.site,
        "dock": dock.dock,
        "freshness": dock.freshness(now),
        "heard_at": dock.heard_at.isoformat() if dock.heard_at else None,
        "state": _json(dock.state),
        "health": _json(dock.health),
        "slots": [_json(dock.slots[number]) for number in sorted(dock.slots)],
    }


def _json(message: Telemetry | None) -> dict[str, Any] | None:
    return None if message is None else message.model_dump(mode="json", by_alias=True)
