"""Which events join a chain: the rules at the top of `center/chain.py`, without a database."""

from __future__ import annotations

import pytest

from center import chain
from center.chain import Line, Outcome
from tests.center.scripted import ScriptedDock
from uplink.envelope import Envelope
from uplink.errors import Refused
from uplink.messages.base import ChainPoint
from uplink.messages.custody import CustodyEvent


class MemoryChain:
    """What is held, in memory; keeps what a decision says, as the catalogue does."""

    def __init__(self) -> None:
        self._head: ChainPoint | None = None
        self._held: dict[str, chain.Held] = {}
        self._parents: set[str] = set()
        self._runs: dict[str, Line] = {}
        self.others: set[str] = set()

    def head(self) -> ChainPoint | None:
        return self._head

    def find(self, digest: str) -> chain.Held | None:
        return self._held.get(digest)

    def elsewhere(self, digest: str) -> bool:
        return digest in self.others

    def main_has_run(self, run: str) -> bool:
        return self._runs.get(run) is Line.MAIN

    def is_tip(self, digest: str) -> bool:
        return digest not in self._parents

    def take(self, sealed: Envelope, waited_s: float = 0.0) -> chain.Decision:
        event = CustodyEvent.parse(sealed.payload)
        decision = chain.decide(event, sealed.digest, self, waited_s)
        if decision.outcome in (Outcome.JOINS, Outcome.BRANCHES):
            joins = decision.outcome is Outcome.JOINS
            line = Line.MAIN if joins else Line.BRANCH
            point = ChainPoint(epoch=event.epoch, n=event.n, head=sealed.digest)
            self._held[sealed.digest] = chain.Held(point, line)
            self._parents.add(event.prev or "")
            self._runs.setdefault(event.run, line)
            if joins:
                self._head = point
        return decision


@pytest.fixture
def held() -> MemoryChain:
    return MemoryChain()


@pytest.fixture
def dock() -> ScriptedDock:
    return ScriptedDock()


def outcome(held: MemoryChain, *sealed: Envelope) -> list[Outcome]:
    return [held.take(one).outcome for one in sealed]


def test_events_join_one_after_the_other_and_again_changes_nothing(
    held: MemoryChain, dock: ScriptedDock
) -> None:
    first, second = dock.enrolled(), dock.event("attached")
    assert outcome(held, first, second, first, second) == [
        Outcome.JOINS,
        Outcome.JOINS,
        Outcome.KNOWN,
        Outcome.KNOWN,
    ]
    assert held.head() == dock.head


def test_an_event_before_its_parent_is_early(held: MemoryChain, dock: ScriptedDock) -> None:
    first, second, third = dock.enrolled(), dock.event("attached"), dock.event("listed")
    assert outcome(held, third, first, third, second, third) == [
        Outcome.EARLY,
        Outcome.JOINS,
        Outcome.EARLY,
        Outcome.JOINS,
        Outcome.JOINS,
    ]


