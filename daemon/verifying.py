"""Everything the dock holds, checked again from its exact bytes (`bodydock verify`).

- The chain, every docking's sum, the revisions and the receipts, under the keys that this dock knows
  (rules: `uplink.audit`, `uplink.delivery`); then the vault's files, by size, or read from the medium.
- The dock's key is the one in its key file, with those that it was rolled from (`daemon.own_keys`); where
  that cannot be read, the one that the chain names in its first event, and that is said: then the chain
  proves only that it is one piece.  So it is for what was signed under another id (before a new enrolment, or
  as a copy on another board).
- A restored dock holds revisions that no event of its own commits: those it took back from the platform.
- A platform's keys are those the `enrolled` event of its epoch names, and those in the settings.
- Reads only, with a daemon or without: chain, revisions and receipts are one snapshot; what the vault lacks
  is looked up once more before it is called a flaw.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daemon.errors import NoSuchThing
from daemon.identity import key_here
from daemon.medium import hash_from_medium
from daemon.own_keys import NOBODY, OwnKeys, order_of, own_keys
from daemon.settings import Settings
from daemon.status import find_recording
from daemon.store import Row, Store
from daemon.vault import Vault
from uplink import delivery, envelope
from uplink.audit import ChainAudit, Flaw, HeldEvent, HeldRevision, check_revisions, read_event, short
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages import CustodyEvent, Manifest, Receipt
from uplink.messages.custody import Enrolled
from uplink.rolls import KIND

_PAGE = 500
_EVENTS = (
    "SELECT v.place, v.n, v.event, v.kind, v.recording, v.raw, e.epoch, e.dock, e.platform"
    " FROM events v JOIN epochs e USING (place)"
)

_COLUMNS = "platform, recording, revision, manifest, raw, history"
_REVISIONS = (
    f"SELECT * FROM (SELECT {_COLUMNS}, 0 AS aside FROM manifests"
    f" UNION ALL SELECT {_COLUMNS}, 1 AS aside FROM sidelined)"
)


@dataclass
class Checked:
    """What was looked at, and what does not hold."""

    counts: dict[str, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)  # recordings whose local copy is not what it should be

    def count(self, name: str, more: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + more


class Verifier:
    """One run.  `progress` is told now and then what is looked at."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        deep: bool = False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._vault = Vault(settings.vault_folder)
        self._deep = deep
        self._progress = progress
        self._found = Checked()
        self._keys: dict[str, OwnKeys] = {}  # by the ids that this dock had
        self._platforms: dict[str, KeyRing] = {}

    def everything(self) -> Checked:
        """Check all of it.  Raises NoSuchThing where nothing was ever committed, BadKey."""
        with self._store.snapshot():
            self._find_keys()
            audits: dict[str, ChainAudit] = {}
            for dock, held in self._events():
                audit = audits.setdefault(dock, ChainAudit(dock, self._own(dock).history))
                self._found.flaws += audit.feed(held)
                self._found.count("events")
                if self._found.counts["events"] % 5000 == 0:
                    self._progress(f"{self._found.counts['events']} events")
            self._found.count("dockings", sum(audit.dockings for audit in audits.values()))
            for row in self._rows():
                self._check_facts(row)
            self._check_commits(set().union(*(audit.committed for audit in audits.values())))
            self._check_cleared(set().union(*(audit.cleared for audit in audits.values())))
        for row in self._rows():
            self._check_file(row)
        self._check_unknown()
        return self._found

    def one(self, wanted: str) -> Checked:
        """Check one recording: its events and their neighbours, revisions, receipts, file.

        Raises NoSuchThing, BadKey.
        """
        with self._store.snapshot():
            row = find_recording(self._store, wanted)
            self._find_keys()
            for event in self._store.rows(
                _EVENTS + " WHERE v.recording = ? ORDER BY v.place, v.n", (row["recording"],)
            ):
                self._check_event(event)
            self._check_facts(row)
        self._check_file(row)
        return self._found

    # Keys

    def _find_keys(self) -> None:
        first = self._store.row(_EVENTS + " ORDER BY v.place, v.n LIMIT 1")
        if first is None:
            raise NoSuchThing("the chain has no event: this dock was never started")
        named = self._store.rows(
            _EVENTS + " WHERE v.kind = 'enrolled' OR v.kind = ? ORDER BY v.place, v.n", (KIND,)
        )
        dock, here = self._settings.dock.id, None
        try:
            here = key_here(self._settings, self._store).record(Role.DOCK, dock)
        except BadKey as error:
            self._found.notes.append(f"{error}: verified with the key that the chain itself names")
        self._keys, others = own_keys(named, dock, self._settings.platform_id, here)
        if others:
            told = f"signed as {', '.join(others)}: verified with the keys that the chain itself names"
            self._found.notes.append(told)
        records: dict[str, list[KeyRecord]] = {}
        if self._settings.platform is not None:
            records[self._settings.platform.id] = self._settings.platform.kept_records()
        for row in named:
            if row["kind"] == "enrolled":
                for name, record in _named_keys(row["raw"]):
                    records.setdefault(name, []).append(record)
        self._platforms = {name: KeyRing(found) for name, found in records.items()}

    # The chain

    def _events(self) -> Iterator[tuple[str, HeldEvent]]:
        at = (-1, -1)
        while rows := self._store.rows(
            _EVENTS + " WHERE (v.place, v.n) > (?, ?) ORDER BY v.place, v.n LIMIT ?", (*at, _PAGE)
        ):
            at = (rows[-1]["place"], rows[-1]["n"])
            yield from ((row["dock"], _held(row)) for row in rows)

    def _check_event(self, row: Row) -> None:
        """Verify one event, and that it is joined with those beside it."""
        held = _held(row)
        self._found.count("events")
        event, flaws = read_event(held, row["dock"], self._own(row["dock"]).history)
        self._found.flaws += flaws
        before = self._store.value(
            "SELECT event FROM events WHERE place = ? AND n = ?", (row["place"], row["n"] - 1)
        )
        if event is not None and event.prev != before:
            self._found.flaws.append(Flaw(held.place, "prev", "the one before has another digest"))
        after = self._store.row(
            "SELECT raw FROM events WHERE place = ? AND n = ?", (row["place"], row["n"] + 1)
        )
        if after is None:
            return
        if CustodyEvent.parse(envelope.peek(after["raw"], "event")).prev != held.digest:
            self._found.flaws.append(Flaw(held.place, "prev", "the one after it names another digest"))

    def _check_commits(self, committed: set[bytes]) -> None:
        """Every revision is committed by an event, and every event's revision is there."""
        there: set[bytes] = set()
        for row in self._store.rows(_REVISIONS):
            there.add(short(row["manifest"]))
            if short(row["manifest"]) not in committed and not row["history"]:
                place = f"recording {row['recording']}, revision {row['revision']}"
                self._found.flaws.append(Flaw(place, "uncommitted", "no event commits it"))
        for missing in committed - there:
            self._found.flaws.append(
                Flaw(f"manifest {missing.hex()}…", "missing", "an event commits it, and it is not here")
            )

    def _check_cleared(self, cleared: set[str]) -> None:
        for row in self._store.rows("SELECT recording FROM recordings WHERE cleared_at IS NOT NULL"):
            if row["recording"] not in cleared:
                place = f"recording {row['recording']}"
                self._found.flaws.append(Flaw(place, "cleared", "no event says that its copy was cleared"))

    # Recordings

    def _rows(self) -> Iterator[Row]:
        at = ""
        while rows := self._store.rows(
            "SELECT * FROM recordings WHERE recording > ? ORDER BY recording LIMIT ?", (at, _PAGE)
        ):
            at = rows[-1]["recording"]
            yield from rows

    def _check_facts(self, row: Row) -> None:
        revisions = self._store.rows(
            _REVISIONS + " WHERE recording = ? ORDER BY aside, platform, revision", (row["recording"],)
        )
        self._found.count("recordings")
        self._found.count("manifests", len(revisions))
        lines: dict[tuple[object, ...], list[Row]] = {}
        for one in revisions:  # what was put aside is on no line: each for itself
            line = (one["manifest"],) if one["aside"] else (one["platform"],)
            lines.setdefault(line, []).append(one)
        for ones in lines.values():
            self._check_line(row, ones)
        newest = {one["manifest"] for one in revisions if not one["aside"]}
        if row["manifest"] is not None and row["manifest"] not in newest:
            self._flaw(row, "missing", "its newest revision is not here")
        self._check_receipts(row, revisions)

    def _check_line(self, row: Row, ones: list[Row]) -> None:
        held = [
            HeldRevision(one["revision"], one["manifest"], one["raw"], bool(one["history"])) for one in ones
        ]
        dock = _signer(ones[-1]["raw"], "manifest")
        facts = (ones[-1]["platform"], dock, row["sha256"], row["size"])
        self._found.flaws += check_revisions(
            row["recording"], held, facts, self._own(dock).ring, incomplete=bool(ones[0]["aside"])
        )

    def _own(self, dock: str) -> OwnKeys:
        """Return the keys of one of the ids that this dock had; none for any other."""
        return self._keys.get(dock, NOBODY)

    def _check_receipts(self, row: Row, revisions: list[Row]) -> None:
        valid = 0
        for receipt in self._store.rows("SELECT * FROM receipts WHERE recording = ?", (row["recording"],)):
            self._found.count("receipts")
            dock = _signer(receipt["raw"], "receipt")
            ours = self._own(dock).ids
            named = _named_dock_key(receipt["raw"])
            facts = delivery.RecordingFacts(
                platform=receipt["platform"],
                dock=dock if ours else self._settings.dock.id,
                dock_key=named if named in ours else "",
                recording=row["recording"],
                size=row["size"],
                sha256=row["sha256"],
                manifests={
                    r["manifest"]: r["revision"] for r in revisions if r["platform"] == receipt["platform"]
                },
            )
            try:
                signed, _ = delivery.check_receipt(
                    receipt["raw"], self._platforms.get(receipt["platform"], KeyRing()), facts
                )
            except Refused as refused:
                self._flaw(row, f"receipt.{refused.code}", f"receipt {receipt['receipt'][:16]}: {refused}")
                continue
            if signed.digest != receipt["receipt"]:
                self._flaw(row, "column", f"receipt {receipt['receipt'][:16]} is kept under another digest")
            valid += not receipt["voided"] and receipt["platform"] == self._settings.platform_id
        if row["state"] == "delivered" and not valid:
            self._flaw(row, "undelivered", "it counts as delivered, and no receipt in force says so")

    # Files

    def _check_file(self, row: Row) -> None:
        if row["cleared_at"] is not None:
            self._found.count("cleared")
            return
        trouble = self._look(row)
        self._found.count("files")
        if trouble is None:
            self._found.count("bytes", row["size"])
            return
        again = self._store.row(
            "SELECT cleared_at, vault FROM recordings WHERE recording = ?", (row["recording"],)
        )
        if again is None or again["cleared_at"] is None:  # else it was cleared meanwhile
            self._flaw(row, "file", f"{self._vault.path(row['vault'])} {trouble}")
            self._found.unsound.append(row["recording"])

    def _look(self, row: Row) -> str | None:
        """Return what is wrong with a local copy."""
        path = self._vault.path(row["vault"])
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                return "is no regular file"
            if found.st_size != row["size"]:
                return f"has {found.st_size} bytes, not {row['size']}"
            if not self._deep:
                return None
            self._progress(f"{path.name}, {row['size']} bytes")
            sha256, _ = hash_from_medium(path)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return None if sha256 == row["sha256"] else f"holds bytes whose SHA-256 is {sha256}"

    def _check_unknown(self) -> None:
        known = {row["vault"] for row in self._store.rows("SELECT vault FROM recordings")}
        strange = [p for p in self._vault.files() if str(p.relative_to(self._vault.folder)) not in known]
        known = {row["vault"] for row in self._store.rows("SELECT vault FROM recordings")}
        for path in strange:  # not one that got its row meanwhile
            if path.exists() and str(path.relative_to(self._vault.folder)) not in known:
                self._found.flaws.append(Flaw(str(path), "unknown", "belongs to no recording that is known"))

    def _flaw(self, row: Row, code: str, text: str) -> None:
        self._found.flaws.append(Flaw(f"recording {row['recording']}", code, text))


def _held(row: Row) -> HeldEvent:
    order = order_of(row["place"], row["n"])
    return HeldEvent(row["epoch"], row["n"], row["event"], row["kind"], row["recording"], row["raw"], order)


def _signer(raw: bytes, kind: str) -> str:
    """Return the dock that a manifest or receipt names; not verified."""
    try:
        message = Manifest if kind == "manifest" else Receipt
        return message.parse(envelope.peek(raw, kind)).dock
    except Refused:
        return ""


def _named_dock_key(raw: bytes) -> str:
    try:
        return Receipt.parse(envelope.peek(raw, "receipt")).dock_key
    except Refused:
        return ""


def _named_keys(raw: bytes) -> Iterator[tuple[str, KeyRecord]]:
    """Yield the platform's keys that an `enrolled` event names; the chain's own check judges the event."""
    try:
        event = CustodyEvent.parse(envelope.peek(raw, "event"))
        enrolled = Enrolled.parse(json.dumps(event.data).encode())
        for key in enrolled.keys:
            yield enrolled.platform, KeyRecord(bytes.fromhex(key.public), Role(key.role), enrolled.platform)
    except (Refused, BadKey):
        return
