"""What a new registry snapshot changes against the one in force: pure.

- A snapshot is whole: a row that is not in it any more is withdrawn by publishing it.
- A row is known by its officer or case; a camera's by camera, officer and the time from which it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uplink.messages.base import Wire
from uplink.messages.registry import CameraRow, CaseRow, OfficerRow


@dataclass(frozen=True)
class Changes:
    """The rows of one kind, by name, in the order of the files."""

    kind: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    withdrawn: tuple[str, ...]


def compare(kind: str, before: Sequence[Wire], after: Sequence[Wire]) -> Changes:
    old, new = ({_name(row): row for row in rows} for rows in (before, after))
    return Changes(
        kind,
        tuple(name for name in new if name not in old),
        tuple(name for name in new if name in old and new[name] != old[name]),
        tuple(name for name in old if name not in new),
    )


def officers_named(row: Wire) -> tuple[str, ...]:
    """Return the officers that a camera's or case's row speaks of."""
    match row:
        case CameraRow():
            return (row.officer,)
        case CaseRow():
            return tuple(row.officers)
    return ()


def _name(row: Wire) -> str:
    match row:
        case OfficerRow():
            return row.officer
        case CaseRow():
            return row.case
        case CameraRow():
            since = "" if row.since is None else f" from {row.since:%Y-%m-%d %H:%M} UTC"
            return f"{row.camera} → {row.officer}{since}"
    raise TypeError(type(row))
