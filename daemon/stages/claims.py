"""Which piece of work is whose, among the workers of this process.

Nothing is kept: after a restart the store says what is to be done, and everybody claims anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Claims:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    @contextmanager
    def first(self, waiting: Callable[[int], Iterable[str]]) -> Iterator[str | None]:
        """Hold the first key that waits and nobody holds; None when all are held.

        `waiting` gives the keys, in order; it is asked for so many that one of them is free.
        """
        with self._lock:  # asked inside: else what is held might be all that it gave
            keys = waiting(len(self._taken) + 1)
            mine = next((key for key in keys if key not in self._taken), None)
            if mine is not None:
                self._taken.add(mine)
        try:
            yield mine
        finally:
            with self._lock:
                self._taken.discard(mine or "")
