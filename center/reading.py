"""Reading the catalogue for people: what `center list`, `show`, `docks list` and `counters` print.

Everything is plain JSON values; a receipt is verified anew each time it is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from center import keybook
from center.blobs import read_back
from center.catalogue import database, docks, events, evidence, recordings, settling, transfers, troubles
from center.catalogue.docks import Dock
from center.catalogue.recordings import HeldManifest, HeldReceipt, Recording
from center.errors import BadFolder, NotFound
from center.settings import Folder, load
from center.troubles import NOT_RUNNING, NOT_RUNNING_AFTER, TROUBLES
from center.verdicts import findings_of, verdict_of
from uplink import envelope, strictjson
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRing, Role
from uplink.messages.custody import CustodyEvent
from uplink.messages.manifest import MAX_MANIFEST_BYTES, Manifest
from uplink.messages.receipt import Receipt


def listing(folder: Folder) -> list[dict[str, Any]]:
    """Return a line for each recording, oldest first.  Raises BadFolder."""
    load(folder)
    with database.reading(folder) as connection:
        return [_line(connection, held) for held in recordings.every(connection)]


def dock_listing(folder: Folder) -> list[dict[str, Any]]:
    """Return the enrolled docks.  Raises BadFolder."""
    load(folder)
    with database.reading(folder) as connection:
        return [
            {
                "dock": dock.dock,
                "site": dock.site,
                "key": dock.key.key_id,
                "rolled_from": [key.key_id for key in dock.before],
                "added_at": dock.added_at,
                "head": None if dock.head is None else dock.head.model_dump(),
                "cloned": dock.cloned,
                "events_beside": events.open_branch_events(connection, dock.dock),
                "events_lost": events.lost_parents(connection, dock.dock),
                "settled": [asdict(one) for one in settling.of(connection, dock.dock)],
                "state_claimed": dock.state,
                "state_at": dock.state_at,
            }
            for dock in docks.every(connection)
        ]


def status(folder: Folder, now: datetime) -> dict[str, Any]:
    """Return what wants a person, most urgent first, and what is on its way.  Raises BadFolder."""
    settings = load(folder)
    with database.reading(folder) as connection:
        alive_at = troubles.alive_at(connection)
        standing = [_trouble(dict(row)) for row in troubles.listed(connection)]
        open_transfers = len(transfers.every_open(connection))
        enrolled = len(docks.every(connection))
    if alive_at is None or now - alive_at > NOT_RUNNING_AFTER or not _may_run(folder):
        since = None if alive_at is None else alive_at.isoformat()
        row = {"name": NOT_RUNNING, "dock": "", "since": since, "last_at": since, "times": 1, "detail": ""}
        standing.append(_trouble(row))
    standing.sort(key=lambda one: str(one["severity"] != "critical"))
    return {
        "platform": settings.id,
        "alive_at": None if alive_at is None else alive_at.isoformat(),
        "docks": enrolled,
        "open_transfers": open_transfers,
        "troubles": standing,
    }


def _may_run(folder: Folder) -> bool:
    """Whether a receiver holds the folder, as far as this user may know."""
    try:
        with folder.locked("run", wait=False):
            return False
    except (BadFolder, OSError):
        return True


def _trouble(row: dict[str, Any]) -> dict[str, Any]:
    known = TROUBLES.get(row["name"])
    words = {"zh": row["name"], "en": row["name"]} if known is None else {"zh": known.zh, "en": known.en}
    return row | {"severity": "critical" if known is None else known.severity, "text": words}


def counting(folder: Folder) -> dict[str, list[dict[str, Any]]]:
    """Return the counters, and what is in quarantine.  Raises BadFolder."""
    load(folder)
    with database.reading(folder) as connection:
        return {
            "counters": [dict(row) for row in evidence.counters(connection)],
            "quarantine": [dict(row) for row in evidence.listed(connection)],
        }


def showing(folder: Folder, start: str, verify: bool) -> dict[str, Any]:
    """Return all that is known of the recording whose id begins with `start`.

    `verify`: read the stored file and hash it anew.  Raises NotFound, BadFolder.
    """
    settings = load(folder)
    ring = _receipt_ring(folder, settings.id)
    with database.reading(folder) as connection:
        found = recordings.begins_with(connection, start)
        if len(found) != 1:
            many = f": {', '.join(f'{item.dock}/{item.recording}' for item in found[:5])}" if found else ""
            raise NotFound(f"{len(found)} recordings begin with {start!r}{many}. See `bodydock center list`")
        held = found[0]
        dock = docks.find(connection, held.dock)
        assert dock is not None  # a foreign key
        shown = _line(connection, held)
        signed = recordings.receipts(connection, held.dock, held.recording)
        shown["revisions"] = [
            _revision(connection, held, item, signed, (dock, ring))
            for item in recordings.manifests(connection, held.dock, held.recording)
        ]
        shown["chain"] = _chain(connection, held)
    shown["file"] = _file(folder, held, verify)
    return shown


def _line(connection: sqlite3.Connection, held: Recording) -> dict[str, Any]:
    newest = recordings.manifest(connection, held.dock, held.recording, held.revision)
    assert newest is not None  # a foreign key
    manifest = _manifest(newest.raw)
    report = _report(connection, held.dock, manifest)
    stated = None if manifest.report is None else manifest.report.verdict
    receipts = recordings.receipts(connection, held.dock, held.recording)
    current = next((item for item in receipts if item.manifest == held.manifest), None)
    officer = manifest.tag.officer
    findings = [asdict(finding) for finding in findings_of(report, held.recording)]
    findings += [finding.model_dump() for finding in manifest.tag.findings]
    return {
        "recording": held.recording,
        "name": manifest.name,
        "dock": held.dock,
        "camera": manifest.camera.serial,
        "kind": manifest.kind,
        "officer": None if officer is None else officer.officer,
        "officer_name": None if officer is None else officer.name,
        "cases": [case.case for case in manifest.tag.cases],
        "verdict": verdict_of(report, held.recording, stated),
        "depth": None if manifest.report is None else manifest.report.depth,
        "findings": findings,
        "size_bytes": held.size_bytes,
        "sha256": held.sha256,
        "revision": held.revision,
        "incomplete": held.incomplete,
        "stored_at": held.stored_at,
        "received_at": None if current is None else current.received_at,
        "receipt": None if current is None else current.receipt,
        "receipts": len(receipts),
    }


def _revision(
    connection: sqlite3.Connection,
    held: Recording,
    item: HeldManifest,
    signed: list[HeldReceipt],
    keys: tuple[Dock, KeyRing],
) -> dict[str, Any]:
    dock, ring = keys
    manifest = _manifest(item.raw)
    receipt = next((one for one in signed if one.manifest == item.digest), None)
    return {
        "revision": item.revision,
        "manifest": item.digest,
        "prev_manifest": manifest.prev_manifest,
        "received_at": item.received_at,
        "signature": _holds(lambda: envelope.unseal(item.raw, "manifest", dock.kept_ring, Role.DOCK)),
        "tag": manifest.tag.model_dump(mode="json"),
        "times": manifest.times.model_dump(mode="json", by_alias=True),
        "holds": [hold.model_dump(mode="json") for hold in manifest.holds],
        "report": _report(connection, held.dock, manifest),
        "receipt": None if receipt is None else _receipt(receipt, item, held, dock, ring),
    }


def _receipt(
    receipt: HeldReceipt, item: HeldManifest, held: Recording, dock: Dock, ring: KeyRing
) -> dict[str, Any]:
    """Return a receipt with `valid`: signature and binding, checked anew as the dock does."""

    def check() -> None:
        sealed = envelope.unseal(receipt.raw, "receipt", ring, Role.RECEIPT)
        said = Receipt.parse(sealed.payload)
        named = (said.dock, said.dock_key, said.recording, said.sha256, said.size)
        key = said.dock_key if dock.kept_ring.find(said.dock_key, Role.DOCK) else dock.key.key_id
        mine = (dock.dock, key, held.recording, held.sha256, held.size_bytes)
        if named != mine or (said.revision, said.manifest) != (item.revision, item.digest):
            raise Refused("binding", "the receipt speaks of something else")

    valid = _holds(check)
    return {
        "receipt": receipt.receipt,
        "received_at": receipt.received_at,
        "valid": valid == "holds",
        "check": valid,
    }


def _chain(connection: sqlite3.Connection, held: Recording) -> list[dict[str, Any]]:
    return [
        {name: row[name] for name in ("epoch", "n", "digest", "kind", "line", "revision", "received_at")}
        | _said(bytes(row["raw"]))
        for row in events.of_recording(connection, held.dock, held.recording)
    ]


def _said(raw: bytes) -> dict[str, Any]:
    """What an event says, as it was verified when it came: who, and of what."""
    event = CustodyEvent.parse(envelope.peek(raw, "event"))
    return {"actor": event.actor.model_dump(), "data": event.data}


def _file(folder: Folder, held: Recording, verify: bool) -> dict[str, Any]:
    path = folder.blob(held.sha256)
    there = path.exists()
    shown: dict[str, Any] = {"path": str(path) if there else None, "stored": held.stored_at is not None}
    if verify:
        shown["verified"] = there and _matches(path, held)
    return shown


def _matches(path: Path, held: Recording) -> bool:
    try:
        return read_back(path, lambda: True) == (held.sha256, held.size_bytes)
    except OSError:
        return False


def _receipt_ring(folder: Folder, name: str) -> KeyRing:
    try:
        return keybook.ring(folder, name)
    except BadKey:
        return KeyRing()  # then no receipt verifies, and that is what is shown


def _holds(check: Callable[[], object]) -> str:
    try:
        check()
    except Refused as e:
        return str(e)
    return "holds"


def _manifest(raw: bytes) -> Manifest:
    return Manifest.parse(envelope.peek(raw, "manifest"), MAX_MANIFEST_BYTES)


def _report(connection: sqlite3.Connection, dock: str, manifest: Manifest) -> dict[str, Any] | None:
    """Return the report of a manifest: inside it, or beside it if it has come."""
    if manifest.report is None or manifest.report.body is not None:
        return None if manifest.report is None else manifest.report.body
    raw = recordings.report(connection, dock, manifest.report.sha256)
    if raw is None:
        return None
    try:
        value = strictjson.check(raw, recordings.MAX_REPORT_BYTES)
    except Refused:
        return None
    return value if isinstance(value, dict) else None
