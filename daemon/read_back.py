"""Idle read-back: every local copy is read from the medium now and then, the longest unread first.

- Only while no camera is being read: a puller needs the disk more.  Rate-limited all the same.
- What is not the recording any more (other bytes, unreadable, gone) is `damaged`: an alarm names it, its
  bytes are not sent, and the camera gives them back at the next docking if it still has them
  (`ingest/shelving.py`).  It is read again in its turn: a bad cable may pass, and then it is whole again.
- Where the platform found other bytes than promised, the file is read next (`checked_at` is emptied).
- Half a file read is forgotten by a restart: it is read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from daemon.clock import DockClock
from daemon.medium import BLOCK_BYTES, MediumReader
from daemon.settings import VaultSettings
from daemon.store import Row, Store
from daemon.store.database import to_text
from daemon.vault import Vault

_LOG = logging.getLogger(__name__)
BLOCKS_A_STEP = 8


def read_soon(store: Store, recordings: Sequence[str]) -> int:
    """Have local copies read again at the next idle moment.  Returns of how many recordings."""
    with store.write() as tx:
        return tx.execute_all(
            "UPDATE recordings SET checked_at = ''"
            " WHERE recording = ? AND cleared_at IS NULL AND damaged IS NULL",
            [(recording,) for recording in recordings],
        )


class ReadBackStage:
    """Reads a few blocks a step.  `busy`: a camera is being read; `pause` waits that many seconds."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock: DockClock,
        settings: VaultSettings,
        busy: Callable[[], bool],
        pause: Callable[[float], object],
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._every = timedelta(days=settings.read_back_days)
        self._rate_bytes_per_s = settings.read_back_bytes_per_second
        self._busy = busy
        self._pause = pause
        self._row: Row | None = None
        self._reader: MediumReader | None = None

    def step(self) -> bool:
        """Read on.  Returns whether there was anything to read."""
        if self._busy():
            return False
        if self._reader is None and not self._begin():
            return False
        self._read()
        return True

    def _begin(self) -> bool:
        """Open the file that was unread for longest; False where none is due."""
        before = to_text(self._clock.now() - self._every)
        row = self._store.row(
            "SELECT recording, vault, size, sha256 FROM recordings WHERE cleared_at IS NULL"
            " AND checked_at <= ? ORDER BY checked_at, stored_at LIMIT 1",
            (before,),
        )
        if row is None:
            return False
        try:
            self._reader = MediumReader(self._vault.path(row["vault"]))
        except OSError as error:
            self._settle(row, f"cannot be opened: {error.strerror or error}")
            return True
        self._row = row
        return True

    def _read(self) -> None:
        reader, row = self._reader, self._row
        if reader is None or row is None:
            return
        blocks, ended = 0, False
        try:
            while not ended and blocks < BLOCKS_A_STEP:
                ended = reader.step() == 0
                blocks += 1
        except OSError as error:
            self._close()
            self._settle(row, f"cannot be read at byte {reader.read_bytes}: {error.strerror or error}")
            return
        if not ended:
            self._pause(blocks * BLOCK_BYTES / self._rate_bytes_per_s)
            return
        self._close()
        same = (reader.sha256(), reader.read_bytes) == (row["sha256"], row["size"])
        self._settle(row, None if same else f"{reader.read_bytes} bytes that are not the recording's")

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._row = None

    def _settle(self, row: Row, damage: str | None) -> None:
        """Note what was found, unless the copy was cleared or given back meanwhile."""
        with self._vault.settling, self._store.write() as tx:
            now = tx.row(
                "SELECT 1 FROM recordings WHERE recording = ? AND vault = ? AND cleared_at IS NULL",
                (row["recording"], row["vault"]),
            )
            if now is None:
                return
            tx.execute(
                "UPDATE recordings SET checked_at = ?, damaged = ? WHERE recording = ?",
                (to_text(self._clock.now()), damage, row["recording"]),
            )
        if damage is not None:
            _LOG.error("vault: %s (%s) %s", row["recording"], row["vault"], damage)
