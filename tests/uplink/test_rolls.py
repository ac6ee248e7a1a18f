"""Rolled keys, pure: what a roll is, whose signature counts where, and what an audit says of a forged one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from uplink import envelope
from uplink.audit import ChainAudit, Flaw, HeldEvent
from uplink.errors import Refused
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import MACHINE, CustodyEvent
from uplink.messages.custody import KeyRolled
from uplink.rolls import KeyHistory, Roll, read_line, read_roll

OLD, NEW, THIRD = (SigningKey.draw() for _ in range(3))
AT = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
EPOCH, RUN = "e" * 32, "a" * 32


def event(n: int, prev: str | None, kind: str, data: dict[str, Any], *keys: SigningKey) -> HeldEvent:
    made = CustodyEvent.model_validate(
        {
            "dock": "d1",
            "platform": "pf",
            "epoch": EPOCH,
            "n": n,
            "prev": prev,
            "run": RUN,
            "time": AT,
            "clock": {"synced": True, "source": "ntp", "floor": AT},
            "kind": kind,
            "actor": MACHINE.model_dump(),
            "data": data,
        }
    )
    sealed = envelope.seal("event", made.to_bytes(), *keys)
    return HeldEvent(EPOCH, n, sealed.digest, kind, None, sealed.raw, order=n)


def rolled(before: SigningKey, key: SigningKey, **changed: str) -> dict[str, Any]:
    facts = {"before": before.key_id, "before_public": before.public.hex()}
    facts |= {"dock_key": key.key_id, "public": key.public.hex()} | changed
    return KeyRolled.model_validate(facts).model_dump()


def history(*rolls: HeldEvent) -> KeyHistory:
    return KeyHistory.of(
        OLD.record(Role.DOCK, "d1"), [(one.order, read_roll(one.raw, "d1")) for one in rolls]
    )


def audit(keys: KeyHistory, *events: HeldEvent) -> list[str]:
    line = ChainAudit("d1", keys)
    flaws: list[Flaw] = [flaw for one in events for flaw in line.feed(one)]
    return [f"{flaw.place.split()[1]}:{flaw.code}" for flaw in flaws if flaw.code != "data"]


FIRST = event(0, None, "enrolled", {}, OLD)
ROLL = event(1, FIRST.digest, "key_rolled", rolled(OLD, NEW), OLD, NEW)
AFTER = event(2, ROLL.digest, "cleared", {"recordings": []}, NEW)


def test_a_chain_whose_key_was_rolled_holds() -> None:
    assert audit(history(ROLL), FIRST, ROLL, AFTER) == []


def test_under_the_old_key_after_it_or_the_new_one_before_it_nothing_holds() -> None:
    late = event(2, ROLL.digest, "cleared", {"recordings": []}, OLD)
    assert audit(history(ROLL), FIRST, ROLL, late) == ["2:key"]
    soon = event(0, None, "enrolled", {}, NEW)
    roll = event(1, soon.digest, "key_rolled", rolled(OLD, NEW), OLD, NEW)
    assert audit(history(roll), soon, roll) == ["0:key"]


@pytest.mark.parametrize(
    ("keys", "codes"), [((OLD,), ["1:rolled", "2:key"]), ((NEW,), ["1:key", "2:key"])], ids=["old", "new"]
)
def test_a_kept_roll_that_one_of_the_two_signed_is_a_flaw(
    keys: tuple[SigningKey, ...], codes: list[str]
) -> None:
    half = event(1, FIRST.digest, "key_rolled", rolled(OLD, NEW), *keys)
    assert half.digest == ROLL.digest, "the digest does not tell: signatures are not in it"
    assert audit(history(), FIRST, half, AFTER) == codes


def test_a_roll_from_a_key_that_is_not_in_force_is_a_flaw() -> None:
    both = (OLD, NEW, THIRD)
    foreign = event(1, FIRST.digest, "key_rolled", rolled(THIRD, NEW), *both)
    after = event(2, foreign.digest, "cleared", {"recordings": []}, NEW)
    assert audit(history(foreign), FIRST, foreign, after) == ["1:rolled", "2:key"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (rolled(OLD, OLD), "key"),
        (rolled(OLD, NEW, dock_key=THIRD.key_id), "key"),
        (rolled(OLD, NEW, before_public=THIRD.public.hex()), "key"),
        (rolled(OLD, NEW, public="01" + "00" * 31), "key"),
    ],
)
def test_keys_that_cannot_be_are_refused(data: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_roll(event(1, FIRST.digest, "key_rolled", data, OLD, NEW).raw, "d1")
    assert refused.value.code == code


def test_another_docks_roll_or_another_kind_is_none() -> None:
    with pytest.raises(Refused, match="dock d1"):
        read_roll(ROLL.raw, "d2")
    with pytest.raises(Refused, match="not key_rolled"):
        read_roll(AFTER.raw, "d1")


def test_a_line_leads_to_the_key_and_never_back() -> None:
    second = event(3, AFTER.digest, "key_rolled", rolled(NEW, THIRD), NEW, THIRD)
    third = THIRD.record(Role.DOCK, "d1")
    line = read_line([ROLL.raw, second.raw], "d1", "pf", third)
    assert [roll.before.key_id for roll in line] == [OLD.key_id, NEW.key_id]
    assert read_line([], "d1", "pf", third) == []
    for raws, platform, newest in (
        ([second.raw, ROLL.raw], "pf", third),
        ([ROLL.raw], "pf", third),
        ([ROLL.raw, second.raw], "other", third),
    ):
        with pytest.raises(Refused):
            read_line(raws, "d1", platform, newest)
    back = event(3, AFTER.digest, "key_rolled", rolled(NEW, OLD), NEW, OLD)
    with pytest.raises(Refused, match="came back"):
        read_line([ROLL.raw, back.raw], "d1", "pf", OLD.record(Role.DOCK, "d1"))


def test_a_history_of_nobody_has_no_key() -> None:
    assert KeyHistory([]).at(0).of_role(Role.DOCK) == []
    always = KeyHistory.always(KeyRing([OLD.record(Role.DOCK, "d1")]))
    assert [record.key_id for record in always.at(10**12).of_role(Role.DOCK)] == [OLD.key_id]
    assert isinstance(read_roll(ROLL.raw, "d1"), Roll)
