"""The alarms that stand and the last that cleared, as rows: they outlive a restart with their *since*."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from daemon.alarms import Raised
from daemon.clock import DockClock
from daemon.store import Row, Store
from daemon.store.database import from_text, to_text
from uplink.messages.telemetry import Alarm

KEPT_CLEARED = 500
TOLD_CLEARED = 16
MOST_TOLD = 64  # of `up/health`, and no more than fits beside the rest of it
TOLD_BYTES = 24 * 1024


def keep(store: Store, clock: DockClock, raised: Sequence[Raised]) -> bool:
    """Note which alarms stand now.  Returns whether anything changed."""
    wanted = {(one.alarm, one.subject): one for one in raised}
    standing = {(row["alarm"], row["subject"]): row for row in store.rows(_STANDING)}
    gone = [row for key, row in standing.items() if key not in wanted]
    new = [one for key, one in wanted.items() if key not in standing]
    changed = [one for key, one in wanted.items() if key in standing and _text(one) != standing[key]["text"]]
    if not (gone or new or changed):
        return False
    now = to_text(clock.now())
    with store.write() as tx:
        for row in gone:
            tx.execute(
                "UPDATE alarms SET cleared_at = ? WHERE alarm = ? AND subject = ? AND cleared_at IS NULL",
                (now, row["alarm"], row["subject"]),
            )
        for one in new:
            tx.execute(
                "INSERT OR REPLACE INTO alarms (alarm, subject, since, severity, text)"
                " VALUES (?, ?, ?, ?, ?)",
                (one.alarm, one.subject, now, one.kind.severity, _text(one)),
            )
        for one in changed:
            tx.execute(
                "UPDATE alarms SET text = ? WHERE alarm = ? AND subject = ? AND cleared_at IS NULL",
                (_text(one), one.alarm, one.subject),
            )
        tx.execute(
            "DELETE FROM alarms WHERE rowid IN (SELECT rowid FROM alarms WHERE cleared_at IS NOT NULL"
            " ORDER BY cleared_at DESC LIMIT -1 OFFSET ?)",
            (KEPT_CLEARED,),
        )
    return True


def told(store: Store) -> list[Alarm]:
    """Return what `up/health` tells: what stands, critical first, and the last that cleared."""
    rows = [*store.rows(_STANDING), *store.rows(_CLEARED, (TOLD_CLEARED,))]
    told, size_bytes = [], 0
    for row in rows[:MOST_TOLD]:
        alarm = _alarm(row)
        size_bytes += len(alarm.to_bytes())
        if size_bytes > TOLD_BYTES:
            break
        told.append(alarm)
    return told


def alarms_json(store: Store) -> list[dict[str, Any]]:
    """Return the same as plain JSON values."""
    return [_json(row) for row in [*store.rows(_STANDING), *store.rows(_CLEARED, (TOLD_CLEARED,))]]


def _alarm(row: Row) -> Alarm:
    since = from_text(row["since"])
    assert since is not None  # the column is not null
    return Alarm(
        alarm=row["alarm"],
        subject=row["subject"],
        since=since,
        severity=row["severity"],
        cleared=from_text(row["cleared_at"]),
        text=json.loads(row["text"]),
    )


def _json(row: Row) -> dict[str, Any]:
    return {
        "alarm": row["alarm"],
        "subject": row["subject"],
        "since": row["since"],
        "severity": row["severity"],
        "cleared": row["cleared_at"],
        "text": json.loads(row["text"]),
    }


def _text(one: Raised) -> str:
    return json.dumps(one.text, ensure_ascii=False)


_STANDING = "SELECT * FROM alarms WHERE cleared_at IS NULL ORDER BY severity, since, alarm, subject"
_CLEARED = "SELECT * FROM alarms WHERE cleared_at IS NOT NULL ORDER BY cleared_at DESC LIMIT ?"
