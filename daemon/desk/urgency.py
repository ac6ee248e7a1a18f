"""Which cases press: the archive deadlines that run or are over, as the order of sending asks for them.

Kept for a minute, and read anew when another registry was taken: a registry has up to 4 MiB.
"""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.deadlines import archive_days
from daemon.store import Store
from uplink.messages.registry import CaseRegistry

MAX_BYTES = 8 * 1024 * 1024


class Urgency:
    """For the desk's one thread."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self._store = store
        self._zone = zone
        self._made_for: tuple[int, datetime] | None = None
        self._days = "{}"

    def days(self, now: datetime) -> str:
        """Return a JSON object: by which day (`YYYY-MM-DD`) each case has to be archived."""
        version = self._store.value("SELECT version FROM registries WHERE kind = 'cases'")
        if version is None:
            return "{}"
        made_for = (int(version), now.replace(second=0, microsecond=0))
        if made_for != self._made_for:
            payload = self._store.value("SELECT payload FROM registries WHERE kind = 'cases'")
            rows = CaseRegistry.parse(payload, MAX_BYTES).rows
            days = archive_days(rows, now, self._zone)
            self._days = json.dumps({case: by.isoformat() for case, (_, by) in days.items()})
            self._made_for = made_for
        return self._days
