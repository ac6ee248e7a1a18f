"""Tags: from names and registries, only ever added to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.tagging import Registries, TagFacts, open_conflicts, place_of, tag
from uplink.messages.manifest import Case, Officer, Tag
from uplink.messages.registry import CameraRow, CaseRow, OfficerRow

AT = datetime(2026, 11, 4, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def case(
    name: str, officers: list[str], since: datetime | None = None, until: datetime | None = None
) -> CaseRow:
    row = CaseRow(case=name, officers=officers, place="光明路12号", matter="entry_inspection")
    return row.model_copy(update={"since": since, "until": until})


def registries(*cases: CaseRow, cameras: tuple[CameraRow, ...] = ()) -> Registries:
    officers = {"J1": OfficerRow(officer="J1", name="王伟", unit="一科")}
    return Registries(officers=officers, cameras=cameras, cases=cases, case_version=3, versions="x")


NAMED = TagFacts(serial="CAM1", name_officer="J1", started_at=AT)
UNNAMED = TagFacts(serial="CAM1", name_officer=None, started_at=AT)


def test_officer_from_the_name_and_the_one_case_at_that_time() -> None:
    found = tag(
        NAMED, None, registries(case("C1", ["J1"], AT - HOUR, AT + HOUR), case("C2", ["J1"], AT + HOUR))
    )
    assert found.officer is not None
    assert (found.officer.officer, found.officer.name, found.officer.by) == ("J1", "王伟", "name")
    assert [(c.case, c.by, c.registry_version) for c in found.cases] == [("C1", "registry", 3)]
    assert found.findings == []


def test_where_two_cases_fit_a_person_is_asked() -> None:
    assert tag(NAMED, None, registries(case("C1", ["J1"]), case("C2", ["J1"]))).cases == []


def test_the_binding_valid_at_recording_time_counts_not_the_one_at_docking_k06() -> None:
    early = CameraRow(camera="CAM1", officer="J1", **{"from": None, "to": AT + HOUR})
    late = CameraRow(camera="CAM1", officer="J2", **{"from": AT + HOUR, "to": None})
    found = tag(UNNAMED, None, registries(cameras=(early, late)))
    assert found.officer is not None
    assert (found.officer.officer, found.officer.by) == ("J1", "binding")


def test_two_bindings_at_one_time_bind_nobody() -> None:
    rows = tuple(CameraRow(camera="CAM1", officer=officer) for officer in ("J1", "J2"))
    assert tag(UNNAMED, None, registries(cameras=rows)).officer is None


def test_without_a_known_time_no_case_is_guessed() -> None:
    facts = TagFacts(serial="CAM1", name_officer="J1", started_at=None)
    assert tag(facts, None, registries(case("C1", ["J1"]))).cases == []


def test_a_later_snapshot_adds_and_never_takes_away() -> None:
    first = tag(NAMED, None, registries(case("C1", ["J1"])))
    later = tag(NAMED, first, registries(case("C9", ["J1"])))
    assert (later.officer, later.cases) == (first.officer, first.cases)
    untagged = tag(NAMED, None, registries())
    assert tag(NAMED, untagged, registries(case("C1", ["J1"]))).cases == first.cases


def test_a_missing_required_field_is_a_finding_once_there_is_a_case() -> None:
    bare = CaseRow(case="C1", officers=["J1"])
    found = tag(NAMED, None, registries(bare)).findings
    assert [(f.code, f.article) for f in found] == [("record.field_missing", "15(3)")] * 2
    assert {f.text["en"].rsplit(" ", 1)[-1] for f in found} == {"place", "matter"}
    assert tag(NAMED, None, registries()).findings == []


def bound(*officers: str) -> tuple[CameraRow, ...]:
    return tuple(CameraRow(camera="CAM1", officer=officer) for officer in officers)


def said(found: Tag) -> list[tuple[str, str, str]]:
    return [(claim.field, claim.source, claim.value) for claim in found.conflicts]


def test_the_name_stands_before_the_binding_and_what_the_binding_says_is_a_conflict() -> None:
    found = tag(NAMED, None, registries(cameras=bound("J2")))
    assert found.officer is not None
    assert (found.officer.officer, found.officer.by) == ("J1", "name")
    assert said(found) == [("officer", "binding", "J2")]
    assert open_conflicts(found) == found.conflicts
    assert tag(NAMED, None, registries(cameras=bound("J1"))).conflicts == []


def test_two_bindings_and_two_cases_are_offered_to_a_person() -> None:
    torn = tag(UNNAMED, None, registries(cameras=bound("J1", "J2")))
    assert said(torn) == [("officer", "binding", "J1"), ("officer", "binding", "J2")]
    cases = tag(NAMED, None, registries(case("C1", ["J1"]), case("C2", ["J1"])))
    assert said(cases) == [("case", "registry", "C1"), ("case", "registry", "C2")]


def test_a_persons_word_settles_a_conflict_that_stays_on_record() -> None:
    declared = Tag(officer=Officer(officer="J2", by="declaration"))
    found = tag(NAMED, declared, registries(cameras=bound("J1")))
    assert said(found) == [("officer", "name", "J1"), ("officer", "binding", "J1")]
    assert open_conflicts(found) == []


def test_a_declared_place_stands_before_the_cases_and_two_places_of_cases_are_none() -> None:
    known = registries(case("C1", ["J1"]))
    found = tag(NAMED, Tag(place="别处"), known)
    assert (place_of(found), said(found)) == ("别处", [("place", "registry", "光明路12号")])
    assert open_conflicts(found) == []
    elsewhere = case("C2", ["J1"]).model_copy(update={"place": "乙地"})
    both = Tag(cases=[Case(case=c, by="declaration") for c in ("C1", "C2")])
    torn = tag(NAMED, both, registries(case("C1", ["J1"]), elsewhere))
    assert place_of(torn) is None
    assert [claim.field for claim in open_conflicts(torn)] == ["place", "place"]
    assert torn.findings == [], "a place is there, only which is not settled"


def test_a_case_that_a_person_named_first_is_filled_when_the_registry_knows_it() -> None:
    named = Tag(cases=[Case(case="C1", by="declaration")])
    first = tag(NAMED, named, registries())
    assert first.cases == named.cases
    (filled,) = tag(NAMED, first, registries(case("C1", ["J9"]))).cases
    assert (filled.place, filled.by, filled.registry_version) == ("光明路12号", "declaration", 3)
