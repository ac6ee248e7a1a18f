"""How many cameras are copied at a time: all, but on a weak supply one (known-faults B13: drives drop out).

A turn is one file, or one group of small ones, long, so that a supply that recovers, or fails, counts from
the next on, and cameras take turns.  Thread-safe.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_S = 0.5


class CopyGate:
    """`weak` says whether the supply is too weak; it is asked at each turn, and while somebody waits."""

    def __init__(self, weak: Callable[[], bool] = lambda: False) -> None:
        self._weak = weak
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self._copying = 0

    @contextmanager
    def turn(self, waits: Callable[[], None], check: Callable[[], None]) -> Iterator[None]:
        """Copy one file inside the block.

        `waits` is called once if it has to be waited for; `check` again and again meanwhile, and may raise.
        """
        self._enter(waits, check)
        try:
            yield
        finally:
            with self._changed:
                self._copying -= 1
                self._changed.notify_all()

    def _enter(self, waits: Callable[[], None], check: Callable[[], None]) -> None:
        me, told = object(), False
        with self._changed:
            self._line.append(me)
        try:
            while True:
                weak = self._weak()
                with self._changed:
                    if not weak or (not self._copying and self._line[0] is me):
                        self._copying += 1
                        return
                if not told:
                    waits()
                    told = True
                check()
                with self._changed:
                    self._changed.wait(_LOOK_S)
        finally:
            with self._changed:
                self._line.remove(me)
                self._changed.notify_all()
