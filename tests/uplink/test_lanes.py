"""Lanes, by themselves: a full one drops its own, and keeps nobody from a turn."""

from __future__ import annotations

from uplink.lanes import Dropped, Lanes, Shares


def lanes(messages: int = 3, size_bytes: int = 1000, whole: int = 100) -> Lanes[str]:
    return Lanes(Shares(lambda topic: topic.split("/")[0], messages, size_bytes), whole, 10_000)


def taken(waiting: Lanes[str]) -> list[str]:
    found = []
    while (item := waiting.take(0.0)) is not None:
        found.append(item)
    return found


def test_each_lane_has_its_turn_and_keeps_its_order() -> None:
    waiting = lanes()
    for n in range(5):
        assert waiting.offer(f"a{n}", "a/x", 1, None) is (n < 3), "beyond the share"
    assert waiting.offer("b0", "b/x", 1, None)
    assert waiting.offer("b1", "b/y", 1, None)
    assert taken(waiting) == ["a0", "b0", "a1", "b1", "a2"]
    assert waiting.take_dropped() == {"a": Dropped(2, 2)}
    assert waiting.take_dropped() == {}
    assert waiting.dropped == 2


def test_a_share_is_bytes_too_and_what_fits_is_taken() -> None:
    waiting = lanes()
    assert waiting.offer("a0", "a", 900, None)
    assert not waiting.offer("a1", "a", 200, None)
    assert waiting.offer("a2", "a", 100, None)
    assert taken(waiting) == ["a0", "a2"]
    assert waiting.offer("a3", "a", 1000, None), "its room is free again"


def test_what_comes_is_acknowledged_in_the_order_of_arrival_kept_or_not() -> None:
    waiting, done = lanes(), list[str]()
    for name in ("a0", "a1", "a2", "a3", "b0"):
        waiting.offer(name, name[0], 1, lambda name=name: done.append(name))  # type: ignore[misc]
    assert done == ["a0", "a1", "a2", "a3", "b0"]


def test_a_closed_lane_is_empty_until_it_is_opened() -> None:
    waiting = lanes()
    waiting.offer("a0", "a", 1, None)
    waiting.offer("b0", "b", 1, None)
    waiting.close(frozenset({"a", "never heard"}))
    assert not waiting.offer("a1", "a", 1, None)
    assert taken(waiting) == ["b0"]
    assert waiting.take_dropped() == {"a": Dropped(2, 2)}
    waiting.close(frozenset())
    assert waiting.offer("a2", "a", 1, None)
    assert taken(waiting) == ["a2"]
    assert waiting.wait_for_room(0.0)


def test_notices_go_first_and_full_in_all_reading_stops() -> None:
    waiting = lanes(whole=4)
    for n in range(4):
        assert waiting.wait_for_room(0.0)
        waiting.offer(f"m{n}", f"{n}", 1, None)
    waiting.put("notice")
    assert not waiting.wait_for_room(0.0)
    assert waiting.take(0.0) == "notice"
    assert not waiting.wait_for_room(0.0)
    waiting.take(0.0)
    assert waiting.wait_for_room(0.0)
    for n in range(20):
        waiting.offer(f"n{n}", f"{n}", 1, None)
    assert len(taken(waiting)) == 8, "twice the bound, whatever the shares"
    assert waiting.take_dropped() == {}, "that was nobody's own fault"
