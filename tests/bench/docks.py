"""A dock without hardware and folders as its cameras, for the figures about ingest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import Card

_TIME_S = 1_764_000_000


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder`, gone afterwards; two benches at once have each their own."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as made:
        yield Path(made)


@contextmanager
def bench_dock(folder: Path) -> Iterator[Dock]:
    folder.mkdir(parents=True, exist_ok=True)
    dock = make_dock(folder)
    try:
        yield dock
    finally:
        dock.store.close()


def sparse_file(path: Path, size_bytes: int) -> None:
    """A file that is as long as it says and holds nothing, with a time that FAT could hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size_bytes)
    os.utime(path, (_TIME_S, _TIME_S))


def camera(folder: Path, number: int) -> Card:
    return Card(folder / f"camera-{number}", serial=f"CAM{number}")
