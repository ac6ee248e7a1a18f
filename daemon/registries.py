"""Registry snapshots on the dock: taken only if signed, only if newer, whole (trust.md)."""

from __future__ import annotations

from typing import cast

from daemon.clock import DockClock
from daemon.shared_serials import noted
from daemon.store import Store
from daemon.store.database import to_text
from daemon.tagging import Registries
from uplink.messages.registry import REGISTRIES, CameraRegistry, CaseRegistry, OfficerRegistry


def load_registries(store: Store) -> Registries:
    """Return the newest snapshots that were taken."""
    found = {
        row["kind"]: REGISTRIES[row["kind"]].parse(row["payload"], max_bytes=8 * 1024 * 1024)
        for row in store.rows("SELECT kind, payload FROM registries")
    }
    officers = cast(OfficerRegistry | None, found.get("officers"))
    cameras = cast(CameraRegistry | None, found.get("cameras"))
    cases = cast(CaseRegistry | None, found.get("cases"))
    return Registries(
        officers={row.officer: row for row in officers.rows} if officers else {},
        cameras=tuple(cameras.rows) if cameras else (),
        cases=tuple(cases.rows) if cases else (),
        case_version=cases.version if cases else None,
        versions=versions(store),
        shared_serials=noted(store),
    )


def versions(store: Store) -> str:
    """Return which snapshots there are, as one short text: `cases 3, officers 1`."""
    rows = store.rows("SELECT kind, version FROM registries ORDER BY kind")
    return ", ".join(f"{row['kind']} {row['version']}" for row in rows)


def keep_registry(
    store: Store, clock: DockClock, kind: str, version: int, raw: bytes, payload: bytes
) -> bool:
    """Keep a *verified* snapshot if it is newer than the newest ever taken.  Returns whether it was."""
    with store.write() as tx:
        held = tx.row("SELECT version FROM registries WHERE kind = ?", (kind,))
        if held is not None and held["version"] >= version:
            return False
        tx.execute(
            "INSERT INTO registries (kind, version, raw, payload, taken_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind) DO UPDATE SET version = excluded.version, raw = excluded.raw,"
            " payload = excluded.payload, taken_at = excluded.taken_at",
            (kind, version, raw, payload, to_text(clock.now())),
        )
    return True
