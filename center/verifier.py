"""Reading files back in a thread of its own, so that receiving goes on meanwhile."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from dataclasses import dataclass
from pathlib import Path

from center.blobs import read_back

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What reading back found.  `sha256`: None where it could not be read, for `trouble`."""

    file_id: str
    sha256: str | None
    size_bytes: int
    trouble: str = ""


class Verifier:
    """One worker with a bounded queue.  Results wait until they are taken."""

    def __init__(self, waiting: int = 64) -> None:
        self._jobs: queue.Queue[tuple[str, Path] | None] = queue.Queue(waiting)
        self._found: queue.SimpleQueue[Found] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="read-back", daemon=True)
        self._thread.start()

    def submit(self, file_id: str, path: Path) -> bool:
        """Have `path` read back; False where too much waits already (ask again later)."""
        try:
            self._jobs.put_nowait((file_id, path))
        except queue.Full:
            return False
        return True

    def take(self) -> Found | None:
        """Return a result, if there is one."""
        try:
            return self._found.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(queue.Full):  # then the worker is busy, and looks at `_stop` anyway
            self._jobs.put_nowait(None)
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            job = self._jobs.get()
            if job is None:
                return
            file_id, path = job
            try:
                sha256, size_bytes = read_back(path, lambda: not self._stop.is_set())
                self._found.put(Found(file_id, sha256, size_bytes))
            except InterruptedError:
                return
            except OSError as e:
                log.error("%s cannot be read back: %s", path, e)
                self._found.put(Found(file_id, None, 0, e.strerror or str(e)))
