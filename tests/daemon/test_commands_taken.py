"""Commands at the dock: verified, done once, answered always, also after a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.acts.act import ActRefused
from daemon.acts.commands import Commands
from daemon.limits import Limits, kept_amendments, limits_of
from daemon.store import Store
from tests.daemon.making import Platform, desk_of, take_in
from tests.rig.acts_bench import Desk, make_desk
from uplink import envelope
from uplink.desk import Taken
from uplink.ids import draw_id
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import MACHINE, Answer, Command

OPERATE, WANG, LI, RECEIPT = (SigningKey.draw() for _ in range(4))
RING = KeyRing(
    [
        OPERATE.record(Role.OPERATE, "pf"),
        WANG.record(Role.DESTROY, "王伟"),
        LI.record(Role.DESTROY, "李娜"),
        RECEIPT.record(Role.RECEIPT, "pf"),
    ]
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path)
    yield made
    made.dock.store.close()


def commands(desk: Desk) -> Commands:
    return Commands(desk.tools, RING, lambda name: desk.counted.update([name]))


def order(desk: Desk, verb: str, *keys: SigningKey, **args: Any) -> bytes:
    """A command on what stands now, signed by `keys`; none: unsigned."""
    base = args.pop("base", desk.row()["manifest"] if verb in ("tag", "release") else None)
    command = Command.model_validate(
        {
            "platform": args.pop("platform", "pf"),
            "dock": args.pop("dock", "dock-1"),
            "verb": verb,
            "command": args.pop("command", draw_id()),
            "by": [{"person": p, "role": "x"} for p in args.pop("by", ("王伟", "李娜"))],
            "reason": "查办",
            "base": base,
            "args": args,
        }
    )
    return envelope.seal("command", command.to_bytes(), *keys).raw if keys else command.to_bytes()


def answered(desk: Desk, verb: str, raw: bytes, at: Commands | None = None) -> Answer:
    taken = (at or commands(desk)).take(verb, raw)
    assert taken is not None
    signed = envelope.unseal(taken[1], "answer", desk.dock.own_ring, Role.DOCK)
    answer = Answer.parse(signed.payload)
    assert answer.command == taken[0]
    return answer


def test_a_signed_tag_is_done_and_its_replay_changes_nothing(desk: Desk) -> None:
    raw = order(desk, "tag", OPERATE, recording=desk.recording, cases=["C1"])
    first = answered(desk, "tag", raw)
    assert (first.outcome, first.data["revision"]) == ("done", 2)
    kind, person, data = desk.last()
    assert (kind, person, data["by"], data["command"]) == ("tagged", "王伟 + 李娜", "command", first.command)
    events = len(desk.events())
    assert commands(desk).take("tag", raw) == commands(desk).take("tag", raw)
    assert answered(desk, "tag", raw) == first
    assert (len(desk.events()), desk.row()["revision"]) == (events, 2)


def test_after_a_restart_the_same_command_gets_the_same_answer(desk: Desk, tmp_path: Path) -> None:
    raw = order(desk, "hold", OPERATE, recording=desk.recording, hold=draw_id())
    first = answered(desk, "hold", raw)
    desk.dock.store.close()
    desk.dock.store = Store(tmp_path / "store.db")
    assert answered(desk, "hold", raw) == first
    assert len(desk.manifest().holds) == 1


def test_after_a_roll_the_same_command_gets_its_answer_under_the_new_key(desk: Desk) -> None:
    raw = order(desk, "hold", OPERATE, recording=desk.recording, hold=draw_id())
    first = answered(desk, "hold", raw)
    with desk.dock.store.write() as tx:
        desk.dock.custody.roll(tx, SigningKey.draw(), "", MACHINE)
    assert answered(desk, "hold", raw) == first, "the platform believes no other key any more"
    assert len(desk.manifest().holds) == 1


def test_a_tag_on_facts_that_have_changed_since_is_refused_by_its_base(desk: Desk) -> None:
    old = order(desk, "tag", OPERATE, recording=desk.recording, stage="review")
    same_base = order(desk, "tag", OPERATE, recording=desk.recording, cases=["C1"])
    assert answered(desk, "tag", same_base).outcome == "done"
    late = answered(desk, "tag", old)
    assert (late.outcome, late.data["code"]) == ("refused", "base")
    for base in (None, "0" * 64):
        raw = order(desk, "tag", OPERATE, recording=desk.recording, stage="review", base=base)
        assert answered(desk, "tag", raw).data["code"] == "base"


def test_a_revision_that_changed_neither_tag_nor_holds_is_still_a_base(desk: Desk) -> None:
    raw = order(desk, "tag", OPERATE, recording=desk.recording, stage="review")
    _revise_without_change(desk)
    assert desk.row()["revision"] == 2
    assert answered(desk, "tag", raw).outcome == "done"


def test_a_release_needs_two_persons_and_the_current_base(desk: Desk) -> None:
    hold = draw_id()
    answered(desk, "hold", order(desk, "hold", OPERATE, recording=desk.recording, hold=hold))
    for keys, code in (((WANG,), "persons"), ((OPERATE,), "key"), ((RECEIPT, WANG), "persons")):
        raw = order(desk, "release", *keys, recording=desk.recording, hold=hold)
        assert answered(desk, "release", raw).data == {"code": code, "verified": False}
    other = order(desk, "release", WANG, LI, recording=desk.recording, hold=draw_id())
    assert answered(desk, "release", other).data["code"] == "unknown"
    assert len(desk.manifest().holds) == 1
    done = answered(desk, "release", order(desk, "release", WANG, LI, recording=desk.recording, hold=hold))
    assert (done.outcome, done.data["holds_left"], desk.manifest().holds) == ("done", 0, [])
    kind, _, data = desk.last()
    assert (kind, data["hold"], data["persons"], data["carried_by"]) == (
        "released",
        hold,
        ["王伟", "李娜"],
        None,
    )


def test_a_tag_that_replaces_stands_instead_and_the_old_one_stays_in_the_chain(desk: Desk) -> None:
    facts = {"recording": desk.recording, "officer": "J2", "replaces": True}
    assert answered(desk, "tag", order(desk, "tag", OPERATE, **facts)).data["code"] == "key"
    assert answered(desk, "tag", order(desk, "tag", WANG, LI, **facts)).outcome == "done"
    officer = desk.tag().officer
    assert officer is not None
    assert (officer.officer, officer.by) == ("J2", "command")
    assert desk.last()[2]["persons"] == ["王伟", "李娜"]


def test_without_replaces_one_signature_cannot_weaken(desk: Desk) -> None:
    raw = order(desk, "tag", OPERATE, recording=desk.recording, officer="J2")
    assert answered(desk, "tag", raw).data["code"] == "weakening"


def test_what_does_not_verify_is_kept_nowhere_so_a_sound_one_of_that_id_counts(desk: Desk) -> None:
    command, hold = draw_id(), draw_id()
    facts = {"recording": desk.recording, "hold": hold, "command": command}
    forged = order(desk, "hold", SigningKey.draw(), **facts)
    refused = answered(desk, "hold", forged)
    assert (refused.outcome, refused.data["code"]) == ("refused", "key")
    assert answered(desk, "hold", order(desk, "hold", OPERATE, **facts)).outcome == "done"
    assert desk.counted["refused.command.key"] == 1


def test_a_refused_command_is_remembered_as_refused(desk: Desk) -> None:
    raw = order(desk, "hold", OPERATE, recording="a" * 26, hold=draw_id())
    assert answered(desk, "hold", raw).data["code"] == "unknown"
    assert answered(desk, "hold", raw).data["code"] == "unknown"
    assert desk.counted["known.command"] == 1


def test_an_unknown_verb_is_unsupported_and_a_foreign_command_is_no_ones(desk: Desk) -> None:
    assert answered(desk, "erase", order(desk, "erase", OPERATE)).outcome == "unsupported"
    for elsewhere in ({"dock": "dock-2"}, {"platform": "other"}):
        assert commands(desk).take("ping", order(desk, "ping", **elsewhere)) is None
    assert commands(desk).take("ping", b"{") is None
    assert dict(desk.counted) == {
        "unsupported.command": 1,
        "refused.command.address": 2,
        "refused.command.shape": 1,
    }


def test_arguments_that_do_not_fit_are_said(desk: Desk) -> None:
    raw = order(desk, "hold", OPERATE, recording=desk.recording, hold="short")
    answer = answered(desk, "hold", raw)
    assert (answer.data["code"], "hold.hold" in answer.text) == ("args", True)


def test_ping_says_health_and_settings_and_leaves_no_trace_unsigned(desk: Desk) -> None:
    events = len(desk.events())
    answer = answered(desk, "ping", order(desk, "ping", by=()))
    assert answer.data["health"] == {"disk_free_bytes": 1}
    assert answer.data["settings"]["digest"] == "5" * 64
    assert len(desk.events()) == events
    assert desk.dock.store.value("SELECT count(*) FROM commands") == 0


def test_rescan_looks_again_and_unsigned_not_too_often(desk: Desk) -> None:
    at = commands(desk)
    assert answered(desk, "rescan", order(desk, "rescan", by=()), at).outcome == "done"
    assert answered(desk, "rescan", order(desk, "rescan", by=()), at).data["code"] == "later"
    assert answered(desk, "rescan", order(desk, "rescan", OPERATE, slot=1), at).outcome == "done"
    assert answered(desk, "rescan", order(desk, "rescan", OPERATE, slot=9), at).data["code"] == "unknown"
    assert desk.rescanned == [None, 1]
    persons = [e.actor.person for e in desk.events() if e.kind == "commanded"]
    assert persons[0] != persons[1], "who asked unsigned is nobody"


def test_config_takes_effect_at_once_lasts_and_is_no_good_twice(desk: Desk) -> None:
    raw = order(desk, "config", OPERATE, bytes_per_second=1000, hours=["22:00-06:00"], base="5" * 64)
    first = answered(desk, "config", raw)
    assert first.outcome == "done"
    assert desk.applied == [Limits(1000, ("22:00-06:00",), True)]
    digest = first.data["settings"]["digest"]
    assert digest != "5" * 64
    again = order(desk, "config", OPERATE, bytes_per_second=5, base="5" * 64)
    assert answered(desk, "config", again).data["code"] == "base"
    after = answered(desk, "config", order(desk, "config", OPERATE, marked_first=False, base=digest))
    assert after.outcome == "done"
    kept = limits_of(desk.tools.settings, kept_amendments(desk.dock.store))
    assert kept == desk.applied[-1] == Limits(1000, ("22:00-06:00",), False)
    kind, _, data = desk.last()
    assert (kind, data["verb"], data["settings"]) == ("commanded", "config", after.data["settings"]["digest"])
    empty = order(desk, "config", OPERATE, hours=["08:00-08:00"], base=after.data["settings"]["digest"])
    assert answered(desk, "config", empty).data["code"] == "hours"


def test_a_bug_in_an_act_undoes_it_whole_and_is_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = order(desk, "hold", OPERATE, recording=desk.recording, hold=draw_id())
    monkeypatch.setattr(Commands, "_signed", _raising(Commands._signed, "done"))
    assert answered(desk, "hold", raw).data["code"] == "bug"
    monkeypatch.undo()
    assert desk.manifest().holds == [], "the hold stands or falls with its answer"
    assert answered(desk, "hold", raw).outcome == "done"


def test_a_cosigned_file_may_be_carried_to_the_dock(desk: Desk) -> None:
    hold = draw_id()
    answered(desk, "hold", order(desk, "hold", OPERATE, recording=desk.recording, hold=hold))
    one = order(desk, "release", WANG, recording=desk.recording, hold=hold)
    both = order(desk, "release", WANG, LI, recording=desk.recording, hold=hold)
    with pytest.raises(ActRefused) as refused:
        commands(desk).carried(one, "张三")
    assert refused.value.code == "persons"
    for foreign in (b"nonsense", order(desk, "release", WANG, LI, dock="dock-2")):
        with pytest.raises(ActRefused):
            commands(desk).carried(foreign, "张三")
    assert commands(desk).carried(both, "张三")["outcome"] == "done"
    assert desk.last()[2]["carried_by"] == "张三"
    # The same command over the network is the same command.
    assert answered(desk, "release", both).outcome == "done"
    assert json.loads(desk.dock.store.value("SELECT holds FROM recordings")) == []


def _revise_without_change(desk: Desk) -> None:
    from daemon.revisions import revise

    with desk.dock.store.write() as tx:
        revise(tx, desk.dock.custody, desk.recording, desk.tag(), "", None)


def _raising(real: Any, outcome: str) -> Any:
    def signed(self: Commands, command: Command, what: str, text: str, data: dict[str, Any]) -> bytes:
        if what == outcome:
            raise RuntimeError("the disk is on fire")
        made: bytes = real(self, command, what, text, data)
        return made

    return signed


def test_a_resend_voids_what_was_receipted_and_the_next_attempt_starts(desk: Desk) -> None:
    platform = Platform(desk.dock)
    at_desk = desk_of(desk.dock, platform)
    first = draw_id()
    raw = platform.receipt(desk.recording, 1, receipt=first)
    assert at_desk.take_receipt(desk.recording, raw) is Taken.TAKEN
    assert desk.row()["state"] == "delivered"
    assert answered(desk, "resend", order(desk, "resend", OPERATE, receipts=[draw_id()])).data == {
        "code": "unknown"
    }
    cleared = answered(desk, "resend", order(desk, "resend", OPERATE, receipts=[first]))
    assert (cleared.data["code"], desk.row()["state"]) == ("gone", "delivered")
    file_in_vault = desk.dock.vault.path(desk.row()["vault"])
    file_in_vault.parent.mkdir(exist_ok=True)
    file_in_vault.write_bytes(b"0123456789")
    done = answered(desk, "resend", order(desk, "resend", OPERATE, receipts=[first, draw_id()]))
    assert done.data["recordings"] == [desk.recording]
    row = desk.row()
    assert (row["state"], row["attempt"], row["delivered_revision"], row["durable_bytes"]) == (
        "stored",
        2,
        0,
        0,
    )
    assert [m.revision for m in at_desk.waiting_manifests(9)] == [1]
    file = at_desk.next_file(frozenset())
    assert file is not None
    assert file.attempt == 2
    assert desk.last()[2]["verb"] == "resend"

    # The voided one counts no more, whoever brings it; a new one does.
    assert at_desk.take_receipt(desk.recording, raw) is Taken.IGNORED
    assert desk.row()["state"] != "delivered"
    again = answered(desk, "resend", order(desk, "resend", OPERATE, receipts=[first]))
    assert again.data["code"] == "unknown"
    assert at_desk.take_receipt(desk.recording, platform.receipt(desk.recording, 1)) is Taken.TAKEN
    assert desk.row()["state"] == "delivered"


def test_marked_first_is_obeyed_and_what_is_on_hold_goes_before_all(desk: Desk) -> None:
    plain, marked = take_in(desk.dock, "b_0001.mp4", "c_0002.mp4", attachment="b")
    with desk.dock.store.write() as tx:
        tx.execute(
            "UPDATE recordings SET revision = 1, stored_at = '2026-01-0' || (recording = ?)", (marked,)
        )
        tx.execute("UPDATE recordings SET marked = 1 WHERE recording = ?", (marked,))
    at_desk = desk_of(desk.dock, Platform(desk.dock))

    def order_of_sending() -> list[str]:
        busy: list[str] = []
        while (file := at_desk.next_file(frozenset(busy))) is not None:
            busy.append(file.recording)
        return busy

    assert order_of_sending()[0] == marked
    at_desk.marked_first = False
    assert order_of_sending()[-1] == marked
    with desk.dock.store.write() as tx:
        tx.execute("UPDATE recordings SET holds = '[{}]' WHERE recording = ?", (plain,))
    assert order_of_sending()[0] == plain


def test_the_platform_speaks_for_persons_whom_it_does_not_prove(desk: Desk) -> None:
    """A person is proven by a key of their own; the platform's key is the platform's word."""
    one = order(desk, "tag", OPERATE, recording=desk.recording, stage="review", by=("王伟",))
    assert answered(desk, "tag", one).outcome == "done"
    assert (desk.events()[-1].actor.person, desk.events()[-1].actor.proven) == ("王伟", False)
