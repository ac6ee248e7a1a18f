"""Where bytes lie: `vault/{two}/{recording}.{ext}`, partial copies in `vault/incoming/`.

Names in the vault are ids of ours, never the card's: those may be longer than a file system takes,
or no text at all (field-facts.md, vfat names).  The group may read: as a service, the inspector does so as
a user of its own (systemd/), and the folder above lets nobody else in.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

_EXTENSION = re.compile(rb"\.([A-Za-z0-9]{1,8})$")


def extension_of(path: bytes) -> str:
    """Return a harmless extension from a card's path (`bin` where it has none)."""
    match = _EXTENSION.search(path.rsplit(b"/", 1)[-1])
    return match.group(1).decode("ascii").lower() if match else "bin"


class Vault:
    """The folder of the vault.

    `settling` is held by whoever changes what lies under a recording's lasting name together with its row.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self.settling = threading.Lock()

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self.incoming.mkdir(exist_ok=True, mode=0o700)

    def relative(self, recording: str, card_path: bytes) -> str:
        """Return where a recording lies, below the vault's folder."""
        return f"{recording[:2]}/{recording}.{extension_of(card_path)}"

    def files(self) -> Iterator[Path]:
        """Yield everything under a recording's lasting name."""
        for path in sorted(self.folder.glob("??/*")):
            if path.is_file():
                yield path

    def path(self, relative: str) -> Path:
        return self.folder / relative

    def make_room_for(self, relative: str) -> Path:
        """Return `path(relative)`, its folder made so that it outlives a power cut."""
        path = self.path(relative)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True, mode=0o750)
            fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        return path

    def free_bytes(self) -> int:
        """Return how much the daemon may still write on the vault's disk."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def partial(self, docking: str, index: int) -> Path:
        """Return the temporary name of a file while it is pulled."""
        return self.incoming / f"{docking}-{index}"
