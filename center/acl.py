"""The broker's rights for mosquitto (trust.md, Who may do what), written whole and atomically.

- A dock writes under its own `up/` and reads its own `down/`, its site's registry and the keys.
- The receiver speaks to enrolled docks only and never under `down/cmd/`; the operator service does.
- Rights are written out for each dock: a pattern with `+` for the site would let a dock write under
  every site.
- A watcher reads state, health and slots, of its sites; it writes nothing.
- The running center says the signed registry again at each connect, so the receiver may write it too:
  snapshots are believed for their signature alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from center import watchers
from center.catalogue.docks import Dock
from center.settings import Folder, Settings
from uplink.topics import ROOT

_WATCHED = ("state", "health", "slots/#")
_RECEIVER_SPEAKS = ("receipts/#", "head", "reconciliation", "file/#", "reply/#")


def text(
    settings: Settings, docks: Sequence[Dock], watching: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return the acl file.  `watching`: the sites of each watcher; none given are all."""
    sites = sorted({dock.site for dock in docks})
    lines = [
        "# Written by `bodydock center docks add`: edits are lost.",
        "",
        f"user {settings.broker.receiver}",
    ]
    lines.append(f"topic read {ROOT}/+/+/up/#")
    lines += [f"topic write {dock.topics.down(rest)}" for dock in docks for rest in _RECEIVER_SPEAKS]
    lines += [f"topic write {ROOT}/{site}/registry/#" for site in sites]
    lines += ["", f"user {settings.broker.operator}", f"topic read {ROOT}/+/+/up/#"]
    lines += [f"topic write {dock.topics.down('cmd/#')}" for dock in docks]
    lines += [f"topic write {ROOT}/{site}/registry/#" for site in sites]
    lines.append(f"topic write {ROOT}/keys")
    for dock in docks:
        lines += [
            "",
            f"user {dock.site}/{dock.dock}",
            f"topic write {dock.topics.up('#')}",
            f"topic read {dock.topics.down('#')}",
            f"topic read {ROOT}/{dock.site}/registry/#",
            f"topic read {ROOT}/keys",
        ]
    for name, seen in sorted((watching or {}).items()):
        lines += ["", f"user {name}"]
        lines += [f"topic read {ROOT}/{site}/+/up/{rest}" for site in seen or ("+",) for rest in _WATCHED]
    return "\n".join(lines) + "\n"


def write(folder: Folder, settings: Settings, docks: Sequence[Dock]) -> None:
    """Write the acl file, with the watchers too; mode 0644, for the broker is not ours.

    Raises BadFolder, OSError.
    """
    temporary = folder.acl.with_name(f".acl.{os.getpid()}")
    try:
        with temporary.open("w", encoding="ascii") as f:
            f.write(text(settings, docks, watchers.read(folder)))
            f.flush()
            os.fchmod(f.fileno(), 0o644)
            os.fsync(f.fileno())
        temporary.replace(folder.acl)
    finally:
        temporary.unlink(missing_ok=True)
