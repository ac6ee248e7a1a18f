"""Serials that two cameras share: seen in two slots at once, they tell neither of them.

- What no two cameras could show at once is no proof of the contrary: a serial is shared once it was seen so,
  and stays it (the cameras come singly another day).
- A registry's binding of such a serial names nobody: it is offered, and a person decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from daemon.board import SlotView
from daemon.clock import DockClock
from daemon.store import Store, Transaction
from daemon.store.database import to_text

_NOTED = "INSERT INTO shared_serials (serial, seen_at) VALUES (?, ?) ON CONFLICT (serial) DO NOTHING"


def in_two_slots(views: Iterable[SlotView]) -> dict[str, list[int]]:
    """Return the serials that cameras in several slots show right now, each with its slots."""
    slots: dict[str, list[int]] = defaultdict(list)
    for view in views:
        if view.docking is not None and view.phase != "empty":
            slots[view.docking.camera.serial].append(view.slot)
    return {serial: found for serial, found in sorted(slots.items()) if len(found) > 1}


def note_beside(tx: Transaction, serial: str, slot: int, at: datetime) -> None:
    """Note a serial with which a camera is being read in another slot at this moment."""
    beside = tx.row(
        "SELECT 1 FROM dockings WHERE state IN ('attached', 'pulling') AND serial = ? AND slot <> ?",
        (serial, slot),
    )
    if beside is not None:
        tx.execute(_NOTED, (serial, to_text(at)))


def note(store: Store, serials: Iterable[str], clock: DockClock) -> None:
    """Note serials that were seen in two slots; those that are noted already cost no transaction."""
    new = set(serials) - noted(store)
    if new:
        with store.write() as tx:
            for serial in sorted(new):
                tx.execute(_NOTED, (serial, to_text(clock.now())))


def noted(store: Store) -> frozenset[str]:
    """Return all serials that two cameras ever shared."""
    return frozenset(row["serial"] for row in store.rows("SELECT serial FROM shared_serials"))
