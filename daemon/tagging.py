"""Which officer and which case a recording belongs to (trust.md, registry; rules.md, article 15(3)).

- The officer comes from the name, where the camera's profile says where it stands; else from the
  binding of the camera valid at the recording's time.  A registry gives name and unit.
- The case is the one case of that officer at that time; where two fit, a person is asked.
- A tag is only added to: what it has stays, a newer snapshot fills what is missing.
- Required fields are asked for once there is a case: officer, place, matter.
- A recording without a known time gets no case from the registry: nothing says which one was open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from uplink.messages.manifest import Case, Officer, Tag, TagFinding
from uplink.messages.registry import CameraRow, CaseRow, OfficerRow

REQUIRED_ARTICLE = "15(3)"


@dataclass(frozen=True)
class Registries:
    """The newest snapshots, by kind; `versions` says which."""

    officers: dict[str, OfficerRow] = field(default_factory=dict)
    cameras: tuple[CameraRow, ...] = ()
    cases: tuple[CaseRow, ...] = ()
    case_version: int | None = None
    versions: str = ""


@dataclass(frozen=True)
class TagFacts:
    """What is known of a recording that a tag can rest on."""

    serial: str
    name_officer: str | None
    started_at: datetime | None


def tag(facts: TagFacts, before: Tag | None, registries: Registries) -> Tag:
    """Return the tag of a recording, `before` added to."""
    before = before or Tag()
    officer = before.officer or _officer(facts, registries)
    if officer is not None and officer.name is None:
        officer = _with_name(officer, registries)
    cases = list(before.cases) or _cases(officer, facts.started_at, registries)
    return before.model_copy(
        update={"officer": officer, "cases": cases, "findings": _missing_fields(officer, cases)}
    )


def candidates(officer: str, at: datetime, registries: Registries) -> list[CaseRow]:
    """Return the cases that fit an officer at a time."""
    return [row for row in registries.cases if officer in row.officers and _holds(row.since, row.until, at)]


def _officer(facts: TagFacts, registries: Registries) -> Officer | None:
    if facts.name_officer:
        return Officer(officer=facts.name_officer, by="name")
    if facts.started_at is None:
        return None
    at = facts.started_at
    bound = {
        row.officer
        for row in registries.cameras
        if row.camera == facts.serial and _holds(row.since, row.until, at)
    }
    return Officer(officer=bound.pop(), by="binding") if len(bound) == 1 else None


def _with_name(officer: Officer, registries: Registries) -> Officer:
    row = registries.officers.get(officer.officer)
    if row is None:
        return officer
    return officer.model_copy(update={"name": row.name, "unit": row.unit or None})


def _cases(officer: Officer | None, at: datetime | None, registries: Registries) -> list[Case]:
    if officer is None or at is None:
        return []
    rows = candidates(officer.officer, at, registries)
    if len(rows) != 1:
        return []
    row = rows[0]
    return [
        Case(
            case=row.case,
            title=row.title or None,
            kind=row.kind,
            matter=row.matter,
            place=row.place,
            by="registry",
            registry_version=registries.case_version,
        )
    ]


def _holds(since: datetime | None, until: datetime | None, at: datetime) -> bool:
    return (since is None or since <= at) and (until is None or at < until)


_FIELDS = {"officer": "执法人员", "place": "地点", "matter": "事项"}


def _missing_fields(officer: Officer | None, cases: Sequence[Case]) -> list[TagFinding]:
    if not cases:
        return []
    there = {
        "officer": officer is not None,
        "place": any(case.place for case in cases),
        "matter": any(case.matter for case in cases),
    }
    return [
        TagFinding(
            code="record.field_missing",
            severity="review",
            article=REQUIRED_ARTICLE,
            text={"zh": f"缺少必填项：{_FIELDS[name]}", "en": f"required field missing: {name}"},
        )
        for name, present in there.items()
        if not present
    ]
