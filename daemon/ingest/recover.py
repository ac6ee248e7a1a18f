"""At start: bytes that were renamed into the vault when the power went, before their row was committed.

- Such a file is named by its recording id, which is made of its own hash: hashing it proves what it is.
- If an open docking lists a file that gives this id, its row is committed as if nothing had happened.
- What fits nowhere is kept and counted, never deleted.
- Half a copy stays as long as it may be gone on with; it goes when its file is settled in the store.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from daemon.ingest.arriving import Arrived, FileTimes
from daemon.ingest.ledger import Ledger
from daemon.store import Row, Store
from daemon.store.database import from_text
from daemon.vault import Vault
from dock.devices import best_reading
from dock.profiles import Profiles
from dock.zeros import ZeroBlocks
from uplink.ids import recording_id

_LOG = logging.getLogger(__name__)
_BUFFER_BYTES = 1024 * 1024


def recover_orphans(store: Store, ledger: Ledger, vault: Vault, profiles: Profiles) -> int:
    """Commit what the vault holds and the store does not know.  Returns how many stay unknown."""
    unknown = 0
    for path in _orphans(store, vault):
        arrived = _identify(store, vault, profiles, path)
        if arrived is None:
            unknown += 1
            _LOG.error("%s belongs to no docking that is known; it is kept", path)
        else:
            ledger.store(arrived)
            _LOG.warning("%s was stored without its row; it has one now", path)
    return unknown


def tidy_partials(store: Store, vault: Vault) -> int:
    """Remove half copies whose file is settled.  Returns how many belong to nothing that is known."""
    unknown = 0
    for path in sorted(vault.incoming.iterdir()):
        docking, _, index = path.name.rpartition("-")
        row = store.row(_PARTIAL, (docking, int(index) if index.isdecimal() else -1))
        if row is None:
            unknown += 1
            _LOG.warning("%s belongs to no docking that is known; it is kept", path)
        elif row["settled"]:
            path.unlink()
            _LOG.info("%s is not needed any more", path)
    return unknown


# Open, or the camera left in the middle of it and has not given the whole file since.
_PARTIAL = """
SELECT f.state IN ('stored', 'already')
    OR f.state = 'explained' AND f.reason <> 'gone'
    OR f.state = 'explained' AND EXISTS (
        SELECT 1 FROM recordings r WHERE r.serial = d.serial AND r.path = f.path AND r.size = f.size
    ) AS settled
FROM files f JOIN dockings d USING (docking) WHERE f.docking = ? AND f.idx = ?
"""


def _orphans(store: Store, vault: Vault) -> Iterator[Path]:
    known = {row["vault"] for row in store.rows("SELECT vault FROM recordings")}
    for path in vault.files():
        if str(path.relative_to(vault.folder)) not in known:
            yield path


def _identify(store: Store, vault: Vault, profiles: Profiles, path: Path) -> Arrived | None:
    size = path.stat().st_size
    rows = store.rows(
        "SELECT f.*, d.serial, d.serial_by, d.profile FROM files f JOIN dockings d USING (docking)"
        " WHERE f.state = 'listed' AND f.size = ?",
        (size,),
    )
    if not rows:
        return None
    sha256, zero_bytes = _hash(path)
    for row in rows:
        recording = recording_id(row["serial"], row["path"], size, sha256)
        if path.name.startswith(recording):
            return _arrived(row, recording, sha256, zero_bytes, vault, profiles)
    return None


def _arrived(
    row: Row, recording: str, sha256: str, zero_bytes: int, vault: Vault, profiles: Profiles
) -> Arrived:
    # The office's own profile may be gone from the settings meanwhile: that must not stop the start.
    profile = profiles.find(row["profile"]) or profiles.generic
    facts = profile.facts(best_reading(row["path"]))
    return Arrived(
        docking=row["docking"],
        index=row["idx"],
        serial=row["serial"],
        serial_by=row["serial_by"],
        path=row["path"],
        kind=row["kind"],
        marked=bool(row["marked"]),
        facts=facts,
        times=FileTimes(from_text(row["modified_at"]), from_text(row["named_at"])),
        size_bytes=row["size"],
        sha256=sha256,
        zero_bytes=zero_bytes,
        recording=recording,
        vault=vault.relative(recording, row["path"]),
    )


def _hash(path: Path) -> tuple[str, int]:
    total, zeros = hashlib.sha256(), ZeroBlocks()
    buffer = bytearray(_BUFFER_BYTES)
    with path.open("rb", buffering=0) as f:
        while length := f.readinto(buffer):  # short only at the end: it is a regular file
            total.update(memoryview(buffer)[:length])
            zeros.feed(buffer, length)
    return total.hexdigest(), zeros.total_bytes
