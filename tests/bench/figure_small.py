"""Very many small files, listed, stored and durable, against `rsync -a --checksum` into an empty folder.

What a run made stays until the last one ended: ext4 passes over inodes that were freed within the last
seconds one by one, so that who comes after a removal of thousands would be several times too slow.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

from tests.bench.docks import bench_dock, camera, fresh_folder
from tests.bench.trial import Bench, Goal, Row, Side, in_turn, run_all, times_faster, wall_s
from tests.daemon.making import Card, tools_of

_FILES = 5_000  # a twentieth of what the goal names: 100,000 would take longer than a shared machine is lent
_A_FOLDER = 1000
_FILE_BYTES = 8192


def measure(bench: Bench) -> list[Row]:
    files = bench.size(_FILES, 200)
    runs = bench.runs
    with fresh_folder(bench.folder / "small") as folder:
        card = camera(folder, 1)
        _fill(card, files)
        ours_s, peer_s = in_turn([lambda: _docked(folder, card), lambda: _synced(folder, card)], runs)
    ours = Side(f"a docking of {files} photographs of 8 KiB, until it is closed", ours_s)
    peer = Side("rsync -a --checksum card/ empty/ ; sync", peer_s)
    notes = (
        f"{_FILES} files, not 100,000; ours besides signs an event for each file; each side reads from memory"
    )
    return [
        Row(
            "small-files",
            f"{files} small files, durable",
            ours,
            peer,
            times_faster(ours, peer),
            Goal(0.8),
            notes,
        )
    ]


def _fill(card: Card, files: int) -> None:
    for number in range(files):
        seed = hashlib.sha256(number.to_bytes(8, "big")).digest()
        path = card.path / f"DCIM/{number // _A_FOLDER:03}/{number:06}.jpg"
        if number % _A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(seed * (_FILE_BYTES // len(seed)))


def _docked(folder: Path, card: Card) -> float:
    with bench_dock(_new(folder, "dock")) as dock:
        os.sync()
        begun = time.perf_counter()
        card.dock_in(dock, tools_of(dock))
        return time.perf_counter() - begun


def _synced(folder: Path, card: Card) -> float:
    made = _new(folder, "copy")
    os.sync()
    return wall_s(lambda: run_all(["rsync", "-a", "--checksum", f"{card.path}/", str(made)], ["sync"]))


def _new(folder: Path, name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
