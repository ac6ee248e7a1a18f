"""`inspect --depth fast` against `ffprobe -show_packets`: both read what every packet's header says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.footage import in_container, long_take
from tests.bench.inspections import inspected
from tests.bench.trial import Bench, Goal, Row, Side, in_turn, run, times_faster, wall_s
from transcoder.report import Depth

_ROOT = Path(__file__).resolve().parents[2]


def measure(bench: Bench) -> list[Row]:
    minutes = bench.size(60, 1)
    rows = []
    path = long_take(bench, minutes)
    inside = _compare(bench, path, lambda: inspected(path, Depth.FAST))
    said = f"inspect(fast) of {path.name}, process running"
    rows.append(_row(f"fast, {minutes} min MP4, in a running process", said, path, inside, 10))
    whole = _compare(bench, path, lambda: _whole(path))
    said = f"bodydock inspect --depth fast --json {path.name}"
    rows.append(_row(f"fast, {minutes} min MP4, whole process", said, path, whole, 2))
    for suffix in ("ts", "avi"):
        other = in_container(long_take(bench, bench.size(10, 1)), suffix)
        taken = _compare(bench, other, lambda other=other: inspected(other, Depth.FAST))  # type: ignore[misc]
        said = f"inspect(fast) of {other.name}, process running"
        rows.append(_row(f"fast, {suffix.upper()}, in a running process", said, other, taken, 1))
    return rows


def _whole(path: Path) -> None:
    command = (sys.executable, "-m", "daemon", "inspect", "--depth", "fast", "--json", path)
    run(*command, statuses=(0, 1), folder=_ROOT)  # 1: a person is to look at it


def _probe(path: Path) -> list[str]:
    return ["ffprobe", "-v", "error", "-show_packets", "-of", "csv", str(path)]


def _compare(bench: Bench, path: Path, ours: Callable[[], object]) -> list[tuple[float, ...]]:
    ours()  # both read from memory, and our modules are loaded
    run(*_probe(path))
    return in_turn([lambda: wall_s(ours), lambda: wall_s(lambda: run(*_probe(path)))], bench.runs)


def _row(what: str, said: str, path: Path, taken: list[tuple[float, ...]], goal: float) -> Row:
    ours = Side(said, taken[0])
    peer = Side(f"ffprobe -show_packets -of csv {path.name}", taken[1])
    return Row(
        "inspect-fast", what, ours, peer, times_faster(ours, peer), Goal(at_least=goal), "file in memory"
    )
