"""The pure rules of a restored dock: what a head means, what a refusal says of a line, what a union keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.lineage.heads import NOTHING, From, Meaning, Stand, Suspicion, meaning, start
from daemon.lineage.line import Answer, Link, judge, put_aside
from daemon.lineage.uniting import unite
from daemon.tagging import MERGED, Registries, TagFacts, open_conflicts, tag
from daemon.tagrules import shipped_rules
from tests.center.scripted import Footage, ScriptedDock
from uplink.messages import Case, Manifest, Tag
from uplink.messages.manifest import Hold, Officer

DOCK = ScriptedDock()
FOOTAGE = Footage(b"x")


# Heads


def says(stand: Stand, *, settled: bool = True, restarted: bool = False) -> Meaning:
    return meaning(stand, settled, restarted)


def test_an_own_event_is_ours_and_one_before_the_last_seen_was_forgotten() -> None:
    assert says(Stand((0, 5), None, (0, 5))) is Meaning.OURS
    assert says(Stand((0, 6), None, (0, 5))) is Meaning.OURS
    assert says(Stand((0, 4), None, (0, 5))) is Meaning.FORGOT
    assert says(Stand(None, NOTHING, (0, 5))) is Meaning.FORGOT
    assert says(Stand(None, NOTHING, None)) is Meaning.OURS, "a platform that never held anything"


def test_the_after_of_an_own_restarted_is_ours_so_that_a_kill_restarts_nothing_twice() -> None:
    assert says(Stand(None, (1, -1), (0, 5))) is Meaning.OURS
    assert says(Stand(None, (1, -1), (1, 2))) is Meaning.FORGOT, "it had the new epoch already"


def test_a_foreign_head_is_a_restore_once_a_run_and_then_a_copy() -> None:
    foreign = Stand(None, None, (0, 5))
    assert says(foreign, settled=False) is Meaning.UNSETTLED
    assert says(foreign) is Meaning.RESTORED
    assert says(foreign, restarted=True) is Meaning.COPIED


def test_a_foreign_head_settles_when_it_stands_still() -> None:
    suspicion = Suspicion()
    assert not suspicion.settled("a", 0.0)
    assert not suspicion.settled("b", 5.0), "it moved"
    assert not suspicion.settled("b", 5.9)
    assert suspicion.settled("b", 6.0)
    suspicion.over()
    assert not suspicion.settled("b", 7.0)


def test_sending_starts_where_both_lines_are_surely_one() -> None:
    assert start(Stand((0, 5), None, (0, 5))) is From.HEAD
    assert start(Stand(None, None, (0, 5), (0, 5))) is From.COMMON
    assert start(Stand(None, None, None)) is From.FIRST
    assert start(Stand(None, NOTHING, (0, 5), (0, 5))) is From.FIRST, "nothing is common"
    assert start(Stand(None, (1, -1), (0, 5), (0, 5))) is From.COMMON
    assert start(Stand(None, (1, -1), (1, 5), (0, 5))) is From.FIRST, "which of ours it kept is not known"


# Lines


def links(*revisions: tuple[int, str, str | None]) -> list[Link]:
    return [Link(*revision) for revision in revisions]


LINE = links((1, "a", None), (2, "b", "a"), (3, "c", "b"))


def answer(line: list[Link], refused: str, current: Link, *, conflict: bool = True) -> Answer:
    return judge(line, refused, current, conflict=conflict).answer


def test_an_older_one_sent_again_and_one_that_comes_too_early_are_no_restore() -> None:
    assert answer(LINE, "a", LINE[2]) is Answer.NOTHING
    assert answer(LINE, "c", LINE[0], conflict=False) is Answer.SEND
    assert answer(LINE, "b", LINE[0]) is Answer.NOTHING, "it does follow: somebody else's moment"


def test_a_current_that_is_not_known_is_united() -> None:
    for conflict in (True, False):
        assert answer(LINE, "c", Link(5, "x", "w"), conflict=conflict) is Answer.UNITE


def test_a_current_that_our_line_goes_on_from_is_adopted() -> None:
    line = links((1, "a", None), (3, "c", "x"))
    judged = judge(line, "c", Link(2, "x", "a"), conflict=False)
    assert (judged.answer, judged.adopt) == (Answer.SEND, True)


def test_a_line_that_is_broken_is_mended_by_uniting() -> None:
    line = links((1, "a", None), (2, "b", "a"), (3, "c", "x"))
    assert answer(line, "c", line[1]) is Answer.UNITE


def test_an_answer_about_what_was_put_aside_starts_nothing() -> None:
    assert answer(LINE, "gone", Link(5, "x", "w")) is Answer.NOTHING


def test_what_is_not_shown_to_be_before_is_put_aside() -> None:
    assert put_aside(LINE, Link(3, "x", "b"), set()) == [3]
    assert put_aside(LINE, Link(3, "x", "other"), set()) == [1, 2, 3]
    assert put_aside(LINE, Link(3, "x", "other"), {"b"}) == [2, 3], "a receipt shows 1, and `prev` not 2"
    assert put_aside(LINE, Link(5, "x", "w"), {"c"}) == []
    assert put_aside(LINE, Link(5, "x", "w"), {"b"}) == [3]
    assert put_aside(LINE, Link(1, "x", None), {"c"}) == [1, 2, 3]


# Unions


def manifest(tag: Tag, *holds: str, depth: str | None = None, **more: Any) -> Manifest:
    report = depth and {"depth": depth, "verdict": "unchecked", "sha256": "a" * 64, "size": 1, "body": {}}
    made = [{"hold": hold, "person": "p", "reason": "", "since": "2026-01-01T00:00:00Z"} for hold in holds]
    sealed = DOCK.manifest(
        FOOTAGE,
        report=report or None,
        tag=json.loads(tag.model_dump_json()),
        holds=[Hold.model_validate_json(json.dumps(one)) for one in made],
        **more,
    )
    return Manifest.parse(sealed.payload)


def case(name: str, by: str = "registry", **more: str) -> Case:
    return Case(case=name, by=by, **more)  # type: ignore[arg-type]


def test_cases_holds_and_marks_of_both_are_kept() -> None:
    ours = manifest(Tag(cases=[case("1"), case("2")], marks=[{"mark": "a"}]), "h1", "h2")
    theirs = manifest(Tag(cases=[case("2"), case("3")], marks=[{"mark": "b"}]), "h2", "h3")
    made = unite(ours, theirs, shipped_rules())
    assert {one.case for one in made.tag.cases} == {"1", "2", "3"}
    assert len(made.tag.cases) == 3
    assert {hold.hold for hold in made.holds} == {"h1", "h2", "h3"}
    assert made.tag.marks == [{"mark": "b"}, {"mark": "a"}]


def test_the_higher_mark_stands_whoever_gave_it() -> None:
    low, high = shipped_rules().confidential[0], shipped_rules().confidential[-1]
    for ours, theirs in ((low, high), (high, low), (None, high), (high, None)):
        united = unite(manifest(Tag(confidential=ours)), manifest(Tag(confidential=theirs)), shipped_rules())
        assert united.tag.confidential == high


@pytest.mark.parametrize(
    ("ours", "theirs", "stands", "other"),
    [
        ("binding", "binding", "T", "O"),
        ("declaration", "binding", "O", "T"),
        ("command", "command", "T", "O"),
    ],
)
def test_two_officers_are_a_conflict_that_lasts_until_a_person_chose(
    ours: str, theirs: str, stands: str, other: str
) -> None:
    made = unite(
        manifest(Tag(officer=Officer(officer="O", by=ours))),
        manifest(Tag(officer=Officer(officer="T", by=theirs))),
        shipped_rules(),
    ).tag
    facts = TagFacts(serial="CAM", name_officer=None, started_at=None)
    later = tag(facts, made, Registries())
    assert later.officer is not None
    assert later.officer.officer == stands
    assert [(claim.field, claim.value, claim.source) for claim in open_conflicts(later)] == [
        ("officer", other, MERGED)
    ]


def test_the_deeper_report_goes_on_else_our_own() -> None:
    fast, standard = manifest(Tag(), depth="fast"), manifest(Tag(), depth="standard")
    none = manifest(Tag())
    assert unite(fast, standard, shipped_rules()).basis is standard
    assert unite(standard, fast, shipped_rules()).basis is standard
    assert unite(none, fast, shipped_rules()).basis is fast
    again = manifest(Tag(), depth="fast")
    assert unite(fast, again, shipped_rules()).basis is fast
