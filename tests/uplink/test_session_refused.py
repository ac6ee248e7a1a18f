"""What a broker does not let us hear is asked for again, that alone, and it is told when it is taken.

mosquitto's ACL file lets everybody subscribe (and delivers nothing), so the SUBACKs are made here.
"""

from __future__ import annotations

from typing import Any

import pytest
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from uplink.broker import Connected, Notice, SubscriptionRefused, SubscriptionTaken
from uplink.inbox import Inbox
from uplink.listening import Listening
from uplink.session import Session

GRANTED, REFUSED = (ReasonCode(PacketTypes.SUBACK, identifier=code) for code in (1, 0x87))


class FakeClient:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def subscribe(self, wanted: list[tuple[str, Any]]) -> tuple[int, int]:
        self.asked.append([topic for topic, _ in wanted])
        return MQTT_ERR_SUCCESS, len(self.asked)

    def socket(self) -> object:
        return self

    def loop(self, _timeout_s: float) -> int:
        return MQTT_ERR_SUCCESS


def test_what_was_refused_is_asked_for_again_and_told_when_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox: Inbox[Notice] = Inbox(100, 1_000_000)
    session, client = Session(1, inbox, Listening(("a", "b", "c"))), FakeClient()
    session.client = client  # type: ignore[assignment]
    session._follow(client, session.listening.at_connect())  # type: ignore[arg-type]
    session._on_subscribe(client, None, 1, [GRANTED, REFUSED, REFUSED], None)  # type: ignore[arg-type]
    assert session.turn()
    assert client.asked == [["a", "b", "c"]]  # not at once
    monkeypatch.setattr("uplink.session.REFUSED_AGAIN_S", 1000.0)
    session._ask_again_at = 0.0
    assert session.turn()
    session._on_subscribe(client, None, 2, [GRANTED, REFUSED], None)  # type: ignore[arg-type]
    assert session.turn()
    assert client.asked == [["a", "b", "c"], ["b", "c"]]
    told = [inbox.take(0.0) for _ in range(5)]
    assert [type(notice) for notice in told] == [
        SubscriptionRefused, SubscriptionRefused, Connected, SubscriptionTaken, SubscriptionRefused,
    ]  # fmt: skip
    assert told[3] == SubscriptionTaken("b")
    assert session._refused == ("c",)
