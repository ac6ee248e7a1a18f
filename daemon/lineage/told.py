"""What people are told of a dock that was restored.  Works on a store opened read-only too."""

from __future__ import annotations

from typing import Any

from daemon.store import Store


def restored_json(store: Store) -> dict[str, Any]:
    """Return how often this dock was restored, when last, and how many recordings parted by it."""
    last = store.value(
        "SELECT v.made_at FROM epochs e JOIN events v ON v.place = e.place AND v.n = 0"
        " WHERE e.restarted_in IS NOT NULL ORDER BY e.place DESC LIMIT 1"
    )
    times = store.value("SELECT count(*) FROM epochs WHERE restarted_in IS NOT NULL")
    united = store.value("SELECT count(DISTINCT recording) FROM sidelined")
    return {"times": times, "last_at": last, "overtaken_recordings": united}
