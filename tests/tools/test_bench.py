"""`script/bench`: its list, one figure in small, what BENCHMARKS.md says of rows.  No time is judged."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.bench import table
from tests.bench.figures import FIGURES
from tests.bench.table import Taken
from tests.bench.trial import Bench, Goal, Row, Side, in_turn

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.bench.main", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "BODYDOCK_BENCH": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_figure_is_listed_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    listed = bench("--list", folder=tmp_path)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [figure.name for figure in FIGURES]
    refused = bench("pul", folder=tmp_path)
    assert refused.returncode == 2
    assert "--list" in refused.stderr


def test_a_quick_figure_measures_both_sides(tmp_path: Path) -> None:
    (pull,) = [figure for figure in FIGURES if figure.name == "pull"]
    rows = pull.measure(Bench(tmp_path, quick=True))
    assert [row.figure for row in rows] == ["pull", "pull"]
    for row in rows:
        assert row.peer is not None
        assert row.ratio == pytest.approx(row.peer.median / row.ours.median)
    assert list(tmp_path.iterdir()) == []


def test_quick_figures_are_not_written_down(tmp_path: Path) -> None:
    assert bench("pull", "--quick", "--write", folder=tmp_path).returncode == 2


def test_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    assert in_turn([partial(side, "a", 1.0), partial(side, "b", 2.0)], 3) == [(1.0,) * 3, (2.0,) * 3]
    assert "".join(order) == "abbaab"


def test_a_missed_goal_is_said_and_new_rows_take_the_old_ones_place(tmp_path: Path) -> None:
    def taken(figure: str, value: float) -> Taken:
        row = Row(figure, figure, Side("x", (value,)), Side("y", (1.0,)), 1 / value, Goal(at_least=1), "why")
        return Taken(row, "2026-11-25", 0.5, {"machine": "m"})

    kept = tmp_path / "rows.json"
    table.write(kept, [taken("a", 2.0), taken("b", 1.0)])
    old = table.read(kept)
    assert old == [taken("a", 2.0), taken("b", 1.0)]
    said = table.document(old, "rows.json")
    assert "- a: 0.5, goal ≥ 1. why" in said
    assert "1 of 2 meet" in said
    again = table.merged(old, [taken("a", 0.5)], ["b", "a"])
    assert [(one.row.figure, one.row.met) for one in again] == [("b", True), ("a", True)]
    assert "Missed" not in table.document(again, "rows.json")
