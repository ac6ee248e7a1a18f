"""A dock without hardware and folders as its cameras, for the figures about ingest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import Card

_TIME_S = 1_764_000_000


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


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
