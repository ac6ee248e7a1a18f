"""What the platform refuses (trust.md): each refusal signed or counted, kept where it is evidence."""

from __future__ import annotations

import os
from typing import Any

import pytest

from center.revisions import MISSING_WAIT_S
from tests.center.bench import Bench
from tests.center.scripted import CLOCK, PLATFORM, TIME, Footage, ScriptedDock
from uplink import envelope
from uplink.ids import draw_id
from uplink.messages import StateMessage

FOOTAGE = Footage(os.urandom(300_000))


MALFORMED = (
    b"{",
    b"",
    b"[" * 5000,
    b'{"a":1,"a":2}',
    b"\xff\xfe",
    b'{"payloadType":1}',
    b"null",
    b"9" * 5000,
    b"NaN",
)


def first_manifest(bench: Bench, dock: ScriptedDock) -> str:
    manifest = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, manifest)
    return manifest.digest


# Manifests


def test_a_missing_revision_is_asked_for_with_current(bench: Bench, dock: ScriptedDock) -> None:
    first = dock.manifest(FOOTAGE)
    second = dock.manifest(FOOTAGE, 2, first.digest)
    third = dock.manifest(FOOTAGE, 3, second.digest)
    (refusal,) = bench.refusals(bench.manifest(dock, FOOTAGE, third))
    assert (refusal.code, refusal.reason.split(":")[0], refusal.current) == ("later", "missing", None)

    bench.manifest(dock, FOOTAGE, first)
    (refusal,) = bench.refusals(bench.manifest(dock, FOOTAGE, third))
    assert (refusal.code, refusal.revision, refusal.manifest) == ("later", 3, third.digest)
    assert envelope.peek(_json(refusal.current), "manifest") == first.payload

    assert bench.refusals(bench.manifest(dock, FOOTAGE, second)) == []
    assert bench.refusals(bench.manifest(dock, FOOTAGE, third)) == []


def test_a_line_whose_beginning_is_lost_is_taken_as_incomplete(bench: Bench, dock: ScriptedDock) -> None:
    second = dock.manifest(FOOTAGE, 2, "1" * 64)
    third = dock.manifest(FOOTAGE, 3, second.digest)
    for manifest in (second, third):
        assert bench.refusals(bench.manifest(dock, FOOTAGE, manifest))
    bench.tick(MISSING_WAIT_S)
    assert bench.refusals(bench.manifest(dock, FOOTAGE, third)), "the second is on offer, so not the third"
    assert bench.refusals(bench.manifest(dock, FOOTAGE, second)) == []
    assert bench.refusals(bench.manifest(dock, FOOTAGE, third)) == []


def test_a_conflict_carries_current_and_both_are_kept(bench: Bench, dock: ScriptedDock) -> None:
    first = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, first)
    other = dock.manifest(FOOTAGE, run="1" * 32)
    (refusal,) = bench.refusals(bench.manifest(dock, FOOTAGE, other))
    assert (refusal.code, refusal.manifest) == ("conflict", other.digest)
    assert envelope.peek(_json(refusal.current), "manifest") == first.payload
    assert bench.quarantined() == ["conflict"]


def test_an_older_known_revision_tells_a_restored_dock_what_it_forgot(
    bench: Bench, dock: ScriptedDock
) -> None:
    first = dock.manifest(FOOTAGE)
    second = dock.manifest(FOOTAGE, 2, first.digest)
    bench.manifest(dock, FOOTAGE, first)
    bench.manifest(dock, FOOTAGE, second)
    (refusal,) = bench.refusals(bench.manifest(dock, FOOTAGE, first))
    assert refusal.code == "conflict"
    assert envelope.peek(_json(refusal.current), "manifest") == second.payload
    assert bench.quarantined() == []


def test_a_wrong_id_dock_or_platform_gets_a_signed_refusal(bench: Bench, dock: ScriptedDock) -> None:
    wrong = Footage(FOOTAGE.data, serial="CAM-OTHER")
    changed: list[tuple[dict[str, Any], str]] = [
        ({"recording": wrong.recording}, "not_allowed"),
        ({"dock": "dock-2"}, "not_allowed"),
        ({"platform": "local"}, "not_allowed"),
        ({"size": 1}, "never"),
    ]
    for change, code in changed:
        said = bench.manifest(dock, FOOTAGE, dock.manifest(FOOTAGE, **change))
        assert [refusal.code for refusal in bench.refusals(said)] == [code]
    assert len(bench.quarantined()) == len(changed)


