"""Which officer and which case a recording belongs to (trust.md, registry; rules.md, article 15(3)).

- The officer comes from the name, where the camera's profile says where it stands; else from the
  binding of the camera valid at the recording's time.  A registry gives name and unit.
- The binding of a serial that two cameras were seen with at once names nobody: it is offered to a person.
- The case is the one case of that officer at that time; where two fit, a person is asked.
- A tag is only added to: what it has stays, a newer snapshot fills what is missing.
- What was merged from two lines of a restored dock stays a conflict until a person has chosen.
- What a source says and the tag does not is a conflict: it is shown, and a person settles it.
- A place or matter that stood stays when another case comes beside its own (`pinned`): the two conflict.
- Required fields are asked for once there is a case, by the matters of all its cases (`tagrules`).
- A case card that verifies adds its case; where the registry had named another, a person is asked.
- A recording without a known time gets no case from the registry: nothing says which one was open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from daemon.cards import SeenCard
from daemon.tagrules import TagRules, shipped_rules
from uplink.messages.manifest import Case, Claim, Officer, Tag, TagFinding
from uplink.messages.registry import CameraRow, CaseRow, OfficerRow

REQUIRED_ARTICLE = "15(3)"
SUGGESTED = "qr"  # the source of a case number that a camera saw and nobody signed
MERGED = "merged"  # the source of a claim that two lines of one dock do not agree on
STANDING = "standing"  # the source of a place or matter that stood before its case was not the only one
BY_PERSONS = ("declaration", "command")
MAX_CONFLICTS = 16
MAX_CLAIM = 200  # characters of a place


@dataclass(frozen=True)
class Registries:
    """The newest snapshots, by kind; `versions` says which.  And what tells no camera from another."""

    officers: dict[str, OfficerRow] = field(default_factory=dict)
    cameras: tuple[CameraRow, ...] = ()
    cases: tuple[CaseRow, ...] = ()
    case_version: int | None = None
    versions: str = ""
    shared_serials: frozenset[str] = frozenset()  # that two cameras were seen with at once


@dataclass(frozen=True)
class TagFacts:
    """What is known of a recording that a tag can rest on."""

    serial: str
    name_officer: str | None
    started_at: datetime | None
    cards: tuple[SeenCard, ...] = ()


def tag(facts: TagFacts, before: Tag | None, registries: Registries, rules: TagRules | None = None) -> Tag:
    """Return the tag of a recording, `before` added to.  `rules`: as shipped where none are given."""
    before = before or Tag()
    claims = _officer_claims(facts, registries)
    officer = before.officer or _officer(claims, shared=facts.serial in registries.shared_serials)
    if officer is not None and officer.name is None:
        officer = _with_name(officer, registries)
    rows = [] if officer is None else _rows(officer.officer, facts.started_at, registries)
    shown = _shown_cases(facts, registries)
    cases = [_with_row(case, registries) for case in before.cases]
    cases += [case for case in shown if case.case not in {held.case for held in cases}]
    cases = cases or _cases(rows, registries)
    made = pinned(before.model_copy(update={"officer": officer, "cases": cases}), before)
    findings = _card_findings(before, facts) + _missing_fields(made, rules or shipped_rules())
    suggested = [*_suggested(facts, registries), *(c for c in before.conflicts if c.source == SUGGESTED)]
    conflicts = _conflicts(made, [*claims, *suggested], rows)
    return made.model_copy(update={"findings": findings, "conflicts": conflicts})


def candidates(officer: str, at: datetime, registries: Registries) -> list[CaseRow]:
    """Return the cases that fit an officer at a time."""
    return [row for row in registries.cases if officer in row.officers and _holds(row.since, row.until, at)]


def place_of(tag: Tag) -> str | None:
    """Return where a recording was made: as a person said it, as it stood, else its cases' one place."""
    return tag.place or _stood(tag, "place") or _only(_of_cases(tag, "place"))


