"""The conservation of a docking, as committed rows (architecture.md, Pulling).

- `listed` (count, bytes, digest of the listing) is committed before the first byte is pulled.
- Every listed file ends as stored, already stored or explained; `closed` carries the sum, and
  listed = stored + already stored + explained holds or the docking is not closed.
- What was not pulled when the camera left is explained as `gone`, and `removed_early` names the sum; what was
  only not read again, and is in the vault by its samples, is explained as `known`.
- "Already stored" needs the whole SHA-256.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from daemon.custody import Custody
from daemon.dockings import NAMES_LIMIT, UNREAD_SQL
from daemon.ingest.arriving import Arrival, Arrived, Came, FileTimes, commit_arrivals
from daemon.ingest.contents import Contents, VolumeContent
from daemon.ingest.leavings import Leaving, insert_leavings
from daemon.ingest.sums import explain_left, sum_of, total
from daemon.shared_serials import note_beside
from daemon.store import Row, Store, Transaction
from daemon.store.database import to_text
from dock.camera_clock import ClockReading
from dock.devices import best_reading
from dock.docking import Docking
from dock.listing import Reason
from uplink.messages import CameraClaim
from uplink.messages.custody import (
    Attached,
    Closed,
    Listed,
    ListedVolume,
    RemovedEarly,
    Total,
)

_MOST_BYTES = 2**53 - 1  # deleted entries may claim any size; a wire integer is no larger


class Ledger:
    """Writes one docking's rows and events."""

    def __init__(self, store: Store, custody: Custody) -> None:
        self._store = store
        self._custody = custody

    def release(self) -> None:
        """Let go of what this thread holds of the store, before it ends."""
        self._store.release()

    def open_dockings(self) -> list[Row]:
        """Return every docking that is not closed yet, oldest first."""
        return self._store.rows(
            "SELECT * FROM dockings WHERE state IN ('attached', 'pulling') ORDER BY attached_at"
        )

    def dockings_of(self, slot: int, attachment: str) -> list[Row]:
        """Return what was docked of this very medium in this slot, newest first."""
        return self._store.rows(
            "SELECT DISTINCT d.* FROM dockings d JOIN volumes v USING (docking)"
            " WHERE v.attachment = ? AND d.slot = ? ORDER BY d.attached_at DESC",
            (attachment, slot),
        )

    def stays_like(self, slot: int, beginning: str) -> int:
        """Return how many media were docked in this slot whose attachment begins so."""
        found = self._store.value(
            "SELECT count(DISTINCT v.attachment) FROM dockings d JOIN volumes v USING (docking)"
            " WHERE d.slot = ? AND substr(v.attachment, 1, ?) = ?",
            (slot, len(beginning), beginning),
        )
        return int(found)

    def volumes_of(self, docking: str) -> list[Row]:
        """Return the volumes of a docking, in their order."""
        return self._store.rows("SELECT * FROM volumes WHERE docking = ? ORDER BY volume", (docking,))

    def listed_paths(self, docking: str) -> dict[int, bytes]:
        """Return the files to pull of a docking, as they were numbered when it was listed."""
        rows = self._store.rows(
            "SELECT idx, path FROM files WHERE docking = ? AND kind <> 'left_out'", (docking,)
        )
        return {row["idx"]: row["path"] for row in rows}

    def to_pull(self, docking: str) -> Total:
        """Return how many files, and bytes, there were to pull."""
        return total(self._store, docking, "kind <> 'left_out'")

    def begin(
        self,
        docking: Docking,
        contents: Contents,
        times: dict[int, FileTimes],
        stay: str | None = None,
        leavings: Sequence[Leaving] = (),
        clock: ClockReading | None = None,
    ) -> None:
        """Commit `attached` and `listed` with a row for every entry, before the first byte.

        `stay`: the docking that this stay of the camera began with, if this is a further one.  `leavings`:
        deleted entries; `clock`: how far the camera's clock is from the dock's.
        """
        camera, first = docking.camera, contents.volumes[0]
        with self._store.write() as tx:
            note_beside(tx, camera.serial, docking.slot.number, docking.attached_at)
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
                    "file_system": first.file_system,
                    "volume": first.label,
                    "attachment": first.attachment,
                    "attached_at": to_text(docking.attached_at),
                    "listed_count": contents.count,
                    "listed_bytes": contents.total_bytes,
                    "listing": contents.digest,
                    "state": "pulling",
                    "stay": stay or docking.id,
                },
            )
            self._insert_volumes(tx, docking.id, contents)
            self._insert_files(tx, docking.id, contents, times)
            insert_leavings(tx, docking.id, iter(leavings))
            if clock is not None:
                self._insert_clock(tx, docking, clock)
            attached = Attached(
                docking=docking.id,
                stay=stay,
                slot=docking.slot.number,
                camera=CameraClaim(serial=camera.serial, by=camera.serial_by),
                profile=camera.profile,
                vendor_id=camera.vendor_id or None,
                product_id=camera.product_id or None,
                file_system=first.file_system,
                volume=first.label[:128] or None,
            )
            self._custody.append(tx, "attached", attached, docking=docking.id)
            listed = Listed(
                docking=docking.id,
                count=contents.count,
                bytes=contents.total_bytes,
                listing=contents.digest,
                volumes=[_listed_volume(volume) for volume in contents.volumes],
            )
            self._custody.append(tx, "listed", listed, docking=docking.id)

    def _insert_clock(self, tx: Transaction, docking: Docking, clock: ClockReading) -> None:
        tx.insert(
            "camera_clocks",
            {
                "docking": docking.id,
                "serial": docking.camera.serial,
                "measured_at": to_text(docking.attached_at),
                "least_s": round(clock.least_s, 3),
                "most_s": None if clock.most_s is None else round(clock.most_s, 3),
                "basis": clock.basis,
                "synced": int(self._custody.clock.claim().synced),
            },
        )

    def _insert_volumes(self, tx: Transaction, docking: str, contents: Contents) -> None:
        for place, volume in enumerate(contents.volumes):
            tx.insert(
                "volumes",
                {
                    "docking": docking,
                    "volume": place,
                    "attachment": volume.attachment,
                    "name": volume.name,
                    "file_system": volume.file_system,
                    "label": volume.label,
                    "note": volume.note.value,
                    "listing": volume.listing.digest if volume.listing else None,
                    "lost_bytes": volume.leftovers.lost_bytes if volume.leftovers else None,
                    "leavings_note": volume.leftovers.problem[:500] if volume.leftovers else None,
                },
            )

    def _insert_files(
        self, tx: Transaction, docking: str, contents: Contents, times: dict[int, FileTimes]
    ) -> None:
        files = contents.files
        tx.insert_all(
            "files",
            (
                {
                    "docking": docking,
                    "idx": file.index,
                    "volume": place,
                    "path": file.path,
                    "size": file.size_bytes,
                    "modified_at": to_text(times[file.index].modified_at),
                    "named_at": to_text(times[file.index].named_at),
                    "kind": file.kind,
                    "marked": int(file.marked),
                    "state": "listed",
                }
                for place, file in files
            ),
        )
        explained = [
            (place, entry)
            for place, volume in enumerate(contents.volumes)
            for entry in (volume.listing.explained if volume.listing else ())
        ]
        tx.insert_all(
            "files",
            (
                {
                    "docking": docking,
                    "idx": index,
                    "volume": place,
                    "path": entry.path,
                    "size": entry.size_bytes,
                    "kind": "left_out",
                    "state": "explained",
                    "reason": entry.reason.value,
                    "detail": entry.detail,
                }
                for index, (place, entry) in enumerate(explained, len(files))
            ),
        )

    def states(self, docking: str) -> dict[int, tuple[str, bool]]:
        """Return each file's state, and whether its samples say that it is known."""
        rows = self._store.rows("SELECT idx, state, known FROM files WHERE docking = ?", (docking,))
        return {row["idx"]: (row["state"], bool(row["known"])) for row in rows}

    def paths(self, docking: str) -> set[bytes]:
        """Return the raw paths of everything that a docking lists."""
        return {
            row["path"] for row in self._store.rows("SELECT path FROM files WHERE docking = ?", (docking,))
        }

    def unread(self, docking: str) -> list[tuple[str, str]]:
        """Return what may be footage and could not be taken, as many as people read: name, and why."""
        rows = self._store.rows(
            "SELECT path, reason, detail FROM files INDEXED BY files_unread"
            f" WHERE docking = ? AND {UNREAD_SQL} AND state = 'explained' ORDER BY idx LIMIT ?",
            (docking, NAMES_LIMIT),
        )
        return [
            (best_reading(row["path"]) or "/", f"{row['reason']}: {row['detail'] or '-'}") for row in rows
        ]

    def known(self, recording: str) -> Row | None:
        return self.known_of([recording]).get(recording)

    def known_of(self, recordings: Sequence[str]) -> dict[str, Row]:
        """Return what is known of these recordings, by their ids, as `known` does."""
        rows = self._store.rows(
            "SELECT recording, vault, size, state, cleared_at, damaged FROM recordings"
            " WHERE recording IN (SELECT value FROM json_each(?))",
            (json.dumps(recordings),),
        )
        return {row["recording"]: row for row in rows}

    def store(self, arrived: Arrived) -> None:
        """Commit that a file is in the vault: hashed, fsynced, under its lasting name.

        Raises LookupError if the docking does not wait for this file (any more).
        """
        self.store_all([Arrival(arrived)])

    def store_again(self, arrived: Arrived, *, given_back: bool = False) -> None:
        """Commit that these very bytes were here already, by their whole SHA-256.  Raises LookupError.

        `given_back`: the vault had lost or cleared them, and holds them again.
        """
        self.store_all([Arrival(arrived, Came.GIVEN_BACK if given_back else Came.AGAIN)])

    def store_all(self, arrivals: Sequence[Arrival]) -> None:
        """Commit files whose bytes and names are durable, all or none.

        Raises LookupError if a docking does not wait for one of them (any more).
        """
        with self._store.write() as tx:
            commit_arrivals(tx, self._custody, arrivals)

    def explain(self, docking: str, index: int, reason: Reason, detail: str) -> None:
        """Commit why a listed file is not in the vault."""
        with self._store.write() as tx:
            tx.execute(
                "UPDATE files SET state = 'explained', reason = ?, detail = ?"
                " WHERE docking = ? AND idx = ? AND state = 'listed'",
                (reason.value, detail[:2000], docking, index),
            )

    def set_known(self, docking: str, index: int, known: bool) -> None:
        """Remember whether a listed file is, by its samples, probably in the vault."""
        with self._store.write() as tx:
            tx.execute(
                "UPDATE files SET known = ? WHERE docking = ? AND idx = ?", (int(known), docking, index)
            )

    def volume_gone(self, docking: str, volume: int) -> None:
        """Commit that one volume of an open docking left before all of it was settled."""
        with self._store.write() as tx:
            explain_left(tx, docking, "AND volume = ?", (volume,))

    def close(self, docking: str, *, removed: bool) -> Closed:
        """Commit the sum of a docking.

        `removed`: the camera left first; what is open is `known` by its samples, or `gone`.
        Raises ValueError if the sum does not come out, LookupError if it is closed already: then nothing
        is committed.
        """
        with self._store.write() as tx:
            row = tx.row("SELECT state FROM dockings WHERE docking = ?", (docking,))
            if row is None or row["state"] not in ("attached", "pulling"):
                raise LookupError(f"docking {docking} is not open")
            if removed:
                explain_left(tx, docking)
            missing = total(tx, docking, "state = 'explained' AND reason = 'gone'")
            closed = sum_of(tx, docking)
            if missing.count:
                early = RemovedEarly(docking=docking, missing=missing)
                self._custody.append(tx, "removed_early", early, docking=docking)
            self._custody.append(tx, "closed", closed, docking=docking)
            tx.execute(
                "UPDATE dockings SET state = ?, ended_at = ? WHERE docking = ?",
                ("removed" if missing.count else "closed", to_text(self._custody.clock.now()), docking),
            )
        return closed


def _listed_volume(volume: VolumeContent) -> ListedVolume:
    listing = volume.listing
    return ListedVolume(
        count=listing.count if listing else 0,
        bytes=listing.total_bytes if listing else 0,
        file_system=volume.file_system[:128],
        label=volume.label[:128] or None,
        listing=listing.digest if listing else None,
        note=volume.note.value,
        deleted=_deleted(volume),
        lost_bytes=volume.leftovers.lost_bytes if volume.leftovers else None,
    )


def _deleted(volume: VolumeContent) -> Total | None:
    found = volume.leftovers
    if found is None or (found.problem and not found.deleted):
        return None
    entries = [entry for entry in found.deleted if not entry.folder]
    return Total(count=len(entries), bytes=min(sum(e.size_bytes for e in entries), _MOST_BYTES))
