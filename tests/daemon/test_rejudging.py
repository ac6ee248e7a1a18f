"""A tag that changes the place has its shift judged again: new revisions, nothing decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.acts.act import ActRefused
from daemon.acts.handlers import handlers
from daemon.control import Asker
from daemon.registries import keep_registry
from daemon.settings import InspectionSettings
from daemon.stages.claims import Claims
from daemon.stages.first import FirstStage
from daemon.stages.inspecting import Progress, RequestMaker
from daemon.stages.rejudging import RejudgeStage
from daemon.stages.standard import StandardStage
from daemon.stages.tools import StageTools
from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import PROFILES, FakeInspector, events, manifests, report_of, take_in
from tests.rig.acts_bench import Desk
from transcoder.report import (
    Depth,
    Finding,
    Notice,
    NoticeStatus,
    Report,
    RunReport,
    Severity,
    Text,
    Verdict,
    worst_verdict,
)
from transcoder.request import InspectRequest
from transcoder.rules import load_rules
from uplink.messages.registry import CaseRegistry, CaseRow

RULES = load_rules(None)
NAMES = ("8888888_J0H42A_20261125093000_0001.mp4", "8888888_J0H42A_20261125093100_0002.mp4")


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    made = make_dock(tmp_path)
    yield made
    made.store.close()


def with_a_gap(request: InspectRequest) -> Report:
    """A shift of two runs with 40 s between them, at places that nobody knows."""
    made = report_of(request)
    used = made.rules.model_copy(update={"name": RULES.name, "sha256": RULES.sha256})
    made = made.model_copy(update={"rules": used})
    if len(request.items) < 2:
        return made
    gap = Finding(
        code="continuity.gap_between_files",
        severity=Severity.REVIEW,
        article="15(5)",
        recording=1,
        start_s=-40.0,
        end_s=0.0,
        value=40.0,
        threshold=2.0,
        depth=Depth.STANDARD,
        text=Text(zh="间隔", en="gap"),
        evidence={"before": 0, "after": 1, "place": "unknown"},
    )
    runs = tuple(
        RunReport(
            recordings=(index,),
            started_at=None,
            duration_s=1.0,
            verdict=worst_verdict(found),
            notice=Notice(status=NoticeStatus.CONFIRMED),
            findings=found,
        )
        for index, found in ((0, ()), (1, (gap,)))
    )
    return made.model_copy(update={"runs": runs, "verdict": Verdict.NEEDS_REVIEW})


class GapInspector(FakeInspector):
    """Sees a gap wherever two files are inspected together."""

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        return with_a_gap(request)


def stages(dock: Dock) -> tuple[FirstStage, StandardStage]:
    maker = RequestMaker(dock.vault, InspectionSettings(speech=False))
    tools = StageTools(dock.store, dock.custody, maker, GapInspector(), PROFILES)
    return FirstStage(tools), StandardStage(tools, Claims())


def inspected(dock: Dock) -> tuple[list[str], RejudgeStage]:
    names = take_in(dock, *NAMES)
    first, standard = stages(dock)
    while first.step() or standard.step():
        pass
    return names, RejudgeStage(dock.store, dock.custody, RULES)


def tag(dock: Dock, recording: str, **args: object) -> None:
    handlers(Desk(dock, recording).tools, None)["tag"](Asker(1, 0), {"recording": recording, **args})


def verdicts(dock: Dock) -> list[str]:
    rows = dock.store.rows("SELECT verdict FROM recordings ORDER BY idx")
    return [row["verdict"] for row in rows]


def test_a_place_for_both_sides_makes_the_gap_what_it_is(dock: Dock) -> None:
    (first, second), stage = inspected(dock)
    assert verdicts(dock)[1] == "needs_review"
    tag(dock, first, place="光明路12号")
    assert stage.step() is True
    assert verdicts(dock)[1] == "needs_review", "one side is not enough"
    assert [m.revision for m, _ in manifests(dock, second)] == [1, 2], "nothing changed: no revision"
    tag(dock, second, place="光明路１２号")
    before = len(events(dock, "inspected"))
    assert stage.step() is True
    assert verdicts(dock)[1] == "violation"
    told = events(dock, "inspected")[before:]
    assert {event.recording for event in told} == {first, second}
    assert {event.data["depth"] for event in told} == {"standard"}
    newest = [manifests(dock, recording)[-1][0] for recording in (first, second)]
    assert newest[0].report is not None
    assert newest[1].report is not None
    assert newest[0].report.sha256 == newest[1].report.sha256
    assert newest[1].tag.place == "光明路１２号"
    assert stage.step() is False


def test_other_places_leave_the_gap_as_information(dock: Dock) -> None:
    (first, second), stage = inspected(dock)
    tag(dock, first, place="甲")
    tag(dock, second, place="乙")
    while stage.step():
        pass
    assert verdicts(dock)[1] == verdicts(dock)[0]


def test_a_tag_that_says_nothing_of_the_place_judges_nothing(dock: Dock) -> None:
    (first, _), stage = inspected(dock)
    tag(dock, first, stage="service")
    assert stage.step() is False


def test_places_known_before_are_judged_by_at_once(dock: Dock) -> None:
    first, second = take_in(dock, *NAMES)
    fast, standard = stages(dock)
    while fast.step():
        pass
    for recording in (first, second):
        tag(dock, recording, place="同一处")
    while standard.step():
        pass
    assert verdicts(dock)[1] == "violation"
    assert RejudgeStage(dock.store, dock.custody, RULES).step() is False


def test_with_another_rule_set_nothing_is_claimed(dock: Dock) -> None:
    (first, second), _ = inspected(dock)
    other = RejudgeStage(dock.store, dock.custody, replace(RULES, sha256="0" * 64))
    for recording in (first, second):
        tag(dock, recording, place="同一处")
    assert other.step() is True
    assert verdicts(dock)[1] == "needs_review"
    assert other.step() is False


def test_one_person_cannot_end_a_violation_by_a_case_with_another_place(dock: Dock) -> None:
    """Article 15(5): what stands at one place stays a violation until two persons say otherwise."""
    rows = [
        CaseRow(case="C1", officers=[], place="光明路12号"),
        CaseRow(case="C2", officers=[], place="红旗路8号"),
    ]
    now = dock.custody.clock.now()
    cases = CaseRegistry(platform="pf", scope="s", kind="cases", version=1, time=now, rows=rows)
    keep_registry(dock.store, dock.custody.clock, "cases", 1, b"raw", cases.to_bytes())
    (first, second), stage = inspected(dock)
    for recording in (first, second):
        tag(dock, recording, cases=["C1"])
    while stage.step():
        pass
    assert verdicts(dock)[1] == "violation"
    tag(dock, second, cases=["C2"])
    while stage.step():
        pass
    assert verdicts(dock)[1] == "violation"
    with pytest.raises(ActRefused, match="takes two persons"):
        tag(dock, second, place="红旗路8号")
