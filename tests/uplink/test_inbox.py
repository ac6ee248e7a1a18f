"""The bounded queue, by itself."""

from __future__ import annotations

import threading

from uplink.inbox import Inbox


def test_what_does_not_fit_is_dropped_counted_and_acknowledged_in_its_turn() -> None:
    inbox: Inbox[str] = Inbox(max_messages=10, max_bytes=50)
    done: list[str] = []
    assert inbox.offer("a", "x/1", 60, lambda: done.append("a"))
    assert not inbox.wait_for_room(0.0), "reading stops at the bound"
    assert not inbox.offer("b", "x/1", 60, lambda: done.append("b"))
    assert inbox.offer("c", "x/1", 40, None)
    inbox.put("notice")
    assert inbox.dropped == 1
    assert not done, "acknowledged before it was taken"
    assert [inbox.take(0.0) for _ in range(4)] == ["a", None, "c", "notice"]
    assert done == ["a", "b"]
    assert inbox.wait_for_room(0.0)
    assert inbox.offer("d", "x/1", 60, None)


def test_the_number_of_messages_is_bounded_too() -> None:
    inbox: Inbox[int] = Inbox(max_messages=2, max_bytes=1000)
    assert [inbox.offer(n, "x/1", 1, None) for n in range(5)] == [True, True, True, True, False]
    for _ in range(10):
        inbox.put(-1)  # notices are not
    assert inbox.dropped == 1


def test_waking_ends_a_wait_once() -> None:
    inbox: Inbox[int] = Inbox(1, 1)
    inbox.wake()
    assert inbox.take(60.0) is None
    inbox.put(1)
    assert inbox.take(0.0) == 1


def test_putting_never_waits_d11() -> None:
    box: Inbox[int] = Inbox(2, 1000)

    def flood() -> None:
        for n in range(10):
            box.offer(n, "x/1", 100, None)
        put.set()

    put = threading.Event()
    threading.Thread(target=flood, daemon=True).start()
    assert put.wait(5), "nobody takes, and who puts goes on"
