"""Folders of a dock or a platform: nobody but its owner and its group looks in, whatever the umask was.

Installations from before are mended when they are opened.  What belongs to everybody (`/tmp`, `/var/lib`,
what stands right below the root) stays as it is: there only what is ours is closed.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterable
from pathlib import Path

_LOG = logging.getLogger(__name__)
_OTHERS = 0o007
_SHARED = {Path("/"), Path("/var/lib"), Path("/var/tmp")}


def close_to_others(folder: Path, inside: Iterable[Path]) -> None:
    """Take the rights of others from `folder` and from what is there of `inside`.

    Links are not followed.  What cannot be changed (another's) is told in the log.
    """
    ours = [path for path in inside if not path.is_symlink() and path.exists()]
    for path in [*ours, *([] if _is_shared(folder) else [folder])]:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & _OTHERS:
            continue
        try:
            path.chmod(mode & ~_OTHERS)
        except PermissionError as error:
            _LOG.warning("%s is open to others (mode %04o) and stays so: %s", path, mode, error.strerror)


def _is_shared(folder: Path) -> bool:
    real = folder.resolve()
    return real in _SHARED or real.parent == Path("/") or bool(real.stat().st_mode & stat.S_ISVTX)
