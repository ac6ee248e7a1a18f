"""`standard` without the notice, and `deep`, against what FFmpeg needs to see and hear as much."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.bench.footage import long_take, scene
from tests.bench.inspections import FILTERS, ffmpeg, shown, without_hashing
from tests.bench.trial import Bench, Goal, Row, Side, child_cpu_s, in_turn, run, run_all, times_faster, wall_s
from transcoder.report import Depth

_CONTENT = (
    "a key frame every 2 s: ours decodes whole those that cards are looked for on, one a minute, and what is"
    " out of the ordinary; of all others the upper sixth"
)
_NO_HASH = "the byte scan (hash, zero blocks) is taken off"


def measure(bench: Bench) -> list[Row]:
    """CPU time of one inspection against decoding the key frames and the sound."""
    path = long_take(bench, bench.size(6, 1))
    pictures = ffmpeg(path, "-an", "-f", "null", "-", before=("-skip_frame", "nokey"))
    sound = ffmpeg(path, "-vn", "-f", "null", "-")

    def peer() -> float:
        return child_cpu_s(lambda: run_all(pictures, sound))

    without_hashing(path, Depth.STANDARD)
    taken = in_turn([lambda: without_hashing(path, Depth.STANDARD)[1], peer], bench.runs)
    ours = Side(f"inspect(standard) of {path.name}, no speech model, process running", taken[0], "CPU s")
    other = Side(f"{shown(pictures, path)} ; {shown(sound, path)}", taken[1], "CPU s")
    ratio = ours.median / other.median
    what = "standard without the notice, CPU time"
    return [
        Row(
            "inspect-standard",
            what,
            ours,
            other,
            ratio,
            Goal(at_most=0.6),
            f"{_NO_HASH}; {_CONTENT}",
        )
    ]


def measure_wall(bench: Bench) -> list[Row]:
    """Wall time with both cores: two recordings at once, as the dock's two workers do."""
    path = scene(bench)
    filters = ffmpeg(path, *FILTERS)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_standard_s, [path, path]))

        def ours() -> float:
            return max(pool.map(_standard_s, [path, path])) / 2

        taken = in_turn([ours, lambda: wall_s(lambda: run(*filters))], bench.runs)
    mine = Side(f"inspect(standard) of {path.name} in two processes at once, per file", taken[0])
    other = Side(shown(filters, path), taken[1])
    ratio = times_faster(mine, other)
    return [
        Row(
            "inspect-standard-wall",
            "standard, wall, both cores",
            mine,
            other,
            ratio,
            Goal(at_least=20),
            _NO_HASH,
        )
    ]


def measure_deep(bench: Bench) -> list[Row]:
    path = scene(bench)
    filters = ffmpeg(path, *FILTERS)
    taken = in_turn(
        [lambda: without_hashing(path, Depth.DEEP)[0], lambda: wall_s(lambda: run(*filters))], bench.runs
    )
    ours = Side(f"inspect(deep) of {path.name}, process running", taken[0])
    other = Side(shown(filters, path), taken[1])
    ratio = times_faster(ours, other)
    return [Row("inspect-deep", "deep, wall, both cores", ours, other, ratio, Goal(at_least=1.3), _NO_HASH)]


def _standard_s(path: Path) -> float:
    return without_hashing(path, Depth.STANDARD)[0]
