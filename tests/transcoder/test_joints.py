"""The joint between two files of a run: how long, by what, and whether picture and sound go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from daemon.cli.inspect import inspect as inspect_command
from tests.transcoder.media_maker import Movie, make, remux
from transcoder.engine import inspect
from transcoder.joints import GRID, Edge, across, joint
from transcoder.report import Depth, Joint, Report
from transcoder.request import InspectItem, InspectRequest
from transcoder.runs import Between, Link

START = datetime(2026, 11, 4, 1, 0, tzinfo=UTC)
METRIC_S = 0.04


def measured(least_s: float, most_s: float) -> Joint:
    return joint(Link(0, 1, Between(0, 1, least_s, most_s, ("name",))), METRIC_S)


@pytest.mark.parametrize(
    ("least_s", "most_s", "within"),
    [(-1.0, 1.0, None), (0.0, 0.04, True), (0.0, 0.05, None), (0.05, 1.0, False), (-0.5, 0.0, True)],
)
def test_whether_a_joint_is_within_the_metric_is_said_only_where_the_evidence_tells(
    least_s: float, most_s: float, within: bool | None
) -> None:
    assert measured(least_s, most_s).within_metric is within


def test_a_joint_without_any_time_says_so_c06() -> None:
    found = joint(Link(0, 1, None), METRIC_S)
    assert (found.seconds, found.least_s, found.from_) == (None, None, ("chapter",))


def grid(seed: int) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, GRID[0] * GRID[1])
    return bytes(picture.astype(np.uint8))


def test_pictures_and_rooms_across_a_joint() -> None:
    one, other = grid(1), grid(2)
    dark, darker = bytes([20] * len(one)), bytes([14] * len(one))
    assert across(Edge(one), Edge(one)) is True
    assert across(Edge(one), Edge(other)) is False
    assert across(Edge(dark), Edge(darker)) is True
    assert across(Edge(one, -50), Edge(one, -20)) is False
    assert across(Edge(None, -50), Edge(None, -50)) is None
    assert across(Edge(one), None) is None


def report_of(*paths: Path, depth: Depth = Depth.STANDARD) -> Report:
    items = tuple(
        InspectItem(path, kind="video", named_at=START + timedelta(seconds=6 * n))
        for n, path in enumerate(paths)
    )
    return inspect(InspectRequest(items, depth=depth))


def test_a_recording_that_goes_on_and_one_that_does_not(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", Movie(seconds=12))
    first = remux(whole, tmp_path / "first.mp4", lambda t: t < 6)
    second = remux(whole, tmp_path / "second.mp4", lambda t: t >= 6)
    other = bright(tmp_path / "other.mp4")
    (run,) = report_of(first, second).runs
    assert [(j.before, j.after, j.from_, j.goes_on) for j in run.joints] == [(0, 1, ("name",), True)]
    assert run.joints[0].least_s is not None and run.joints[0].least_s <= 0 <= (run.joints[0].most_s or 0)
    assert [j.goes_on for j in report_of(first, other).runs[0].joints] == [False]
    assert [j.goes_on for j in report_of(first, other, depth=Depth.FAST).runs[0].joints] == [None]


def test_the_joint_is_shown_to_people(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    for n in range(2):
        local = datetime(2026, 11, 4, 9, 0, 2 * n)
        make(folder / f"DSJ1_J1_{local:%Y%m%d%H%M%S}_{n + 1:04}.mp4", Movie(seconds=2))
    shown = CliRunner().invoke(inspect_command, ["--depth", "fast", str(folder)])
    line = next(line for line in shown.output.splitlines() if " -> " in line)
    assert "间隔 0.00 s (-1.00 .. 1.00, name; 无法判断是否在 perhaps within 0.04 s)" in line


def bright(path: Path) -> Path:
    """Another scene altogether."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        picture = np.full((96, 160, 3), 230, np.uint8)
        picture[:, ::40] = 10
        for _ in range(50):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path
