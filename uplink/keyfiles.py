"""Private key files: over no other but by `replace`, durable, for their owner only (mode 0600).

Root makes them for whoever owns the folder: `bodydock identity` typed by an administrator makes the key that
the service, another user, has to read.
"""

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
    if mode & (0o007 if _is_credential(path) else 0o077):
        raise BadKey(f"key file {path} is open to others (mode {mode:04o}): chmod 600 {path}")
    return pem


def _is_credential(path: Path) -> bool:
    # systemd guards it by an access list, whose mask shows as the group's rights (systemd.exec, Credentials).
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.parent == Path(folder)


def keep(path: Path, pem: bytes) -> bool:
    """Keep a new key durably; False, with nothing changed, where `path` is there already.  Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(pem)
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(f.fileno(), owner.st_uid, owner.st_gid)
            f.flush()
            os.fsync(f.fileno())
        os.link(temporary, path)  # never over a key that is there
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)
    return True


def replace(path: Path, by: Path) -> None:
    """Put the key file `by` in the place of `path`, durably: what stood there is gone.  Raises OSError."""
    by.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
