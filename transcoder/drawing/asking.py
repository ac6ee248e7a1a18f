"""One child process for each file, watched from outside: a file that kills it costs its own pictures only."""

from __future__ import annotations

import queue
import sys
import time

from transcoder.child import Child
from transcoder.drawing.measured import Asked, Measured, take
from transcoder.errors import InspectorFailed
from transcoder.memory import resident_bytes

MEMORY_BYTES = 500 << 20  # voice activity needs 160 MB, a picture of the largest size allowed 240 MB
_GRACE_S = 15.0  # opening; a busy machine
_LOOK_EVERY_S = 0.1


def measure(asked: Asked, memory_bytes: int = MEMORY_BYTES) -> Measured:
    """Measure a file; never raises for what it holds, and ends in time.

    Raises InspectorFailed: no child can be started.
    """
    measured = Measured()
    with _Killed((sys.executable, "-m", "transcoder.drawing.sampler")) as child:
        if not child.send(asked.to_line()):
            raise InspectorFailed(f"the program that reads frames does not start: {child.ended_how()}")
        _collect(child, asked, measured, memory_bytes)
    return measured


class _Killed(Child):
    """A child that is not waited for."""

    def close(self) -> None:
        self.kill()


def _collect(child: Child, asked: Asked, measured: Measured, memory_bytes: int) -> None:
    ends = time.monotonic() + asked.sound_s + asked.frames_s + _GRACE_S
    while not measured.done:
        if (resident_bytes(child.pid) or 0) > memory_bytes:
            measured.trouble = "memory"
            return
        if time.monotonic() > ends:
            measured.trouble = "time"
            return
        try:
            line = child.lines.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            continue
        if line is None:
            measured.trouble = "crash"
            return
        take(measured, asked, line)
