"""The uplink's limits: hours over midnight, amendments that join, a digest that tells them apart."""

from __future__ import annotations

from datetime import time

import pytest

from daemon.limits import Limits, check_hours, digest_of, joined
from uplink.messages.command import ARGS, ConfigArgs


@pytest.mark.parametrize(
    ("hours", "at", "allowed"),
    [
        ((), "12:00", True),
        (("22:00-06:00",), "21:59", False),
        (("22:00-06:00",), "22:00", True),
        (("22:00-06:00",), "00:00", True),
        (("22:00-06:00",), "05:59", True),
        (("22:00-06:00",), "06:00", False),
        (("12:00-13:30", "18:00-19:00"), "13:29", True),
        (("12:00-13:30", "18:00-19:00"), "13:30", False),
        (("12:00-13:30", "18:00-19:00"), "18:30", True),
    ],
)
def test_hours(hours: tuple[str, ...], at: str, allowed: bool) -> None:
    assert Limits(0, hours, True).allow(time.fromisoformat(at)) is allowed


def test_a_later_amendment_wins_where_it_says_something() -> None:
    first = ConfigArgs(bytes_per_second=7, hours=["01:00-02:00"])
    assert joined(first, ConfigArgs(hours=[])) == ConfigArgs(bytes_per_second=7, hours=[])


def test_the_digest_is_the_settings_own_until_they_are_amended() -> None:
    assert digest_of("5" * 64, ConfigArgs()) == "5" * 64
    digests = {digest_of("5" * 64, ConfigArgs(bytes_per_second=n)) for n in (0, 1, 2)}
    assert len(digests | {"5" * 64, digest_of("6" * 64, ConfigArgs(bytes_per_second=1))}) == 5


def test_empty_spans_are_found_and_odd_ones_are_no_hours() -> None:
    assert check_hours(["08:00-08:00", "08:00-09:00"]) == ["08:00-08:00"]
    for odd in ("24:00-25:00", "8:00-9:00", "08:60-09:00", "08:00"):
        with pytest.raises(ValueError, match="hours"):
            ConfigArgs(hours=[odd])


def test_no_order_reaches_keys_broker_or_tls() -> None:
    assert set(ConfigArgs.model_fields) == {"bytes_per_second", "hours", "marked_first"}
    assert set(ARGS) == {"tag", "hold", "release", "rescan", "resend", "config", "ping"}
