"""A dock that floods costs the others next to nothing: lanes at the connection, and the fence (`fence.py`).

- What is dropped counts as `refused.flooding`; who is shut out is said, and is a trouble that fades after a
  day.
- Until a flood is shut out the broker may have dropped what others sent: its queue for us is full then, and
  it says nothing.  So when the flood is worked off, all docks are told where they stand under a new lease, as
  after a restart: they send at once what they would else send again after 10 s of silence.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass

from center.catalogue import docks
from center.errors import StoreFull
from center.fence import EVERY_DOCK, STRANGERS, Fence, Vain, one_dock
from center.office import Office
from uplink import topics
from uplink.connection import Connection
from uplink.lanes import Shares

LOOK_S = 0.02
DOCKS_S = 1.0
CALM_S = 0.5  # nothing more has come of who is shut out: the broker's queue is worked off


@dataclass(frozen=True)
class Told:
    """What follows.  `freed`: docks that are heard again; `all_again`: say to all where they stand."""

    freed: frozenset[str] = frozenset()
    all_again: bool = False


class Flooding:
    """For the receiver's one thread, but `shares`, whose function is called from the network's too."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._fence = Fence()
        self._docks = docks.sites(office.connection)
        self._subscribed: tuple[str, ...] = (EVERY_DOCK,)
        self._closed: frozenset[str] = frozenset()
        self._look_s = self._docks_s = 0.0
        self._calm_s: float | None = None  # when all are told, if nothing more comes

    @property
    def shares(self) -> Shares:
        return Shares(self._lane_of)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        return self._subscribed

    @property
    def left(self) -> list[str]:
        """What an earlier process may have left subscribed."""
        return [EVERY_DOCK, *(one_dock(dock, site) for dock, site in self._docks.items())]

    def begin(self, connection: Connection) -> None:
        """Go on with a new connection."""
        connection.close_lanes(self._closed)

    def connected(self, session_present: bool) -> None:
        """Note a connection.  `session_present`: the broker may have kept what came while we were away."""
        if session_present:
            self._fence.connected(self._office.monotonic())

    def refused(self, topic: str) -> None:
        """The broker refuses a subscription."""
        if self._fence.refused(topic):
            text = "the broker has docks not subscribed one by one: one that floods can only be dropped"
            self._office.quiet.say("no fence", logging.ERROR, text)

    def turn(self, connection: Connection) -> Told:
        """Look at what was dropped and sent in vain, and have the connection follow."""
        now_s = self._office.monotonic()
        if now_s < self._look_s:
            return Told()
        self._look_s = now_s + LOOK_S
        self._know_docks(now_s)
        for name, dropped in connection.take_dropped().items():
            self._office.count("refused.flooding", name, dropped.messages)
            if self._calm_s is not None and name in self._closed:
                self._calm_s = now_s + CALM_S
            self._note(name, dropped.messages * Vain.WHOLLY, dropped.size_bytes, now_s)
        for name, (points, size_bytes) in self._office.take_in_vain().items():
            self._note(name, points, size_bytes, now_s)
        freed = self._fence.free(now_s)
        shut_out = self._fence.shut_out
        if shut_out != self._closed:
            self._closed = shut_out
            connection.close_lanes(shut_out)
        wanted = self._fence.topics(self._docks)
        if wanted != self._subscribed:
            self._listen(connection, wanted, freed)
        return Told(freed, self._is_calm(now_s))

    def _is_calm(self, now_s: float) -> bool:
        """Whether a flood was just worked off; once."""
        if self._calm_s is None or now_s < self._calm_s:
            return False
        self._calm_s = None
        return True

    def _listen(self, connection: Connection, wanted: tuple[str, ...], freed: frozenset[str]) -> None:
        # What is retained of a dock that was heard all the while need not come again.
        was_apart = self._subscribed != (EVERY_DOCK,)
        fresh = frozenset(wanted) if was_apart and wanted != (EVERY_DOCK,) else frozenset[str]()
        back = frozenset(one_dock(dock, self._docks[dock]) for dock in freed if dock in self._docks)
        self._subscribed = wanted
        connection.listen(wanted, fresh | back)

    def _note(self, name: str, points: int, size_bytes: int, now_s: float) -> None:
        shut_out_s = self._fence.in_vain(name, points, size_bytes, now_s)
        if shut_out_s is None:
            return
        self._calm_s = now_s + CALM_S
        who = "who is not enrolled" if name == STRANGERS else f"dock {name}"
        text = f"{who} sends more than its share: not heard for {shut_out_s:.0f} s; the others are"
        self._office.quiet.say(f"flooding {name}", logging.WARNING, text)
        self._office.trouble("flooding", f"{who}, not heard for {shut_out_s:.0f} s", name)

    def _know_docks(self, now_s: float) -> None:
        if now_s < self._docks_s:
            return
        self._docks_s = now_s + DOCKS_S
        try:
            self._docks = docks.sites(self._office.connection)
        except (StoreFull, sqlite3.Error) as e:
            self._office.quiet.say("docks", logging.ERROR, f"the docks cannot be read: {e}")

    def _lane_of(self, topic: str) -> str:
        parts = topic.split("/", 4)
        if len(parts) == 5 and topic.startswith(f"{topics.ROOT}/") and self._docks.get(parts[3]) == parts[2]:
            return parts[3]
        return STRANGERS
