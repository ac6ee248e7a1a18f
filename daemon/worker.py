"""A named thread that lets stages work until there is nothing left, then sleeps until woken.

- Stages claim again after a restart, so a worker has no state of its own.
- A bug in a stage is logged with its traceback and tried again later; it never ends the thread.
- `alive` feeds the watchdog; the worker that hangs stops feeding it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

_LOG = logging.getLogger(__name__)
_IDLE_S = 5.0
_AFTER_BUG_S = 10.0


class Stage(Protocol):
    def step(self) -> bool:
        """Do a bounded piece of work.  Returns whether there was any."""


class Worker(threading.Thread):
    """Runs `stages` in order, the first with work first."""

    def __init__(
        self,
        name: str,
        stages: Sequence[Stage],
        stop: threading.Event,
        alive: Callable[[], None],
        did: Callable[[], None],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._stages = stages
        self._stop_asked = stop
        self._alive = alive
        self._did = did
        self._woken = threading.Event()

    def wake(self) -> None:
        self._woken.set()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            self._alive()
            self._woken.clear()
            try:
                worked = self._turn()
            except Exception:  # noqa: BLE001 - a bug costs a turn, never the daemon
                _LOG.exception("%s: a stage failed", self.name)
                self._stop_asked.wait(_AFTER_BUG_S)
                continue
            if worked:
                self._did()
            else:
                self._woken.wait(_IDLE_S)

    def _turn(self) -> bool:
        """Give every stage its turn.  Returns whether any of them worked."""
        worked = False
        for stage in self._stages:
            worked |= stage.step()
        return worked
