"""An inspection may take longer than a watchdog waits: while it is within its own limits, it counts as life.

The inspector kills what exceeds its limits and always comes back (transcoder.client): it asks for all files
together, then one by one, then together again, so three times its limit is the longest.  Beyond that it
hangs, and the beats stop (known-faults F04: a long job does not starve the watchdog, a hung worker does).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daemon.stages.inspecting import Inspects, Progress
from transcoder.client import time_limit_s
from transcoder.report import Report
from transcoder.request import InspectRequest

_BEAT_S = 5.0
_TRIES = 3
_MARGIN_S = 60.0


class FedInspector:
    """An inspector that beats as long as an inspection may still be going on."""

    def __init__(self, inspector: Inspects, beat: Callable[[], None], *, every_s: float = _BEAT_S) -> None:
        self._inspector = inspector
        self._beat = beat
        self._every_s = every_s

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        limit_s = time_limit_s(request) if deadline_s is None else deadline_s * len(request.items)
        with self._beating(_TRIES * limit_s + _MARGIN_S):
            return self._inspector.inspect(request, progress, deadline_s)

    @contextmanager
    def _beating(self, longest_s: float) -> Iterator[None]:
        done = threading.Event()
        give_up_at = time.monotonic() + longest_s

        def feed() -> None:
            while time.monotonic() < give_up_at and not done.wait(self._every_s):
                self._beat()

        thread = threading.Thread(target=feed, name="feeding", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
