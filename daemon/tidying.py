"""The store's write-ahead log is given back to the disk when nothing is going on (known-faults E03).

- Only when no camera is read, when it is worth it, and at most once a minute.
- A reader that holds it is not waited for: the next minute is soon enough, and the alarm `store.wal` tells
  of one that stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from daemon.store import Store

_LOG = logging.getLogger(__name__)
EVERY_S = 60.0
WORTH_BYTES = 1024 * 1024


class TidyStage:
    """`busy`: a camera is being read; `monotonic`: seconds."""

    def __init__(
        self, store: Store, busy: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._busy = busy
        self._monotonic = monotonic
        self._due_at = 0.0

    def step(self) -> bool:
        """Truncate the log if it is time.  Never counts as work."""
        if self._monotonic() < self._due_at or self._busy():
            return False
        self._due_at = self._monotonic() + EVERY_S
        size_bytes = self._store.wal_bytes()
        if size_bytes >= WORTH_BYTES and not self._store.truncate_wal():
            _LOG.info("the store's log of %d bytes is still being read", size_bytes)
        return False