def test_a_prev_that_is_not_the_head_is_broken(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    assert outcome(held, dock.event("attached", prev="f" * 64)) == [Outcome.BROKEN]


def test_a_number_that_skips_is_broken(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    assert outcome(held, dock.event("attached", n=2)) == [Outcome.BROKEN]


def test_a_parent_in_another_epoch_is_broken(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    assert outcome(held, dock.event("attached", epoch="e" * 32)) == [Outcome.BROKEN]


def test_an_epoch_begins_with_enrolled_or_restarted(held: MemoryChain, dock: ScriptedDock) -> None:
    with pytest.raises(Refused, match="chain"):
        held.take(dock.event("attached"))


def test_restarted_joins_after_the_head(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    head = held.head()
    decision = held.take(dock.restarted(after=head, branch=head))
    assert (decision.outcome, decision.lost, decision.merges) == (Outcome.JOINS, (), None)
    assert outcome(held, dock.event("attached")) == [Outcome.JOINS]


def test_a_restored_dock_brings_its_branch_and_rejoins(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    restored = dock.clone()
    held.take(dock.event("attached"))
    head = held.head()

    assert outcome(held, restored.event("listed"), restored.event("closed")) == [Outcome.BRANCHES] * 2
    assert held.head() == head, "a branch moves no head"
    branch = restored.head
    assert branch is not None
    decision = held.take(restored.restarted(after=head, branch=branch))

    assert decision.outcome is Outcome.JOINS
    assert decision.merges == branch.head
    assert not decision.cloned
    assert held.head() == restored.head


def test_a_branch_that_was_not_sent_yet_is_waited_for_then_lost(
    held: MemoryChain, dock: ScriptedDock
) -> None:
    held.take(dock.enrolled())
    restored = dock.clone()
    held.take(dock.event("attached"))
    restored.event("listed")
    branch = restored.head
    restarted = restored.restarted(after=held.head(), branch=branch)

    assert held.take(restarted).outcome is Outcome.EARLY
    decision = held.take(restarted, waited_s=chain.BRANCH_WAIT_S)
    assert (decision.outcome, decision.lost) == (Outcome.JOINS, (branch,))


def test_a_platform_that_forgot_takes_the_dock_line_and_notes_what_is_lost(
    held: MemoryChain, dock: ScriptedDock
) -> None:
    held.take(dock.enrolled())
    restored = dock.clone()
    dock.event("attached")
    forgotten = dock.head  # the platform was restored: it never saw this one
    held.take(restored.event("listed"))

    decision = held.take(restored.restarted(after=forgotten, branch=restored.head))

    assert (decision.outcome, decision.lost) == (Outcome.JOINS, (forgotten,))


def test_a_wholly_empty_platform_takes_a_restarted_as_the_first(
    held: MemoryChain, dock: ScriptedDock
) -> None:
    dock.enrolled()
    lost = dock.head
    assert lost is not None
    decision = held.take(dock.restarted(after=lost, branch=None))
    assert (decision.outcome, decision.lost) == (Outcome.JOINS, (lost,))


def test_a_run_that_signed_on_both_lines_is_a_clone(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    copy = dock.clone(run=dock.run)  # a copied machine goes on with its memory
    held.take(dock.event("attached"))
    held.take(copy.event("listed"))
    assert held.take(copy.restarted(after=held.head(), branch=copy.head)).cloned


def test_a_restarted_that_is_sent_again_to_a_platform_that_forgot_is_no_clone(
    held: MemoryChain, dock: ScriptedDock
) -> None:
    held.take(dock.enrolled())
    restored = dock.clone()
    dock.event("attached")  # the platform had it, and was restored to before it
    held.take(restored.event("listed"))
    decision = held.take(restored.restarted(after=dock.head, branch=restored.head))
    assert (decision.outcome, decision.cloned) == (Outcome.JOINS, False)


def test_a_copy_that_brings_no_branch_is_a_clone_all_the_same(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    before = dock.head
    restored = dock.clone()
    held.take(restored.restarted(after=held.head(), branch=before))
    held.take(restored.event("listed"))
    assert held.take(dock.restarted(after=held.head(), branch=before)).cloned


def test_a_new_id_names_the_head_of_a_lost_one_which_is_not_lost(
    held: MemoryChain, dock: ScriptedDock
) -> None:
    old = ScriptedDock("dock-0")
    old.enrolled()
    assert old.head is not None
    after = old.head.model_dump()
    held.others = {old.head.head}
    data = {"platform": dock.platform, "keys": [], "site": "s", "dock_key": "0" * 64, "public": "0" * 64}
    enrolled = dock.event("enrolled", data | {"host": None, "after": after})
    assert held.take(enrolled).lost == ()
    held.others = set()
    again = ScriptedDock("dock-2").event("enrolled", data | {"host": None, "after": after})
    assert MemoryChain().take(again).lost == (old.head,)


def test_restarted_beside_the_head_is_a_branch(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    old = held.head()
    held.take(dock.event("attached"))
    assert outcome(held, dock.clone().restarted(after=old, branch=None)) == [Outcome.BRANCHES]


def test_a_second_enrolled_beside_the_head_is_a_branch(held: MemoryChain, dock: ScriptedDock) -> None:
    held.take(dock.enrolled())
    wiped = ScriptedDock(key=dock.key)
    assert outcome(held, wiped.enrolled()) == [Outcome.BRANCHES]
    decision = held.take(wiped.restarted(after=held.head(), branch=wiped.head))
    assert decision.outcome is Outcome.JOINS
    assert decision.merges is not None
