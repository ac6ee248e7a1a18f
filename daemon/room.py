"""Making room: local copies of clearable recordings go, oldest first (rules: `retention.py`).

Order, so that a kill at any instant is harmless:

1. Under the vault's lock, one transaction: each row is judged anew, `cleared_at` is set and the event
   `cleared` appended.  From its commit on the dock says that it keeps these bytes no longer.
2. Only then the files are unlinked.  Killed in between, they lie there without use: the first turn after a
   start removes them.

The other way round, a kill would leave rows that promise bytes which are gone.  The lock keeps a camera that
gives the same file back (`ingest/shelving.py`) from being overtaken by the unlink.

The full read-back from the medium, which erasing a camera needs, is not needed here: the platform's own
read-back, receipt and later reconciliation stand.  But what is unlinked must be the recording, by name and
size.
"""

from __future__ import annotations

import logging
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.custody import Custody
from daemon.reserve import Reserve
from daemon.retention import Copy, Disk, choose, wanted_bytes, why_kept
from daemon.settings import VaultSettings
from daemon.store import Row, Store, Transaction
from daemon.store.database import from_text, to_text
from daemon.vault import Vault
from daemon.waiting_room import WaitingRoom
from uplink.messages.custody import Cleared

_LOG = logging.getLogger(__name__)
PAGE = 200  # rows looked at together
BATCH = 100  # recordings cleared by one event
AGAIN_S = 30.0  # without news only time makes copies clearable

# What `why_kept` asks; it decides.  The index keeps a big store from being read through.
_COPIES = """
SELECT r.recording, r.size, r.vault, r.stored_at, r.state, d.judged,
    json_array_length(r.holds) AS holds,
    (SELECT max(p.received_at) FROM receipts p
        WHERE p.recording = r.recording AND p.manifest = r.manifest AND p.voided = 0
            AND p.received_at > r.forgotten_at
    ) AS receipted_at,
    c.at AS reconciled_at
FROM recordings r JOIN dockings d USING (docking)
LEFT JOIN reconciled c ON c.recording = r.recording
WHERE r.state = 'delivered' AND r.cleared_at IS NULL
"""


@dataclass(frozen=True)
class RoomTools:
    """What making room works with."""

    store: Store
    custody: Custody
    vault: Vault
    reserve: Reserve
    waiting: WaitingRoom
    settings: VaultSettings


class RoomStage:
    """Clears what is clearable while room is wanted."""

    def __init__(self, tools: RoomTools) -> None:
        self._tools = tools
        self._keep_after = timedelta(days=tools.settings.keep_after_receipt_days)
        self._swept = False
        self._news = threading.Event()
        self._again_at = 0.0

    def step(self) -> bool:
        """Clear some.  Returns whether there was anything to clear."""
        tools = self._tools
        if not self._swept:
            sweep(tools.store, tools.vault)
            self._swept = True
        tools.reserve.ensure()
        wanted = self._wanted()
        if wanted == 0:
            tools.waiting.tell(stuck=False)
            return False
        if not self._news.is_set() and time.monotonic() < self._again_at:
            return False  # nothing was clearable a moment ago, and nothing came since
        self._news.clear()
        self._again_at = time.monotonic() + AGAIN_S
        chosen = choose(self._clearable(wanted), wanted, self._floor(), self._keep_after)[:BATCH]
        freed_bytes = self._clear([copy.recording for copy in chosen])
        if freed_bytes:
            self._news.set()
        else:
            tools.waiting.tell(stuck=True)
        return freed_bytes > 0

    def look(self) -> None:
        """Something came that may make copies clearable, or somebody waits.  Any thread."""
        self._news.set()

    def _wanted(self) -> int:
        tools = self._tools
        disk = disk_of(tools.vault)
        settings = tools.settings
        wanted = wanted_bytes(disk, settings.high_water, settings.reserve_bytes, tools.waiting.missing_bytes)
        return max(wanted, tools.reserve.lacking_bytes())

    def _floor(self) -> datetime:
        return self._tools.custody.clock.claim().floor

    def _clearable(self, wanted: int) -> Iterator[Copy]:
        """Yield clearable copies, oldest first, a little more than is wanted."""
        floor, found_bytes = self._floor(), 0
        after = ("", "")
        while found_bytes < wanted:
            rows = self._tools.store.rows(
                _COPIES + "AND (r.stored_at, r.recording) > (?, ?) ORDER BY r.stored_at, r.recording LIMIT ?",
                (*after, PAGE),
            )
            if not rows:
                return
            after = (rows[-1]["stored_at"], rows[-1]["recording"])
            for row in rows:
                copy = copy_of(row)
                if why_kept(copy, floor, self._keep_after) is None and self._is_the_recording(row):
                    found_bytes += copy.size_bytes
                    yield copy

    def _clear(self, recordings: list[str]) -> int:
        """Clear `recordings` as far as they still are clearable; returns how many bytes went."""
        tools = self._tools
        if not recordings:
            return 0
        with tools.vault.settling:
            with tools.store.write() as tx:
                rows = [row for name in recordings if (row := self._again(tx, name)) is not None]
                if rows:
                    self._commit(tx, rows)
            for row in rows:
                tools.vault.path(row["vault"]).unlink(missing_ok=True)
        for row in rows:
            _LOG.info("local copy of %s cleared, %d bytes", row["recording"], row["size"])
        return sum(row["size"] for row in rows)

    def _again(self, tx: Transaction, recording: str) -> Row | None:
        row = tx.row(_COPIES + "AND r.recording = ?", (recording,))
        if row is None or why_kept(copy_of(row), self._floor(), self._keep_after) is not None:
            return None
        return row if self._is_the_recording(row) else None

    def _commit(self, tx: Transaction, rows: list[Row]) -> None:
        now = to_text(self._tools.custody.clock.now())
        for row in rows:
            tx.execute("UPDATE recordings SET cleared_at = ? WHERE recording = ?", (now, row["recording"]))
        cleared = Cleared(recordings=[row["recording"] for row in rows])
        self._tools.custody.append(tx, "cleared", cleared)

    def _is_the_recording(self, row: Row) -> bool:
        """What lies there has the recording's name and size; else reading back will say what is wrong."""
        try:
            found = self._tools.vault.path(row["vault"]).lstat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == row["size"]


def copy_of(row: Row) -> Copy:
    """Return what the rules ask about a row of `_COPIES`."""
    stored_at = from_text(row["stored_at"])
    assert stored_at is not None  # the column is not null
    return Copy(
        recording=row["recording"],
        size_bytes=row["size"],
        stored_at=stored_at,
        delivered=row["state"] == "delivered",
        receipted_at=from_text(row["receipted_at"]),
        reconciled_at=from_text(row["reconciled_at"]),
        holds=row["holds"],
        inspected=bool(row["judged"]),
    )


def disk_of(vault: Vault) -> Disk:
    """Return how full the vault's disk is.  Raises OSError."""
    return Disk(shutil.disk_usage(vault.folder).total, vault.free_bytes())


def sweep(store: Store, vault: Vault) -> int:
    """Remove what a kill left of cleared copies.  Returns how many."""
    removed = 0
    for path in vault.files():
        with vault.settling:
            row = store.row(
                "SELECT vault FROM recordings WHERE recording = ? AND cleared_at IS NOT NULL", (path.stem,)
            )
            if row is not None and vault.path(row["vault"]) == path:
                path.unlink(missing_ok=True)
                removed += 1
    return removed