def matter_of(tag: Tag) -> str | None:
    """Return the matter of a recording (article 10): as a person said it, as it stood, else its cases'."""
    return tag.matter or _stood(tag, "matter") or _only(_of_cases(tag, "matter"))


def pinned(made: Tag, *before: Tag) -> Tag:
    """Return `made` with the place and matter that stood in the first of `before` which says any.

    Cases are only added to; with a second one its place would else be lost, and a verdict with it.
    """
    claims = [claim for claim in made.conflicts if claim.source != STANDING]
    for field_, read in (("place", place_of), ("matter", matter_of)):
        stood = next((value for tag in before if (value := read(tag)) is not None), None)
        if stood is not None and getattr(made, field_) is None and _only(_of_cases(made, field_)) != stood:
            claims.insert(0, Claim(field=field_, source=STANDING, value=stood))
    return made.model_copy(update={"conflicts": claims})


def open_conflicts(tag: Tag) -> list[Claim]:
    """Return the conflicts that no person has settled: what stands is not a person's word."""
    settled = {
        "officer": tag.officer is not None and tag.officer.by in BY_PERSONS,
        "case": any(case.by in BY_PERSONS for case in tag.cases),
        "place": tag.place is not None,
        "matter": tag.matter is not None,
    }
    return [claim for claim in tag.conflicts if claim.source == MERGED or not settled.get(claim.field, False)]


def _officer_claims(facts: TagFacts, registries: Registries) -> list[Claim]:
    """What the sources say, the strongest first."""
    claims = []
    if facts.name_officer:
        claims.append(Claim(field="officer", source="name", value=facts.name_officer))
    if facts.started_at is not None:
        bound = {
            row.officer
            for row in registries.cameras
            if row.camera == facts.serial and _holds(row.since, row.until, facts.started_at)
        }
        claims += [Claim(field="officer", source="binding", value=officer) for officer in sorted(bound)]
    return claims


def _officer(claims: Sequence[Claim], *, shared: bool) -> Officer | None:
    # A number that two cameras bear binds neither: a person is asked.
    if not claims or (shared and claims[0].source == "binding"):
        return None
    strongest = [claim for claim in claims if claim.source == claims[0].source]
    # Two bindings at one time bind nobody: a person is asked.
    return Officer(officer=claims[0].value, by=claims[0].source) if len(strongest) == 1 else None


def _with_name(officer: Officer, registries: Registries) -> Officer:
    row = registries.officers.get(officer.officer)
    if row is None:
        return officer
    return officer.model_copy(update={"name": row.name, "unit": row.unit or None})


def _rows(officer: str, at: datetime | None, registries: Registries) -> list[CaseRow]:
    return [] if at is None else candidates(officer, at, registries)


def _cases(rows: Sequence[CaseRow], registries: Registries) -> list[Case]:
    return [_case_of(rows[0], "registry", registries)] if len(rows) == 1 else []


def _shown_cases(facts: TagFacts, registries: Registries) -> list[Case]:
    numbers = dict.fromkeys(card.case for card in facts.cards if card.case)
    return [_with_row(Case(case=number, by="card"), registries) for number in numbers]


def _suggested(facts: TagFacts, registries: Registries) -> list[Claim]:
    known = {row.case for row in registries.cases}
    return [
        Claim(field="case", source=SUGGESTED, value=c.says) for c in facts.cards if c.says in known and c.says
    ]


def _card_findings(before: Tag, facts: TagFacts) -> list[TagFinding]:
    """What was found stays: a card is looked at only while the recording is inspected."""
    found = [finding for finding in before.findings if finding.code == CARD_INVALID]
    for reason in dict.fromkeys(card.refused for card in facts.cards if card.refused):
        zh, en = _INVALID.get(reason, _INVALID_ELSE)
        finding = TagFinding(
            code=CARD_INVALID,
            severity="review",
            article=REQUIRED_ARTICLE,
            text={"zh": f"出示的案件卡无效：{zh}", "en": f"the case card that was shown is not valid: {en}"},
        )
        found += [] if finding in found else [finding]
    return found


