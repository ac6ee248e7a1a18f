"""Committing files that arrived in the vault: their rows, their samples, and one signed event for each.

- The caller has made bytes and names durable; here they become rows, one or many in one transaction.
- A recording that another slot stored meanwhile is stored already (B04).
- A docking that does not wait for a file any more takes none of it: its sum may be signed (LookupError).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from daemon.custody import Custody, Told
from daemon.store import Transaction
from daemon.store.database import Value, to_text
from dock.profiles import NameFacts
from dock.samples import Samples
from uplink.messages.custody import Stored

_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class FileTimes:
    """A card file's times in UTC, read in the camera's zone."""

    modified_at: datetime | None
    named_at: datetime | None


@dataclass(frozen=True)
class Arrived:
    """A file whose bytes are durable in the vault (`vault`: path below its folder)."""

    docking: str
    index: int
    serial: str
    serial_by: str
    path: bytes
    kind: str
    marked: bool
    facts: NameFacts
    times: FileTimes
    size_bytes: int
    sha256: str
    zero_bytes: int
    recording: str
    vault: str
    samples: Samples | None = None


class Came(Enum):
    """New, here already by their whole SHA-256, or given back to a vault that had lost or cleared them."""

    NEW = "new"
    AGAIN = "again"
    GIVEN_BACK = "given_back"


@dataclass(frozen=True)
class Arrival:
    """A file that arrived, and how."""

    arrived: Arrived
    came: Came = Came.NEW


def commit_arrivals(tx: Transaction, custody: Custody, arrivals: Sequence[Arrival]) -> None:
    """Write what became of each of `arrivals` (one at least).  Raises LookupError, sqlite3.Error."""
    new = _really_new(tx, arrivals)
    stored_at = to_text(custody.clock.now())
    tx.insert_all("recordings", (_recording(one.arrived, stored_at) for one in arrivals if id(one) in new))
    tx.execute_all(
        "UPDATE recordings SET cleared_at = NULL, damaged = NULL, checked_at = '' WHERE recording = ?",
        [(one.arrived.recording,) for one in arrivals if one.came is Came.GIVEN_BACK],
    )
    _settle(tx, arrivals, new)
    _remember(tx, [one.arrived for one in arrivals])
    told = [
        Told(_stored(one.arrived, already=id(one) not in new), one.arrived.recording, one.arrived.docking)
        for one in arrivals
    ]
    custody.append_all(tx, "stored", told)


def _really_new(tx: Transaction, arrivals: Sequence[Arrival]) -> set[int]:
    """Return the `id` of those that no row tells of: a card and its clone may be in two slots (B04)."""
    new = [one for one in arrivals if one.came is Came.NEW]
    rows = tx.rows(
        "SELECT recording FROM recordings WHERE recording IN (SELECT value FROM json_each(?))",
        (json.dumps([one.arrived.recording for one in new]),),
    )
    known = {row["recording"] for row in rows}
    first: dict[str, Arrival] = {}
    for one in new:
        first.setdefault(one.arrived.recording, one)
    return {id(one) for recording, one in first.items() if recording not in known}


def _recording(arrived: Arrived, stored_at: str | None) -> dict[str, Value]:
    return {
        "recording": arrived.recording,
        "docking": arrived.docking,
        "idx": arrived.index,
        "serial": arrived.serial,
        "serial_by": arrived.serial_by,
        "path": arrived.path,
        "kind": arrived.kind,
        "size": arrived.size_bytes,
        "sha256": arrived.sha256,
        "zero_bytes": arrived.zero_bytes,
        "vault": arrived.vault,
        "stored_at": stored_at,
        "modified_at": to_text(arrived.times.modified_at),
        "named_at": to_text(arrived.times.named_at),
        "sequence": arrived.facts.sequence,
        "name_officer": arrived.facts.officer,
        "marked": int(arrived.marked),
        "state": "stored",
    }


def _settle(tx: Transaction, arrivals: Sequence[Arrival], new: set[int]) -> None:
    changed = tx.execute_all(
        "UPDATE files SET state = ?, recording = ? WHERE docking = ? AND idx = ? AND state = 'listed'",
        [
            (
                "stored" if id(one) in new else "already",
                one.arrived.recording,
                one.arrived.docking,
                one.arrived.index,
            )
            for one in arrivals
        ],
    )
    if changed != len(arrivals):  # its sum may be signed already: a late puller must not change it
        which = ", ".join(str(one.arrived.index) for one in arrivals[:8])
        raise LookupError(f"files {which} … of docking {arrivals[0].arrived.docking}: one is settled")


def _stored(arrived: Arrived, *, already: bool) -> Stored:
    return Stored(
        docking=arrived.docking,
        index=arrived.index,
        path_b64=base64.b64encode(arrived.path).decode("ascii"),
        size=arrived.size_bytes,
        sha256=arrived.sha256,
        zero_bytes=arrived.zero_bytes,
        already=already,
    )


def _remember(tx: Transaction, arrived: Sequence[Arrived]) -> None:
    tx.execute_all(
        "INSERT INTO samples (recording, modified_ns, seed, digest) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (recording) DO UPDATE SET modified_ns = excluded.modified_ns, seed = excluded.seed,"
        " digest = excluded.digest",
        [
            (
                one.recording,
                max(-_INT64_MAX, min(one.samples.modified_ns, _INT64_MAX)),
                one.samples.seed,
                one.samples.digest,
            )
            for one in arrived
            if one.samples is not None
        ],
    )
