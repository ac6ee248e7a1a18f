"""Who may watch docks from anywhere: names of certificates, with the sites that each may see.

A watcher reads `up/state`, `up/health` and `up/slots/#` (trust.md, Who may do what) and nothing else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from center.errors import BadAuthority, BadFolder
from center.settings import Folder, Settings
from uplink.topics import ROOT, DockTopics

PREFIX = "watcher-"  # no dock's name, which has a slash in it
_NAME = re.compile(r"[a-z0-9-]{1,32}")


def read(folder: Folder) -> dict[str, list[str]]:
    """Return the sites of each watcher ([]: all).  Raises BadFolder."""
    try:
        found = json.loads(folder.watchers.read_bytes())
        return {str(name): [str(site) for site in sites] for name, sites in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as e:
        raise BadFolder(f"{folder.watchers} cannot be used: {e}") from None


def add(folder: Folder, settings: Settings, name: str, sites: Sequence[str]) -> str:
    """Note a watcher, or give it other sites; returns the name of its certificate.

    Raises BadAuthority, BadFolder, OSError.  The rights are written by `acl.write`.
    """
    if not _NAME.fullmatch(name):
        raise BadAuthority(f"{name!r}: a watcher's name is made of a-z, 0-9 and -, 1 to 32 of them")
    full = f"{PREFIX}{name}"
    if full in (settings.broker.receiver, settings.broker.operator):
        raise BadAuthority(f"{full} is the receiver's or operator's name: take another")
    for site in sites:
        try:
            DockTopics(site, "any")
        except ValueError:
            raise BadAuthority(f"{site!r} is no site below {ROOT}") from None
    _write(folder, read(folder) | {full: list(sites)})
    return full


def remove(folder: Folder, full: str) -> bool:
    """Forget a watcher.  Raises BadFolder, OSError."""
    held = read(folder)
    if full not in held:
        return False
    _write(folder, {name: sites for name, sites in held.items() if name != full})
    return True


def _write(folder: Folder, watchers: dict[str, list[str]]) -> None:
    temporary = folder.watchers.with_name(f".watchers.{os.getpid()}")
    try:
        with temporary.open("w", encoding="ascii") as f:
            json.dump(watchers, f, indent=1)
            f.flush()
            os.fsync(f.fileno())
        temporary.replace(folder.watchers)
    finally:
        temporary.unlink(missing_ok=True)