def _with_row(case: Case, registries: Registries) -> Case:
    """A case that a person named before the registry knew it gets its title, matter and place now."""
    if case.registry_version is not None:
        return case
    row = next((row for row in registries.cases if row.case == case.case), None)
    return case if row is None else _case_of(row, case.by, registries)


def _case_of(row: CaseRow, by: str, registries: Registries) -> Case:
    return Case(
        case=row.case,
        title=row.title or None,
        kind=row.kind,
        matter=row.matter,
        place=row.place,
        by=by,
        registry_version=registries.case_version,
    )


def _conflicts(tag: Tag, claims: Sequence[Claim], rows: Sequence[CaseRow]) -> list[Claim]:
    standing = tag.officer.officer if tag.officer else None
    found = [claim for claim in tag.conflicts if claim.source == STANDING]
    found += [claim for claim in tag.conflicts if claim.source == MERGED and claim.value != _said(tag, claim)]
    held = {case.case for case in tag.cases}
    found += [claim for claim in claims if claim.value not in (held if claim.field == "case" else {standing})]
    if any(case.by == "card" for case in tag.cases):
        found += [
            Claim(field="case", source="registry", value=case.case)
            for case in tag.cases
            if case.by == "registry"
        ]
    found += [Claim(field="case", source="registry", value=r.case) for r in rows if r.case not in held]
    found += _other("place", _of_cases(tag, "place"), place_of(tag))
    found += _other("matter", _of_cases(tag, "matter"), matter_of(tag))
    return found[:MAX_CONFLICTS]


def _other(name: str, said: set[str], standing: str | None) -> list[Claim]:
    return [
        Claim(field=name, source="registry", value=value[:MAX_CLAIM])
        for value in sorted(said - {standing or ""})
    ]


def _said(tag: Tag, claim: Claim) -> str | None:
    """What stands in the field that a claim speaks of."""
    if claim.field == "officer":
        return tag.officer.officer if tag.officer else None
    said: str | None = getattr(tag, claim.field, None)
    return said


def _of_cases(tag: Tag, name: str) -> set[str]:
    return {value for case in tag.cases if (value := getattr(case, name))}


def _stood(tag: Tag, name: str) -> str | None:
    claims = (claim for claim in tag.conflicts if claim.source == STANDING and claim.field == name)
    return next((claim.value for claim in claims), None)


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


def _holds(since: datetime | None, until: datetime | None, at: datetime) -> bool:
    return (since is None or since <= at) and (until is None or at < until)


CARD_INVALID = "record.card_invalid"
_INVALID = {
    "expired": ("已过期", "it has expired"),
    "key": ("不是本平台签发", "another platform or an unknown key signed it"),
    "platform": ("不是本平台签发", "another platform or an unknown key signed it"),
    "signature": ("签名不符，可能是伪造", "its signature does not verify, it may be forged"),
}
_INVALID_ELSE = ("内容损坏", "its content is damaged")
_FIELDS = {"officer": "执法人员", "place": "地点", "matter": "事项", "stage": "环节", "marks": "重点内容标记"}


def _missing_fields(tag: Tag, rules: TagRules) -> list[TagFinding]:
    if not tag.cases:
        return []
    there = {
        "officer": tag.officer is not None,
        "place": tag.place is not None or any(case.place for case in tag.cases),
        "matter": tag.matter is not None or any(case.matter for case in tag.cases),
        "stage": tag.stage is not None,
        "marks": bool(tag.marks),
    }
    said = {tag.matter} if tag.matter else _of_cases(tag, "matter")
    matters: list[str | None] = [*sorted(said)] or [None]
    required = dict.fromkeys(name for matter in matters for name in rules.required_for(matter))
    return [
        TagFinding(
            code="record.field_missing",
            severity="review",
            article=REQUIRED_ARTICLE,
            text={"zh": f"缺少必填项：{_FIELDS[name]}", "en": f"required field missing: {name}"},
        )
        for name in required
        if not there[name]
    ]