def test_an_event_that_names_a_manifest_which_does_not_come_asks_for_it(
    bench: Bench, dock: ScriptedDock
) -> None:
    bench.event(dock, dock.enrolled())
    stored = {
        "docking": "0" * 32,
        "index": 0,
        "path_b64": "AAAA",
        "size": len(FOOTAGE.data),
        "sha256": FOOTAGE.sha256,
        "zero_bytes": 0,
    }
    bench.event(dock, dock.event("stored", stored, recording=FOOTAGE.recording))
    manifest = dock.manifest(FOOTAGE)
    committed = {"manifest": manifest.digest, "revision": 1, "by": "none"}
    bench.event(dock, dock.event("tagged", committed, recording=FOOTAGE.recording))

    assert bench.refusals(bench.tick(1.5)) == [], "manifests follow their events: time to come"
    (refusal,) = bench.refusals(bench.tick(1.5) + bench.tick(2.0))
    assert (refusal.code, refusal.manifest, refusal.sha256) == ("later", manifest.digest, FOOTAGE.sha256)
    assert refusal.reason.startswith("missing")
    bench.start()
    assert len(bench.refusals(bench.tick() + bench.tick(4.0))) == 1, "a restart forgets no question"
    bench.manifest(dock, FOOTAGE, manifest)
    assert bench.refusals(bench.tick(100.0)) == []


# Forged, foreign, malformed


def test_a_forged_manifest_gets_no_answer_and_is_kept(bench: Bench, dock: ScriptedDock) -> None:
    forger = ScriptedDock(dock.name, dock.site)
    assert bench.manifest(forger, FOOTAGE, forger.manifest(FOOTAGE)) == []
    assert bench.event(forger, forger.enrolled()) == []
    assert bench.quarantined() == ["key", "key"]
    assert bench.counted("refused.manifests.key") == 1


def test_a_dock_that_speaks_on_another_ones_topic_is_refused(bench: Bench, dock: ScriptedDock) -> None:
    other = bench.enrol("dock-2")
    assert bench.hear(other.topics.up(f"manifests/{FOOTAGE.recording}"), dock.manifest(FOOTAGE).raw) == []
    assert bench.counted("refused.manifests.key") == 1


def test_an_unknown_dock_and_a_wrong_site_get_no_answer(bench: Bench, dock: ScriptedDock) -> None:
    unknown = ScriptedDock("dock-7")
    assert bench.manifest(unknown, FOOTAGE, unknown.manifest(FOOTAGE)) == []
    moved = ScriptedDock(dock.name, "site-2", key=dock.key)
    assert bench.manifest(moved, FOOTAGE, moved.manifest(FOOTAGE)) == []
    assert bench.file(unknown, "0" * 32, 0, b"x") == []
    assert bench.counted("refused.not_enrolled") == 3
    assert bench.quarantined() == ["not_enrolled", "not_enrolled"]


@pytest.mark.parametrize(
    "rest",
    [
        "events",
        pytest.param(f"manifests/{FOOTAGE.recording}", id="manifests/ours"),  # drawn: an id of its own
        "manifests",
        "reports/" + "0" * 64,
        "state",
        "health",
        "slots/1",
        "nonsense",
        "file",
        "file//init",
        "file/" + "0" * 31,
        "file/" + "0" * 32 + "/init",
        "file/" + "0" * 32 + "/fin",
        "file/" + "0" * 32 + "/-1",
        "file/" + "0" * 32 + "/grow",
        "file/" + "0" * 32 + "/0/1",
    ],
)
def test_malformed_bytes_on_each_topic_are_counted_and_stop_nothing(
    bench: Bench, dock: ScriptedDock, rest: str
) -> None:
    for payload in MALFORMED:
        before = bench.counters()
        said = bench.hear(dock.topics.up(rest), payload)
        assert set(bench.statuses(said)) <= {"error", "unknown"}
        assert not bench.receipts(said) + bench.refusals(said)
        counted = [name for name, value in bench.counters().items() if value != before.get(name)]
        if payload or rest not in ("state", "slots/1"):  # an empty one clears a retained claim
            assert len(counted) == 1, payload
            assert counted[0].startswith("refused."), payload
    digest = first_manifest(bench, dock)
    assert len(bench.receipts(bench.transfer(dock, FOOTAGE, digest))) == 1


