"""Which manifests are taken: the rules at the top of `center/revisions.py`, without a database."""

from __future__ import annotations

from typing import Any

from center import revisions
from center.revisions import Held, Newest, Outcome, Topic
from tests.center.scripted import PLATFORM, Footage, ScriptedDock
from uplink.envelope import Envelope
from uplink.messages.manifest import Manifest

FOOTAGE = Footage(b"moving pictures")
DOCK = ScriptedDock()
TOPIC = Topic(PLATFORM, DOCK.name, FOOTAGE.recording)
NOTHING = Held(None, None)


def decide(
    sealed: Envelope, held: Held = NOTHING, topic: Topic = TOPIC, asked_s: float | None = None
) -> revisions.Decision:
    return revisions.decide(Manifest.parse(sealed.payload), sealed.digest, topic, held, asked_s)


def shape(decision: revisions.Decision) -> tuple[Any, ...]:
    return (decision.outcome, decision.code, decision.with_current, decision.evidence)


def test_the_first_and_the_next_are_taken() -> None:
    first = DOCK.manifest(FOOTAGE)
    assert decide(first).outcome is Outcome.TAKE
    second = DOCK.manifest(FOOTAGE, 2, first.digest)
    assert decide(second, Held(Newest(1, first.digest), None)).outcome is Outcome.TAKE


def test_the_newest_again_is_answered_as_before() -> None:
    first = DOCK.manifest(FOOTAGE)
    assert decide(first, Held(Newest(1, first.digest), first.digest)).outcome is Outcome.AGAIN


def test_another_dock_platform_or_recording_is_not_allowed() -> None:
    refused = (Outcome.REFUSE, "not_allowed", False, True)
    assert shape(decide(DOCK.manifest(FOOTAGE, dock="dock-2"))) == refused
    assert shape(decide(DOCK.manifest(FOOTAGE, platform="platform-2"))) == refused
    other = Topic(PLATFORM, DOCK.name, Footage(b"other").recording)
    assert shape(decide(DOCK.manifest(FOOTAGE), topic=other)) == refused


def test_an_id_that_does_not_recompute_is_never_taken() -> None:
    for changed in ({"sha256": "0" * 64}, {"size": 1}, {"path_b64": "AAAA"}, {"path_b64": "A"}):
        assert shape(decide(DOCK.manifest(FOOTAGE, **changed))) == (Outcome.REFUSE, "never", False, True)


def test_the_same_revision_with_another_digest_is_a_conflict_and_kept() -> None:
    held = Held(Newest(1, "0" * 64), "0" * 64)
    assert shape(decide(DOCK.manifest(FOOTAGE), held)) == (Outcome.REFUSE, "conflict", True, True)


def test_a_next_revision_that_does_not_name_the_newest_is_a_conflict() -> None:
    held = Held(Newest(1, "0" * 64), None)
    assert shape(decide(DOCK.manifest(FOOTAGE, 2, "1" * 64), held)) == (
        Outcome.REFUSE,
        "conflict",
        True,
        True,
    )


def test_a_known_older_one_is_a_conflict_with_current_and_no_evidence() -> None:
    first = DOCK.manifest(FOOTAGE)
    held = Held(Newest(2, "1" * 64), first.digest)
    assert shape(decide(first, held)) == (Outcome.REFUSE, "conflict", True, False)


def test_more_than_one_ahead_is_asked_for_from_the_next_on() -> None:
    held = Held(Newest(1, "0" * 64), None)
    decision = decide(DOCK.manifest(FOOTAGE, 3, "1" * 64), held)
    assert shape(decision) == (Outcome.REFUSE, "later", True, False)
    assert decision.reason.startswith("missing")


def test_where_none_are_left_a_line_is_taken_as_incomplete() -> None:
    third = DOCK.manifest(FOOTAGE, 3, "1" * 64)
    assert decide(third, asked_s=revisions.MISSING_WAIT_S - 0.1).outcome is Outcome.REFUSE
    assert decide(third, asked_s=revisions.MISSING_WAIT_S).outcome is Outcome.TAKE_INCOMPLETE
