"""What of the facts wants a person: open conflicts of tags, holds, archive deadlines.

Works on a store opened read-only too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from daemon.deadlines import deadlines
from daemon.dockings import left_early_json, unread_json
from daemon.registries import load_registries
from daemon.store import Store
from daemon.tagging import open_conflicts
from uplink.messages import Tag

SHOWN = 100


def attention_json(store: Store, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return what wants a person, by its sort, as plain JSON values."""
    return {
        "left_early": left_early_json(store),
        "unread": unread_json(store),
        "conflicts": _conflicts(store),
        "on_hold": store.value("SELECT count(*) FROM recordings WHERE holds <> '[]'"),
        "missing_fields": store.value(
            "SELECT count(*) FROM recordings WHERE json_array_length(tag, '$.findings') > 0"
        ),
        "deadlines": _deadlines(store, now, zone),
    }


def _conflicts(store: Store) -> list[dict[str, Any]]:
    """The first recordings whose sources disagree and of which no person has spoken."""
    rows = store.rows(
        "SELECT recording, tag FROM recordings WHERE json_array_length(tag, '$.conflicts') > 0"
        " ORDER BY stored_at DESC LIMIT ?",
        (10 * SHOWN,),
    )
    found = []
    for row in rows:
        tag = Tag.model_validate_json(row["tag"])
        if claims := open_conflicts(tag):
            standing = tag.officer.officer if tag.officer else None
            said = [claim.model_dump() for claim in claims]
            found.append({"recording": row["recording"], "officer": standing, "claims": said})
    return found[:SHOWN]


def _deadlines(store: Store, now: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    ended = [row for row in load_registries(store).cases if row.until is not None and row.until <= now]
    if not ended:
        return []
    counts = store.rows(
        "SELECT json_extract(c.value, '$.case') AS name, count(*) AS count"
        " FROM recordings r, json_each(r.tag, '$.cases') c WHERE r.tag IS NOT NULL GROUP BY name"
    )
    held = {row["name"]: row["count"] for row in counts}
    return [
        {
            "case": one.case,
            "title": one.title,
            "ended": one.ended.isoformat(),
            "archive_by": one.archive_by.isoformat(),
            "days_left": one.days_left,
            "overdue": one.overdue,
            "recordings": one.recordings,
        }
        for one in deadlines(ended, held, now, zone)[:SHOWN]
    ]
