"""Counters of what was refused or ignored: counted in memory, written down now and then.

A flood of bad messages must not become a flood of commits; a kill costs at most some seconds of counts.
"""

from __future__ import annotations

import threading
from collections import Counter

from daemon.store import Store

MAX_NAMES = 500  # names are our own words, but one is made of a peer's code


class Counters:
    """Thread-safe; `step` is a stage that writes what has come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._new: Counter[str] = Counter()

    def count(self, name: str) -> None:
        with self._lock:
            if name in self._new or len(self._new) < MAX_NAMES:
                self._new[name] += 1
            else:
                self._new["other"] += 1

    def step(self) -> bool:
        """Write down what was counted.  Never counts as work, so that counting wakes nobody."""
        with self._lock:
            new, self._new = self._new, Counter()
        if new:
            try:
                self._write(new)
            except BaseException:
                with self._lock:
                    self._new.update(new)
                raise
        return False

    def _write(self, new: Counter[str]) -> None:
        with self._store.write() as tx:
            for name, count in new.items():
                tx.execute(
                    "INSERT INTO counters (name, count) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
                    (name[:128], count),
                )
