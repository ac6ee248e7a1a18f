"""Which figures there are.  Each is loaded only when it is measured: some need a broker, some the model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from tests.bench.trial import Bench, Row


@dataclass(frozen=True)
class Figure:
    """A name for the command line, where its function is, and what it measures."""

    name: str
    place: str
    what: str

    def measure(self, bench: Bench) -> list[Row]:
        module, _, function = self.place.partition(":")
        rows: list[Row] = getattr(import_module(f"tests.bench.{module}"), function)(bench)
        return rows


FIGURES = (
    Figure("pull", "figure_pull:measure", "a file pulled with its hash, against cp and sha256sum"),
    Figure("inspect-fast", "figure_fast:measure", "fast inspection, against ffprobe -show_packets"),
    Figure("inspect-fast-whole", "figure_fast:measure_whole", "the same as a command, from start to end"),
    Figure(
        "inspect-standard", "figure_standard:measure", "standard, CPU, against FFmpeg's key frames and sound"
    ),
    Figure(
        "inspect-standard-wall", "figure_standard:measure_wall", "standard, wall, against FFmpeg's filters"
    ),
    Figure("inspect-deep", "figure_standard:measure_deep", "deep, wall, against FFmpeg's filters"),
    Figure("inspect-memory", "figure_memory:measure", "memory of a standard inspection"),
    Figure(
        "second-docking", "figure_second:measure", "a full card docked again: bytes read until safe to take"
    ),
    Figure("small-files", "figure_small:measure", "100,000 small files, against rsync"),
    Figure("upload", "figure_upload:measure", "sending through mosquitto, against raw paho"),
    Figure("eight-cameras", "figure_resident:measure_eight", "eight cameras at once, against eight cp"),
    Figure("resident", "figure_resident:measure", "memory while eight cameras are pulled"),
    Figure("profiles", "figure_profiles:measure", "10,000 names held against all profiles"),
    Figure("finished", "figure_finished:measure", "a store of 100,000 finished recordings"),
)


def by_names(names: tuple[str, ...]) -> list[Figure]:
    """The figures of these names in the table's order, all without names.  Raises KeyError."""
    known = {figure.name for figure in FIGURES}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [figure for figure in FIGURES if not names or figure.name in names]
