"""What people ask: the state of the dock and of one recording, as plain JSON values.

Works on a store opened read-only too, so that a stopped daemon leaves reading possible.
"""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

from daemon.alarm_book import alarms_json
from daemon.board import SlotView
from daemon.camera_clocks import camera_clock_json
from daemon.dockings import left_out_json, left_out_names
from daemon.errors import NoSuchThing
from daemon.lineage.told import restored_json
from daemon.store import Row, Store
from daemon.tagging import open_conflicts, place_of
from dock.devices import best_reading
from uplink import envelope
from uplink.messages import CustodyEvent, Receipt, Tag

LIST_LIMIT = 1000


def slot_json(view: SlotView) -> dict[str, Any]:
    """Return one slot as it is shown."""
    camera = view.docking.camera if view.docking else None
    return {
        "slot": view.slot,
        "label": view.label,
        "phase": view.phase,
        "camera": camera.serial if camera else None,
        "docking": view.docking.id if view.docking else None,
        "file": view.file,
        "files_done": view.files_done,
        "files_total": view.files_total,
        "bytes_done": view.bytes_done,
        "bytes_total": view.bytes_total,
        "rate_bytes_per_s": view.rate_bytes_per_s,
        "time_left_s": view.time_left_s,
        "safe_to_take": view.safe_to_take,
        "text": view.text,
        "error": view.error,
    }


def dock_json(store: Store) -> dict[str, Any]:
    """Return counts by state, bytes waiting, the chain's end, registries and counters."""
    states = store.rows("SELECT state, count(*) AS count, sum(size) AS bytes FROM recordings GROUP BY state")
    waiting = store.row(
        "SELECT coalesce(sum(size), 0) AS bytes, min(stored_at) AS oldest FROM recordings"
        " WHERE state IN ('stored', 'sending')"
    )
    assert waiting is not None
    end = store.row("SELECT n, event FROM events ORDER BY place DESC, n DESC LIMIT 1")
    return {
        "alarms": alarms_json(store),
        "recordings": {row["state"]: {"count": row["count"], "bytes": row["bytes"]} for row in states},
        "waiting_bytes": waiting["bytes"],
        "oldest_undelivered_at": waiting["oldest"],
        "waiting_manifests": store.value(
            "SELECT count(*) FROM manifests WHERE receipted = 0"
            " AND platform = (SELECT platform FROM epochs ORDER BY place DESC LIMIT 1)"
        ),
        "waiting_inspection": store.value("SELECT count(*) FROM dockings WHERE judged = 0 OR deepened = 0"),
        "chain": {"n": end["n"], "head": end["event"]} if end else None,
        "left_out": left_out_json(store),
        "restored": restored_json(store),
        "registries": {r["kind"]: r["version"] for r in store.rows("SELECT kind, version FROM registries")},
        "counters": {r["name"]: r["count"] for r in store.rows("SELECT * FROM counters ORDER BY name")},
    }


def recordings_json(store: Store, limit: int = LIST_LIMIT) -> list[dict[str, Any]]:
    """Return the newest recordings, newest first."""
    rows = store.rows(f"SELECT {_LISTED} FROM recordings ORDER BY stored_at DESC, idx DESC LIMIT ?", (limit,))
    return [recording_json(row) for row in rows]


def recording_json(row: Row) -> dict[str, Any]:
    tag = _tag(row["tag"])
    return {
        "recording": row["recording"],
        "name": best_reading(row["path"]),
        "path_b64": base64.b64encode(row["path"]).decode("ascii"),
        "camera": row["serial"],
        "kind": row["kind"],
        "size": row["size"],
        "sha256": row["sha256"],
        "state": row["state"],
        "failure": row["failure"] or row["work_failure"],
        "cleared_at": row["cleared_at"],
        "damaged": row["damaged"],
        "durable_bytes": row["durable_bytes"],
        "stored_at": row["stored_at"],
        "started_at": row["started_at"],
        "verdict": row["verdict"],
        "officer": tag.officer.model_dump() if tag.officer else None,
        "cases": [case.case for case in tag.cases],
        "place": place_of(tag),
        "conflicts": [claim.model_dump() for claim in open_conflicts(tag)],
        "holds": json.loads(row["holds"]) if row["holds"] != "[]" else [],
        "revision": row["revision"],
        "delivered_revision": row["delivered_revision"],
    }


# What `recording_json` shows; without the rest a thousand rows are read in half the time.
_LISTED = (
    "recording, path, serial, kind, size, sha256, state, failure, work_failure, cleared_at, damaged,"
    " durable_bytes, stored_at, started_at, verdict, tag, holds, revision, delivered_revision"
)


@functools.lru_cache(maxsize=256)
def _tag(text: str | None) -> Tag:
    """Read a tag; those of one officer and case are alike, and a thousand are listed at once."""
    return Tag.model_validate_json(text) if text else Tag()


def find_recording(store: Store, wanted: str) -> Row:
    """Return the row of the one recording whose id begins with `wanted`.  Raises NoSuchThing."""
    rows = store.rows(
        "SELECT * FROM recordings WHERE substr(recording, 1, ?) = ? LIMIT 2", (len(wanted), wanted)
    )
    if len(rows) != 1 or not wanted:
        raise NoSuchThing(
            f"{'several recordings begin' if rows and wanted else 'no recording begins'} with {wanted!r};"
            " see `bodydock recordings` for their ids"
        )
    return rows[0]


def show_json(store: Store, wanted: str) -> dict[str, Any]:
    """Return everything about one recording: facts, report, revisions, receipts, custody.

    `wanted` may be the beginning of an id.  Raises NoSuchThing.
    """
    row = find_recording(store, wanted)
    found = recording_json(row)
    report = store.value("SELECT body FROM reports WHERE report = ?", (row["report"],))
    found["left_out"] = left_out_names(store, row["docking"])
    found["camera_clock"] = camera_clock_json(store, row["serial"])
    found["tag"] = json.loads(row["tag"]) if row["tag"] else None
    found["report"] = json.loads(report) if report else None
    found["revisions"] = [
        {
            "revision": r["revision"],
            "manifest": r["manifest"],
            "made_at": r["made_at"],
            "refusal": r["refusal"],
        }
        for r in store.rows(
            "SELECT * FROM manifests WHERE recording = ? ORDER BY platform, revision", (row["recording"],)
        )
    ]
    found["receipts"] = [
        _receipt_json(r)
        for r in store.rows(
            "SELECT * FROM receipts WHERE recording = ? ORDER BY revision, verified_at", (row["recording"],)
        )
    ]
    found["custody"] = [
        _event_json(r)
        for r in store.rows("SELECT * FROM events WHERE recording = ? ORDER BY place, n", (row["recording"],))
    ]
    return found


def _receipt_json(row: Row) -> dict[str, Any]:
    receipt = Receipt.parse(envelope.peek(row["raw"], "receipt"))
    return {
        "receipt": receipt.receipt,
        "revision": row["revision"],
        "received_at": row["received_at"],
        "verified_at": row["verified_at"],
        "signer": row["signer"],
        "read_back": receipt.stored.verified_by_reading,
    }


def _event_json(row: Row) -> dict[str, Any]:
    event = CustodyEvent.parse(envelope.peek(row["raw"], "event"))
    return {
        "n": event.n,
        "kind": event.kind,
        "time": row["made_at"],
        "actor": event.actor.model_dump(),
        "data": event.data,
    }
