"""The small pure parts of the link: back-off, events, telemetry, pace, routes, window."""

from __future__ import annotations

import pytest

from uplink.backoff import CAP_S, FIRST_S, TAKE_OVER_WAIT_S, Backoff
from uplink.broker import Inbound
from uplink.eventflow import HEAD_GRACE_S, MOST_BEYOND_HEAD, EventFlow
from uplink.inbound import Route, route
from uplink.mailbox import MAX_TOPICS, Letter, Mailbox
from uplink.messages import ChainPoint
from uplink.pace import Pace
from uplink.topics import DockTopics
from uplink.window import Rate

TOPICS = DockTopics("s1", "d1")


def test_retries_are_quick_first_then_rare_and_capped_d13() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.failed() for _ in range(12)]
    assert waits[0] == FIRST_S
    assert waits[:9] == [FIRST_S * 2**n for n in range(9)]
    assert waits[-1] == CAP_S


def test_retries_are_spread_d13() -> None:
    slow, fast = Backoff(lambda: 1.0), Backoff(lambda: 0.0)
    assert fast.failed() == slow.failed() / 2


def test_only_a_stable_connection_makes_retries_quick_again() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(10):
        backoff.failed()
    assert backoff.lost(connected_at=0.0, now=30.0) == CAP_S
    assert backoff.lost(connected_at=0.0, now=60.0) == FIRST_S


def test_more_than_three_short_connections_in_a_minute_are_a_take_over_d08() -> None:
    backoff = Backoff(lambda: 0.0)
    for now in (1.0, 2.0, 3.0):
        backoff.lost(now - 0.5, now)
    assert not backoff.taken_over, "three are not more than three"
    assert backoff.lost(3.5, 4.0) == TAKE_OVER_WAIT_S
    assert backoff.taken_over
    spread = Backoff(lambda: 0.0)
    for now in (1.0, 25.0, 50.0, 75.0, 100.0):
        spread.lost(now - 0.5, now)
    assert not spread.taken_over
    backoff.lost(400.0, 460.0)
    assert not backoff.taken_over, "one that held ends it"


def point(n: int) -> ChainPoint:
    return ChainPoint(epoch="0" * 32, n=n, head=f"{n:064x}")


def flow(now: float = 0.0) -> EventFlow:
    made = EventFlow(lambda: 0.5)
    made.connected(now, head_known=True)
    return made


def test_events_follow_the_head_and_go_again_after_silence() -> None:
    events = flow()
    assert events.wanted(0.0) == (None, MOST_BEYOND_HEAD)
    for n in range(3):
        events.sent(point(n), 0.0)
    assert events.wanted(1.0) == (point(2), MOST_BEYOND_HEAD - 3)
    events.head(point(1), 2.0)
    assert events.wanted(2.0) == (point(2), MOST_BEYOND_HEAD - 1)
    assert events.wanted(11.9) == (point(2), MOST_BEYOND_HEAD - 1)
    assert events.wanted(12.1) == (point(1), MOST_BEYOND_HEAD), "from the head again"


def test_silence_doubles_the_timer_of_events() -> None:
    events, now, again = flow(), 0.0, []
    for _ in range(7):
        events.wanted(now)
        events.sent(point(0), now)
        due = events.due_at
        assert due is not None
        again.append(round(due - now))
        now = due
    assert again == [10, 10, 20, 40, 80, 160, 300]


def test_never_more_than_200_beyond_the_head() -> None:
    events = flow()
    for n in range(MOST_BEYOND_HEAD):
        events.sent(point(n), 0.0)
    assert events.wanted(0.0)[1] == 0


def test_a_head_that_goes_back_starts_again_from_there() -> None:
    events = flow()
    events.head(point(9), 0.0)
    assert events.wanted(0.0)[0] == point(9)
    events.head(point(4), 1.0)
    assert events.wanted(1.0)[0] == point(4)
    events.head(None, 2.0)
    assert events.wanted(2.0)[0] is None


def test_a_retained_head_is_given_a_moment_and_no_more() -> None:
    events = EventFlow(lambda: 0.5)
    events.connected(0.0, head_known=False)
    assert events.wanted(0.1) == (None, 0)
    assert events.due_at == HEAD_GRACE_S
    assert events.wanted(HEAD_GRACE_S)[1] > 0
    early = EventFlow(lambda: 0.5)
    early.connected(0.0, head_known=False)
    early.head(point(7), 0.1)
    assert early.wanted(0.1)[0] == point(7)


def test_events_that_reached_nobody_wait_for_a_head_or_the_timer_d19() -> None:
    events = flow()
    for n in range(5):
        events.sent(point(n), 0.0)
    for _ in range(5):
        events.nobody(0.1)
    assert events.wanted(5.0)[1] == 0
    assert events.wanted(10.2) == (None, MOST_BEYOND_HEAD)
    events.sent(point(0), 10.2)
    events.nobody(10.3)
    events.head(None, 11.0)
    assert events.wanted(11.0) == (None, MOST_BEYOND_HEAD)


