"""In which order the files of a stay are dealt with.  Pure.

- New before known: what is on no earlier docking of this camera first, then what may be known (its samples
  decide), then what changed while it was read, and last the proof of what is known (A09).
- Marked before unmarked, oldest first (cameras.md; mqtt.md, order of sending).
- As long as nothing but proofs is left, the camera may be taken.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from dock.listing import CardFile


class Stage(IntEnum):
    """How far a file is; the lowest comes first."""

    NEW = 0
    UNSURE = 1
    AGAIN = 2
    KNOWN = 3


@dataclass(frozen=True)
class Item:
    """One file of one docking; `docking` and `volume` are their places in the stay and in the docking."""

    stage: Stage
    docking: int
    volume: int
    file: CardFile

    @property
    def order(self) -> tuple[Stage, bool, int, int, int]:
        """See the module's rules; the last two only make it unique."""
        file = self.file
        return (self.stage, not file.marked, file.modified_ns, self.docking, file.index)


class Agenda:
    """What is left to do.  Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[Stage, bool, int, int, int], Item]] = []
        self._left: Counter[int] = Counter()  # by docking

    def add(self, item: Item) -> None:
        heapq.heappush(self._heap, (item.order, item))
        self._left[item.docking] += 1

    @property
    def next(self) -> Item | None:
        """What comes next; None when nothing is left."""
        return self._heap[0][1] if self._heap else None

    def take_group(self, small: Callable[[Item], bool], files: int, total_bytes: int) -> list[Item]:
        """Return what comes next, and count it as done; nothing when nothing is left.

        Where that is `small`, the small ones that follow from the same volume come with it, up to so many
        `files` and `total_bytes`.
        """
        taken: list[Item] = []
        sum_bytes = 0
        while self._heap and len(taken) < files:
            head = self._heap[0][1]
            sum_bytes += head.file.size_bytes
            is_small = small(head)
            if taken and not (is_small and sum_bytes <= total_bytes and _together(head, taken[0])):
                break
            heapq.heappop(self._heap)
            self._left[head.docking] -= 1
            taken.append(head)
            if not is_small:
                break
        return taken

    def drop(self, docking: int, volume: int) -> None:
        """Forget the files of a volume."""
        self._heap = [e for e in self._heap if (e[1].docking, e[1].volume) != (docking, volume)]
        heapq.heapify(self._heap)
        self._left = Counter(item.docking for _, item in self._heap)

    def has(self, docking: int) -> bool:
        """Whether anything of a docking is left."""
        return self._left[docking] > 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def keeps_camera(self) -> bool:
        """Whether anything is left for which the camera has to stay."""
        return bool(self._heap) and self._heap[0][0][0] < Stage.KNOWN


def _together(one: Item, other: Item) -> bool:
    return (one.docking, one.volume) == (other.docking, other.volume)
