"""Case cards: which hold for a recording, what they tag, what is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.cards import SeenCard, cards_of, read_cards
from daemon.settings import InspectionSettings
from daemon.stages.claims import Claims
from daemon.stages.first import FirstStage, tag_of
from daemon.stages.inspecting import Progress, RequestMaker, facts_of
from daemon.stages.standard import StandardStage
from daemon.stages.tools import StageTools
from daemon.tagging import Registries, TagFacts, open_conflicts, tag
from tests.daemon.conftest import Dock
from tests.daemon.making import PROFILES, FakeInspector, report_of, take_in
from tests.rig.card_footage import Shown, make_footage
from transcoder.engine import inspect
from transcoder.report import Card, Depth, Notice, NoticeStatus, Report, RunReport, Verdict
from transcoder.request import InspectItem, InspectRequest
from uplink import case_card
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages.card import CaseCard
from uplink.messages.manifest import Case, Tag
from uplink.messages.registry import CaseRow

AT = datetime(2026, 11, 4, 1, 0, tzinfo=UTC)
KEY = SigningKey.draw()
RING = KeyRing([KEY.record(Role.REGISTRY, "pf")])
NAMED = TagFacts(serial="CAM1", name_officer="J1", started_at=AT)


def card(case: str = "C9", days: int = 30, key: SigningKey = KEY, platform: str = "pf") -> str:
    return case_card.seal(CaseCard(platform=platform, case=case, expires=AT + timedelta(days=days)), key)


def with_cards(request: InspectRequest, *cards: tuple[float, str]) -> Report:
    """A report of one run in which these codes were seen; each recording lasts 60 s."""
    report = report_of(request)
    run = RunReport(
        recordings=tuple(range(len(report.recordings))),
        started_at=None,
        duration_s=None,
        verdict=Verdict.COMPLIANT,
        notice=Notice(status=NoticeStatus.CONFIRMED),
        cards=tuple(Card(at_s=at_s, text=text) for at_s, text in cards),
        findings=(),
    )
    return report.model_copy(update={"runs": (run,)})


def row(case: str, place: str = "光明路12号", *officers: str) -> CaseRow:
    return CaseRow(case=case, officers=list(officers), place=place, matter="entry_inspection")


def seen(*texts: str, at: datetime = AT) -> tuple[SeenCard, ...]:
    return read_cards(texts, RING, "pf", at)


def facts(*texts: str, at: datetime = AT) -> TagFacts:
    return TagFacts("CAM1", "J1", AT, seen(*texts, at=at))


def test_one_card_holds_for_the_whole_run_two_split_it_at_the_second() -> None:
    request = InspectRequest(tuple(InspectItem(Path(f"/{n}")) for n in range(4)))
    one = with_cards(request, (70.0, "A"))
    assert [cards_of(one, index) for index in range(4)] == [("A",)] * 4
    two = with_cards(request, (5.0, "A"), (90.0, "B"))
    assert [cards_of(two, index) for index in range(4)] == [("A",), ("A", "B"), ("B",), ("B",)]
    assert cards_of(report_of(request), 0) == ()


def test_what_a_code_is_worth() -> None:
    assert seen(card()) == (SeenCard(case="C9"),)
    assert seen(card(key=SigningKey.draw())) == (SeenCard(refused="key"),)
    assert seen(card(), at=AT + timedelta(days=31)) == (SeenCard(refused="expired"),)
    assert seen(card(platform="other")) == (SeenCard(refused="platform"),)
    assert seen("https://pay.example/x") == (SeenCard(says="https://pay.example/x"),)
    assert read_cards((card(),), None, "local", AT) == (SeenCard(refused="key"),)


def test_a_card_tags_with_case_matter_and_place_of_the_registry() -> None:
    made = tag(facts(card()), None, Registries(cases=(row("C9"),), case_version=4))
    (case,) = made.cases
    assert (case.case, case.place, case.matter, case.by) == ("C9", "光明路12号", "entry_inspection", "card")
    assert made.conflicts == []


def test_a_card_of_a_case_that_the_registry_does_not_know_yet_is_filled_later() -> None:
    first = tag(facts(card()), None, Registries())
    assert [(case.case, case.place) for case in first.cases] == [("C9", None)]
    later = tag(NAMED, first, Registries(cases=(row("C9"),), case_version=5))
    assert [(case.case, case.place, case.by) for case in later.cases] == [("C9", "光明路12号", "card")]


def test_a_card_beside_another_case_of_the_registry_goes_to_a_person() -> None:
    known = Registries(cases=(row("C1", "x", "J1"), row("C9")), case_version=4)
    before = tag(NAMED, None, known)
    assert [case.case for case in before.cases] == ["C1"]
    made = tag(facts(card()), before, known)
    assert [case.case for case in made.cases] == ["C1", "C9"]
    assert ("case", "C1") in [(claim.field, claim.value) for claim in open_conflicts(made)]
    again = tag(NAMED, made, known)  # a newer registry: no card is looked at, and nothing is forgotten
    assert (again.cases, again.conflicts) == (made.cases, made.conflicts)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (card(days=-1), "expired"),
        (card(key=SigningKey.draw()), "unknown key"),
        (card()[:-1] + ("0" if card()[-1] != "0" else "1"), "valid"),
    ],
)
def test_a_card_that_does_not_hold_is_a_finding_and_tags_nothing(text: str, word: str) -> None:
    made = tag(facts(text), None, Registries(cases=(row("C9"),)))
    assert made.cases == []
    (finding,) = made.findings
    assert (finding.code, finding.severity, finding.article) == ("record.card_invalid", "review", "15(3)")
    assert word in finding.text["en"]
    assert tag(NAMED, made, Registries()).findings == [finding]  # it stays


def test_a_plain_case_number_is_a_suggestion_any_other_code_nothing() -> None:
    known = Registries(cases=(row("C9"),))
    made = tag(facts("C9", "https://pay.example/x"), None, known)
    assert made.cases == []
    assert [(claim.field, claim.source, claim.value) for claim in made.conflicts] == [("case", "qr", "C9")]
    again = tag(NAMED, made, known)
    assert again.conflicts == made.conflicts
    settled = again.model_copy(update={"cases": [Case(case="C9", by="declaration")]})
    assert tag(NAMED, settled, known).conflicts == []


class Shower(FakeInspector):
    text = card()

    def inspect(
        self, request: InspectRequest, progress: Progress | None = None, deadline_s: float | None = None
    ) -> Report:
        return report_of(request) if request.depth is Depth.FAST else with_cards(request, (3.0, self.text))


@pytest.mark.parametrize("ring", [RING, None])
def test_a_dock_tags_by_the_card_that_its_inspection_saw(dock: Dock, ring: KeyRing | None) -> None:
    (recording,) = take_in(dock, "DSJ1_J1_20261104090000_0001.mp4")
    maker = RequestMaker(dock.vault, InspectionSettings(speech=False))
    platform = dock.custody.identity.platform
    inspector = Shower()
    inspector.text = card(platform=platform)
    tools = StageTools(dock.store, dock.custody, maker, inspector, PROFILES, ring=ring)
    assert FirstStage(tools).step()
    assert StandardStage(tools, Claims()).step()
    held = dock.store.row("SELECT * FROM recordings WHERE recording = ?", (recording,))
    assert held is not None
    made = tag_of(held) or Tag()
    assert [case.case for case in made.cases] == (["C9"] if ring else [])
    invalid = [finding for finding in made.findings if finding.code == "record.card_invalid"]
    assert len(invalid) == (0 if ring else 1)


def test_from_the_signed_card_over_the_picture_to_the_tag(tmp_path: Path) -> None:
    pytest.importorskip("zxingcpp")
    path = make_footage(tmp_path / "a.mp4", (Shown(card(), slant=0.1),), seconds=3)
    report = inspect(InspectRequest((InspectItem(path),)))
    (found,) = facts_of(report)
    made = tag(facts(*found.cards), None, Registries(cases=(row("C9"),)))
    assert [(case.case, case.by) for case in made.cases] == [("C9", "card")]
