"""The file sender against a model receiver: loss, repetition, disorder, restarts, leases, sizes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from uplink.errors import Refused
from uplink.messages.transfer import FileAnswer
from uplink.ranges import Ranges
from uplink.sender import RECEIPT_TRIES, Transfer
from uplink.steps import Ended, FileFacts, Fin, Init, Outcome, Segment, Step, Wait
from uplink.window import LARGEST_WINDOW_BYTES, MIB, WINDOW_BYTES, segment_bytes, window_bytes

PACKET = 2 * MIB
NO_RECEIPT = "the platform has all bytes, but no receipt came"


def facts(size: int, sent_before: int = 0) -> FileFacts:
    return FileFacts("f" * 32, "a" * 26, 1, "a" * 26 + ".mp4", size, "0" * 64, "1" * 64, sent_before)


def transfer(size: int, *, sent_before: int = 0, lease: int = 0) -> Transfer:
    nonces = (f"{n:032x}" for n in itertools.count(1))
    made = Transfer(
        facts(size, sent_before), draw_nonce=lambda: next(nonces), jitter=lambda: 0.5, lease=lease
    )
    made.connected(0.0)
    return made


def test_what_somebody_makes_up_does_not_keep_it_from_asking_again_b4() -> None:
    """Credit for bytes that it never sent comes again and again; its own segment was lost."""
    made = transfer(8 * MIB)
    receiver = Receiver(8 * MIB)
    init = made.action(0.0, PACKET)
    assert isinstance(init, Init)
    made.sent(init, 0.0)
    made.take(receiver.take(init)[0], 0.0)
    now = 0.0
    while isinstance(segment := made.action(now, PACKET), Segment):
        made.sent(segment, now)
    for second in range(1, 13):
        now = float(second)
        receiver.ranges = Ranges([(7 * MIB + 2 * second, 7 * MIB + 2 * second + 1)])
        made.take(receiver.answer("ranges"), now)
    assert isinstance(made.action(now, PACKET), Init)


@dataclass
class Receiver:
    """What a receiver does, without bytes: positions are the bytes."""

    size: int
    lease: int = 100
    ranges: Ranges = field(default_factory=Ranges)

    def answer(self, status: Any, nonce: str | None = None) -> FileAnswer:
        return FileAnswer(
            receiver="r", lease=self.lease, nonce=nonce, status=status, ranges=self.ranges.to_list()
        )

    def take(self, message: Init | Segment | Fin) -> list[FileAnswer]:
        if isinstance(message, Init):
            assert message.message.size == self.size
            return [self.answer("ranges", message.message.nonce)]
        if isinstance(message, Segment):
            self.ranges = self.ranges.add(message.offset, message.offset + message.length)
            return []
        if not self.ranges.covers(self.size):
            return [self.answer("missing", message.message.nonce)]
        return [
            self.answer("verifying", message.message.nonce),
            self.answer("complete", message.message.nonce),
        ]


def next_action(sender: Transfer, now: float, packet: int = PACKET) -> Init | Segment | Fin | Wait | Ended:
    action = sender.action(now, packet)
    if isinstance(action, Init | Segment | Fin):
        sender.sent(action, now)
    return action


def run_to_end(sender: Transfer, receiver: Receiver, now: float = 0.0, packet: int = PACKET) -> Ended:
    """A perfect network from here on."""
    for _ in range(10_000):
        action = next_action(sender, now, packet)
        if isinstance(action, Ended):
            return action
        if isinstance(action, Wait):
            before = sender.durable
            sender.take(receiver.answer("ranges"), now)
            if sender.durable == before:
                assert action.until is not None
                now = max(now, action.until) + 0.001
            continue
        for answer in receiver.take(action):
            sender.take(answer, now)
        if sender.step is Step.COMPLETE:
            assert receiver.ranges.covers(receiver.size)
            sender.receipted()
    raise AssertionError(f"no end: {sender.step}, {sender.why}")


def test_a_file_that_others_keep_from_arriving_gives_way_to_the_next_b4() -> None:
    """Somebody scatters bytes, so that each `init` is answered with other ranges, and nothing arrives."""
    sender, receiver, now = transfer(64 * MIB), Receiver(64 * MIB), 0.0
    for n in range(5000):
        action = next_action(sender, now)
        if isinstance(action, Ended):
            break
        if isinstance(action, Init):
            receiver.ranges = Ranges([(40 * MIB + n, 40 * MIB + n + 1)])
            sender.take(receiver.take(action)[0], now)
        elif isinstance(action, Wait):
            assert action.until is not None
            now = max(now, action.until) + 0.001
    assert action == Ended(Outcome.AGAIN, "what is sent does not arrive: others go first")


def test_what_shrinks_again_and_again_is_not_sent_for_ever_b4() -> None:
    """Somebody answers in the platform's place: credit grows and shrinks, and always something moves."""
    sender, now = transfer(4 * MIB), 0.0
    receiver = Receiver(4 * MIB)
    for _ in range(5000):
        action = next_action(sender, now)
        if isinstance(action, Ended):
            break
        if isinstance(action, Init):
            sender.take(receiver.take(action)[0], now)
        else:
            sender.take(receiver.answer("ranges"), now)
            receiver.ranges = Ranges() if receiver.ranges.total else Ranges([(0, MIB)])
        now += 0.01
    assert action == Ended(Outcome.AGAIN, "it was sent more than twice: others go first")
    assert sender.bytes_sent <= 2 * sender.facts.size_bytes + 8 * LARGEST_WINDOW_BYTES + MIB


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 20 * MIB + 7])
def test_a_file_goes_once(size: int) -> None:
    sender, receiver = transfer(size), Receiver(size)
    assert run_to_end(sender, receiver).outcome is Outcome.DELIVERED
    assert sender.bytes_sent == size
    assert sender.bytes_resent == 0


