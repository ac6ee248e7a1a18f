"""Work that is killed again and again: one process forks a worker a round, and is told when to kill it.

Reads after how many seconds to kill on standard input; answers how the worker ended, and after how long.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

_LOOK_S = 0.0002


def serve(work: Callable[[Path], None]) -> None:
    """Do `work` on the folder that the command line names, once for each line of standard input."""
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            status = 0
            try:
                work(folder)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
                status = 1
            os._exit(status)
        print(killed_after(pid, float(line)), time.monotonic() - began, flush=True)


def killed_after(pid: int, seconds: float) -> int:
    """Return how the worker ended: 0 by itself, -9 killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_LOOK_S)
    os.kill(pid, signal.SIGKILL)  # not waited for yet, so the pid is still its own
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
