"""Bytes come in: write, make durable, credit, read back, store (rules: `transfers.py`).

- Nothing is credited before it is durable and noted in the catalogue, so a restarted center goes on
  from there; its lease is new, and the ranges are said again under it.
- Bytes always travel: what another dock brought shortens nothing (trust.md).  Bytes that *this* dock
  and recording have already are `complete` at once.
- `fin` is answered with `verifying`; a thread of its own reads the file back from the medium.
"""

from __future__ import annotations

import hashlib
import logging

from center.blobs import Blobs
from center.catalogue import database, docks, recordings
from center.catalogue import transfers as kept
from center.catalogue.docks import Dock
from center.errors import StoreFull
from center.file_answers import FileAnswers
from center.office import Office, Outgoing
from center.receipting import Receipting
from center.transfers import Phase, Transfer, check_id, is_file_id, offset_of
from center.verifier import Found, Verifier
from uplink.errors import Refused
from uplink.messages.transfer import FileFin, FileInit
from uplink.ranges import Ranges

log = logging.getLogger(__name__)
MAX_PAYLOAD_BYTES = 16 * 1024
_USED_UP = {kept.State.CHECKSUM: "checksum", kept.State.ABORTED: "conflict", kept.State.DONE: "conflict"}


class FileIntake:
    """Takes the files of all docks."""

    def __init__(self, office: Office, blobs: Blobs, verifier: Verifier, receipting: Receipting) -> None:
        self._office = office
        self._blobs = blobs
        self._verifier = verifier
        self._receipting = receipting
        self._answers = FileAnswers(office)
        self._open = {transfer.file_id: transfer for transfer in kept.every_open(office.connection)}
        self._to_verify: list[str] = []
        for transfer in self._open.values():
            self._check_what_is_there(transfer)
            if transfer.durable.covers(transfer.size_bytes) and transfer.size_bytes:
                # Stopped while it was read back, most likely: the dock need not say `fin` again.
                self._begin_verifying(transfer)
        blobs.sweep(frozenset(self._open))

    def take(self, dock: Dock, parts: tuple[str, ...], raw: bytes, sha256: str | None) -> list[Outgoing]:
        """Take what came on `up/file/{parts}`.  Raises Refused where no answer can be given."""
        if len(parts) != 2 or not is_file_id(parts[0]):
            raise Refused("file_id", f"no file id: {'/'.join(parts)[:80]}")
        file_id, what = parts
        try:
            match what:
                case "init":
                    return self._init(dock, file_id, FileInit.parse(raw, MAX_PAYLOAD_BYTES))
                case "fin":
                    return self._fin(dock, file_id, FileFin.parse(raw, MAX_PAYLOAD_BYTES))
                case "abort":
                    return self._abort(dock, file_id)
            return self._segment(dock, file_id, offset_of(what), raw, sha256)
        except Refused as e:
            self._office.count(f"refused.file.{e.code}", dock.dock)
            return self._hint(dock, file_id, "error", str(e))

    def announce(self) -> list[Outgoing]:
        """Return the ranges of every open transfer (at connect: the lease may be new)."""
        out = []
        for transfer in self._open.values():
            dock = docks.find(self._office.connection, transfer.dock)
            if dock is not None:
                out.append(self._answers.about(dock, transfer, "ranges"))
        return out

    def tick(self) -> list[Outgoing]:
        """Credit what is due, and finish what was read back."""
        now_s = self._office.monotonic()
        out: list[Outgoing] = []
        for transfer in list(self._open.values()):
            if transfer.credit_due(now_s):
                out += self._credit(transfer)
        self._submit()
        while (found := self._verifier.take()) is not None:
            out += self._read_back(found)
        return out

    @property
    def busy(self) -> bool:
        """Whether `tick` is wanted soon."""
        return any(t.owes_credit or t.phase is Phase.VERIFYING for t in self._open.values())

    # What the dock sends

    def _init(self, dock: Dock, file_id: str, init: FileInit) -> list[Outgoing]:
        check_id(init, file_id, self._office.platform, dock.first_key.key_id)
        if init.role != "footage":
            raise Refused("role", f"a {init.role} is not taken by this platform")
        connection = self._office.connection
        held = recordings.find(connection, dock.dock, init.recording)
        if held is None or not recordings.holds_manifest(
            connection, dock.dock, init.recording, init.manifest
        ):
            self._office.count("refused.file.unknown_manifest", dock.dock)
            return [
                self._answers.bare(
                    dock, file_id, "unknown", init.nonce, "the manifest is not held: send it first"
                )
            ]
        if (held.sha256, held.size_bytes) != (init.sha256, init.size):
            self._office.note_vain()
            return [self._answers.bare(dock, file_id, "conflict", init.nonce, "the manifest has other bytes")]
        if held.stored_at is not None and self._blobs.has(held.sha256, held.size_bytes):
            self._office.note_vain()
            return self._complete(dock, file_id, init.recording, init.size, init.nonce)
        transfer = self._mine(dock, file_id)
        if transfer is not None:
            return self._init_again(dock, transfer, init)
        used = kept.state(connection, dock.dock, file_id)
        if used is not None:
            self._office.note_vain()
            return [
                self._answers.bare(dock, file_id, _USED_UP[used[0]], init.nonce, "this attempt is used up")
            ]
        return self._begin(dock, file_id, init)

    def _init_again(self, dock: Dock, transfer: Transfer, init: FileInit) -> list[Outgoing]:
        self._office.note_vain()
        if not transfer.same_as(init):
            return [
                self._answers.bare(dock, transfer.file_id, "conflict", init.nonce, "another init for this id")
            ]
        transfer.full = False
        transfer.touched_s = self._office.monotonic()
        if not self._has_room(dock, 0):
            return [self._answers.bare(dock, transfer.file_id, "full", init.nonce, "no room in the store")]
        return [self._answers.about(dock, transfer, "ranges", init.nonce)]

    def _begin(self, dock: Dock, file_id: str, init: FileInit) -> list[Outgoing]:
        for other in [t for t in self._of(dock) if t.recording == init.recording]:
            self._end(other, kept.State.ABORTED)  # a new attempt ends the one before
        self._make_place(dock)
        if not self._has_room(dock, init.size):
            return [self._answers.bare(dock, file_id, "full", init.nonce, "no room in the store")]
        transfer = Transfer(file_id, dock.dock, init.recording, init.attempt, init.size, init.sha256)
        transfer.touched_s = self._office.monotonic()
        try:
            self._blobs.create(file_id)
            with database.writing(self._office.connection) as connection:
                kept.add(connection, transfer, self._office.now())
                kept.forget_old(connection, dock.dock, init.recording)
        except StoreFull as e:
            self._blobs.drop(file_id)
            return [self._answers.bare(dock, file_id, "full", init.nonce, str(e))]
        self._open[file_id] = transfer
        return [self._answers.about(dock, transfer, "ranges", init.nonce)]

    def _make_place(self, dock: Dock) -> None:
        """A dock sends one file at a time: of many open ones, the one that rested for longest begins anew.

        One that holds bytes does so after all that hold none.
        Refusing the new one instead would let forged ones stand in its way for ever.
        """
        mine = self._of(dock)
        if len(mine) >= self._office.settings.limits.open_transfers:
            oldest = min(mine, key=lambda transfer: (transfer.durable.total > 0, transfer.touched_s))
            text = f"dock {dock.dock}: too many transfers are open: {oldest.recording} begins anew"
            self._office.quiet.say(f"transfers of {dock.dock}", logging.WARNING, text)
            self._office.count("trouble.transfers", dock.dock)
            self._office.trouble("transfers_pushed_out", f"recording {oldest.recording}", dock.dock)
            with database.writing(self._office.connection) as connection:
                kept.forget(connection, oldest.file_id)
            self._let_go(oldest)

    def _segment(
        self, dock: Dock, file_id: str, offset: int, raw: bytes, sha256: str | None
    ) -> list[Outgoing]:
        transfer = self._mine(dock, file_id)
        if transfer is None:
            self._office.count("refused.file.unknown_transfer", dock.dock)
            return self._hint(dock, file_id, "unknown", "init first")
        if hashlib.sha256(raw).hexdigest() != sha256:
            raise Refused("segment_hash", f"the segment at {offset} is not what its sha256 says")
        pieces = transfer.missing_of(offset, len(raw))
        if not pieces:
            self._office.note_vain()
        data = memoryview(raw)
        try:
            for start, end in pieces:
                self._blobs.write(file_id, start, data[start - offset : end - offset])
        except StoreFull as e:
            return self._full(dock, transfer, str(e))
        transfer.note_segment(pieces, len(raw), self._office.monotonic())
        if transfer.credit_due(self._office.monotonic()):
            return self._credit(transfer)
        return []

    def _fin(self, dock: Dock, file_id: str, fin: FileFin) -> list[Outgoing]:
        transfer = self._mine(dock, file_id)
        if transfer is None:
            return self._fin_of_ended(dock, file_id, fin)
        out = self._credit(transfer) if transfer.written else []
        if not transfer.durable.covers(transfer.size_bytes):
            return [*out, self._answers.about(dock, transfer, "missing", fin.nonce)]
        transfer.fin_nonce = fin.nonce
        self._begin_verifying(transfer)
        return [*out, self._answers.about(dock, transfer, "verifying", fin.nonce)]

    def _fin_of_ended(self, dock: Dock, file_id: str, fin: FileFin) -> list[Outgoing]:
        self._office.note_vain()
        ended = kept.state(self._office.connection, dock.dock, file_id)
        if ended is None:
            return [self._answers.bare(dock, file_id, "unknown", fin.nonce, "init first")]
        held = recordings.find(self._office.connection, dock.dock, ended[1])
        if held is not None and held.stored_at is not None:
            return self._complete(dock, file_id, ended[1], held.size_bytes, fin.nonce)
        return [self._answers.bare(dock, file_id, _USED_UP[ended[0]], fin.nonce, "this attempt is used up")]

    def _abort(self, dock: Dock, file_id: str) -> list[Outgoing]:
        transfer = self._mine(dock, file_id)
        if transfer is None:
            self._office.note_vain()
        else:
            self._end(transfer, kept.State.ABORTED)
        return []

    # Durable, verified, stored

    def _credit(self, transfer: Transfer) -> list[Outgoing]:
        dock = docks.find(self._office.connection, transfer.dock)
        if dock is None:
            return []
        if transfer.written:
            ranges = transfer.durable.union(transfer.written)
            try:
                self._blobs.sync(transfer.file_id)
                with database.writing(self._office.connection) as connection:
                    kept.note_ranges(connection, transfer.file_id, ranges, self._office.now())
            except StoreFull as e:
                return self._full(dock, transfer, str(e))
            except OSError as e:
                # The kernel forgets what it could not write: the next sync would succeed, and lie.
                log.error("%s cannot be made durable: %s", transfer.file_id, e)
                self._office.count("trouble.storage", dock.dock)
                transfer.forget_written()
                return [self._answers.about(dock, transfer, "error", text="bytes could not be kept")]
        transfer.note_durable()
        return [self._answers.about(dock, transfer, "ranges")]

    def _begin_verifying(self, transfer: Transfer) -> None:
        if transfer.phase is Phase.OPEN:
            transfer.phase = Phase.VERIFYING
            self._to_verify.append(transfer.file_id)

    def _submit(self) -> None:
        while self._to_verify:
            file_id = self._to_verify[0]
            if file_id in self._open and not self._verifier.submit(file_id, self._blobs.incoming(file_id)):
                return
            self._to_verify.pop(0)

    def _read_back(self, found: Found) -> list[Outgoing]:
        transfer = self._open.get(found.file_id)
        dock = None if transfer is None else docks.find(self._office.connection, transfer.dock)
        if transfer is None or dock is None or transfer.phase is not Phase.VERIFYING:
            return []  # aborted meanwhile
        nonce = transfer.fin_nonce
        if (found.sha256, found.size_bytes) != (transfer.sha256, transfer.size_bytes):
            self._office.count("refused.file.checksum", dock.dock)
            self._say_forged(dock, transfer)
            self._end(transfer, kept.State.CHECKSUM)
            text = found.trouble or "the bytes read back are not the ones the manifest names"
            return [self._answers.bare(dock, found.file_id, "checksum", nonce, text)]
        transfer.phase = Phase.OPEN  # where keeping it fails, the next `fin` tries again
        try:
            self._keep(transfer)
        except StoreFull as e:
            return self._full(dock, transfer, str(e))
        del self._open[found.file_id]
        self._blobs.drop(found.file_id)
        self._office.count("files", dock.dock)
        return self._complete(dock, found.file_id, transfer.recording, transfer.size_bytes, nonce)

    def _say_forged(self, dock: Dock, transfer: Transfer) -> None:
        topic = dock.topics.up(f"file/{transfer.file_id}")
        text = (
            f"dock {dock.dock}, recording {transfer.recording}, attempt {transfer.attempt}: the bytes that"
            f" came are not the recording's: they were damaged on the way, or somebody else writes to"
            f" {topic}/#; the dock sends it anew"
        )
        self._office.quiet.say(f"forged bytes of {dock.dock}", logging.ERROR, text)
        self._office.trouble("forged_bytes", f"{topic}/#, recording {transfer.recording}", dock.dock)

    def _keep(self, transfer: Transfer) -> None:
        """Put verified bytes into the store, and note that they are there."""
        self._blobs.adopt(transfer.file_id, transfer.sha256)
        with database.writing(self._office.connection) as connection:
            now = self._office.now()
            recordings.set_stored(connection, transfer.dock, transfer.recording, now)
            kept.end(connection, transfer.file_id, kept.State.DONE, now)
            kept.forget_old(connection, transfer.dock, transfer.recording, 0)

    def _complete(
        self, dock: Dock, file_id: str, recording: str, size_bytes: int, nonce: str | None
    ) -> list[Outgoing]:
        answer = self._answers.whole(dock, file_id, size_bytes, nonce)
        return [answer, *self._receipting.due(dock, recording)]

    def _end(self, transfer: Transfer, state: kept.State) -> None:
        with database.writing(self._office.connection) as connection:
            kept.end(connection, transfer.file_id, state, self._office.now())
        self._let_go(transfer)

    def _let_go(self, transfer: Transfer) -> None:
        del self._open[transfer.file_id]
        self._blobs.drop(transfer.file_id)

    def _check_what_is_there(self, transfer: Transfer) -> None:
        """Believe the ranges only where the file is as long as they say (a restored folder)."""
        end = max((end for _, end in transfer.durable), default=0)
        if self._blobs.length_bytes(transfer.file_id) < end:
            log.warning("%s is shorter than what was noted: it starts anew", transfer.file_id)
            transfer.durable = Ranges()
            self._blobs.drop(transfer.file_id)
        self._blobs.create(transfer.file_id)

    def _has_room(self, dock: Dock, new_bytes: int) -> bool:
        limits = self._office.settings.limits
        promised = sum(t.size_bytes - t.durable.total for t in self._open.values())
        if self._blobs.free_bytes() < limits.reserve_bytes + promised + new_bytes:
            return False
        if limits.dock_bytes == 0:
            return True
        return recordings.bytes_of_dock(self._office.connection, dock.dock) + new_bytes <= limits.dock_bytes

    def _mine(self, dock: Dock, file_id: str) -> Transfer | None:
        transfer = self._open.get(file_id)
        return transfer if transfer is not None and transfer.dock == dock.dock else None

    def _of(self, dock: Dock) -> list[Transfer]:
        return [transfer for transfer in self._open.values() if transfer.dock == dock.dock]

    def _full(self, dock: Dock, transfer: Transfer, text: str) -> list[Outgoing]:
        """Say once that there is no room.  What was not made durable has to come again."""
        transfer.forget_written()
        if transfer.full:
            return []
        transfer.full = True
        self._office.count("refused.file.full", dock.dock)
        return [self._answers.about(dock, transfer, "full", text=text)]

    def _hint(self, dock: Dock, file_id: str, status: str, text: str) -> list[Outgoing]:
        transfer = self._mine(dock, file_id)
        ranges = transfer.durable if transfer is not None else Ranges()
        return self._answers.hint(dock, file_id, status, ranges, text)