@pytest.mark.parametrize("credited", [0, 5, 15])
def test_at_most_a_window_goes_twice_after_a_kill_k04(credited: int) -> None:
    size = 40 * MIB
    sender, receiver = transfer(size), Receiver(size)
    segments = 0
    while segments < credited + 8:
        action = next_action(sender, 0.0)
        if isinstance(action, Init):
            sender.take(receiver.take(action)[0], 0.0)
        elif isinstance(action, Segment):
            segments += 1
            if segments <= credited:
                receiver.take(action)
                sender.take(receiver.answer("ranges"), 0.0)
            # the rest is lost on the way
    assert isinstance(sender.action(0.0, PACKET), Wait), "the window is full"
    again = transfer(size, sent_before=sender.bytes_sent)
    assert run_to_end(again, receiver).outcome is Outcome.DELIVERED
    twice = sender.bytes_sent + again.bytes_sent - size
    assert twice == again.bytes_resent == WINDOW_BYTES


def test_nothing_that_is_durable_goes_again() -> None:
    sender, receiver = transfer(8 * MIB), Receiver(8 * MIB, ranges=Ranges([(0, 3 * MIB), (4 * MIB, 8 * MIB)]))
    assert run_to_end(sender, receiver).outcome is Outcome.DELIVERED
    assert sender.bytes_sent == MIB


def answered(size: int, ranges: list[tuple[int, int]], lease: int = 100) -> Transfer:
    sender = transfer(size)
    action = next_action(sender, 0.0)
    assert isinstance(action, Init)
    sender.take(answer(lease, ranges, nonce=action.message.nonce), 0.0)
    return sender


def answer(
    lease: int, ranges: list[tuple[int, int]], *, nonce: str | None = None, status: Any = "ranges"
) -> FileAnswer:
    return FileAnswer(receiver="r", lease=lease, nonce=nonce, status=status, ranges=ranges)


