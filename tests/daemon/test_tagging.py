"""Tags: from names and registries, only ever added to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.tagging import Registries, TagFacts, tag
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