def test_a_topic_that_is_none_of_ours_is_counted(bench: Bench) -> None:
    for topic in (
        "",
        "bodydock/1",
        "bodydock/1/site-1/dock-1/down/head",
        "x/" * 200,
        "bodydock/1/S/d/up/events",
    ):
        assert bench.hear(topic, b"") == []
    assert bench.counted("refused.topic") == 5


def test_what_must_be_live_is_not_taken_when_retained(bench: Bench, dock: ScriptedDock) -> None:
    topics = ("events", f"manifests/{FOOTAGE.recording}", "reports/" + "0" * 64, "file/" + "0" * 32 + "/init")
    for rest in topics:
        assert bench.hear(dock.topics.up(rest), dock.manifest(FOOTAGE).raw, retained=True) == []
    assert bench.counted("ignored.retained.manifests") == 1
    assert bench.receipts(bench.manifest(dock, FOOTAGE, dock.manifest(FOOTAGE))) == []
    assert bench.counted("manifests") == 1


def test_a_response_topic_outside_is_ignored_and_counted(bench: Bench, dock: ScriptedDock) -> None:
    manifest = dock.manifest(FOOTAGE)
    topic = dock.topics.up(f"manifests/{FOOTAGE.recording}")
    said = bench.hear(topic, manifest.raw, response_topic="bodydock/1/site-1/dock-2/down/reply/1")
    said += bench.hear(topic, manifest.raw, response_topic=dock.topics.down("reply/1"))
    assert bench.counted("ignored.response_topic") == 1
    assert bench.counted("manifests") == 1
    assert said == []


def test_quarantine_is_bounded_and_the_first_stays(bench: Bench, dock: ScriptedDock) -> None:
    limit = bench.settings.limits.quarantine_items
    forger = ScriptedDock(dock.name, dock.site)
    first = forger.manifest(FOOTAGE)
    bench.manifest(forger, FOOTAGE, first)
    for _ in range(limit + 5):
        bench.hear(dock.topics.up("events"), draw_id().encode())
    kept = bench.quarantined()
    assert len(kept) == limit
    assert kept[0] == "key"
    assert bench.counted("quarantine.full") == 6


def test_a_state_is_noted_as_a_claim(bench: Bench, dock: ScriptedDock) -> None:
    state = StateMessage(
        dock=dock.name,
        key=dock.key.key_id,
        run="0" * 32,
        seq=1,
        since=TIME,
        time=TIME,
        clock=CLOCK,
        state="online",
        version="0",
    )
    bench.hear(dock.topics.up("state"), state.to_bytes(), retained=True)
    foreign = state.model_copy(update={"dock": "dock-2"})
    bench.hear(dock.topics.up("state"), foreign.to_bytes())
    from center.reading import dock_listing

    assert [shown["state_claimed"] for shown in dock_listing(bench.folder)] == ["online"]
    assert bench.counted("refused.state.address") == 1


# The chain


def test_a_broken_chain_is_refused_and_kept(bench: Bench, dock: ScriptedDock) -> None:
    bench.event(dock, dock.enrolled())
    head = dock.head
    bench.event(dock, dock.event("attached", prev="f" * 64))
    assert bench.quarantined() == ["chain"]
    assert bench.counted("refused.events.chain") == 1
    assert bench.heads(bench.receiver.connected())[0].at == head


def test_events_for_another_platform_or_with_another_key_are_refused(
    bench: Bench, dock: ScriptedDock
) -> None:
    bench.event(dock, dock.enrolled(platform="local"))
    wrong = ScriptedDock(key=dock.key)
    wrong.platform = "platform-2"
    bench.event(dock, wrong.enrolled(platform=PLATFORM))
    assert bench.counted("refused.events.address") == 2


