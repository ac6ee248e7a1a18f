"""What a figure is made of: two sides measured in turn, a ratio of medians, a goal."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

Measure = Callable[[], float]  # does the work once and returns its seconds (or whatever the side's unit is)


@dataclass(frozen=True)
class Goal:
    """What a ratio has to reach."""

    at_least: float | None = None
    at_most: float | None = None

    @property
    def text(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def met(self, value: float) -> bool:
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True)
class Side:
    """One side of a figure: what was run, and what it took each time."""

    command: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def text(self) -> str:
        low, high = min(self.values), max(self.values)
        spread = f" ({low:.3g}–{high:.3g})" if high > low else ""
        return f"{self.median:.3g} {self.unit}{spread}"


@dataclass(frozen=True)
class Row:
    """One line of the table.  `ratio` counts as the goal does; `notes` say how it was measured."""

    figure: str
    what: str
    ours: Side
    peer: Side | None
    ratio: float | None
    goal: Goal | None
    notes: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.goal is None or self.ratio is None else self.goal.met(self.ratio)


@dataclass(frozen=True)
class Bench:
    """Where and how large: `folder` is the bench's own and kept, for footage that is dear to make."""

    folder: Path
    quick: bool

    @property
    def runs(self) -> int:
        return 1 if self.quick else 5

    def size(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole


def in_turn(sides: Sequence[Measure], runs: int) -> list[tuple[float, ...]]:
    """Measure all sides `runs` times, beginning with another one each time."""
    taken: list[list[float]] = [[] for _ in sides]
    for run in range(runs):
        for step in range(len(sides)):
            place = (run + step) % len(sides)
            taken[place].append(sides[place]())
    return [tuple(values) for values in taken]


def times_faster(ours: Side, peer: Side) -> float:
    return peer.median / ours.median


def wall_s(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def own_cpu_s(work: Callable[[], object]) -> float:
    """Processor time of this process, all its threads."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def child_cpu_s(work: Callable[[], object]) -> float:
    """Processor time of the programs that `work` runs and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(*command: str | Path, statuses: Collection[int] = (0,), folder: Path | None = None) -> None:
    """Run a program to its end, its output thrown away.  Raises CalledProcessError beyond `statuses`."""
    said = [str(part) for part in command]
    nothing = subprocess.DEVNULL
    done = subprocess.run(said, check=False, stdin=nothing, stdout=nothing, stderr=nothing, cwd=folder)
    if done.returncode not in statuses:
        raise subprocess.CalledProcessError(done.returncode, said)


def run_all(*commands: Sequence[str]) -> None:
    """Run programs one after the other, as `run` does."""
    for command in commands:
        run(*command)


def forget_cached(path: Path) -> None:
    """Make the next reading of the file a cold one."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def highest_resident_mb() -> float:
    """The most that this process ever had resident.  Raises RuntimeError if the kernel does not say."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM in /proc/self/status")
