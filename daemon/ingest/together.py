"""Settling many small files of a docking together (architecture.md: transitions in groups).

- Nothing of a group is settled before all of it is: its files show as done only then.
- What does not go smoothly is handed back, to be settled by itself (`ingest.filing`).
- A kill costs at most one group, and of that what is not under its lasting name is gone on with by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.errors import StoreFull
from daemon.ingest.opening import OpenDocking
from daemon.ingest.order import Item, Stage
from daemon.ingest.shelving import keep_all
from daemon.ingest.tools import Tools
from dock.errors import DiskFull
from dock.listing import CardFile
from dock.small import SMALL_BYTES, pull_small
from dock.vault_copy import open_disk

_LOG = logging.getLogger(__name__)
SHORT_PATH_BYTES = 1000  # longer ones have limits of their own (`ingest.filing`)


@dataclass(frozen=True)
class Grouped:
    """What became of the items of a group: settled, to be settled each by itself, or not yet looked at."""

    settled: Sequence[Item]
    singly: Sequence[Item]
    left: Sequence[Item]


def is_small(item: Item) -> bool:
    """Whether an item may be settled with others."""
    file = item.file
    return item.stage is Stage.NEW and file.size_bytes <= SMALL_BYTES and len(file.path) <= SHORT_PATH_BYTES


class GroupFiler:
    """Settles groups of one stay."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def settle(self, opened: OpenDocking, items: Sequence[Item], cancelled: Callable[[], bool]) -> Grouped:
        """Settle what goes smoothly of `items`: small ones of one docking and volume.

        `cancelled`: whether the camera left, or the dock stops.  Raises VaultFailed, LookupError.
        """
        tools, docking = self._tools, opened.docking
        size = sum(item.file.size_bytes for item in items)
        if tools.vault.free_bytes() < size + tools.reserve_bytes:
            return Grouped((), items[:1], items[1:])  # who goes by itself waits for room

        def into(file: CardFile) -> str:
            return f"{tools.vault.incoming}/{docking.id}-{file.index}"

        files = [item.file for item in items]
        with open_disk(tools.vault.incoming) as disk:
            pulls = pull_small(opened.source(items[0].volume), files, into, cancelled)
            count = len(pulls)
            if count:
                try:
                    keep_all(tools.ledger, tools.vault, docking, opened.times, pulls, disk)
                except (DiskFull, StoreFull) as full:
                    _LOG.warning("slot %d: no room for %d files: %s", docking.slot.number, count, full)
                    return Grouped((), items[:count], items[count:])
                tools.stored()
        return Grouped(items[:count], items[count : count + 1], items[count + 1 :])
