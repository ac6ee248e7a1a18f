"""Who reconciles, and when: daily, at start, when a dock comes back, and when a person asks.

A thread of its own looks at the store (`survey.py`), so that receiving goes on; the pages wait, bounded,
until they are published.  A dock that was away when its pages went has them again when it says `online`;
between two that nobody asked for are ten minutes at least.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from center.catalogue import database, docks, surveys
from center.catalogue.docks import Dock
from center.errors import BadFolder, NotEnrolled, StoreFull
from center.office import Outgoing, utc_now
from center.platform import PlatformKeys
from center.settings import Folder, load
from center.survey import Found, Survey, note_lost, pages

log = logging.getLogger(__name__)

DAILY_S = 24 * 3600.0
NOT_SOONER_S = 600.0
LOOK_S = 0.5
MAX_WAITING = 64
ASK_WAIT_S = 600.0


class Schedule:
    """When a dock is due: pure.  Times are monotonic seconds."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._state_at: dict[str, str | None] = {}

    def due(self, dock: Dock, now_s: float) -> bool:
        told_s = self._told.get(dock.dock)
        if told_s is None or now_s - told_s >= DAILY_S:
            return True
        came = dock.state == "online" and dock.state_at != self._state_at.get(dock.dock)
        return came and now_s - told_s >= NOT_SOONER_S

    def told(self, dock: Dock, now_s: float) -> None:
        self._told[dock.dock] = now_s
        self._state_at[dock.dock] = dock.state_at


@dataclass(frozen=True)
class _Job:
    dock: Dock
    deep: bool = False
    asked: int | None = None  # a person's question in the catalogue


class Reconciler:
    """`take` gives what is to be published; nothing is begun before `connected`."""

    def __init__(self, folder: Folder, keys: PlatformKeys) -> None:
        self._folder = folder
        self._keys = keys
        self._out: queue.Queue[Outgoing] = queue.Queue(MAX_WAITING)
        self._schedule = Schedule()
        self._connected = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)
        self._thread.start()

    def connected(self) -> None:
        self._connected.set()

    def take(self) -> list[Outgoing]:
        """Return what waits to be published."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._out.get_nowait())
        return found

    def close(self) -> None:
        self._stop.set()
        self._connected.set()
        self._thread.join(10)

    def _run(self) -> None:
        self._connected.wait()
        connection = database.open_for_writing(self._folder)
        try:
            while not self._stop.wait(LOOK_S):
                try:
                    self._turn(connection)
                except InterruptedError:
                    return
                except Exception:
                    log.exception("reconciling goes on later")
                    self._stop.wait(10)
        finally:
            connection.close()

    def _turn(self, connection: sqlite3.Connection) -> None:
        for job in self._jobs(connection):
            survey = Survey(self._folder, deep=job.deep, going_on=lambda: not self._stop.is_set())
            found = survey.look(connection, job.dock)
            if found.nothing and job.asked is None:
                log.error(
                    "nothing of dock %s is in %s: is it mounted? Nothing is signed;"
                    " `bodydock center reconcile` signs it all the same",
                    job.dock.dock,
                    self._folder.store,
                )
            else:
                self._tell(connection, found)
            self._schedule.told(job.dock, time.monotonic())
            if job.asked is not None:
                with database.writing(connection):
                    surveys.done(connection, job.asked, len(found.held), len(found.lost), utc_now())

    def _jobs(self, connection: sqlite3.Connection) -> list[_Job]:
        known = {dock.dock: dock for dock in docks.every(connection)}
        asked = [
            _Job(known[wanted.dock], wanted.deep, wanted.id)
            for wanted in surveys.waiting(connection)
            if wanted.dock in known
        ]
        now_s = time.monotonic()
        return asked + [_Job(dock) for dock in known.values() if self._schedule.due(dock, now_s)]

    def _tell(self, connection: sqlite3.Connection, found: Found) -> None:
        for held in found.lost:
            log.error("the store has lost %s (recording %s of %s)", held.sha256, held.recording, held.dock)
        note_lost(connection, found)
        topic = found.dock.topics.down("reconciliation")
        for raw in pages(self._keys, found):
            while True:
                if self._stop.is_set():
                    raise InterruptedError("stopping")
                with contextlib.suppress(queue.Full):
                    self._out.put(Outgoing(topic, raw), timeout=0.2)
                    break


def ask(
    folder: Folder, dock: str | None, deep: bool, waited: Callable[[], bool] = lambda: True
) -> list[surveys.Wanted]:
    """Have the running center reconcile, and wait for it.  `dock` None: all of them.

    Raises NotEnrolled, BadFolder (no center runs here; it does not answer).
    """
    load(folder)
    _check_runs(folder)
    connection = database.open_for_writing(folder)
    try:
        known = [found.dock for found in docks.every(connection) if dock in (None, found.dock)]
        if not known:
            raise NotEnrolled(f"no dock {dock or ''} is enrolled: see `bodydock center docks list`")
        with database.writing(connection):
            asked = surveys.ask(connection, known, deep, utc_now())
        return [_answered(connection, one, waited) for one in asked]
    except StoreFull as e:
        raise BadFolder(str(e)) from None
    finally:
        connection.close()


def _answered(connection: sqlite3.Connection, asked: int, waited: Callable[[], bool]) -> surveys.Wanted:
    until_s = time.monotonic() + ASK_WAIT_S
    while waited() and time.monotonic() < until_s:
        found = surveys.find(connection, asked)
        if found is not None and found.done_at is not None:
            return found
        time.sleep(0.1)
    raise BadFolder("the center does not reconcile: is it connected to its broker? Its log says why")


def _check_runs(folder: Folder) -> None:
    try:
        with folder.locked("run", wait=False):
            pass
    except BadFolder:
        return
    raise BadFolder(f"no center runs in {folder.root}: start `bodydock center run` first")
