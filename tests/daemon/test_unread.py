"""A file of the vault that cannot be read: asked for again, and no verdict of damage in the chain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.clock import DockClock
from daemon.custody import Custody
from daemon.errors import CouldNotRead
from daemon.settings import InspectionSettings
from daemon.stages.first import FirstStage
from daemon.stages.inspecting import Progress, RequestMaker
from daemon.stages.tools import StageTools
from daemon.stages.unread import TRIES, Patience
from dock.profiles import load_profiles
from tests.daemon.conftest import Dock
from tests.daemon.making import manifests, take_in
from transcoder import engine
from transcoder.report import Depth, Report, Verdict
from transcoder.request import InspectItem, InspectRequest

ONE, TWO = "DSJ1_J1_20261104090000_0001.mp4", "DSJ1_J1_20261104093000_0002.mp4"


class RealInspector:
    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        return engine.inspect(request, progress)


def first_stage(dock: Dock) -> FirstStage:
    maker = RequestMaker(dock.vault, InspectionSettings(speech=False))
    return FirstStage(StageTools(dock.store, dock.custody, maker, RealInspector(), load_profiles()))


def lay_down(dock: Dock, recording: str) -> None:
    where = dock.store.value("SELECT vault FROM recordings WHERE recording = ?", (recording,))
    dock.vault.make_room_for(where).write_text("not a film " * 100)


def later(dock: Dock, minutes: int) -> FirstStage:
    now = dock.custody.clock.now() + timedelta(minutes=minutes)
    dock.custody = Custody(dock.custody.identity, DockClock(now))
    return first_stage(dock)


def test_a_file_that_cannot_be_read_is_asked_for_again_and_costs_no_other(dock: Dock) -> None:
    lost, other = take_in(dock, ONE, TWO)
    lay_down(dock, other)
    first_stage(dock).step()
    assert (len(manifests(dock, lost)), len(manifests(dock, other))) == (0, 1)
    failure = dock.store.value("SELECT work_failure FROM recordings WHERE recording = ?", (lost,))
    assert "No such file" in failure and "Traceback" not in failure
    lay_down(dock, lost)
    later(dock, 6).step()
    ((manifest, _),) = manifests(dock, lost)
    assert manifest.report is not None and manifest.report.verdict == "needs_review"  # it is no media
    row = dock.store.row("SELECT work_failure, work_retry_at FROM recordings WHERE recording = ?", (lost,))
    assert row is not None and tuple(row) == (None, "")


def test_after_some_tries_the_report_counts_and_says_unchecked(tmp_path: Path) -> None:
    item = InspectItem(tmp_path / "gone.mp4", recording="r")
    report = engine.inspect(InspectRequest((item,), depth=Depth.FAST))
    patience = Patience()
    for _ in range(TRIES - 1):
        with pytest.raises(CouldNotRead, match="No such file"):
            patience.take("r", report)
    assert patience.take("r", report).verdict is Verdict.UNCHECKED
    with pytest.raises(CouldNotRead):
        patience.take("r", report)
