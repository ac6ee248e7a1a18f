"""Dockings for people: what was listed, what became of it, and whether the camera left early.

Works on a store opened read-only too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daemon.store import Row, Store
from dock.devices import best_reading
from dock.listing import UNREAD

LIST_LIMIT = 200
NAMES_LIMIT = 1000
_UNREAD = tuple(reason.value for reason in UNREAD)
UNREAD_SQL = f"reason IN ({', '.join(repr(reason) for reason in _UNREAD)})"


def dockings_json(store: Store, limit: int = LIST_LIMIT) -> list[dict[str, Any]]:
    """Return the newest dockings, newest first, each with its conservation sum.

    `explained` is by reason; `left_out` names what the profile left out; `unread` is how many files were on
    the card and could not be taken; `open` is what is neither stored nor explained yet; `adds_up` says that
    listed = stored + already stored + explained + open (architecture.md, Conservation).
    """
    rows = store.rows("SELECT * FROM dockings ORDER BY attached_at DESC LIMIT ?", (limit,))
    return [_docking(store, row) for row in rows]


def _docking(store: Store, row: Row) -> dict[str, Any]:
    sums = store.rows(
        "SELECT state, reason, count(*) AS count, coalesce(sum(size), 0) AS bytes FROM files"
        " WHERE docking = ? GROUP BY state, reason ORDER BY reason",
        (row["docking"],),
    )
    total = {
        name: _total([s for s in sums if s["state"] == state])
        for name, state in (("stored", "stored"), ("already_stored", "already"), ("open", "listed"))
    }
    explained = {
        s["reason"]: {"count": s["count"], "bytes": s["bytes"]} for s in sums if s["state"] == "explained"
    }
    listed = {"count": row["listed_count"], "bytes": row["listed_bytes"]}
    parts = [*total.values(), *explained.values()]
    return {
        "docking": row["docking"],
        "slot": row["slot"],
        "camera": row["serial"],
        "profile": row["profile"],
        "attached_at": row["attached_at"],
        "ended_at": row["ended_at"],
        "state": row["state"],
        "removed_early": row["state"] == "removed",
        "listed": listed,
        **total,
        "explained": explained,
        "left_out": left_out_names(store, row["docking"]),
        "missing": explained.get("gone", {"count": 0, "bytes": 0}),
        "unread": sum(s["count"] for s in sums if s["reason"] in _UNREAD),
        "adds_up": all(listed[key] == sum(part[key] for part in parts) for key in ("count", "bytes")),
    }


def officer_of(store: Store, docking: str) -> str | None:
    """Return the officer of a docking's recordings, where all that name one name the same."""
    rows = store.rows(
        "SELECT DISTINCT coalesce(json_extract(tag, '$.officer.officer'), name_officer) AS officer"
        " FROM recordings WHERE docking = ? LIMIT 3",
        (docking,),
    )
    found = {row["officer"] for row in rows if row["officer"]}
    return found.pop() if len(found) == 1 else None


# Of the newest dockings those after which the camera did not come again.
_NOT_AGAIN = (
    "d.docking IN (SELECT docking FROM dockings ORDER BY attached_at DESC LIMIT ?)"
    " AND NOT EXISTS (SELECT 1 FROM dockings later"
    "  WHERE later.serial = d.serial AND later.attached_at > d.attached_at)"
)
_UNREAD_OF_CAMERAS = (
    "SELECT d.docking, d.serial, d.slot, u.files"
    f" FROM (SELECT docking, count(*) AS files FROM files WHERE {UNREAD_SQL} GROUP BY docking) u"
    f" JOIN dockings d USING (docking) WHERE {_NOT_AGAIN} ORDER BY d.attached_at DESC"
)
_LEFT_EARLY = (
    "SELECT d.docking, d.serial, d.slot, count(*) AS files FROM dockings d JOIN files f USING (docking)"
    f" WHERE d.state = 'removed' AND f.reason = 'gone' AND {_NOT_AGAIN}"
    " GROUP BY d.docking ORDER BY d.attached_at DESC"
)


def unread_json(store: Store) -> list[dict[str, Any]]:
    """Return the cameras whose newest docking left files that could not be read, newest first."""
    return _cameras(store.rows(_UNREAD_OF_CAMERAS, (LIST_LIMIT,)))


def left_early_json(store: Store) -> list[dict[str, Any]]:
    """Return the cameras that were taken before all was copied and did not come again, newest first."""
    return _cameras(store.rows(_LEFT_EARLY, (LIST_LIMIT,)))


def _cameras(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {"docking": r["docking"], "camera": r["serial"], "slot": r["slot"], "files": r["files"]} for r in rows
    ]


def left_out_json(store: Store) -> dict[str, int]:
    """Return how many files of the newest dockings profiles left out, and of how many dockings."""
    row = store.row(
        "SELECT count(*) AS files, count(DISTINCT docking) AS dockings FROM files"
        " WHERE reason = 'left_out' AND docking IN"
        " (SELECT docking FROM dockings ORDER BY attached_at DESC LIMIT ?)",
        (LIST_LIMIT,),
    )
    assert row is not None
    return {"dockings": row["dockings"], "files": row["files"]}


def left_out_names(store: Store, docking: str) -> list[str]:
    """Return the names of what the profile left out, as many as people read."""
    rows = store.rows(
        "SELECT path FROM files WHERE docking = ? AND reason = 'left_out' ORDER BY idx LIMIT ?",
        (docking, NAMES_LIMIT),
    )
    return [best_reading(row["path"]) for row in rows]


def _total(rows: list[Row]) -> dict[str, int]:
    return {"count": sum(r["count"] for r in rows), "bytes": sum(r["bytes"] for r in rows)}
