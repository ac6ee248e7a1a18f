"""Settling many small files of a docking together (architecture.md: transitions in groups).

- One group is copied while a thread of its own makes the one before durable and commits it; there are never
  more.  Nothing of a group is settled before all of it is: its files show as done only then.
- What does not go smoothly is handed back, to be settled by itself (`ingest.filing`).
- A kill costs at most two groups, and of them what is not under its lasting name is gone on with by itself.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from daemon.errors import StoreFull
from daemon.ingest.opening import OpenDocking
from daemon.ingest.order import Item, Stage
from daemon.ingest.shelving import keep_all
from daemon.ingest.tools import Tools
from dock.errors import DiskFull
from dock.listing import CardFile
from dock.small import SMALL_BYTES, SmallPull, pull_small
from dock.vault_copy import VaultDisk, open_disk

_LOG = logging.getLogger(__name__)
SHORT_PATH_BYTES = 1000  # longer ones have limits of their own (`ingest.filing`)


def is_small(item: Item) -> bool:
    """Whether an item may be settled with others."""
    file = item.file
    return item.stage is Stage.NEW and file.size_bytes <= SMALL_BYTES and len(file.path) <= SHORT_PATH_BYTES


@dataclass(frozen=True)
class Copied:
    """The first `items` of a group, copied and not durable yet, and the `odd` one that ended it."""

    opened: OpenDocking
    items: Sequence[Item]
    pulls: Sequence[SmallPull]
    odd: Sequence[Item]
    left: Sequence[Item]
    disk: VaultDisk
    open_disk: ExitStack

    def kept_open(self) -> Copied:
        """Return the same for another owner of `open_disk`."""
        return replace(self, open_disk=self.open_disk.pop_all())


class GroupFiler:
    """Settles groups of one stay, until it is closed.  One thread uses it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="settler")
        self._group: Sequence[Item] = ()
        self._kept: Future[bool] | None = None

    def __enter__(self) -> GroupFiler:
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for the group on the way, whatever becomes of it."""
        self._pool.submit(self._tools.ledger.release)
        self._pool.shutdown()

    def is_busy_with(self, docking: int) -> bool:
        """Whether a group of the docking at this place of the stay is on the way."""
        return self._kept is not None and self._group[0].docking == docking

    def copy(self, opened: OpenDocking, items: Sequence[Item], cancelled: Callable[[], bool]) -> Copied:
        """Copy what goes smoothly of `items`: small ones of one docking and volume.

        `cancelled`: whether the camera left, or the dock stops.  What is returned has to be `keep`ed.  Raises
        VaultFailed.
        """
        tools, incoming, docking = self._tools, self._tools.vault.incoming, opened.docking.id

        def into(file: CardFile) -> str:
            return f"{incoming}/{docking}-{file.index}"

        pulls: list[SmallPull] = []
        with ExitStack() as stack:
            disk = stack.enter_context(open_disk(incoming))
            size = sum(item.file.size_bytes for item in items)
            # Where there is no room the first goes by itself, and waits for some.
            if tools.vault.free_bytes() >= size + tools.reserve_bytes:
                files = [item.file for item in items]
                pulls = pull_small(opened.source(items[0].volume), files, into, cancelled)
            count = len(pulls)
            odd, left = items[count : count + 1], items[count + 1 :]
            return Copied(opened, items[:count], pulls, odd, left, disk, stack.pop_all())

    def keep(self, copied: Copied) -> None:
        """Begin to make a group durable and to commit it, once the one before is `settled`."""
        assert self._kept is None
        context = contextvars.copy_context()
        self._group = copied.items
        self._kept = self._pool.submit(context.run, self._keep, copied)

    def settled(self) -> tuple[Sequence[Item], Sequence[Item]]:
        """Wait for the group on the way; return what of it is settled, and what is not, for want of room.

        Raises VaultFailed, LookupError.
        """
        kept, self._kept = self._kept, None
        if kept is None:
            return (), ()
        return (self._group, ()) if kept.result() else ((), self._group)

    def _keep(self, copied: Copied) -> bool:
        tools, docking = self._tools, copied.opened.docking
        with copied.open_disk:
            if not copied.pulls:
                return True
            try:
                keep_all(tools.ledger, tools.vault, docking, copied.opened.times, copied.pulls, copied.disk)
            except (DiskFull, StoreFull) as full:
                _LOG.warning(
                    "slot %d: no room for %d files: %s", docking.slot.number, len(copied.items), full
                )
                return False
        tools.stored()
        return True
