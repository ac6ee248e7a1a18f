"""Reconciliation: what the store is *found* to hold of a dock, as signed pages (trust.md, ids and payloads).

- A page's `time` is taken before anything is looked at: what was receipted by then has to be on a page.
- Only what this dock brought, and what was read back then, is looked for (never bytes that another dock
  brought: a page must not tell that they are there); found is a regular file of the right size, with `deep`
  one whose bytes, read from the medium, have the right hash.
- Pages are in order of ids and their ranges join without a gap, so each stands alone, and what a range covers
  and its page does not list is not held.
- What is lost has its receipts voided: the dock sends it again, and a new receipt is signed.
- Nothing at all found of what should be there looks like a store that is not mounted: then nothing is signed
  unless a person asked for it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from center.blobs import read_back
from center.catalogue import database, recordings, voiding
from center.catalogue.docks import Dock
from center.catalogue.recordings import Recording
from center.office import utc_now
from center.platform import PlatformKeys
from center.settings import Folder
from uplink import envelope
from uplink.messages.receipt import Kept, PageRange, Reconciliation

log = logging.getLogger(__name__)

PAGE = 1000  # about 110 KB; a payload is at most 256 KiB


@dataclass
class Found:
    """What was found of one dock.  `lost`: was stored, and is not there or not right."""

    dock: Dock
    at: datetime
    held: list[Recording] = field(default_factory=list)
    lost: list[Recording] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """There should be something, and there is nothing."""
        return bool(self.lost) and not self.held


class Survey:
    """Looks at the store.  Each blob is looked at once, however many docks have it."""

    def __init__(
        self,
        folder: Folder,
        *,
        deep: bool,
        going_on: Callable[[], bool],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._folder = folder
        self._deep = deep
        self._going_on = going_on
        self._now = now
        self._looked: dict[tuple[str, int], bool] = {}

    def look(self, connection: sqlite3.Connection, dock: Dock) -> Found:
        """Look for everything stored of `dock`.  Raises InterruptedError, sqlite3.Error."""
        found = Found(dock, self._now())
        for held in recordings.stored_of(connection, dock.dock):
            if not self._going_on():
                raise InterruptedError("stopping")
            (found.held if self._is_there(held) else found.lost).append(held)
        return found

    def _is_there(self, held: Recording) -> bool:
        key = (held.sha256, held.size_bytes)
        if key not in self._looked:
            self._looked[key] = self._look(held)
        return self._looked[key]

    def _look(self, held: Recording) -> bool:
        path = self._folder.blob(held.sha256)
        try:
            if self._deep:
                return read_back(path, self._going_on) == (held.sha256, held.size_bytes)
            return path.is_file() and path.lstat().st_size == held.size_bytes
        except InterruptedError:
            raise
        except OSError as error:
            log.error("%s cannot be looked at: %s", path, error)
            return False


def note_lost(connection: sqlite3.Connection, found: Found) -> None:
    """Void the receipts of what is lost, so that its bytes are taken again."""
    with database.writing(connection):
        for held in found.lost:
            now = recordings.find(connection, held.dock, held.recording)
            if now is None or now.stored_at != held.stored_at:
                continue  # it came again meanwhile
            voiding.void(connection, found.dock.dock, held.recording, found.at)


def pages(keys: PlatformKeys, found: Found) -> list[bytes]:
    """Return the signed pages of what was found: one at least, and the ranges cover every id."""
    return [
        envelope.seal("reconciliation", page.to_bytes(), keys.receipt).raw
        for page in page_up(keys.platform, found.dock.dock, found.at, found.held)
    ]


def page_up(
    platform: str, dock: str, at: datetime, held: Sequence[Recording], size: int = PAGE
) -> list[Reconciliation]:
    """Return pages of at most `size` recordings."""
    kept = sorted((Kept(recording=r.recording, sha256=r.sha256) for r in held), key=lambda k: k.recording)
    parts = [kept[start : start + size] for start in range(0, len(kept), size)] or [[]]
    made: list[Reconciliation] = []
    after: str | None = None
    for number, part in enumerate(parts, 1):
        until = part[-1].recording if number < len(parts) else None
        made.append(
            Reconciliation(
                platform=platform,
                dock=dock,
                time=at,
                recordings=part,
                range=PageRange(after=after, until=until),
            )
        )
        after = until
    return made
