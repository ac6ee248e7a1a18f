"""The inspector: a program of its own that serves inspections over its standard input and output.

- One JSON line in is one `InspectRequest`; answers are JSON lines: `{"progress": [index, share]}`, then
  `{"report": "…"}` (the report's own bytes as text) or `{"error": "…", "kind": "BadRules"}`.
- Nothing else ever reaches that output: file descriptor 1 is moved away first, and whatever a library prints
  goes to standard error.
- It drops what it can: no core dumps, no new privileges, low priority, and an address-space limit as far
  backstop only (a near one makes good files look damaged).  Its parent watches time and resident memory.
- It ends at the end of its input.  Behind a socket nobody can kill it by its pid: there, while it works, the
  kernel ends it with SIGIO as soon as the other side goes (or says anything), whatever it is stuck in.
"""

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from transcoder.errors import BadRequest, BadRules
from transcoder.request import InspectRequest

MAX_LINE_BYTES = 64 << 20
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_BACKSTOP_BYTES = 2 << 30
_SPEECH_BACKSTOP_BYTES = 6 << 30  # CTranslate2 and ONNX reserve far more address space than they use
_PROGRESS_EVERY_S = 0.2


def main() -> int:
    """Serve until standard input ends; returns 0."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - descriptors, not a path
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    drop_privileges()
    serve(requests, answers)
    return 0


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests one at a time until they end."""
    from transcoder.engine import Ears, inspect

    ears = Ears()
    while line := requests.readline(MAX_LINE_BYTES):
        sender = _Sender(answers)
        try:
            if not line.endswith(b"\n"):
                raise BadRequest("request line too long or cut off")
            request = InspectRequest.from_json(line)
            limit_memory(_SPEECH_BACKSTOP_BYTES if request.speech_model else _BACKSTOP_BYTES)
            sender.send({"progress": [0, 0.0]})  # said at once: before this, a death is not the files' doing
            with _ended_by_hangup(requests.fileno()):
                report = inspect(request, sender.progress, ears)
            sender.send({"report": report.to_bytes().decode()})
        except (BadRequest, BadRules) as error:
            sender.send({"error": str(error), "kind": type(error).__name__})


class _Sender:
    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._last = 0.0

    def send(self, message: dict[str, object]) -> None:
        self._answers.write(json.dumps(message, ensure_ascii=True).encode() + b"\n")
        self._answers.flush()

    def progress(self, index: int, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= _PROGRESS_EVERY_S:
            self._last = now
            self.send({"progress": [index, round(share, 4)]})


def drop_privileges() -> None:
    """No core dumps, no new privileges, low priority; a terminal's ^C is left to the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with suppress(OSError):  # the unit says it, and forbids us to
        os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C is for the parent, which closes us


@contextmanager
def _ended_by_hangup(fd: int) -> Iterator[None]:
    """Inside the block SIGIO ends this process when the socket `fd` ends or has anything to read.

    For sockets only: a pipe's writer may close it and still wait for the answer.
    """
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        yield
        return
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([fd], [], [], 0)[0]:  # it went before we listened
        os.kill(os.getpid(), signal.SIGIO)
    try:
        yield
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)


def limit_memory(limit_bytes: int) -> None:
    """Lower the far backstop; only the soft limit, a later request may need the larger one."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    sys.exit(main())
