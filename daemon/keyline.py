"""The keys of this dock, as its own chain tells them: the one it began with, and what it was rolled to.

- A key comes into force with the commit of its `key_rolled`, and with nothing else: a key file that says
  otherwise is behind, or ahead (`daemon.identity`).
- One line for each platform: another one never heard of it, and knows this dock by the key it was told.
"""

from __future__ import annotations

from daemon.store import Row, Store, Transaction
from uplink.keys import KeyRecord, Role

Reading = Store | Transaction


def in_force(store: Reading, dock: str) -> str | None:
    """Return the id of the key that signs this dock's chain; None: nothing is signed under this id."""
    row = store.row(
        "SELECT key FROM (SELECT place, -1 AS n, dock_key AS key FROM epochs WHERE dock = ?1 UNION ALL"
        " SELECT place, n, dock_key FROM rolls WHERE dock = ?1) ORDER BY place DESC, n DESC LIMIT 1",
        (dock,),
    )
    return None if row is None else str(row["key"])


def rolls(store: Reading, platform: str, dock: str) -> list[Row]:
    """Return what rolled this dock's keys at one platform, oldest first, with the events' bytes."""
    return store.rows(
        "SELECT r.*, v.raw FROM rolls r JOIN events v USING (event)"
        " WHERE r.platform = ? AND r.dock = ? ORDER BY r.place, r.n",
        (platform, dock),
    )


def before(store: Reading, dock: str, key: str) -> tuple[KeyRecord, ...]:
    """Return the keys that `key` was rolled from, oldest first, at whatever platform."""
    found: list[KeyRecord] = []
    for row in store.rows("SELECT * FROM rolls WHERE dock = ? ORDER BY place DESC, n DESC", (dock,)):
        if row["dock_key"] == key:
            key = row["before_key"]
            found.insert(0, KeyRecord(bytes.fromhex(row["before_public"]), Role.DOCK, dock))
    return tuple(found)


def enrolled_with(store: Reading, platform: str, dock: str) -> str | None:
    """Return the id of the key by which a platform first knew this dock; None: it does not know it."""
    row = store.row(
        "SELECT dock_key FROM epochs WHERE platform = ? AND dock = ? ORDER BY place LIMIT 1", (platform, dock)
    )
    return None if row is None else str(row["dock_key"])
