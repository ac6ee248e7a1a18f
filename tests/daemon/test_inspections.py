"""Several thorough workers: one docking each, newest first, none twice."""

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
from transcoder.report import Report
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
    judged = dock.store.value("SELECT count(*) FROM dockings WHERE judged = 1")
    assert judged == 2


def test_a_claim_is_held_by_one_and_free_after_a_bug() -> None:
    claims = Claims()
    asked: list[int] = []

    def waiting(limit: int) -> list[str]:
        asked.append(limit)
        return ["a", "b"][:limit]

    with claims.first(waiting) as one, claims.first(waiting) as two, claims.first(waiting) as none:
        assert (one, two, none) == ("a", "b", None)
    with pytest.raises(RuntimeError), claims.first(waiting):
        raise RuntimeError
    with claims.first(waiting) as again:
        assert again == "a"
    assert asked == [1, 2, 3, 1, 1]


@pytest.mark.parametrize(
    ("cores", "gib", "workers"), [(4, 8, 4), (4, 2, 2), (2, 24, 2), (4, 0, 1), (1, 64, 1)]
)
def test_one_worker_to_a_core_as_far_as_memory_goes(cores: int, gib: int, workers: int) -> None:
    assert workers_for(cores, gib << 30) == workers
