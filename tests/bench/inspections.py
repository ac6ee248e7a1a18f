"""Running our inspection and FFmpeg's programs on one file, hashing left out on our side.

The dock hashes while it pulls, so a figure about inspecting leaves it out: what the byte scan of the
standard and deep inspections takes is measured inside the run and taken off.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from transcoder import recording
from transcoder.engine import inspect
from transcoder.report import Depth, Report
from transcoder.request import InspectItem, InspectRequest
from transcoder.scan import scan_bytes

FILTERS = ("-vf", "blackdetect,freezedetect", "-af", "silencedetect", "-f", "null", "-")


@dataclass
class Scanned:
    """What the byte scans took so far."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


def inspected(path: Path, depth: Depth) -> Report:
    """Inspect in this process."""
    return inspect(InspectRequest((InspectItem(path),), depth))


def without_hashing(path: Path, depth: Depth) -> tuple[float, float]:
    """Inspect in this process; return wall and processor seconds, the byte scan taken off."""
    with _scan_timed() as scanned:
        wall, cpu = time.perf_counter(), time.process_time()
        inspected(path, depth)
        return (
            time.perf_counter() - wall - scanned.wall_s,
            time.process_time() - cpu - scanned.cpu_s,
        )


@contextmanager
def _scan_timed() -> Iterator[Scanned]:
    real, scanned = scan_bytes, Scanned()

    def timed(*arguments, **more):  # type: ignore[no-untyped-def]
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return real(*arguments, **more)
        finally:
            scanned.wall_s += time.perf_counter() - wall
            scanned.cpu_s += time.process_time() - cpu

    with patch.object(recording, "scan_bytes", timed):
        yield scanned


def ffmpeg(path: Path, *arguments: str, before: tuple[str, ...] = ()) -> list[str]:
    return ["ffmpeg", "-v", "error", "-nostdin", *before, "-i", str(path), *arguments]


def shown(command: list[str], path: Path) -> str:
    """The command for people: the file by its last name."""
    return " ".join(part if part != str(path) else path.name for part in command)
