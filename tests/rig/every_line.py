"""Killed -9 at each line: work is done in a child again and again, which dies before the next line of it.

No luck is in it: the lines of the modules under test are counted while the work runs, and the n-th child is
killed before its n-th line, until one comes to its end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any


def killed_before_each_line(
    work: Callable[[int], None], files: Sequence[str], step: int = 1
) -> Iterator[tuple[int, str]]:
    """Yield (number, where it died) after each child; ends when one did all of its work.

    `work` is told the number of the run; `files`: endings of the paths whose lines count, each line once, the
    first time that it is reached.
    """
    number = 1
    while True:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            _die_at(number, tuple(files), writer)
            status = 1
            try:
                work(number)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader) as told:
            where = told.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status == 0:
            return
        assert status == -signal.SIGKILL, f"it ended by itself: {status}"
        yield number, where
        number += step


def _die_at(number: int, files: tuple[str, ...], writer: int) -> None:
    left = number
    seen: set[tuple[str, int]] = set()

    def each(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        at = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and at not in seen:
            seen.add(at)
            left -= 1
            if left == 0:
                os.write(writer, ":".join(map(str, at)).encode())
                os.kill(os.getpid(), signal.SIGKILL)
        return each

    def enter(frame: FrameType, _event: str, _: Any) -> Any:
        return each if frame.f_code.co_filename.endswith(files) else None

    sys.settrace(enter)
