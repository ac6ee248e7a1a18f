"""What the dock remembers of a camera from earlier dockings; only asked, never written.

- Samples of what is in the vault order the work (A09); they prove nothing.
- A partial copy is only believed as far as the card says it again, so times are not compared (B07).
- What a camera took away unread is told when it comes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daemon.store import Row, Store
from daemon.vault import Vault
from dock.devices import best_reading
from dock.errors import DockError
from dock.listing import CardFile, Reason
from dock.reader import Readable, read_exactly
from dock.samples import Samples, might_be_known, probably_known, take_samples
from dock.source import CardSource

_CANDIDATES = 8


@dataclass(frozen=True)
class Missing:
    """A file that left unread with its camera."""

    path: bytes
    size_bytes: int

    @property
    def name(self) -> str:
        return best_reading(self.path)


class Memory:
    """Asks the store."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def recurring(self, docking: str) -> set[int]:
        """Return which files of a docking are called, and as long as, a recording of its camera: few, mostly.

        Only these have `candidates`; reads nothing of the card.
        """
        rows = self._store.rows(
            "SELECT f.idx FROM dockings d JOIN files f USING (docking) WHERE d.docking = ? AND EXISTS ("
            " SELECT 1 FROM recordings r WHERE r.serial = d.serial AND r.path = f.path AND r.size = f.size)",
            (docking,),
        )
        return {row["idx"] for row in rows}

    def candidates(self, serial: str, file: CardFile) -> list[Samples]:
        """Return the samples of recordings that `file` may be; reads nothing of the card."""
        rows = self._store.rows(
            "SELECT s.*, r.size, r.vault, r.state, r.cleared_at, r.damaged"
            " FROM recordings r JOIN samples s USING (recording)"
            " WHERE r.serial = ? AND r.path = ? AND r.size = ? ORDER BY r.stored_at DESC LIMIT ?",
            (serial, file.path, file.size_bytes, _CANDIDATES),
        )
        samples = [_samples(row) for row in rows if is_kept(row, self._vault)]
        return [one for one in samples if might_be_known(file.size_bytes, file.modified_ns, one)]

    def looks_known(self, source: CardSource, file: CardFile, serial: str) -> bool:
        """Whether samples of the card speak for a recording in the vault.  What cannot be read does not."""
        candidates = self.candidates(serial, file)
        if not candidates:
            return False
        try:
            reader = source.open(file)
        except (OSError, DockError):
            return False  # the pull says what is wrong with it
        try:
            return any(probably_known(_sample(reader, file, one.seed), one) for one in candidates)
        except (OSError, DockError):
            return False
        finally:
            reader.close()

    def left_behind(self, serial: str, path: bytes, size_bytes: int) -> list[Row]:
        """Return where earlier dockings may have stopped in the middle of this file, newest first."""
        return self._store.rows(
            "SELECT f.docking, f.idx FROM files f JOIN dockings d USING (docking)"
            " WHERE f.path = ? AND f.size = ? AND f.reason = ? AND d.serial = ?"
            " ORDER BY d.attached_at DESC LIMIT 100",
            (path, size_bytes, Reason.GONE.value, serial),
        )

    def missing(self, serial: str, docking: str, *, stand_in: bool = False) -> list[Missing]:
        """Return what this camera took away unread at the end of its last stay before `docking`.

        `stand_in`: nothing says which camera it is, another person's may be in the same place: it is taken
        for the one of before only where a file that was listed then is here again.
        """
        rows = self._store.rows(
            "SELECT f.path, f.size, d.stay FROM files f JOIN dockings d USING (docking)"
            " WHERE f.reason = ? AND d.stay = ("
            "  SELECT d.stay FROM dockings d, dockings this WHERE this.docking = ?"
            "  AND d.serial = ? AND d.stay <> this.stay AND d.attached_at <= this.attached_at"
            "  AND d.state IN ('closed', 'removed') ORDER BY d.attached_at DESC, d.rowid DESC LIMIT 1)"
            " ORDER BY d.attached_at, f.idx",
            (Reason.GONE.value, docking, serial),
        )
        if stand_in and rows and not self._shares_a_file(rows[0]["stay"], docking):
            return []
        return [Missing(row["path"], row["size"]) for row in rows]

    def _shares_a_file(self, stay: str, docking: str) -> bool:
        found = self._store.value(
            "SELECT 1 FROM files f JOIN dockings d USING (docking) JOIN files now"
            " ON now.path = f.path AND now.size = f.size AND now.modified_at IS f.modified_at"
            " WHERE d.stay = ? AND now.docking = ? LIMIT 1",
            (stay, docking),
        )
        return found is not None


def is_kept(known: Row, vault: Vault) -> bool:
    """Whether the bytes of a row of `recordings` are here undamaged, or cleared and at the platform."""
    if known["cleared_at"] is not None:
        return bool(known["state"] == "delivered")
    return known["damaged"] is None and _has_size(vault.path(known["vault"]), known["size"])


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _samples(row: Row) -> Samples:
    return Samples(row["size"], row["modified_ns"], row["seed"], row["digest"])


def _sample(reader: Readable, file: CardFile, seed: bytes) -> Samples:
    return take_samples(
        lambda offset, length: read_exactly(reader, offset, length), file.size_bytes, file.modified_ns, seed
    )
