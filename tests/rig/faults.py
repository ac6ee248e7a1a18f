"""Fault points: the process kills itself just before, or just after, the N-th doing of one durable thing.

- A point is `OPERATION@MODULE.FUNCTION`, the function of ours that asks: `link@center.blobs.adopt`,
  `rename_no_replace@dock.vault_copy.finish`, `commit@daemon.ingest.ledger.store`.
- They are put in from outside, into a process of the tests (`forkery`): the product has none, and new code
  has its points by itself.
- `POINT:before:3` or `POINT:after:1`; `note:FILE` kills nobody and writes down which points were passed.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dock import linux
from uplink.session import Session

_OURS = ("dock.", "daemon.", "uplink.", "center.")
_BETWEEN = ("daemon.store.database", "center.catalogue.database", "uplink.connection", "uplink.outbox")
_SYSTEM = ("fsync", "fdatasync", "rename", "replace", "link", "unlink", "posix_fallocate", "ftruncate")


@dataclass(frozen=True)
class Fault:
    """Where to die.  `after`: when it is done, not before."""

    point: str
    after: bool
    count: int

    def __str__(self) -> str:
        return f"{self.point}:{'after' if self.after else 'before'}:{self.count}"

    @classmethod
    def parse(cls, text: str) -> Fault:
        point, when, count = text.rsplit(":", 2)
        return cls(point, when == "after", int(count))


class Faults:
    """Counts what passes each point of this process."""

    def __init__(self, fault: Fault | None, notes: Path | None = None) -> None:
        self._fault = fault
        self._notes = notes
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(self, operation: str, work: Callable[[], Any]) -> Any:
        point = f"{operation}@{_asker()}"
        with self._lock:
            self._passed[point] += 1
            first, turn = self._passed[point] == 1, self._passed[point]
        if first and self._notes is not None:
            with self._notes.open("a") as notes:
                notes.write(f"{point}\n")
        mine = self._fault is not None and (point, turn) == (self._fault.point, self._fault.count)
        if mine and self._fault is not None and not self._fault.after:
            _die()
        done = work()
        if mine:
            _die()
        return done

    def wrap(self, owner: Any, name: str, operation: str) -> None:
        real = getattr(owner, name)

        def wrapped(*args: Any, **named: Any) -> Any:
            return self.run(operation, lambda: real(*args, **named))

        setattr(owner, name, wrapped)


def install(spec: str) -> None:
    """Put fault points into this process, which must not have opened anything yet."""
    noting = spec.startswith("note:")
    faults = Faults(None if noting else Fault.parse(spec), Path(spec[5:]) if noting else None)
    for name in _SYSTEM:
        faults.wrap(os, name, name)
    for name in ("rename_no_replace", "sync_file_system"):
        if hasattr(linux, name):
            faults.wrap(linux, name, name)
    faults.wrap(Session, "publish", "publish")

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            def work() -> sqlite3.Cursor:
                return super(Connection, self).execute(sql, *args)

            done: sqlite3.Cursor = faults.run("commit", work) if sql == "COMMIT" else work()
            return done

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **named: connect(*args, **{"factory": Connection, **named})


def _asker() -> str:
    """Return the nearest function of ours on the stack that is no mere go-between."""
    for depth in itertools.count(2):
        try:
            frame = sys._getframe(depth)
        except ValueError:
            return "?"
        name: str = frame.f_globals.get("__name__", "")
        if name.startswith(_OURS) and name not in _BETWEEN:
            return f"{name}.{frame.f_code.co_name}"
    return "?"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
