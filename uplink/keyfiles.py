"""Private key files: never over one that is there, durable, for their owner only (mode 0600)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from uplink.errors import BadKey

MAX_KEY_FILE_BYTES = 64 * 1024


def read(path: Path) -> bytes:
    """Return what is in a key file.  Raises BadKey: not there, or open to others."""
    try:
        with path.open("rb") as f:
            mode = stat.S_IMODE(os.fstat(f.fileno()).st_mode)
            pem = f.read(MAX_KEY_FILE_BYTES)
    except OSError as e:
        raise BadKey(f"key file {path} cannot be read: {e.strerror}") from None
    if mode & 0o077:
        raise BadKey(f"key file {path} is open to others (mode {mode:04o}): chmod 600 {path}")
    return pem


def keep(path: Path, pem: bytes) -> bool:
    """Keep a new key durably; False, with nothing changed, where `path` is there already.  Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(pem)
            f.flush()
            os.fsync(f.fileno())
        os.link(temporary, path)  # never over a key that is there
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return True
