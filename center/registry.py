"""Signing registry snapshots and putting them on the broker, retained (trust.md, registry).

A row is withdrawn by publishing a newer snapshot without it: snapshots are whole.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from center import keybook
from center.catalogue import database, docks, registries
from center.catalogue.registries import Snapshot
from center.office import utc_now
from center.operating import at_broker
from center.platform import PlatformKeys
from center.registry_changes import Changes, compare, officers_named
from center.settings import Folder, Settings
from uplink import envelope, topics
from uplink.connection import Acknowledged, Connected, Connection, Disconnected
from uplink.errors import BadTable, Offline, TooLarge
from uplink.messages.base import Wire
from uplink.messages.registry import REGISTRIES, OfficerRow
from uplink.plain import plain
from uplink.registry_files import Table

PUBLISH_WAIT_S = 5.0


@dataclass(frozen=True)
class Delivery:
    """Whether the broker has a snapshot now; `trouble` says why not."""

    on_broker: bool
    trouble: str = ""


def scope(folder: Folder, given: str | None) -> str:
    """Return the site to publish for: the one given, else the only one.

    Raises BadTable, also where no dock is of the site given: nobody would ever read it.
    """
    with database.reading(folder) as connection:
        sites = sorted({dock.site for dock in docks.every(connection)})
    known = ", ".join(sites) or "none: no dock is enrolled yet (`bodydock center docks add`)"
    if given in sites:
        return given
    if given is not None:
        raise BadTable(f"--scope {given}: no dock of that site is enrolled (known: {known})")
    if len(sites) == 1:
        return sites[0]
    raise BadTable(f"for which site? Give --scope SITE (known: {known})")


def sign(folder: Folder, settings: Settings, site: str, tables: Sequence[Table]) -> list[Snapshot]:
    """Sign one snapshot for each table, with the next version, and keep it.

    Raises BadTable (too large), BadKey, BadFolder.
    """
    keys = keybook.load(folder, settings.id)
    connection = database.open_for_writing(folder)
    try:
        with database.writing(connection):
            return [_sign(connection, keys, site, table) for table in tables]
    finally:
        connection.close()


def changes(folder: Folder, site: str, tables: Sequence[Table]) -> list[Changes]:
    """Return what publishing `tables` would change against what is in force.  Raises BadFolder."""
    with database.reading(folder) as connection:
        return [compare(table.kind, _in_force(connection, site, table.kind), table.rows) for table in tables]


def unknown_officers(folder: Folder, site: str, tables: Sequence[Table]) -> list[str]:
    """Return a note for each row that names an officer who is in no registry of the site.

    Nothing is said where no officers were ever published.  A note and no mistake: rows of past times name
    those who have left since.
    """
    with database.reading(folder) as connection:
        officers = next((t.rows for t in tables if t.kind == "officers"), None)
        known = {
            row.officer
            for row in (_in_force(connection, site, "officers") if officers is None else officers)
            if isinstance(row, OfficerRow)
        }
    if not known:
        return []
    return [
        f"{place}: officer {plain(officer)} is in no registry of officers"
        for table in tables
        for place, row in zip(table.places, table.rows, strict=True)
        for officer in officers_named(row)
        if officer not in known
    ]


def _in_force(connection: sqlite3.Connection, site: str, kind: str) -> Sequence[Wire]:
    """Return the rows of the snapshot that docks have now."""
    newest = (s for s in registries.newest(connection) if (s.site, s.kind) == (site, kind))
    snapshot = next(newest, None)
    return () if snapshot is None else rows_of(snapshot)


def rows_of(snapshot: Snapshot) -> Sequence[Wire]:
    """Return the rows of a snapshot of our own."""
    payload = envelope.peek(snapshot.raw, "registry", envelope.MAX_REGISTRY_BYTES)
    return REGISTRIES[snapshot.kind].parse(payload, envelope.MAX_REGISTRY_BYTES).rows


def publish(settings: Settings, snapshots: Sequence[Snapshot]) -> Delivery:
    """Put snapshots on the broker, retained.  A running center does so too, at each connect."""
    with at_broker(settings) as connection:
        return _publish(connection, snapshots, time.monotonic() + PUBLISH_WAIT_S)


def _sign(connection: sqlite3.Connection, keys: PlatformKeys, site: str, table: Table) -> Snapshot:
    now = utc_now()
    version = registries.next_version(connection, site, table.kind, int(now.timestamp()))
    message = REGISTRIES[table.kind].model_validate(
        {
            "platform": keys.platform,
            "scope": site,
            "kind": table.kind,
            "version": version,
            "time": now,
            "rows": list(table.rows),
        }
    )
    payload = message.to_bytes()
    if len(payload) > envelope.MAX_REGISTRY_BYTES:
        raise BadTable(
            f"{table.kind}: a snapshot of {len(payload)} bytes; docks take {envelope.MAX_REGISTRY_BYTES}"
        )
    raw = envelope.seal("registry", payload, keys.registry).raw
    snapshot = Snapshot(site, table.kind, version, raw, len(table.rows), now.isoformat())
    registries.add(connection, snapshot)
    return snapshot


def _publish(connection: Connection, snapshots: Sequence[Snapshot], until_s: float) -> Delivery:
    waiting: set[int] = set()
    sent = False
    while (left_s := until_s - time.monotonic()) > 0:
        notice = connection.next(min(left_s, 0.5))
        try:
            match notice:
                case Connected():
                    waiting = {
                        connection.publish(topics.registry_topic(s.site, s.kind), s.raw, retain=True)
                        for s in snapshots
                    }
                    sent = True
                case Disconnected():
                    sent = False
                case Acknowledged(token) if notice.refused:
                    return Delivery(
                        False, f"the broker refuses it (0x{notice.reason_code:02x}): see the acl file"
                    )
                case Acknowledged(token):
                    waiting.discard(token)
        except Offline:
            continue
        except TooLarge as e:
            return Delivery(False, f"{e}: raise the broker's max_packet_size")
        if sent and not waiting:
            return Delivery(True)
    return Delivery(False, connection.trouble or "the broker does not acknowledge")
