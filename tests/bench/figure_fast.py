"""`inspect --depth fast` against `ffprobe -show_packets`: both read what every packet's header says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.footage import in_container, long_take
from tests.bench.inspections import inspected
from tests.bench.trial import Bench, Goal, Row, Side, in_turn, run, times_faster, wall_s
from transcoder.report import Depth

_ROOT = Path(__file__).resolve().parents[2]


def measure(bench: Bench) -> list[Row]:
    """In a process that runs, as on the dock."""
    minutes = bench.size(60, 1)
    paths = [long_take(bench, minutes)]
    paths += [in_container(long_take(bench, bench.size(10, 1)), suffix) for suffix in ("ts", "avi")]
    rows = []
    for path in paths:
        taken = _compare(bench, path, partial(inspected, path, Depth.FAST))
        kind = path.suffix[1:].upper()
        what = f"fast, {minutes} min MP4" if kind == "MP4" else f"fast, {kind}"
        said = f"inspect(fast) of {path.name}, process running"
        goal = 10 if kind == "MP4" else 1
        rows.append(_row("inspect-fast", f"{what}, in a running process", said, path, taken, goal))
    return rows


def measure_whole(bench: Bench) -> list[Row]:
    """The command, from its start to its end."""
    minutes = bench.size(60, 1)
    path = long_take(bench, minutes)
    taken = _compare(bench, path, partial(_whole, path))
    said = f"bodydock inspect --depth fast --json {path.name}"
    return [_row("inspect-fast-whole", f"fast, {minutes} min MP4, whole process", said, path, taken, 2)]


def _whole(path: Path) -> None:
    command = (sys.executable, "-m", "daemon", "inspect", "--depth", "fast", "--json", path)
    run(*command, statuses=(0, 1), folder=_ROOT)  # 1: a person is to look at it


def _probe(path: Path) -> list[str]:
    return ["ffprobe", "-v", "error", "-show_packets", "-of", "csv", str(path)]


def _compare(bench: Bench, path: Path, ours: Callable[[], object]) -> list[tuple[float, ...]]:
    ours()  # both read from memory, and our modules are loaded
    run(*_probe(path))
    return in_turn([lambda: wall_s(ours), lambda: wall_s(lambda: run(*_probe(path)))], bench.runs)


def _row(figure: str, what: str, said: str, path: Path, taken: list[tuple[float, ...]], goal: float) -> Row:
    ours = Side(said, taken[0])
    peer = Side(f"ffprobe -show_packets -of csv {path.name}", taken[1])
    return Row(figure, what, ours, peer, times_faster(ours, peer), Goal(at_least=goal), "file in memory")
