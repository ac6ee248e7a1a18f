"""A camera's clock as people see it: how far it was from the dock's at its newest docking, and its drift.

It is kept for each docking and never corrected; the drift is between the first and the newest docking at
which it was bounded from both sides.
"""

from __future__ import annotations

from typing import Any

from daemon.store import Row, Store
from daemon.store.database import from_text
from dock.camera_clock import drift_s_per_day


def camera_clock_json(store: Store, serial: str) -> dict[str, Any] | None:
    """Return the newest reading and the drift; None where nothing was ever measured.

    `least_s`, `most_s`: the camera's clock minus the dock's; `most_s` null where nothing bounds it.
    `drift_s_per_day`: [least, most] or null.
    """
    newest = store.row(
        "SELECT * FROM camera_clocks WHERE serial = ? ORDER BY measured_at DESC LIMIT 1", (serial,)
    )
    if newest is None:
        return None
    bounded = "SELECT * FROM camera_clocks WHERE serial = ? AND most_s IS NOT NULL AND synced = 1"
    first = store.row(f"{bounded} ORDER BY measured_at LIMIT 1", (serial,))
    last = store.row(f"{bounded} ORDER BY measured_at DESC LIMIT 1", (serial,))
    drift = (
        drift_s_per_day(_reading(first), _reading(last)) if first is not None and last is not None else None
    )
    return {
        "measured_at": newest["measured_at"],
        "least_s": newest["least_s"],
        "most_s": newest["most_s"],
        "from": newest["basis"],
        "dock_synced": bool(newest["synced"]),
        "drift_s_per_day": None if drift is None else [round(side, 2) for side in drift],
    }


def _reading(row: Row) -> tuple[Any, float, float]:
    return from_text(row["measured_at"]), row["least_s"], row["most_s"]