def test_beside_the_head_a_branch_of_any_length_goes_and_is_not_repeated_while_it_is_heard() -> None:
    events, now, sent = flow(), 0.0, 0
    events.head(None, now, beside=True)
    while sent < 3 * MOST_BEYOND_HEAD:
        after, room = events.wanted(now)
        assert after == (point(sent - 1) if sent else None), "in order, and nothing twice"
        for _ in range(room):
            events.sent(point(sent), now)
            sent += 1
        now += 2.0
        events.head(None, now, beside=True)
    assert events.wanted(now) == (point(sent - 1), MOST_BEYOND_HEAD)
    events.head(point(sent - 1), now)
    assert events.wanted(now + 60.0)[0] == point(sent - 1), "its last event moved the head"


def test_beside_the_head_silence_starts_from_the_first_event() -> None:
    events = flow()
    events.head(point(5), 0.0, beside=True)
    assert events.wanted(0.0)[0] == point(5)
    events.sent(point(6), 0.0)
    events.head(point(5), 2.0, beside=True)
    assert events.wanted(2.0)[0] == point(6)
    assert events.wanted(13.0)[0] is None
    events.head(point(5), 14.0, beside=True)
    assert events.wanted(14.0)[0] is None, "the same head does not take it back"


def test_a_receiver_that_came_late_is_told_again_soon() -> None:
    events = flow()
    events.sent(point(0), 0.0)
    events.head(None, 0.2)
    assert events.wanted(0.5)[0] == point(0), "it may be on the way"
    assert events.wanted(1.1)[0] is None


def test_the_newest_of_each_topic_waits_once() -> None:
    box = Mailbox()
    box.put("slots/1", b"old")
    box.put("health", b"h")
    box.put("slots/1", b"new")
    assert [box.take(), box.take(), box.take()] == [Letter("slots/1", b"new"), Letter("health", b"h"), None]
    box.put_back(Letter("health", b"h"))
    assert box.take() == Letter("health", b"h")
    box.send_all_again()
    assert {box.take(), box.take()} == {Letter("slots/1", b"new"), Letter("health", b"h")}


def test_what_could_not_be_sent_does_not_replace_what_is_newer() -> None:
    box = Mailbox()
    box.put("health", b"old")
    old = box.take()
    assert old is not None
    box.put("health", b"new")
    box.put_back(old)
    assert box.take() == Letter("health", b"new")


def test_topics_of_telemetry_are_bounded() -> None:
    box = Mailbox()
    for n in range(MAX_TOPICS):
        box.put(f"slots/{n}", b"")
    with pytest.raises(ValueError):
        box.put("one/more", b"")


def test_the_pace_keeps_the_mean_and_saves_nothing_up() -> None:
    pace = Pace(100)
    assert pace.clear_at(5.0) == 5.0
    pace.spend(200, 5.0)
    assert pace.clear_at(5.0) == 7.0
    assert pace.clear_at(60.0) == 60.0
    pace.spend(100, 60.0)
    assert pace.clear_at(60.0) == 61.0
    free = Pace(None)
    free.spend(10**9, 1.0)
    assert free.clear_at(1.0) == 1.0


def test_the_rate_is_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.bytes_per_s is None
    for second in range(30):
        rate.note(float(second), 100 * second if second < 20 else 2000 + 10 * (second - 20))
    assert rate.bytes_per_s == pytest.approx(10, abs=10)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("bodydock/1/s1/d1/down/head", Route("head")),
        ("bodydock/1/s1/d1/down/receipts/" + "a" * 26, Route("receipt", "a" * 26)),
        ("bodydock/1/s1/d1/down/file/" + "0" * 32, Route("file", "0" * 32)),
        ("bodydock/1/s1/d1/down/cmd/ping", Route("command", "ping")),
        ("bodydock/1/s1/d1/down/reconciliation", Route("reconciliation")),
        ("bodydock/1/s1/registry/cases", Route("registry", "cases")),
        ("bodydock/1/s1/registry/weapons", "ignored.topic"),
        ("bodydock/1/s2/registry/cases", "ignored.topic"),
        ("bodydock/1/s1/d2/down/head", "ignored.topic"),
        ("bodydock/1/s1/d1/up/head", "ignored.topic"),
        ("bodydock/1/s1/d1/down/receipts/" + "A" * 26, "ignored.topic"),
        ("bodydock/1/s1/d1/down/receipts/../../x", "ignored.topic"),
        ("bodydock/1/s1/d1/down/file/0/0", "ignored.topic"),
        ("bodydock/1/s1/d1/down/cmd/Ping;", "ignored.topic"),
        ("bodydock/1/s1/d1/down/head/x", "ignored.topic"),
        ("", "ignored.topic"),
        ("执法", "ignored.topic"),
    ],
)
def test_only_this_docks_topics_are_looked_at(topic: str, expected: Route | str) -> None:
    assert route(TOPICS, Inbound(topic, b"")) == expected


def test_ghosts_are_refused_where_nothing_is_retained() -> None:
    def retained(rest: str) -> Route | str:
        return route(TOPICS, Inbound(TOPICS.down(rest), b"", retained=True))

    assert retained("receipts/" + "a" * 26) == "refused.receipt.retained"
    assert retained("cmd/erase") == "refused.command.retained"
    assert retained("file/" + "0" * 32) == "refused.file.retained"
    assert retained("reconciliation") == "refused.reconciliation.retained"
    assert retained("head") == Route("head")
