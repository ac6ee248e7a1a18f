"""The platform's own keys as the catalogue knows them: which is in force for a role, which were before."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from uplink.keys import Role


@dataclass(frozen=True)
class KnownKey:
    """A public key of the platform.  `retired_at`: since when another stands in its place."""

    role: Role
    key_id: str
    public: str  # hex
    since: str
    retired_at: str | None = None
    distrusted: bool = False


def every(connection: sqlite3.Connection) -> list[KnownKey]:
    """Return all keys, in the order in which they came into force."""
    rows = connection.execute("SELECT * FROM platform_keys ORDER BY since, rowid")
    return [
        KnownKey(
            Role(row["role"]),
            row["key_id"],
            row["public"],
            row["since"],
            row["retired_at"],
            bool(row["distrusted"]),
        )
        for row in rows
    ]


def put_in_force(
    connection: sqlite3.Connection,
    role: Role,
    key_id: str,
    public: str,
    now: datetime,
    *,
    distrust: bool = False,
) -> None:
    """Note that a key is in force from now on; the one before it is retired, and with `distrust` void."""
    connection.execute(
        "UPDATE platform_keys SET retired_at = ?, distrusted = ? WHERE role = ? AND retired_at IS NULL",
        (now.isoformat(), int(distrust), role.value),
    )
    connection.execute(
        "INSERT INTO platform_keys (role, key_id, public, since, retired_at, distrusted)"
        " VALUES (?, ?, ?, ?, NULL, 0)"
        " ON CONFLICT (role, key_id) DO UPDATE SET since = excluded.since, retired_at = NULL, distrusted = 0",
        (role.value, key_id, public, now.isoformat()),
    )


def platform(connection: sqlite3.Connection) -> str | None:
    """Return the id of the platform whose catalogue it is; None where nobody has said it yet."""
    row = connection.execute("SELECT id FROM platform").fetchone()
    return None if row is None else str(row["id"])


def set_platform(connection: sqlite3.Connection, platform_id: str) -> None:
    """Note the platform's id, if none is noted."""
    connection.execute(
        "INSERT INTO platform (id) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM platform)", (platform_id,)
    )
