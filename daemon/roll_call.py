"""Roll call: every local copy is looked for by name and size, soon after the start and then each hour.

- Reading back finds a file that is gone too, but in its turn, which is days away; a look costs a stat.
- What is gone or has another size is `damaged` at once: it is not sent, an alarm names it, `status`, `show`
  and `verify` say so, and the camera gives it back at the next docking (`read_back`).
- What stands in its place again (a disk that was not mounted) is read back next, and is whole if it reads
  well.
- What was cleared, or given back meanwhile, is no loss: it is looked at again under the vault's lock.
"""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Callable

from daemon.store import Row, Store
from daemon.vault import Vault

_LOG = logging.getLogger(__name__)
EVERY_S = 3600.0
PAGE = 500
_AWAY = "not in its place: "


class RollCallStage:
    """Looks at a page of recordings a step.  `monotonic`: seconds."""

    def __init__(self, store: Store, vault: Vault, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._vault = vault
        self._monotonic = monotonic
        self._after: str | None = ""  # None: all were called
        self._next_at = 0.0

    def step(self) -> bool:
        """Look at the next ones.  Returns whether there were any."""
        if self._after is None:
            if self._monotonic() < self._next_at:
                return False
            self._after = ""
        rows = self._store.rows(
            "SELECT recording, vault, size, damaged FROM recordings WHERE recording > ?"
            " AND cleared_at IS NULL ORDER BY recording LIMIT ?",
            (self._after, PAGE),
        )
        for row in rows:
            self._look(row)
        self._after = rows[-1]["recording"] if rows else None
        if not rows:
            self._next_at = self._monotonic() + EVERY_S
        return bool(rows)

    def _look(self, row: Row) -> None:
        trouble = self._trouble(row)
        if row["damaged"] is None and trouble is not None:
            self._settle(row)
        elif trouble is None and (row["damaged"] or "").startswith((_AWAY, "cannot be opened")):
            with self._store.write() as tx:
                tx.execute("UPDATE recordings SET checked_at = '' WHERE recording = ?", (row["recording"],))

    def _trouble(self, row: Row) -> str | None:
        try:
            found = self._vault.path(row["vault"]).lstat()
        except OSError as error:
            return f"{_AWAY}{error.strerror or error}"
        if not stat.S_ISREG(found.st_mode):
            return f"{_AWAY}something that is no file"
        if found.st_size != row["size"]:
            return f"{_AWAY}{found.st_size} bytes, not {row['size']}"
        return None

    def _settle(self, row: Row) -> None:
        with self._vault.settling:
            trouble = self._trouble(row)
            if trouble is None:
                return
            with self._store.write() as tx:
                changed = tx.execute(
                    "UPDATE recordings SET damaged = ? WHERE recording = ? AND vault = ?"
                    " AND cleared_at IS NULL AND damaged IS NULL",
                    (trouble, row["recording"], row["vault"]),
                )
        if changed:
            _LOG.error("vault: %s (%s) %s", row["recording"], row["vault"], trouble)
