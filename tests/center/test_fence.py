"""Who is not heard, when and for how long: the rules, by themselves."""

from __future__ import annotations

from center.fence import (
    AFTER_BYTES,
    AFTER_POINTS,
    APART_S,
    EVERY_DOCK,
    FIRST_S,
    GRACE_S,
    LONGEST_S,
    QUIET_S,
    STRANGERS,
    WITHIN_S,
    Fence,
    Vain,
)

DOCKS = {"a": "s1", "b": "s2"}
ONE_BY_ONE = ("bodydock/1/s1/a/up/#", "bodydock/1/s2/b/up/#")


def test_a_flood_is_shut_out_and_the_others_are_heard_one_by_one() -> None:
    fence = Fence()
    assert fence.topics(DOCKS) == (EVERY_DOCK,)
    assert fence.in_vain("a", AFTER_POINTS - 1, 10, 100.0) is None
    assert fence.topics(DOCKS) == (EVERY_DOCK,)
    assert fence.in_vain("a", 1, 10, 101.0) == FIRST_S
    assert fence.shut_out == {"a"}
    assert fence.topics(DOCKS) == ONE_BY_ONE[1:]
    assert fence.topics(DOCKS | {"c": "s1"}) == (*ONE_BY_ONE[1:], "bodydock/1/s1/c/up/#"), "enrolled since"
    assert fence.free(101.0 + FIRST_S - 0.1) == frozenset()
    assert fence.free(101.0 + FIRST_S) == {"a"}
    assert fence.topics(DOCKS) == ONE_BY_ONE
    assert fence.free(101.0 + FIRST_S + APART_S) == frozenset()
    assert fence.topics(DOCKS) == (EVERY_DOCK,)


def test_what_a_dock_repeats_after_a_cut_is_no_flood() -> None:
    fence = Fence()
    window_bytes = 32 * 1024 * 1024
    for cut in range(100):  # every ten seconds: 200 events, 100 manifests, a whole window
        points = 32 * Vain.WHOLLY + 300 * Vain.AGAIN
        assert fence.in_vain("a", points, window_bytes, cut * (WITHIN_S + 0.1)) is None


def test_a_dock_that_repeats_all_manifests_after_a_restore_is_no_flood() -> None:
    fence = Fence()
    for tenth in range(3000):  # 400 a second, for five minutes
        assert fence.in_vain("a", 40 * Vain.AGAIN, 0, tenth / 10) is None


def test_bytes_count_too() -> None:
    fence = Fence()
    assert fence.in_vain("a", 1, AFTER_BYTES, 0.0) == FIRST_S


def test_who_goes_on_is_shut_out_for_longer_and_quiet_makes_it_short_again() -> None:
    fence, now_s, lengths = Fence(), 0.0, list[float]()
    for _ in range(7):
        length_s = fence.in_vain("a", AFTER_POINTS, 0, now_s)
        assert length_s is not None
        lengths.append(length_s)
        now_s += length_s
        assert fence.free(now_s) == {"a"}
    assert lengths == [10.0, 20.0, 40.0, 80.0, 160.0, LONGEST_S, LONGEST_S]
    fence.free(now_s + QUIET_S + 1.0)
    assert fence.in_vain("a", AFTER_POINTS, 0, now_s + QUIET_S + 2.0) == FIRST_S


def test_what_the_broker_kept_for_an_absent_receiver_is_no_flood() -> None:
    fence = Fence()
    fence.connected(50.0)
    assert fence.in_vain("a", 5 * AFTER_POINTS, 0, 50.0 + GRACE_S - 0.1) is None
    assert fence.in_vain("a", AFTER_POINTS, 0, 50.0 + GRACE_S) == FIRST_S


def test_who_is_not_enrolled_is_one_and_shut_out_as_one() -> None:
    fence = Fence()
    assert fence.in_vain(STRANGERS, AFTER_POINTS, 0, 0.0) == FIRST_S
    assert fence.topics(DOCKS) == ONE_BY_ONE


def test_where_the_broker_refuses_single_docks_nobody_is_shut_out() -> None:
    fence = Fence()
    fence.in_vain("a", AFTER_POINTS, 0, 0.0)
    assert not fence.refused(EVERY_DOCK)
    assert fence.refused("bodydock/1/s2/b/up/#")
    assert fence.topics(DOCKS) == (EVERY_DOCK,)
    assert fence.in_vain("a", AFTER_POINTS, 0, 1.0) is None
