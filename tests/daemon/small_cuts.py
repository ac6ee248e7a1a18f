"""The power goes at any point of settling small files: what the disk holds then.

`steps` are the points at which anything changes, in the order in which they are taken: writing a copy, a sync
of the vault's file system, a rename, the commit.  After the cut nothing is done any more.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from daemon.ingest import shelving
from daemon.ingest.ledger import Ledger
from dock import small
from dock.vault_copy import VaultDisk
from tests.daemon.conftest import Dock


class PowerCut(BaseException):
    """No exception that anything would catch."""


class Lost(Enum):
    """What a cut takes of what was done since the last sync; a file system may do either to each file."""

    NOTHING = "nothing: kill -9"
    ALL = "all"
    CONTENTS = "contents, and the names stay"


class Disk:
    """Stands between the dock and its vault; the power goes after step `cut_at` (from 1)."""

    def __init__(
        self,
        dock: Dock,
        patch: pytest.MonkeyPatch,
        cut_at: int,
        lost: Lost,
        skip: Callable[[int], bool] = lambda sync: False,
    ) -> None:
        """`skip`: which syncs (from 1) are not done: how a test shows that it would see that."""
        self.steps: list[str] = []
        self._vault = dock.vault.folder
        self._beside = dock.folder
        self._cut_at = cut_at
        self._lost = lost
        self._skip = skip
        self._syncs = 0
        self._dead = False
        self._lock = threading.RLock()
        self._note_durable()
        self._stand_in(patch, small, "write_small", "write")
        self._stand_in(patch, VaultDisk, "sync", "sync")
        self._stand_in(patch, shelving, "rename_new", "rename")
        self._stand_in(patch, Ledger, "store_all", "commit")

    def come_back(self) -> None:
        """Let the vault be what the cut left of it."""
        shutil.rmtree(self._vault)
        (self._beside / "left").rename(self._vault)

    def _stand_in(self, patch: pytest.MonkeyPatch, owner: object, name: str, step: str) -> None:
        real = getattr(owner, name)

        def taken(*args: Any, **more: Any) -> Any:
            with self._lock:
                if self._dead:
                    raise PowerCut
                result: Any = None
                if step == "sync":
                    self._sync(real, *args)
                else:
                    result = real(*args, **more)
                self.steps.append(step)
                if len(self.steps) == self._cut_at:
                    self._cut()
                return result

        patch.setattr(owner, name, taken)

    def _sync(self, real: Callable[..., None], *args: Any) -> None:
        self._syncs += 1
        if not self._skip(self._syncs):
            real(*args)
            self._note_durable()

    def _note_durable(self) -> None:
        shutil.rmtree(self._beside / "durable", ignore_errors=True)
        shutil.copytree(self._vault, self._beside / "durable")
        self._durable = {path.stat().st_ino for path in self._vault.rglob("*")}

    def _cut(self) -> None:
        self._dead = True
        left = self._beside / "left"
        if self._lost is Lost.ALL:
            shutil.copytree(self._beside / "durable", left)
        else:
            shutil.copytree(self._vault, left)
        if self._lost is Lost.CONTENTS:
            for path in left.rglob("*"):
                now = self._vault / path.relative_to(left)
                if path.is_file() and now.stat().st_ino not in self._durable:
                    path.write_bytes(b"")
        raise PowerCut


def held(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
