"""One daemon for each state folder, control socket and folder of mounts on a machine.

A second one with other settings would take the first one's socket away, and unmount the cards that it reads
as if they were left over from a kill.  A kill lets go of the locks by itself.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from daemon.errors import AlreadyRunning


@contextmanager
def sole(places: dict[Path, str]) -> Iterator[None]:
    """Hold every lock file of `places` inside the block; each names the setting that moves it.

    Raises AlreadyRunning, OSError.
    """
    with ExitStack() as stack:
        for path, setting in places.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            stack.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(
                    f"{path.parent} is another running bodydock's: stop it first, or give this one"
                    f" another {setting} in its settings"
                ) from None
        yield
