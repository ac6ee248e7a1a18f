"""The conservation of a docking, as committed rows (architecture.md, Pulling).

- `listed` (count, bytes, digest of the listing) is committed before the first byte is pulled.
- Every listed file ends as stored, already stored or explained; `closed` carries the sum, and
  listed = stored + already stored + explained holds or the docking is not closed.
- What was not pulled when the camera left is explained as `gone`, and `removed_early` names the sum.
- "Already stored" needs the whole SHA-256.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from daemon.custody import Custody
from daemon.store import Row, Store, Transaction
from daemon.store.database import to_text
from dock.docking import Docking
from dock.listing import Listing, Reason
from dock.profiles import NameFacts
from uplink.messages import CameraClaim
from uplink.messages.custody import Attached, Closed, Explained, Listed, RemovedEarly, Stored, Total


@dataclass(frozen=True)
class FileTimes:
    """A card file's times in UTC, read in the camera's zone."""

    modified_at: datetime | None
    named_at: datetime | None


@dataclass(frozen=True)
class Arrived:
    """A file whose bytes are durable in the vault (`vault`: path below its folder)."""

    docking: str
    index: int
    serial: str
    serial_by: str
    path: bytes
    kind: str
    marked: bool
    facts: NameFacts
    times: FileTimes
    size_bytes: int
    sha256: str
    zero_bytes: int
    recording: str
    vault: str


@dataclass(frozen=True)
class Volume:
    """What the docking was read from."""

    attachment: str
    file_system: str
    label: str


class Ledger:
    """Writes one docking's rows and events."""

    def __init__(self, store: Store, custody: Custody) -> None:
        self._store = store
        self._custody = custody

    def open_dockings(self) -> list[Row]:
        """Return every docking that is not closed yet, oldest first."""
        return self._store.rows(
            "SELECT * FROM dockings WHERE state IN ('attached', 'pulling') ORDER BY attached_at"
        )

    def open_docking(self, slot: int, attachment: str) -> Row | None:
        """Return the open docking of the same stay (the daemon was restarted meanwhile), if there is one."""
        return self._store.row(
            "SELECT * FROM dockings WHERE slot = ? AND attachment = ? AND state IN ('attached', 'pulling')",
            (slot, attachment),
        )

    def ended_docking(self, slot: int, attachment: str) -> Row | None:
        """Return the same stay's docking if all of it was done before the daemon was restarted."""
        return self._store.row(
            "SELECT * FROM dockings WHERE slot = ? AND attachment = ? AND state = 'closed'"
            " ORDER BY attached_at DESC LIMIT 1",
            (slot, attachment),
        )

    def listed_paths(self, docking: str) -> dict[int, bytes]:
        """Return the files to pull of a docking, as they were numbered when it was listed."""
        rows = self._store.rows(
            "SELECT idx, path FROM files WHERE docking = ? AND kind <> 'left_out'", (docking,)
        )
        return {row["idx"]: row["path"] for row in rows}

    def to_pull(self, docking: str) -> Total:
        """Return how many files, and bytes, there were to pull."""
        return _total(self._store, docking, "kind <> 'left_out'")

    def begin(self, docking: Docking, volume: Volume, listing: Listing, times: dict[int, FileTimes]) -> None:
        """Commit `attached` and `listed` with a row for every entry, before the first byte."""
        camera = docking.camera
        with self._store.write() as tx:
            tx.insert(
                "dockings",
                {
                    "docking": docking.id,
                    "slot": docking.slot.number,
                    "serial": camera.serial,
                    "serial_by": camera.serial_by,
                    "vendor_id": camera.vendor_id,
                    "product_id": camera.product_id,
                    "profile": camera.profile,
                    "file_system": volume.file_system,
                    "volume": volume.label,
                    "attachment": volume.attachment,
                    "attached_at": to_text(docking.attached_at),
                    "listed_count": listing.count,
                    "listed_bytes": listing.total_bytes,
                    "listing": listing.digest,
                    "state": "pulling",
                },
            )
            self._insert_files(tx, docking.id, listing, times)
            attached = Attached(
                docking=docking.id,
                slot=docking.slot.number,
                camera=CameraClaim(serial=camera.serial, by=camera.serial_by),
                profile=camera.profile,
                vendor_id=camera.vendor_id or None,
                product_id=camera.product_id or None,
                file_system=volume.file_system,
                volume=volume.label[:128] or None,
            )
            self._custody.append(tx, "attached", attached, docking=docking.id)
            listed = Listed(
                docking=docking.id, count=listing.count, bytes=listing.total_bytes, listing=listing.digest
            )
            self._custody.append(tx, "listed", listed, docking=docking.id)

    def _insert_files(
        self, tx: Transaction, docking: str, listing: Listing, times: dict[int, FileTimes]
    ) -> None:
        for file in listing.files:
            tx.insert(
                "files",
                {
                    "docking": docking,
                    "idx": file.index,
                    "path": file.path,
                    "size": file.size_bytes,
                    "modified_at": to_text(times[file.index].modified_at),
                    "named_at": to_text(times[file.index].named_at),
                    "kind": file.kind,
                    "marked": int(file.marked),
                    "state": "listed",
                },
            )
        for offset, entry in enumerate(listing.explained):
            tx.insert(
                "files",
                {
                    "docking": docking,
                    "idx": len(listing.files) + offset,
                    "path": entry.path,
                    "size": entry.size_bytes,
                    "kind": "left_out",
                    "state": "explained",
                    "reason": entry.reason.value,
                    "detail": entry.detail,
                },
            )

    def open_indexes(self, docking: str) -> set[int]:
        """Return the files that are neither stored nor explained yet."""
        rows = self._store.rows("SELECT idx FROM files WHERE docking = ? AND state = 'listed'", (docking,))
        return {row["idx"] for row in rows}

    def known(self, recording: str) -> Row | None:
        return self._store.row(
            "SELECT vault, size, state, cleared_at, damaged FROM recordings WHERE recording = ?", (recording,)
        )

    def store(self, arrived: Arrived) -> None:
        """Commit that a file is in the vault: hashed, fsynced, under its lasting name.

        Raises LookupError if the docking does not wait for this file (any more).
        """
        now = self._custody.clock.now()
        with self._store.write() as tx:
            if tx.row("SELECT 1 FROM recordings WHERE recording = ?", (arrived.recording,)) is not None:
                # The same camera's card and its clone, pulled in two slots at once (B04).
                self._settle(tx, arrived, already=True)
                return
            tx.insert(
                "recordings",
                {
                    "recording": arrived.recording,
                    "docking": arrived.docking,
                    "idx": arrived.index,
                    "serial": arrived.serial,
                    "serial_by": arrived.serial_by,
                    "path": arrived.path,
                    "kind": arrived.kind,
                    "size": arrived.size_bytes,
                    "sha256": arrived.sha256,
                    "zero_bytes": arrived.zero_bytes,
                    "vault": arrived.vault,
                    "stored_at": to_text(now),
                    "modified_at": to_text(arrived.times.modified_at),
                    "named_at": to_text(arrived.times.named_at),
                    "sequence": arrived.facts.sequence,
                    "name_officer": arrived.facts.officer,
                    "marked": int(arrived.marked),
                    "state": "stored",
                },
            )
            self._settle(tx, arrived, already=False)

    def store_again(self, arrived: Arrived, *, given_back: bool = False) -> None:
        """Commit that these very bytes were here already, by their whole SHA-256.  Raises LookupError.

        `given_back`: the vault had lost or cleared them, and holds them again.
        """
        with self._store.write() as tx:
            if given_back:
                tx.execute(
                    "UPDATE recordings SET cleared_at = NULL, damaged = NULL, checked_at = ''"
                    " WHERE recording = ?",
                    (arrived.recording,),
                )
            self._settle(tx, arrived, already=True)

    def _settle(self, tx: Transaction, arrived: Arrived, *, already: bool) -> None:
        changed = tx.execute(
            "UPDATE files SET state = ?, recording = ? WHERE docking = ? AND idx = ? AND state = 'listed'",
            ("already" if already else "stored", arrived.recording, arrived.docking, arrived.index),
        )
        if changed != 1:  # its sum may be signed already: a late puller must not change it
            raise LookupError(f"file {arrived.index} of docking {arrived.docking} is settled")
        stored = Stored(
            docking=arrived.docking,
            index=arrived.index,
            path_b64=base64.b64encode(arrived.path).decode("ascii"),
            size=arrived.size_bytes,
            sha256=arrived.sha256,
            zero_bytes=arrived.zero_bytes,
            already=already,
        )
        self._custody.append(tx, "stored", stored, recording=arrived.recording, docking=arrived.docking)

    def explain(self, docking: str, index: int, reason: Reason, detail: str) -> None:
        """Commit why a listed file is not in the vault."""
        with self._store.write() as tx:
            tx.execute(
                "UPDATE files SET state = 'explained', reason = ?, detail = ?"
                " WHERE docking = ? AND idx = ? AND state = 'listed'",
                (reason.value, detail[:2000], docking, index),
            )

    def close(self, docking: str, *, removed: bool) -> Closed:
        """Commit the sum of a docking.  `removed`: the camera left first; what is open is `gone`.

        Raises ValueError if the sum does not come out, LookupError if it is closed already: then nothing
        is committed.
        """
        with self._store.write() as tx:
            row = tx.row("SELECT state FROM dockings WHERE docking = ?", (docking,))
            if row is None or row["state"] not in ("attached", "pulling"):
                raise LookupError(f"docking {docking} is not open")
            missing = Total(count=0, bytes=0)
            if removed:
                missing = _total(tx, docking, "state = 'listed'")
                tx.execute(
                    "UPDATE files SET state = 'explained', reason = ? WHERE docking = ? AND state = 'listed'",
                    (Reason.GONE.value, docking),
                )
            closed = _sum(tx, docking)
            if missing.count:
                early = RemovedEarly(docking=docking, missing=missing)
                self._custody.append(tx, "removed_early", early, docking=docking)
            self._custody.append(tx, "closed", closed, docking=docking)
            tx.execute(
                "UPDATE dockings SET state = ?, ended_at = ? WHERE docking = ?",
                ("removed" if missing.count else "closed", to_text(self._custody.clock.now()), docking),
            )
        return closed

    def left_behind(self, serial: str, path: bytes, size: int) -> list[Row]:
        """Return where earlier dockings may have stopped in the middle of this file, newest first.

        Times are not compared: a partial copy is only believed as far as the card says it again (B07).
        """
        return self._store.rows(
            "SELECT f.docking, f.idx FROM files f JOIN dockings d USING (docking)"
            " WHERE f.path = ? AND f.size = ? AND f.reason = ? AND d.serial = ?"
            " ORDER BY d.attached_at DESC LIMIT 100",
            (path, size, Reason.GONE.value, serial),
        )


def _sum(tx: Transaction, docking: str) -> Closed:
    listed = tx.row("SELECT listed_count, listed_bytes FROM dockings WHERE docking = ?", (docking,))
    assert listed is not None
    reasons = tx.rows(
        "SELECT reason, count(*) AS count, coalesce(sum(size), 0) AS bytes FROM files"
        " WHERE docking = ? AND state = 'explained' GROUP BY reason ORDER BY reason",
        (docking,),
    )
    return Closed(
        docking=docking,
        listed=Total(count=listed["listed_count"], bytes=listed["listed_bytes"]),
        stored=_total(tx, docking, "state = 'stored'"),
        already_stored=_total(tx, docking, "state = 'already'"),
        explained=[Explained(reason=r["reason"], count=r["count"], bytes=r["bytes"]) for r in reasons],
    )


def _total(tx: Transaction | Store, docking: str, where: str) -> Total:
    row = tx.row(
        f"SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM files WHERE docking = ? AND {where}",
        (docking,),
    )
    assert row is not None
    return Total(count=row["count"], bytes=row["bytes"])