def test_ranges_of_two_leases_are_never_joined() -> None:
    sender = answered(4 * MIB, [(0, MIB)], lease=100)
    sender.take(answer(200, [(MIB, 4 * MIB)]), 1.0)  # a higher lease speaks: asked anew
    action = next_action(sender, 1.0)
    assert isinstance(action, Init)
    sender.take(answer(100, [(0, 4 * MIB)], nonce=action.message.nonce), 1.0)  # the old one answers first
    assert sender.step is Step.ASKING, "a lower lease was believed"
    sender.take(answer(200, [(MIB, 4 * MIB)], nonce=action.message.nonce), 1.0)
    assert next_action(sender, 1.0) == Segment(0, MIB)
    assert sender.durable == Ranges([(MIB, 4 * MIB)])


def test_a_shrinking_range_is_believed() -> None:
    sender = answered(4 * MIB, [(0, 3 * MIB)])
    next_action(sender, 1.0)
    sender.take(answer(100, [(0, MIB)]), 1.0)
    assert sender.durable_bytes == MIB
    receiver = Receiver(4 * MIB, ranges=Ranges([(0, MIB)]))
    assert run_to_end(sender, receiver, now=1.0).outcome is Outcome.DELIVERED


def test_an_answer_with_an_old_nonce_changes_nothing() -> None:
    sender = transfer(4 * MIB)
    next_action(sender, 0.0)
    sender.take(answer(100, [(0, 4 * MIB)], nonce="e" * 32), 0.0)
    sender.take(answer(100, [], nonce="e" * 32, status="conflict"), 0.0)
    sender.take(answer(100, [(0, 4 * MIB)]), 0.0)  # credit before init is answered
    assert sender.step is Step.ASKING
    assert sender.durable_bytes == 0


def test_ranges_beyond_the_file_are_refused() -> None:
    sender = answered(4 * MIB, [])
    with pytest.raises(Refused):
        sender.take(answer(100, [(0, 5 * MIB)]), 0.0)
    assert sender.durable_bytes == 0


def test_silence_asks_again_ever_more_slowly() -> None:
    sender = transfer(MIB)
    now = 0.0
    asked: list[float] = []
    while len(asked) < 9:
        action = next_action(sender, now)
        if isinstance(action, Init):
            asked.append(now)
        elif isinstance(action, Wait):
            assert action.until is not None
            now = action.until
    gaps = [round(b - a) for a, b in itertools.pairwise(asked)]
    assert gaps == [10, 20, 40, 80, 160, 300, 300, 300]


def test_a_false_lease_deafens_only_for_a_while() -> None:
    sender = transfer(MIB)
    sender.take(answer(2**53 - 1, []), 0.0)
    assert run_to_end(sender, Receiver(MIB)).outcome is Outcome.DELIVERED


def test_a_segment_that_reached_nobody_is_not_sent_d19() -> None:
    sender = answered(4 * MIB, [])
    next_action(sender, 1.0)
    sender.nobody(1.0)
    assert isinstance(next_action(sender, 2.0), Wait), "it went on into the void"
    assert sender.why == "no receiver at the broker"
    sender.nudge(3.0)
    assert isinstance(next_action(sender, 3.0), Init), "a receiver came: no timer is waited for"
    sender.nobody(3.1)
    sender.nudge(3.2)
    assert next_action(sender, 3.2) == Wait(4.0), "not more often than once a second"


@pytest.mark.parametrize("anew", [True, False])
def test_what_was_asked_is_asked_again_at_once_only_of_a_receiver_that_began(anew: bool) -> None:
    sender = transfer(MIB)
    assert isinstance(next_action(sender, 1.0), Init)
    sender.nudge(1.5, anew=anew)
    due = sender.action(1.5, 10 * MIB)
    assert isinstance(due, Wait)
    assert (due.until == 2.0) is anew, "not more often than once a second; else after ten"
    assert isinstance(sender.action(2.0, 10 * MIB), Init if anew else Wait)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("checksum", Outcome.NEW_ATTEMPT), ("conflict", Outcome.NEW_ATTEMPT), ("full", Outcome.FULL)],
)
def test_a_refused_transfer_ends_with_a_reason(status: str, outcome: Outcome) -> None:
    sender = transfer(MIB)
    action = next_action(sender, 0.0)
    assert isinstance(action, Init)
    sender.take(answer(1, [], nonce=action.message.nonce, status=status), 0.0)
    ended = sender.action(0.0, PACKET)
    assert isinstance(ended, Ended)
    assert ended.outcome is outcome
    assert ended.reason


