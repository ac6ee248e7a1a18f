"""Everything the platform holds, checked again from its exact bytes (`bodydock center verify`).

- Each dock's chain under the dock's own key, each event under the one that was in force when it came, along
  its main line and beside it; every docking's sum;
  revisions and receipts (rules: `uplink.audit`); what the catalogue says is stored, by size, or read from the
  medium.
- A revision that an event names and that is not held is on its way, most likely: that is a note, not a flaw.
- Reads only, while a center may be running; catalogue and store are looked at dock by dock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from center import keybook
from center.blobs import read_back
from center.catalogue import database, docks, events, recordings
from center.catalogue.docks import Dock
from center.catalogue.recordings import Recording
from center.errors import NotFound
from center.settings import Folder, load
from uplink import delivery
from uplink.audit import ChainAudit, Flaw, HeldEvent, HeldRevision, check_revisions, read_event
from uplink.errors import Refused
from uplink.keys import KeyRing
from uplink.rolls import KeyHistory, read_roll


@dataclass
class Checked:
    """What was looked at, and what does not hold."""

    counts: dict[str, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, name: str, more: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + more


class Verifier:
    """One run over a center's folder."""

    def __init__(
        self, folder: Folder, *, deep: bool = False, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        """Raises BadFolder, BadKey."""
        self._folder = folder
        self._settings = load(folder)
        self._ring: KeyRing = keybook.ring(folder, self._settings.id)
        self._deep = deep
        self._progress = progress
        self._looked: dict[tuple[str, int], str | None] = {}
        self._found = Checked()

    def every_dock(self) -> Checked:
        """Check all docks.  Raises BadFolder."""
        with database.reading(self._folder) as connection:
            names = [dock.dock for dock in docks.every(connection)]
        for name in names:
            self.dock(name)
        return self._found

    def dock(self, name: str) -> Checked:
        """Check one dock.  Raises NotFound, BadFolder."""
        self._progress(name)
        with database.reading(self._folder) as connection:
            dock = docks.find(connection, name)
            if dock is None:
                raise NotFound(f"no dock {name} is enrolled: see `bodydock center docks list`")
            self._found.count("docks")
            self._check_chain(connection, dock)
            held = recordings.of_dock(connection, name)
            for recording in held:
                self._check_recording(connection, dock, recording)
        for recording in held:
            self._check_blob(recording)
        return self._found

    # The chain

    def _check_chain(self, connection: sqlite3.Connection, dock: Dock) -> None:
        keys = _history(connection, dock)
        audit = ChainAudit(dock.dock, keys)
        last: HeldEvent | None = None
        for held in events.on_lines(connection, dock.dock, main=False):
            self._found.count("events beside the main line")
            event, flaws = read_event(held, dock.dock, keys)
            self._flaws(dock, flaws)
            if event is not None:
                audit.beside(event)
        for held in events.on_lines(connection, dock.dock, main=True):
            self._flaws(dock, audit.feed(held))
            last = held
        self._found.count("events", audit.events)
        self._found.count("dockings", audit.dockings)
        self._check_head(dock, last)
        for missing in events.missing_of(connection, dock.dock):
            self._found.notes.append(
                f"dock {dock.dock}: revision {missing.revision} of {missing.recording} is committed by an"
                " event and not held (yet)"
            )

    def _check_head(self, dock: Dock, last: HeldEvent | None) -> None:
        kept = None if dock.head is None else (dock.head.epoch, dock.head.n, dock.head.head)
        found = None if last is None else (last.epoch, last.n, last.digest)
        if kept != found:
            text = f"kept is event {kept and kept[1]}, the main line ends with {found and found[1]}"
            self._flaws(dock, [Flaw("head", "head", text)])

    # Recordings

    def _check_recording(self, connection: sqlite3.Connection, dock: Dock, held: Recording) -> None:
        self._found.count("recordings")
        revisions = recordings.manifests(connection, dock.dock, held.recording)
        self._found.count("manifests", len(revisions))
        line = [HeldRevision(one.revision, one.digest, one.raw) for one in revisions]
        facts = (self._settings.id, dock.dock, held.sha256, held.size_bytes)
        flaws = check_revisions(held.recording, line, facts, dock.kept_ring, incomplete=held.incomplete)
        place = f"recording {held.recording}"
        if not line or (line[-1].revision, line[-1].digest) != (held.revision, held.manifest):
            flaws.append(Flaw(place, "missing", f"revision {held.revision}, its newest, is not held"))
        signed = recordings.receipts(connection, dock.dock, held.recording)
        self._found.count("receipts", len(signed))
        bound = delivery.RecordingFacts(
            platform=self._settings.id,
            dock=dock.dock,
            dock_key=dock.key.key_id,
            recording=held.recording,
            size=held.size_bytes,
            sha256=held.sha256,
            manifests={one.digest: one.revision for one in line},
            before=frozenset(key.key_id for key in dock.before),
        )
        for receipt in signed:
            try:
                delivery.check_receipt(receipt.raw, self._ring, bound)
            except Refused as refused:
                flaws.append(Flaw(place, f"receipt.{refused.code}", f"{receipt.receipt[:16]}: {refused}"))
        if signed and held.stored_at is None:
            flaws.append(
                Flaw(place, "unstored", "a receipt was signed, and its bytes do not count as stored")
            )
        self._flaws(dock, flaws)

    def _check_blob(self, held: Recording) -> None:
        if held.stored_at is None:
            return
        key = (held.sha256, held.size_bytes)
        if key not in self._looked:
            self._looked[key] = self._look(held)
            self._found.count("blobs")
            self._found.count("bytes", held.size_bytes if self._looked[key] is None else 0)
        trouble = self._looked[key]
        if trouble is not None and self._still_stored(held):
            path = self._folder.blob(held.sha256)
            cure = f"`bodydock center reconcile {held.dock} --deep` has the dock send it again"
            flaw = Flaw(f"dock {held.dock}, recording {held.recording}", "blob", f"{path} {trouble}: {cure}")
            self._found.flaws.append(flaw)

    def _look(self, held: Recording) -> str | None:
        path = self._folder.blob(held.sha256)
        try:
            found = path.lstat().st_size
            if found != held.size_bytes:
                return f"has {found} bytes, not {held.size_bytes}"
            if not self._deep:
                return None
            self._progress(f"{held.dock} {path.name[:16]}, {held.size_bytes} bytes")
            sha256, _ = read_back(path, lambda: True)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return None if sha256 == held.sha256 else f"holds bytes whose SHA-256 is {sha256}"

    def _still_stored(self, held: Recording) -> bool:
        with database.reading(self._folder) as connection:
            now = recordings.find(connection, held.dock, held.recording)
        return now is not None and now.stored_at == held.stored_at

    def _flaws(self, dock: Dock, flaws: list[Flaw]) -> None:
        self._found.flaws += [Flaw(f"dock {dock.dock}, {flaw.place}", flaw.code, flaw.text) for flaw in flaws]


def _history(connection: sqlite3.Connection, dock: Dock) -> KeyHistory:
    """Return the dock's keys by the order in which their `key_rolled` came; the audit judges those events."""
    rolls = []
    for order, raw in events.rolls(connection, dock.dock):
        with suppress(Refused):
            rolls.append((order, read_roll(raw, dock.dock)))
    return KeyHistory.of(dock.first_key, rolls)
