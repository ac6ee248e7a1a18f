"""A tag only adds; what would take away needs two persons (trust.md, Weakening takes two)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from daemon.acts.act import ActRefused
from daemon.acts.amend import Amending, amend
from daemon.tagging import Registries, TagFacts, matter_of, open_conflicts, place_of, tag
from daemon.tagrules import parse_rules, shipped_rules
from uplink.messages.command import KeyMark, TagArgs
from uplink.messages.manifest import Case, Claim, Officer, Tag
from uplink.messages.registry import CaseRow

RECORDING = "a" * 26
ONE = Amending("declaration", by_two=False, rules=shipped_rules())
TWO = Amending("command", by_two=True, rules=shipped_rules())
FULL = Tag(
    officer=Officer(officer="J1", by="name"),
    cases=[Case(case="C1", place="光明路12号", matter="entry_inspection", by="registry", registry_version=1)],
    stage="investigation",
    long_term="objection",
    confidential="trade_secret",
)


def args(**given: Any) -> TagArgs:
    return TagArgs.model_validate({"recording": RECORDING, **given})


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"officer": "J7"}, "officer", Officer(officer="J7", by="declaration")),
        ({"cases": ["C1", "C2", "C1"]}, "cases", [Case(case=c, by="declaration") for c in ("C1", "C2")]),
        ({"place": "某地"}, "place", "某地"),
        ({"matter": "dispute_prone"}, "matter", "dispute_prone"),
        ({"stage": "service"}, "stage", "service"),
        ({"long_term": "other"}, "long_term", "other"),
        ({"confidential": "privacy"}, "confidential", "privacy"),
    ],
)
def test_one_person_may_say_what_nobody_has_said(given: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(amend(Tag(), args(**given), ONE), field) == expected


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"officer": "J2"}, "officer"),
        ({"place": "别处"}, "place"),
        ({"matter": "dispute_prone"}, "matter"),
        ({"stage": "review"}, "stage"),
        ({"long_term": "other"}, "long_term"),
        ({"long_term": "none"}, "long_term"),
        ({"confidential": "privacy"}, "confidential"),
        ({"confidential": "none"}, "confidential"),
        ({"cases": ["C2"], "replaces": True}, "cases"),
    ],
)
def test_taking_away_is_refused_from_one_and_done_for_two(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ActRefused) as refused:
        amend(FULL, args(**given), ONE)
    assert refused.value.code == "weakening"
    assert named in str(refused.value)
    made = amend(FULL, args(**{**given, "replaces": True}), TWO)
    value = next(iter(given.values()))
    said = {
        "officer": made.officer.officer if made.officer else None,
        "place": made.place,
        "matter": made.matter,
        "stage": made.stage,
        "long_term": made.long_term or "none",
        "confidential": made.confidential or "none",
        "cases": [case.case for case in made.cases],
    }
    assert said[named] == value


def test_two_persons_who_do_not_say_that_it_replaces_only_add() -> None:
    with pytest.raises(ActRefused):
        amend(FULL, args(officer="J2"), TWO)


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"long_term": "mass_incident"}, "long_term", "mass_incident"),
        ({"confidential": "state_secret"}, "confidential", "state_secret"),
        ({"confidential": "trade_secret"}, "confidential", "trade_secret"),
        ({"stage": "investigation"}, "stage", "investigation"),
        ({"place": "光明路12号"}, "place", "光明路12号"),
    ],
)
def test_higher_marks_and_what_stands_already_are_no_weakening(
    given: dict[str, Any], field: str, expected: Any
) -> None:
    assert getattr(amend(FULL, args(**given), ONE), field) == expected


def test_another_case_stands_beside_the_first_until_two_persons_take_that_away() -> None:
    both = amend(FULL, args(cases=["C2"]), ONE)
    assert [(case.case, case.by) for case in both.cases] == [("C1", "registry"), ("C2", "declaration")]
    assert [case.case for case in amend(both, args(cases=["C2"], replaces=True), TWO).cases] == ["C2"]


def test_what_is_not_given_stays_even_where_two_replace() -> None:
    made = amend(FULL, args(officer="J2", replaces=True), TWO)
    assert made == FULL.model_copy(update={"officer": Officer(officer="J2", by="command")})


def test_saying_what_a_source_said_makes_it_the_persons_word() -> None:
    made = amend(FULL, args(officer="J1", cases=["C1"]), ONE)
    assert made.officer is not None
    assert (made.officer.by, made.cases[0].by) == ("declaration", "declaration")


def test_where_sources_disagree_a_person_may_choose_among_them_once() -> None:
    torn = FULL.model_copy(update={"conflicts": [Claim(field="officer", source="binding", value="J2")]})
    chosen = amend(torn, args(officer="J2"), ONE)
    assert chosen.officer == Officer(officer="J2", by="declaration")
    with pytest.raises(ActRefused):
        amend(torn, args(officer="J3"), ONE)
    back = chosen.model_copy(update={"conflicts": [Claim(field="officer", source="name", value="J1")]})
    with pytest.raises(ActRefused):
        amend(back, args(officer="J1"), ONE)


def test_every_field_that_would_weaken_is_named() -> None:
    with pytest.raises(ActRefused) as refused:
        amend(FULL, args(officer="J2", place="别处", confidential="none"), ONE)
    assert all(name in str(refused.value) for name in ("officer", "place", "confidential", "执法人员"))


def test_marks_are_added_once_and_bounded() -> None:
    mark = {"start_s": 1.0, "end_s": 2.5, "content": "interview"}
    once = amend(Tag(), args(marks=[mark]), ONE)
    assert amend(once, args(marks=[mark]), ONE).marks == once.marks
    many = [{**mark, "start_s": 0.001 * i} for i in range(64)]
    tag = once
    with pytest.raises(ActRefused) as refused:
        for step in range(5):
            tag = amend(tag, args(marks=[{**m, "end_s": 3.0 + step} for m in many]), ONE)
    assert refused.value.code == "limits"


def test_a_mark_that_ends_before_it_starts_is_none() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        KeyMark(start_s=2.0, end_s=1.0, content="documents")


def test_whatever_one_person_says_nothing_that_stood_is_lost() -> None:
    """Every standing tag of a small world against everything one person can say of it."""
    rules, kept, refused = shipped_rules(), 0, 0
    officers = (None, "J1", "J2")
    places = (None, "甲", "乙")
    marks = (None, "privacy", "state_secret")
    cases: tuple[list[str], ...] = ([], ["C1"], ["C1", "C2"])
    worlds = itertools.product(officers, places, marks, cases)
    for (officer, place, mark, standing), said in itertools.product(
        worlds, itertools.product(officers, places, (*marks, "none"), cases, (False, True))
    ):
        before = Tag(
            officer=Officer(officer=officer, by="name") if officer else None,
            place=place,
            confidential=mark,
            cases=[Case(case=name, by="registry") for name in standing],
        )
        given = dict(zip(("officer", "place", "confidential", "cases", "replaces"), said, strict=True))
        try:
            after = amend(before, args(**{k: v for k, v in given.items() if v is not None}), ONE)
        except ActRefused as error:
            assert error.code == "weakening"
            refused += 1
            continue
        kept += 1
        assert officer in (None, after.officer.officer if after.officer else None)
        assert place in (None, after.place)
        assert rules.rank("confidential", after.confidential) >= rules.rank("confidential", mark)
        assert set(standing) <= {case.case for case in after.cases}
    assert min(kept, refused) > 500


ROWS = Registries(
    cases=(
        CaseRow(case="C1", officers=[], place="甲", matter="service_of_documents"),
        CaseRow(case="C2", officers=[], place="乙", matter="entry_inspection"),
        CaseRow(case="C3", officers=[], place="甲", matter="entry_inspection"),
        CaseRow(case="C4", officers=[]),
    ),
    case_version=1,
    versions="1",
)
NOTHING = TagFacts("S1", None, None)


def said(before: Tag, registries: Registries = ROWS, **given: Any) -> Tag:
    """What one person makes of a tag, completed as the dock does it."""
    return tag(NOTHING, amend(before, args(**given), ONE), registries)


def test_no_sequence_of_one_persons_acts_moves_place_or_matter() -> None:
    """Each case brings a place and a matter; cases, places and matters are said in every order of three."""
    acts: list[dict[str, Any]] = [
        *({"cases": [name]} for name in ("C1", "C2", "C3", "C4")),
        *({"place": place} for place in ("甲", "乙")),
        *({"matter": matter} for matter in ("service_of_documents", "entry_inspection")),
    ]
    moved, refused = 0, 0
    for series in itertools.product(acts, repeat=3):
        standing = Tag()
        for act in series:
            before = standing
            try:
                standing = said(before, **act)
            except ActRefused:
                refused += 1
                continue
            moved += (place_of(before), matter_of(before)) != (place_of(standing), matter_of(standing))
            assert place_of(before) in (None, place_of(standing)), series
            assert matter_of(before) in (None, matter_of(standing)), series
    assert min(moved, refused) > 100


def test_another_place_that_came_with_a_case_is_shown_to_a_person() -> None:
    made = said(said(Tag(), cases=["C1"]), cases=["C2"])
    assert {(c.source, c.value) for c in open_conflicts(made) if c.field == "place"} == {
        ("standing", "甲"),
        ("registry", "乙"),
    }
    chosen = said(made, place="甲")
    assert (place_of(chosen), open_conflicts(chosen)[0].field) == ("甲", "matter")
    assert not [claim for claim in open_conflicts(chosen) if claim.field == "place"]


def test_a_registry_that_learns_of_a_case_later_does_not_move_the_place() -> None:
    unknown = Registries(cases=ROWS.cases[1:], case_version=1, versions="1")
    before = said(said(Tag(), unknown, cases=["C1"]), unknown, cases=["C2"])
    assert place_of(before) == "乙"
    assert place_of(tag(NOTHING, before, ROWS)) == "乙"


def test_where_two_sources_that_are_no_persons_bring_places_one_may_choose() -> None:
    torn = tag(NOTHING, Tag(cases=[Case(case="C1", by="registry"), Case(case="C2", by="card")]), ROWS)
    assert place_of(torn) is None
    assert place_of(said(torn, place="乙")) == "乙"


def test_two_persons_who_take_a_case_away_take_its_place() -> None:
    both = said(said(Tag(), cases=["C1"]), cases=["C2"])
    left = tag(NOTHING, amend(both, args(cases=["C2"], replaces=True), TWO), ROWS)
    assert (place_of(left), open_conflicts(left)) == ("乙", [])


def test_a_case_of_another_matter_asks_for_no_less() -> None:
    raw = (
        b'confidential = ["privacy", "trade_secret", "state_secret"]\n'
        b'long_term = ["other", "objection", "obstruction", "mass_incident"]\n'
        b'[required]\ndefault = ["officer"]\n'
        b'[required.matters]\nservice_of_documents = ["officer", "stage"]\n'
    )
    rules = parse_rules(raw, "x")
    one = tag(NOTHING, Tag(cases=[Case(case="C1", by="registry")]), ROWS, rules)
    two = tag(NOTHING, amend(one, args(cases=["C2"]), ONE), ROWS, rules)
    wanted = {finding.text["en"] for finding in one.findings}
    assert "required field missing: stage" in wanted
    assert wanted <= {finding.text["en"] for finding in two.findings}
