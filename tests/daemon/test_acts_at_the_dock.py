"""Acts of a person at the dock: each a revision and a custody event with that person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.acts.act import Act, ActRefused
from daemon.acts.dispatch import arguments, do
from daemon.acts.handlers import handlers
from daemon.acts.people import actor_of
from daemon.control import Asker, ControlServer, ask
from daemon.custody import Custody, enrol
from daemon.errors import NoSuchThing
from daemon.revisions import holds_of, revise
from daemon.status import show_json
from tests.rig.acts_bench import Desk, make_desk
from uplink.messages import MACHINE
from uplink.messages.registry import CaseRegistry, CaseRow

ROOT, NOBODY = Asker(1, 0), Asker(1, 65534)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path)
    yield made
    made.dock.store.close()


def call(desk: Desk, verb: str, asker: Asker = ROOT, **args: Any) -> dict[str, Any]:
    done: dict[str, Any] = handlers(desk.tools, None)[verb](asker, {"recording": desk.recording[:6], **args})
    return done


def test_the_person_is_whom_the_settings_name_for_the_unix_user() -> None:
    people = {"wang": "王伟"}
    known = actor_of(1000, people, lambda _: "wang")
    assert (known.person, known.by, known.proven) == ("王伟", "socket", True)
    unknown = actor_of(1001, people, lambda _: "guest")
    assert (unknown.person, unknown.by, unknown.proven) == ("unix:guest", "socket", False)
    assert actor_of(2**31 - 7, {}).person == f"unix:{2**31 - 7}"


def test_a_tag_is_a_revision_with_its_event_and_person(desk: Desk) -> None:
    done = call(desk, "tag", cases=["C1"], place="光明路12号", matter="entry_inspection")
    assert (done["revision"], done["changed"]) == (2, True)
    manifest = desk.manifest()
    assert (manifest.revision, manifest.tag.place) == (2, "光明路12号")
    assert manifest.prev_manifest is not None
    kind, person, data = desk.last()
    assert (kind, person, data["by"], data["cases"]) == ("tagged", "王伟", "declaration", ["C1"])
    assert data["manifest"] == done["manifest"]
    assert desk.woken == 1
    shown = show_json(desk.dock.store, desk.recording)
    assert shown["tag"]["place"] == "光明路12号"


def test_whoever_may_open_the_socket_may_tag_and_hold_under_his_own_name(desk: Desk) -> None:
    call(desk, "tag", NOBODY, stage="investigation")
    event = desk.events()[-1]
    assert (event.actor.person, event.actor.proven) == ("unix:nobody", False)
    call(desk, "hold", NOBODY, reason="复议")
    assert desk.last()[:2] == ("held", "unix:nobody")
    assert desk.manifest().holds[0].person == "unix:nobody"


def test_the_same_tag_again_makes_no_revision(desk: Desk) -> None:
    call(desk, "tag", cases=["C1"])
    count = len(desk.events())
    assert call(desk, "tag", cases=["C1"])["changed"] is False
    assert (len(desk.events()), desk.row()["revision"]) == (count, 2)


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("tag", {"officer": "J2"}, "weakening"),
        ("tag", {"officer": 7}, "args"),
        ("tag", {"matter": "lunch"}, "args"),
        ("tag", {"cases": ["x" * 200]}, "args"),
        ("hold", {"reason": " "}, "args"),
        ("release", {"command": "{}"}, "platform"),
    ],
)
def test_what_is_refused_leaves_no_trace(desk: Desk, verb: str, args: dict[str, Any], said: str) -> None:
    before = (len(desk.events()), desk.row()["revision"])
    with pytest.raises(ActRefused) as refused:
        call(desk, verb, **args)
    assert refused.value.code == said
    assert (len(desk.events()), desk.row()["revision"]) == before


def test_an_unknown_recording_is_said(desk: Desk) -> None:
    with pytest.raises(NoSuchThing):
        handlers(desk.tools, None)["tag"](ROOT, {"recording": "zzzz", "place": "x"})


def test_a_recording_that_is_just_taken_in_is_tried_later(desk: Desk) -> None:
    with desk.dock.store.write() as tx:
        tx.execute("UPDATE recordings SET revision = 0")
    with pytest.raises(ActRefused) as refused:
        call(desk, "hold", reason="x")
    assert refused.value.code == "later"


def test_holds_add_up_and_stand_on_the_row_and_in_every_later_revision(desk: Desk) -> None:
    first, second = (call(desk, "hold", reason=reason)["hold"] for reason in ("一", "二"))
    assert first != second
    call(desk, "tag", stage="review")
    assert [hold.hold for hold in desk.manifest().holds] == [first, second]
    assert [hold.reason for hold in holds_of(desk.row())] == ["一", "二"]


def test_a_case_that_the_registry_knows_brings_its_place_and_title(desk: Desk) -> None:
    row = CaseRow(case="C1", title="检查", kind="inspection", place="光明路12号", matter="entry_inspection")
    snapshot = CaseRegistry(
        platform="pf", scope="site-1", kind="cases", version=4, time=desk.dock.custody.clock.now(), rows=[row]
    )
    with desk.dock.store.write() as tx:
        values: dict[str, Any] = {
            "kind": "cases",
            "version": 4,
            "raw": b"",
            "payload": snapshot.to_bytes(),
            "taken_at": "",
        }
        tx.insert("registries", values)
    call(desk, "tag", cases=["C1"])
    (case,) = desk.tag().cases
    assert (case.place, case.title, case.by, case.registry_version) == (
        "光明路12号",
        "检查",
        "declaration",
        4,
    )
    assert desk.tag().findings == []
    assert "no such case in the registry: C9." in call(desk, "tag", cases=["C9"])["text"]


def test_over_the_socket_the_kernel_says_who_asks(desk: Desk, tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "s.sock", handlers(desk.tools, None), desk.dock.store.release)
    server.start()
    try:
        done = ask(tmp_path / "s.sock", "tag", recording=desk.recording, stage="service", person="张三")
    finally:
        server.close()
    expected = "王伟" if os.geteuid() == 0 else actor_of(os.geteuid(), {}).person
    assert done["by"]["person"] == expected
    assert desk.last()[1] == expected


def test_holds_outlast_a_new_enrolment(desk: Desk) -> None:
    hold = call(desk, "hold", reason="一")["hold"]
    moved = Custody(replace(desk.dock.custody.identity, platform="other"), desk.dock.custody.clock)
    assert enrol(desk.dock.store, moved, [])
    assert desk.row()["revision"] == 0
    with desk.dock.store.write() as tx:
        revise(tx, moved, desk.recording, desk.tag(), "", None)
    manifest = desk.manifest()
    assert (manifest.platform, manifest.revision, [h.hold for h in manifest.holds]) == ("other", 1, [hold])


@pytest.mark.parametrize(
    ("persons", "command"), [((), "c" * 32), (("王伟",), "c" * 32), (("王伟", "李娜"), None)]
)
def test_a_release_asks_for_two_persons_whoever_calls_it(
    desk: Desk, persons: tuple[str, ...], command: str | None
) -> None:
    hold = call(desk, "hold", reason="一")["hold"]
    args = arguments("release", {"recording": desk.recording, "hold": hold})
    act = Act("release", args, MACHINE, command=command, base=desk.row()["manifest"], persons=persons)
    with pytest.raises(ActRefused) as refused:
        do(desk.tools, act)
    assert refused.value.code == "weakening"
    assert len(holds_of(desk.row())) == 1


def test_what_would_not_fit_into_a_manifest_is_refused_to_people(desk: Desk) -> None:
    with pytest.raises(ActRefused) as refused:
        for _ in range(64):
            call(desk, "hold", reason="字" * 2000)
    assert refused.value.code == "limits"
    call(desk, "tag", stage="review")
    assert len(desk.manifest().to_bytes()) < 64 * 1024


def fill_with_notes(desk: Desk) -> None:
    with pytest.raises(ActRefused) as refused:
        for number in range(64):
            mark = {"start_s": float(number), "end_s": number + 1.0, "content": "interview"}
            notes = [{**mark, "note": f"{number} {part} " + "字" * 100} for part in range(40)]
            call(desk, "tag", marks=notes)
    assert refused.value.code == "limits"


def test_notes_of_one_person_leave_room_for_a_hold_and_for_the_case(desk: Desk) -> None:
    fill_with_notes(desk)
    call(desk, "hold", reason="复议")
    call(desk, "tag", cases=["C9"], place="光明路12号")
    assert [case.case for case in desk.tag().cases] == ["C9"]
    assert len(desk.manifest().to_bytes()) < 64 * 1024


def test_holds_of_one_person_leave_room_for_the_case(desk: Desk) -> None:
    with pytest.raises(ActRefused):
        for _ in range(64):
            call(desk, "hold", reason="字" * 2000)
    call(desk, "tag", cases=["C9"])
    assert desk.manifest().holds


def test_cases_of_one_person_leave_room_for_two_to_add_one(desk: Desk) -> None:
    with pytest.raises(ActRefused, match="takes two persons"):
        for number in range(64):
            call(desk, "tag", cases=[f"J{number}"])
    assert len(desk.tag().cases) == 48
    call(desk, "tag", stage="review")  # anything else is still one person's
    args = arguments("tag", {"recording": desk.recording, "cases": ["C9"]})
    base = desk.row()["manifest"]
    do(desk.tools, Act("tag", args, MACHINE, command="c" * 32, base=base, persons=("王伟", "李娜")))
    assert "C9" in [case.case for case in desk.tag().cases]
