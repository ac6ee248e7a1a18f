"""A tag only adds; what would take away needs two persons (trust.md, Weakening takes two)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from daemon.acts.act import ActRefused
from daemon.acts.amend import Amending, amend
from daemon.tagrules import shipped_rules
from uplink.messages.command import KeyMark, TagArgs
from uplink.messages.manifest import Case, Claim, Officer, Tag

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