def test_complete_is_not_delivered() -> None:
    size = MIB
    sender, receiver = transfer(size), Receiver(size)
    now, fins = 0.0, 0
    for _ in range(100):
        action = next_action(sender, now)
        if isinstance(action, Ended):
            break
        if isinstance(action, Wait):
            sender.take(receiver.answer("ranges"), now)
            now = max(now, action.until or now)
            continue
        fins += isinstance(action, Fin)
        for reply in receiver.take(action):
            sender.take(reply, now)
    assert isinstance(action, Ended)
    assert action.outcome is Outcome.AGAIN
    assert "receipt" in action.reason
    assert fins == RECEIPT_TRIES + 1, "fin is repeated, so that a lost receipt comes again"


def test_a_receiver_that_always_misses_something_does_not_make_it_send_for_ever() -> None:
    sender = transfer(MIB)
    for _ in range(1000):
        action = next_action(sender, 0.0)
        if isinstance(action, Ended):
            break
        if isinstance(action, Segment):
            sender.take(answer(1, [(0, MIB)]), 0.0)
        elif isinstance(action, Init):
            sender.take(answer(1, [], nonce=action.message.nonce), 0.0)
        elif isinstance(action, Fin):
            sender.take(answer(1, [], nonce=action.message.nonce, status="missing"), 0.0)
    assert isinstance(action, Ended)
    assert sender.bytes_sent < 20 * MIB


def test_a_receiver_without_the_manifest_is_sent_it() -> None:
    sender = transfer(MIB)
    action = next_action(sender, 0.0)
    assert isinstance(action, Init)
    sender.take(answer(1, [], nonce=action.message.nonce, status="unknown"), 0.0)
    assert sender.wants_manifest
    again = next_action(sender, 0.0)
    assert isinstance(again, Init)
    assert again.message.nonce != action.message.nonce


def test_the_window_grows_with_the_round_trip() -> None:
    assert window_bytes(None) == window_bytes(0.02) == WINDOW_BYTES
    assert window_bytes(0.04) == 2 * WINDOW_BYTES
    assert window_bytes(5.0) == LARGEST_WINDOW_BYTES
    sender = transfer(100 * MIB)
    action = next_action(sender, 0.0)
    assert isinstance(action, Init)
    sender.take(answer(1, [], nonce=action.message.nonce), 0.05)
    while isinstance(next_action(sender, 0.05), Segment):
        pass
    assert sender.in_flight_bytes == 20 * MIB


def test_segments_fit_the_broker() -> None:
    assert segment_bytes(268_435_460) == MIB
    assert segment_bytes(100_000) == 100_000 - 1024
    assert segment_bytes(10) > 0
    sender = answered(4 * MIB, [])
    assert next_action(sender, 0.0, packet=PACKET) == Segment(0, MIB)
    assert next_action(sender, 0.0, packet=65_536) == Segment(MIB, 65_536 - 1024)