def test_enrolled_has_to_name_the_key_that_signs_it(bench: Bench, dock: ScriptedDock) -> None:
    named: dict[str, Any] = {
        "platform": PLATFORM,
        "keys": [],
        "site": dock.site,
        "public": dock.key.public.hex(),
        "host": None,
    }
    bench.event(dock, dock.event("enrolled", named | {"dock_key": ScriptedDock().key.key_id}))
    assert bench.counted("refused.events.address") == 1


def test_an_early_event_is_asked_for_again_by_the_head(bench: Bench, dock: ScriptedDock) -> None:
    bench.event(dock, dock.enrolled())
    known = dock.head
    bench.tick(1.0)
    bench.tick(1.0)
    dock.event("attached")  # lost on the way
    third = dock.event("listed")
    bench.event(dock, third)
    assert bench.counted("early.event") == 1
    bench.tick(1.5)
    assert [head.at for head in bench.heads(bench.tick(1.0))] == [known]


def test_a_fork_holds_receipts_back_until_restarted_names_it(bench: Bench, dock: ScriptedDock) -> None:
    bench.event(dock, dock.enrolled())
    restored = dock.clone()
    bench.event(dock, dock.event("attached"))
    main = dock.head
    bench.event(restored, restored.event("closed"))
    digest = first_manifest(bench, dock)
    assert bench.receipts(bench.transfer(dock, FOOTAGE, digest)) == []

    bench.event(restored, restored.restarted(after=main, branch=restored.head))
    assert [receipt.manifest for receipt in bench.receipts(bench.tick())] == [digest]


def test_a_branch_that_is_coming_in_is_waited_for(bench: Bench, dock: ScriptedDock) -> None:
    bench.event(dock, dock.enrolled())
    restored = dock.clone()
    bench.event(dock, dock.event("attached"))
    first, second = restored.event("listed"), restored.event("closed")
    restarted = restored.restarted(after=dock.head, branch=restored.head)
    bench.event(restored, restarted)
    bench.tick(15.0)
    bench.event(restored, first)
    bench.tick(15.0)
    bench.event(restored, restarted)
    assert bench.counted("early.event") == 2, "half of it has come: the other half is not lost"
    bench.event(restored, second)
    bench.event(restored, restarted)
    assert bench.counted("lost.parent") == 0
    assert bench.heads(bench.tick(1.0))[-1].at == restored.head


def test_a_settled_dock_is_given_what_waited_without_asking(bench: Bench, dock: ScriptedDock) -> None:
    from center import enrolment

    bench.event(dock, dock.enrolled())
    bench.event(dock, dock.event("attached"))
    wiped = ScriptedDock(dock.name, dock.site, key=dock.key)
    bench.event(wiped, wiped.enrolled())
    digest = first_manifest(bench, dock)
    assert bench.receipts(bench.transfer(dock, FOOTAGE, digest)) == []
    bench.tick(1.0)
    enrolment.settle(bench.folder, dock.name, "王伟", "root")
    said = [*bench.tick(1.0), *bench.tick(1.0)]
    assert [receipt.manifest for receipt in bench.receipts(said)] == [digest]


def test_a_clone_waits_for_a_person(bench: Bench, dock: ScriptedDock) -> None:
    from center import enrolment

    bench.event(dock, dock.enrolled())
    copy = dock.clone(run=dock.run)
    bench.event(dock, dock.event("attached"))
    bench.event(copy, copy.event("closed"))
    bench.event(copy, copy.restarted(after=dock.head, branch=copy.head))
    digest = first_manifest(bench, dock)
    assert bench.receipts(bench.transfer(dock, FOOTAGE, digest)) == []

    enrolment.settle(bench.folder, dock.name, "王伟", "root")
    assert len(bench.receipts(bench.manifest(dock, FOOTAGE, dock.manifest(FOOTAGE)))) == 1


def _json(value: object) -> bytes:
    import json

    return json.dumps(value).encode()
