"""Log lines that others can cause at will: the first of a kind at once, then a sum once a minute.

Kinds are few and ours; beyond a bound they are one kind, `other`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

EVERY_S = 60.0
MAX_KINDS = 200
OTHER = "other"


@dataclass
class _Held:
    level: int
    until_s: float
    more: int = 0
    last: str = ""


class Quiet:
    """Says things through `log`, not more often than `EVERY_S` for each kind."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._held: dict[str, _Held] = {}

    def say(self, kind: str, level: int, text: str, trace: bool = False) -> None:
        """Say `text` now if nothing of its kind was said just now; else it is counted."""
        if kind not in self._held and len(self._held) >= MAX_KINDS:
            kind = OTHER
        held = self._held.get(kind)
        if held is None:
            self._held[kind] = _Held(level, self._monotonic() + EVERY_S)
            self._log.log(level, "%s", text, exc_info=trace)
        else:
            held.more += 1
            held.last = text

    def tick(self) -> None:
        """Say the sums that are due."""
        now_s = self._monotonic()
        for kind, held in list(self._held.items()):
            if now_s < held.until_s:
                continue
            if held.more == 0:
                del self._held[kind]
                continue
            self._log.log(
                held.level, "%s: %d more in %.0f s; the last: %s", kind, held.more, EVERY_S, held.last
            )
            self._held[kind] = _Held(held.level, now_s + EVERY_S)
