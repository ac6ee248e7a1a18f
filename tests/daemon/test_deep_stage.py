"""Which shifts every frame is looked at of: sampled and flagged ones, when nothing else is to do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from daemon.settings import InspectionSettings
from daemon.stages.claims import Claims
from daemon.stages.deep import DeepStage, sampled
from daemon.stages.first import FirstStage
from daemon.stages.inspecting import Progress, RequestMaker
from daemon.stages.standard import StandardStage
from daemon.stages.tools import StageTools
from daemon.worker import Stage
from tests.daemon.conftest import Dock
from tests.daemon.making import PROFILES, FakeInspector, report_of, take_in
from transcoder.report import Depth, Finding, Report, Severity, Text, Verdict
from transcoder.request import InspectRequest
from uplink.ids import draw_id

ONE, TWO = "DSJ1_J1_20261104090000_0001.mp4", "DSJ1_J1_20261104091000_0002.mp4"


@dataclass
class Finder(FakeInspector):
    """Finds `code` in every recording."""

    code: str | None = None
    severity: Severity = Severity.REVIEW

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        self.asked.append(request)
        report = report_of(request)
        if self.code is None:
            return report
        finding = Finding(
            code=self.code,
            severity=self.severity,
            article="15(3)",
            recording=0,
            start_s=1.0,
            end_s=5.0,
            value=4.0,
            threshold=3.0,
            depth=request.depth,
            text=Text(zh="z", en="e"),
        )
        found = {"findings": (finding,), "verdict": Verdict.NEEDS_REVIEW}
        return report.model_copy(
            update={"recordings": tuple(r.model_copy(update=found) for r in report.recordings)}
        )


@dataclass
class Line:
    dock: Dock
    inspector: Finder
    share: float = 0.0
    busy: bool = False

    def stages(self) -> tuple[list[Stage], DeepStage]:
        maker = RequestMaker(self.dock.vault, InspectionSettings(speech=False))
        tools = StageTools(self.dock.store, self.dock.custody, maker, self.inspector, PROFILES)
        deep = DeepStage(tools, self.share, lambda: self.busy)
        return [FirstStage(tools), StandardStage(tools, Claims())], deep

    def run(self) -> int:
        """Everything until nothing is left; how many deep inspections there were."""
        before, deep = self.stages()
        while any(stage.step() for stage in before):
            pass
        while deep.step():
            pass
        return len(self.inspector.asked_for(Depth.DEEP))


def test_a_flagged_shift_is_looked_at_frame_by_frame_once(dock: Dock) -> None:
    recordings = take_in(dock, ONE, TWO)
    line = Line(dock, Finder(code="picture.frozen"))
    assert line.run() == 1
    assert line.inspector.asked_for(Depth.DEEP) == [recordings]
    assert line.run() == 1
    rows = dock.store.rows(
        "SELECT p.depth, r.revision FROM recordings r JOIN reports p ON p.report = r.report"
    )
    assert [(row["depth"], row["revision"]) for row in rows] == [("deep", 3), ("deep", 3)]


@pytest.mark.parametrize(
    ("code", "severity"),
    [(None, Severity.REVIEW), ("notice.absent", Severity.VIOLATION), ("picture.frozen", Severity.INFO)],
)
def test_what_frames_cannot_say_more_about_is_left(dock: Dock, code: str | None, severity: Severity) -> None:
    take_in(dock, ONE)
    assert Line(dock, Finder(code=code, severity=severity)).run() == 0


def test_a_sampled_docking_is_taken_whatever_was_found(dock: Dock) -> None:
    take_in(dock, ONE)
    assert Line(dock, Finder(), share=1.0).run() == 1


def test_nothing_deep_while_a_camera_is_read_or_another_docking_waits(dock: Dock) -> None:
    take_in(dock, ONE)
    line = Line(dock, Finder(), share=1.0, busy=True)
    assert line.run() == 0
    line.busy = False
    take_in(dock, TWO)
    _, deep = line.stages()
    assert deep.step() is False
    assert line.run() == 2


@pytest.mark.parametrize("column", ["cleared_at", "damaged"])
def test_a_shift_that_is_not_whole_here_is_left(dock: Dock, column: str) -> None:
    recordings = take_in(dock, ONE, TWO)
    line = Line(dock, Finder(code="picture.frozen"), busy=True)
    line.run()
    with dock.store.write() as tx:
        tx.execute(f"UPDATE recordings SET {column} = 'x' WHERE recording = ?", (recordings[0],))
    line.busy = False
    assert line.run() == 0


def test_about_the_asked_share_of_dockings_is_sampled() -> None:
    drawn = [draw_id() for _ in range(4000)]
    assert not any(sampled(docking, 0.0) for docking in drawn)
    assert all(sampled(docking, 1.0) for docking in drawn)
    assert 280 < sum(sampled(docking, 0.1) for docking in drawn) < 520  # six standard deviations
