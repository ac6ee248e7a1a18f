"""What the dock knows of a shift's camera besides the shift's files: for the inspection's view across files.

- Other files of the camera of the shift's time: what an earlier docking brought is not missing, and what was
  listed and did not arrive is named.  A file that arrived at any docking arrived.
- Deleted entries as they were when the card was listed; a card keeps them for months, so only those near the
  shift are asked about.
- Lost clusters belong to no shift: the docking's last one says them, and only what the last docking of the
  same camera did not show already.
- The camera's clock as it was measured at plug-in, where the dock's own was sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from daemon.store import Row, Store
from daemon.store.database import from_text, to_text
from dock.devices import best_reading
from dock.listing import Reason
from dock.profiles import CameraProfile
from transcoder.camera import CameraClock, CameraFacts, ClockBasis, Deleted, Seen
from transcoder.report import MediaKind

_MOST = 2000  # files, and deleted entries, that one request carries
_NEVER_TAKEN = (Reason.LEFT_OUT.value, Reason.NOT_REGULAR.value)
_ALL = "0000"
_END = "9999"


def docked_only(store: Store, docking: str) -> CameraFacts:
    """What an inspection of one file by itself needs."""
    return CameraFacts(docked_at=from_text(store.value(_ATTACHED, (docking,))))


def facts_of_camera(
    store: Store, shift: Sequence[Row], profile: CameraProfile | None, break_s: float
) -> CameraFacts:
    """Return what is known of the camera of `shift`: rows of `recordings` of one docking, at least one."""
    docking, serial = shift[0]["docking"], shift[0]["serial"]
    since, until = _span(shift, break_s)
    return CameraFacts(
        seen=tuple(_seen(store, shift, profile, since, until)),
        deleted=tuple(_deleted(store, docking, since, until)),
        lost_bytes=_lost_bytes(store, docking, serial) if _is_last(store, shift) else None,
        clock=_clock(store, docking),
        docked_at=from_text(store.value(_ATTACHED, (docking,))),
    )


_ATTACHED = "SELECT attached_at FROM dockings WHERE docking = ?"


def _span(shift: Sequence[Row], break_s: float) -> tuple[str, str]:
    """Between which times, as text, something may belong to the shift; all where its files have none."""
    texts = [row[name] for row in shift for name in ("started_at", "named_at", "modified_at")]
    times = [time for time in map(from_text, texts) if time is not None]
    if not times:
        return _ALL, _END
    slack = timedelta(seconds=break_s)
    return _moved(min(times), -slack), _moved(max(times), slack)


def _moved(time: datetime, by: timedelta) -> str:
    try:
        return to_text(time + by) or _ALL
    except OverflowError:
        return _ALL if by < timedelta(0) else _END


def _seen(
    store: Store, shift: Sequence[Row], profile: CameraProfile | None, since: str, until: str
) -> list[Seen]:
    if profile is None:
        return []
    items = {(row["path"], row["size"]) for row in shift}
    found: dict[tuple[bytes, int], Seen] = {}
    for row in store.rows(
        "SELECT f.*, d.docking = ?1 AS here FROM files f JOIN dockings d USING (docking) WHERE d.serial = ?2"
        " AND coalesce(f.reason, '') NOT IN (?3, ?4) AND f.kind <> 'attachment'"
        " AND (coalesce(f.named_at, f.modified_at) BETWEEN ?5 AND ?6"
        "  OR (d.docking = ?1 AND coalesce(f.named_at, f.modified_at) IS NULL))"
        " ORDER BY d.attached_at DESC, f.idx LIMIT ?7",
        (shift[0]["docking"], shift[0]["serial"], *_NEVER_TAKEN, since, until, _MOST),
    ):
        key = (row["path"], row["size"])
        seen = _one_seen(row, profile)
        if key not in items and seen is not None and (seen.arrived or key not in found):
            found[key] = seen
    return sorted(found.values(), key=lambda one: (one.name, one.size_bytes))


def _one_seen(row: Row, profile: CameraProfile) -> Seen | None:
    name = best_reading(row["path"])
    kind = profile.media_kind_of(name)
    if kind is None:
        return None
    arrived = row["state"] in ("stored", "already") or row["reason"] == Reason.KNOWN.value
    return Seen(
        name=name,
        kind=cast(MediaKind, kind),
        sequence=profile.facts(name).sequence,
        named_at=from_text(row["named_at"]),
        modified_at=from_text(row["modified_at"]),
        size_bytes=row["size"],
        arrived=arrived,
        reason=None if arrived else row["reason"],
    )


def _deleted(store: Store, docking: str, since: str, until: str) -> list[Deleted]:
    rows = store.rows(
        "SELECT * FROM leavings WHERE docking = ? AND kind IS NOT NULL"
        " AND (coalesce(named_at, modified_at) BETWEEN ? AND ? OR coalesce(named_at, modified_at) IS NULL)"
        " ORDER BY idx LIMIT ?",
        (docking, since, until, _MOST),
    )
    return [
        Deleted(
            name=row["name"],
            kind=cast(MediaKind, row["kind"]),
            size_bytes=row["size"],
            sequence=row["sequence"],
            named_at=from_text(row["named_at"]),
            modified_at=from_text(row["modified_at"]),
            first_lost=bool(row["first_lost"]),
            housekeeping=bool(row["housekeeping"]),
        )
        for row in rows
    ]


def _is_last(store: Store, shift: Sequence[Row]) -> bool:
    last = store.value(
        "SELECT recording FROM recordings WHERE docking = ? AND kind <> 'attachment'"
        " ORDER BY coalesce(started_at, named_at, modified_at) DESC, idx DESC LIMIT 1",
        (shift[0]["docking"],),
    )
    return any(row["recording"] == last for row in shift)


def _lost_bytes(store: Store, docking: str, serial: str) -> int | None:
    """What this docking shows and the one before did not; None where nobody looked."""
    now = store.value("SELECT sum(lost_bytes) FROM volumes WHERE docking = ?", (docking,))
    if now is None:
        return None
    before = store.value(
        "SELECT sum(v.lost_bytes) FROM volumes v WHERE v.docking = ("
        " SELECT d.docking FROM dockings d, dockings this WHERE this.docking = ? AND d.serial = ?"
        " AND d.docking <> this.docking AND d.attached_at <= this.attached_at"
        " AND EXISTS (SELECT 1 FROM volumes w WHERE w.docking = d.docking AND w.lost_bytes IS NOT NULL)"
        " ORDER BY d.attached_at DESC, d.rowid DESC LIMIT 1)",
        (docking, serial),
    )
    return max(0, int(now) - int(before or 0))


def _clock(store: Store, docking: str) -> CameraClock | None:
    row = store.row("SELECT * FROM camera_clocks WHERE docking = ? AND synced = 1", (docking,))
    if row is None:
        return None
    measured_at = from_text(row["measured_at"])
    assert measured_at is not None
    return CameraClock(measured_at, row["least_s"], row["most_s"], cast(ClockBasis, row["basis"]))
