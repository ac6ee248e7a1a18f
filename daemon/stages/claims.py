"""Which piece of work is whose, among the workers of this process.

Nothing is kept: after a restart the store says what is to be done, and everybody claims anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Claims:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    @contextmanager
    def first(
        self, waiting: Callable[[], Iterable[T]], keys_of: Callable[[T], Iterable[str]]
    ) -> Iterator[T | None]:
        """Hold the first piece that waits and of whose keys nobody holds any; None where there is none.

        `waiting` gives the pieces, in order.  It is asked under the lock: a piece that was done and let go
        before is not seen waiting any more.
        """
        with self._lock:
            mine, keys = None, frozenset[str]()
            for piece in waiting():
                keys = frozenset(keys_of(piece))
                if self._taken.isdisjoint(keys):
                    mine = piece
                    self._taken |= keys
                    break
        try:
            yield mine
        finally:
            if mine is not None:
                with self._lock:
                    self._taken -= keys