class Model(RuleBasedStateMachine):
    """Anything may happen on the way; once it stops happening, the file arrives."""

    @initialize(size=st.integers(0, 30 * MIB), packet=st.integers(300_000, 3 * MIB))
    def begin(self, size: int, packet: int) -> None:
        self.size, self.packet, self.now = size, packet, 0.0
        self.receiver = Receiver(size)
        self.sender = transfer(size)
        self.up: list[Init | Segment | Fin] = []
        self.down: list[FileAnswer] = []
        self.held: dict[int, Ranges] = {}
        self.sent_before = 0
        self.online = True

    def offer_down(self, answers: list[FileAnswer]) -> None:
        self.down.extend(answers)
        del self.down[:-50]

    def note_held(self) -> None:
        held = self.held.get(self.receiver.lease, Ranges())
        self.held[self.receiver.lease] = held.union(self.receiver.ranges)

    @precondition(lambda self: self.online)
    @rule(times=st.integers(1, 12))
    def dock_works(self, times: int) -> None:
        for _ in range(times):
            action = next_action(self.sender, self.now, self.packet)
            if isinstance(action, Wait | Ended):
                return
            if isinstance(action, Segment):
                assert 0 < action.length <= segment_bytes(self.packet)
                assert 0 <= action.offset <= action.offset + action.length <= self.size
            self.up.append(action)

    @precondition(lambda self: self.up)
    @rule(data=st.data(), repeat=st.booleans())
    def one_arrives(self, data: st.DataObject, repeat: bool) -> None:
        at = data.draw(st.integers(0, min(len(self.up) - 1, 5)))
        message = self.up[at] if repeat else self.up.pop(at)
        self.offer_down(self.receiver.take(message))
        self.note_held()

    @precondition(lambda self: self.up)
    @rule(count=st.integers(1, 10))
    def many_arrive(self, count: int) -> None:
        for message in self.up[:count]:
            self.offer_down(self.receiver.take(message))
        del self.up[:count]
        self.offer_down([self.receiver.answer("ranges")])
        self.note_held()

    @precondition(lambda self: self.up)
    @rule(data=st.data())
    def one_is_lost(self, data: st.DataObject) -> None:
        self.up.pop(data.draw(st.integers(0, len(self.up) - 1)))

    @rule()
    def receiver_credits(self) -> None:
        self.offer_down([self.receiver.answer("ranges")])

    @precondition(lambda self: self.down)
    @rule(data=st.data(), repeat=st.booleans())
    def one_is_heard(self, data: st.DataObject, repeat: bool) -> None:
        at = data.draw(st.integers(0, min(len(self.down) - 1, 5)))
        reply = self.down[at] if repeat else self.down.pop(at)
        self.sender.take(reply, self.now)

    @rule(seconds=st.floats(0.01, 400))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @rule(packet=st.integers(300_000, 3 * MIB))
    def maximum_changes(self, packet: int) -> None:
        self.packet = packet

    @rule()
    def connection_is_cut(self) -> None:
        self.sender.disconnected()
        self.online = False

    @rule()
    def connection_is_back(self) -> None:
        if not self.online:
            self.sender.connected(self.now)
            self.online = True

    @rule()
    def dock_is_killed(self) -> None:
        self.sent_before += self.sender.bytes_sent
        self.sender = transfer(self.size, sent_before=self.sent_before)
        self.online = True

    @rule(keep=st.sampled_from(["all", "half", "none"]))
    def receiver_is_restarted(self, keep: str) -> None:
        ranges = self.receiver.ranges
        if keep == "half":
            ranges = ranges.remove(self.size // 2, self.size)
        self.receiver = Receiver(self.size, self.receiver.lease + 1, ranges if keep != "none" else Ranges())
        self.note_held()

    @invariant()
    def never_more_than_a_window(self) -> None:
        if hasattr(self, "sender"):
            assert self.sender.in_flight_bytes <= self.sender.window_bytes <= LARGEST_WINDOW_BYTES

    @invariant()
    def ranges_are_of_one_lease(self) -> None:
        if hasattr(self, "sender") and self.sender.durable.total and self.sender.step is Step.SENDING:
            held = self.held.get(self.sender.lease, Ranges())
            assert held.subtract(held.subtract(self.sender.durable)) == self.sender.durable

    def teardown(self) -> None:
        if not hasattr(self, "sender"):
            return
        self.connection_is_back()
        self.up.clear()
        ended = run_to_end(self.sender, self.receiver, self.now + math.pi, self.packet)
        if ended.outcome is Outcome.AGAIN:  # a reasoned failure: the next try gets it through
            assert ended.reason in ("the platform keeps asking for what it had", NO_RECEIPT)
            ended = run_to_end(transfer(self.size), self.receiver, 0.0, self.packet)
        assert ended.outcome is Outcome.DELIVERED, ended
        assert self.receiver.ranges.covers(self.size)


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
