"""What an inspecting process keeps in memory at most, and whether that grows with the recording."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.bench.footage import long_take, scene
from tests.bench.inspections import inspected
from tests.bench.trial import Bench, Goal, Row, Side, highest_resident_mb
from transcoder.report import Depth


def measure(bench: Bench) -> list[Row]:
    """Standard, and without the speech model; one run each, since memory hardly varies."""
    short, long = (_side(path) for path in (scene(bench), long_take(bench, bench.size(6, 1))))
    limit = Goal(at_most=200)
    flat = Goal(at_most=1.1)
    growth = long.median / short.median
    notes = "one run each, a fresh process each; not tried: a 12-hour file"
    return [
        Row("inspect-memory", "standard, memory of the process, MB", long, None, long.median, limit, notes),
        Row("inspect-memory", "standard, memory, longer recording", long, short, growth, flat, notes),
    ]


def _side(path: Path) -> Side:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return Side(f"inspect(standard) of {path.name}", (pool.submit(_highest_mb, path).result(),), "MB")


def _highest_mb(path: Path) -> float:
    inspected(path, Depth.STANDARD)
    return highest_resident_mb()
