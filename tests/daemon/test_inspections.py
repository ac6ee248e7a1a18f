"""Several thorough workers: one shift each, of the newest docking first, none twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from daemon.inspections import workers_for
from daemon.settings import InspectionSettings
from daemon.stages.claims import Claims
from daemon.stages.inspecting import Progress, RequestMaker
from daemon.stages.standard import StandardStage
from daemon.stages.tools import StageTools
from tests.daemon.conftest import Dock
from tests.daemon.making import PROFILES, line_of, report_of, take_in
from transcoder.report import Depth, Report
from transcoder.request import InspectRequest

PATIENCE_S = 30.0


@dataclass
class Meeting:
    """An inspector that goes on only when two inspections are under way at the same time."""

    both: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=PATIENCE_S))
    asked: list[str] = field(default_factory=list)

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        self.asked.append(request.items[0].recording or "")
        self.both.wait()
        return report_of(request)


def tools(dock: Dock, inspector: Meeting) -> StageTools:
    maker = RequestMaker(dock.vault, InspectionSettings(speech=False))
    return StageTools(dock.store, dock.custody, maker, inspector, PROFILES)


def test_two_workers_inspect_the_two_newest_dockings_at_the_same_time(dock: Dock) -> None:
    cards = [take_in(dock, f"DSJ1_J1_202611{day:02d}090000_0001.mp4") for day in (3, 4, 5)]
    while line_of(dock).first.step():
        pass
    meeting, claims = Meeting(), Claims()
    workers = [
        threading.Thread(target=StandardStage(tools(dock, meeting), claims).step, daemon=True)
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert sorted(meeting.asked) == sorted(recording for card in cards[1:] for recording in card)
    assert {worker.is_alive() for worker in workers} == {False}
    judged = dock.store.value("SELECT count(*) FROM dockings WHERE judged = 1")
    assert judged == 2


def test_two_shifts_of_one_docking_are_inspected_at_the_same_time(dock: Dock) -> None:
    card = take_in(dock, *(f"DSJ1_J1_202611{day:02d}090000_0001.mp4" for day in (3, 4)))
    while line_of(dock).first.step():
        pass
    meeting, claims = Meeting(), Claims()
    workers = [
        threading.Thread(target=StandardStage(tools(dock, meeting), claims).step, daemon=True)
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert sorted(meeting.asked) == sorted(card)
    assert dock.store.value("SELECT count(*) FROM dockings WHERE judged = 1") == 1


def test_a_docking_that_comes_during_an_old_one_of_many_shifts_is_next(dock: Dock) -> None:
    old = take_in(dock, *(f"DSJ1_J1_202611{day:02d}090000_0001.mp4" for day in (3, 4, 5)), attachment="old")
    line = line_of(dock)
    while line.first.step():
        pass
    assert line.standard.step() is True
    with dock.store.write() as tx:
        tx.execute("UPDATE dockings SET attached_at = '2026-11-24T00:00:00Z'")
    new = take_in(dock, "DSJ1_J1_20261124090000_0001.mp4", attachment="new")
    while line.first.step() or line.standard.step():
        pass
    asked = line.inspector.asked_for(Depth.STANDARD)
    assert asked == [old[:1], new, old[1:2], old[2:]]


def test_a_shift_that_fails_waits_alone(dock: Dock) -> None:
    recordings = take_in(dock, *(f"DSJ1_J1_202611{day:02d}090000_0001.mp4" for day in (3, 4, 5)))
    line = line_of(dock)
    while line.first.step():
        pass
    line.inspector.bad = {recordings[1]}
    while line.standard.step():
        pass
    depths = "SELECT p.depth FROM recordings r JOIN reports p USING (report) ORDER BY r.idx"
    assert [row["depth"] for row in dock.store.rows(depths)] == ["standard", "fast", "standard"]
    assert dock.store.value("SELECT judged FROM dockings") == 0
    line.inspector.bad = set()
    with dock.store.write() as tx:
        tx.execute("UPDATE recordings SET work_retry_at = '2026' WHERE work_retry_at <> ''")
    while line.standard.step():
        pass
    assert dock.store.value("SELECT judged FROM dockings") == 1


def test_a_claim_is_held_by_one_and_free_after_a_bug() -> None:
    claims = Claims()

    def waiting() -> list[str]:
        return ["ab", "bc", "cd"]

    with (
        claims.first(waiting, set) as one,
        claims.first(waiting, set) as two,
        claims.first(waiting, set) as none,
    ):
        assert (one, two, none) == ("ab", "cd", None)
    with pytest.raises(RuntimeError), claims.first(waiting, set):
        raise RuntimeError
    with claims.first(waiting, set) as again:
        assert again == "ab"


@pytest.mark.parametrize(
    ("cores", "gib", "workers"), [(4, 8, 4), (4, 2, 2), (2, 24, 2), (4, 0, 1), (1, 64, 1)]
)
def test_one_worker_to_a_core_as_far_as_memory_goes(cores: int, gib: int, workers: int) -> None:
    assert workers_for(cores, gib << 30) == workers
