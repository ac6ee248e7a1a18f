"""Which of a dock's keys counts for what comes in now (trust.md, Old signatures).

- By the platform's own order: a dock has one key in force, that of the newest `key_rolled` that was taken,
  on whatever line; what comes later under a key before it is refused (`retired`) and kept as evidence.
- Two things under such a key still count, for they say nothing new: what is held already, and a manifest that
  a held event names by its digest (it was on its way when the key was rolled).
- `key_rolled` goes on from the key in force to one that was never any dock's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from center.catalogue import docks, events, recordings
from center.catalogue.docks import Dock
from uplink import envelope
from uplink.envelope import Envelope
from uplink.errors import Refused
from uplink.keys import KeyRecord, Role
from uplink.messages.custody import CustodyEvent
from uplink.messages.manifest import MAX_MANIFEST_BYTES, Manifest
from uplink.rolls import KIND, read_roll


def open_event(dock: Dock, raw: bytes) -> tuple[Envelope, CustodyEvent]:
    """Verify an event under any key that the dock ever had.  Raises Refused."""
    sealed = envelope.unseal(raw, "event", dock.kept_ring, Role.DOCK)
    return sealed, CustodyEvent.parse(sealed.payload)


def key_after(
    sealed: Envelope, event: CustodyEvent, in_force: KeyRecord, owner_of: Callable[[str], str | None]
) -> KeyRecord | None:
    """Check who signed an event that is not held; return the key that comes into force with it.

    `owner_of`: the dock that has, or ever had, a key.  Raises Refused: `retired`, `key`, and those of
    `read_roll`.
    """
    if in_force.key_id not in sealed.signers:
        raise _retired(in_force, sealed)
    if event.kind != KIND:
        return None
    roll = read_roll(sealed.raw, in_force.owner)
    if roll.before.key_id != in_force.key_id:
        raise _retired(in_force, sealed)
    owner = owner_of(roll.key.key_id)
    if owner is not None:
        raise Refused("key", f"the key that comes was dock {owner}'s before: a key never comes back")
    return roll.key


def check_new(
    connection: sqlite3.Connection, dock: Dock, sealed: Envelope, event: CustodyEvent
) -> KeyRecord | None:
    """As `key_after`, by what the catalogue knows.  Raises Refused."""

    def owner_of(key: str) -> str | None:
        found = docks.by_key(connection, key)
        return None if found is None else found.dock

    return key_after(sealed, event, dock.key, owner_of)


def open_manifest(connection: sqlite3.Connection, dock: Dock, raw: bytes) -> tuple[Envelope, Manifest]:
    """Verify a manifest.  Raises Refused, `retired` among them."""
    sealed = envelope.unseal(raw, "manifest", dock.kept_ring, Role.DOCK, MAX_MANIFEST_BYTES)
    manifest = Manifest.parse(sealed.payload, MAX_MANIFEST_BYTES)
    fresh = dock.key.key_id in sealed.signers
    place = (dock.dock, manifest.recording, sealed.digest)
    if not fresh and not (
        recordings.holds_manifest(connection, *place) or events.commits(connection, *place)
    ):
        raise _retired(dock.key, sealed)
    return sealed, manifest


def _retired(in_force: KeyRecord, sealed: Envelope) -> Refused:
    return Refused(
        "retired",
        f"signed by key {sealed.signers[0][:16]}, which dock {in_force.owner} was rolled from;"
        f" {in_force.key_id[:16]} is in force",
    )
