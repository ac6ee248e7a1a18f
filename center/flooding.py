"""A dock that floods costs the others next to nothing: lanes at the connection, and the fence (`fence.py`).

What is dropped is counted as `refused.flooding`; who is shut out is said, and a trouble that fades after a day.
"""

from __future__ import annotations

import logging
import sqlite3

from center.catalogue import docks
from center.errors import StoreFull
from center.fence import EVERY_DOCK, STRANGERS, Fence, one_dock
from center.office import Office
from uplink import topics
from uplink.connection import Connection
from uplink.lanes import Shares

LOOK_S = 0.02
DOCKS_S = 1.0


class Flooding:
    """For the receiver's one thread, but `shares`, whose function is called from the network's too."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._fence = Fence()
        self._docks = docks.sites(office.connection)
        self._subscribed: tuple[str, ...] = (EVERY_DOCK,)
        self._closed: frozenset[str] = frozenset()
        self._look_s = self._docks_s = 0.0

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

    def refused(self, topic: str) -> None:
        """The broker refuses a subscription."""
        if self._fence.refused(topic):
            text = "the broker has docks not subscribed one by one: one that floods can only be dropped"
            self._office.quiet.say("no fence", logging.ERROR, text)

    def turn(self, connection: Connection) -> frozenset[str]:
        """Look at what was dropped, and follow; returns the docks that are heard again from now on."""
        now_s = self._office.monotonic()
        if now_s < self._look_s:
            return frozenset()
        self._look_s = now_s + LOOK_S
        self._know_docks(now_s)
        for name, dropped in connection.take_dropped().items():
            self._office.count("refused.flooding", name, dropped.messages)
            shut_out_s = self._fence.dropped(name, dropped.messages, dropped.size_bytes, now_s)
            if shut_out_s is not None:
                self._say(name, shut_out_s)
        freed = self._fence.free(now_s)
        shut_out = self._fence.shut_out
        if shut_out != self._closed:
            self._closed = shut_out
            connection.close_lanes(shut_out)
        wanted = self._fence.topics(self._docks)
        if wanted != self._subscribed:
            self._listen(connection, wanted, freed)
        return freed

    def _listen(self, connection: Connection, wanted: tuple[str, ...], freed: frozenset[str]) -> None:
        # What is retained of a dock that was heard all the while need not come again.
        was_apart = self._subscribed != (EVERY_DOCK,)
        fresh = frozenset(wanted) if was_apart and wanted != (EVERY_DOCK,) else frozenset[str]()
        back = frozenset(one_dock(dock, self._docks[dock]) for dock in freed if dock in self._docks)
        self._subscribed = wanted
        connection.listen(wanted, fresh | back)

    def _say(self, name: str, shut_out_s: float) -> None:
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
