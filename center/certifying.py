"""What `bodydock center ca` does: certificates for the center itself, the broker and watchers, and the
files that the broker is given.

- Keys are made where they are used; only a watcher without a request is given one, to be carried to it.
- The broker is given copies: it runs as another user and often on another machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from center import acl, ca, watchers
from center.catalogue import database, docks
from center.errors import BadAuthority
from center.settings import Folder, Settings
from uplink import tlskey

_FOR_BROKER = ("ca.crt", "crl.pem", "server.crt", "server.key")


def begin(folder: Folder, settings: Settings) -> list[ca.Issued]:
    """Make the CA, and what the center itself shows to the broker.  Raises BadAuthority, BadKey, OSError."""
    with folder.locked("ca"):
        ca.make(folder.ca, settings.id)
        return _own(folder, settings)


def renew(folder: Folder, settings: Settings) -> list[ca.Issued]:
    """Issue the receiver's and the operator's certificates anew, for the same keys."""
    with folder.locked("ca"):
        return _own(folder, settings)


def server(folder: Folder, hosts: Sequence[str]) -> ca.Issued:
    """Issue the broker's certificate; its key is made at the first time.  Raises BadAuthority, OSError."""
    with folder.locked("ca"):
        return _issue_server(folder, hosts)


def watcher(
    folder: Folder, settings: Settings, name: str, sites: Sequence[str], request: bytes | None
) -> tuple[ca.Issued, Path | None]:
    """Let somebody watch.  `request`: PKCS #10; without it a key is made.  Returns (certificate, key file).

    Raises BadAuthority, BadKey, BadFolder, OSError.
    """
    with folder.locked("ca"), folder.locked("acl"):
        authority = ca.load(folder.ca)
        full = watchers.add(folder, settings, name, sites)
        key_file = None
        if request is None:
            key_file = folder.ca / f"{full}.key"
            public = tlskey.load_or_make(key_file).public_key()
        else:
            public = tlskey.requested_key(request)
        issued = authority.client(full, public)
        _write_rights(folder, settings)
    return issued, key_file


def revoke(folder: Folder, settings: Settings, name: str) -> int:
    """Revoke all certificates of `name`; a watcher loses its rights as well.  Returns how many.

    Raises BadAuthority where there is none, OSError.
    """
    with folder.locked("ca"), folder.locked("acl"):
        count = ca.load(folder.ca).revoke(name)
        if watchers.remove(folder, name):
            _write_rights(folder, settings)
    if count == 0:
        raise BadAuthority(f"no certificate of {name!r} is in force: `bodydock center ca list` names them")
    return count


@dataclass(frozen=True)
class Laid:
    """What the broker was given, and what is still missing."""

    written: list[Path]
    missing: list[str]


def lay_out(folder: Folder, settings: Settings, target: Path) -> Laid:
    """Copy to `target` what the broker reads.  Raises BadAuthority, OSError.

    In a folder with the setgid bit the files belong to its group: the broker's key is readable for it.
    """
    with folder.locked("ca"), folder.locked("acl"):
        ca.load(folder.ca)
        _write_rights(folder, settings)
        written, missing = [], []
        for name in _FOR_BROKER:
            source = folder.ca / name
            if source.exists():
                written.append(_copy(source, target / name, 0o640 if name.endswith(".key") else 0o644))
            else:
                missing.append(name)
        written.append(_copy(folder.acl, target / "acl", 0o644))
    return Laid(written, missing)


def _own(folder: Folder, settings: Settings) -> list[ca.Issued]:
    authority = ca.load(folder.ca)
    issued = []
    for file, name in (("receiver", settings.broker.receiver), ("operator", settings.broker.operator)):
        made = authority.client(name, tlskey.load_or_make(folder.ca / f"{file}.key").public_key())
        ca.write_public(folder.ca / f"{file}.crt", made.pem)
        issued.append(made)
    return issued


def _issue_server(folder: Folder, hosts: Sequence[str]) -> ca.Issued:
    authority = ca.load(folder.ca)
    made = authority.server(hosts, tlskey.load_or_make(folder.ca / "server.key").public_key())
    ca.write_public(folder.ca / "server.crt", made.pem)
    return made


def _write_rights(folder: Folder, settings: Settings) -> None:
    with database.reading(folder) as connection:
        acl.write(folder, settings, docks.every(connection))


def _copy(source: Path, target: Path, mode: int) -> Path:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(source.read_bytes())
            f.flush()
            os.fchmod(f.fileno(), mode)
            os.fsync(f.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
