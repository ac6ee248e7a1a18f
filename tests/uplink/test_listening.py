"""What a connection hears changes while it stands, and over processes: a real mosquitto."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.rig.broker import Broker
from uplink.broker import Acknowledged, BrokerAddress, Connected, Inbound
from uplink.connection import Connection


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@contextmanager
def connected(broker: Broker, name: str, topics: Sequence[str] = (), **more: object) -> Iterator[Connection]:
    made = Connection(BrokerAddress("127.0.0.1", broker.port), name, subscriptions=topics, **more)  # type: ignore[arg-type]
    made.start()
    try:
        while not isinstance(made.next(5.0), Connected):
            pass
        yield made
    finally:
        made.close()


def heard_until(hearer: Connection, last: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    while not found or found[-1][0] != last:
        notice = hearer.next(5.0)
        assert notice is not None, found
        if isinstance(notice, Inbound):
            found.append((notice.topic, notice.payload))
    return found


def said(speaker: Connection, topic: str, retain: bool = False) -> int:
    """Publish, and return the broker's reason code."""
    token = speaker.publish(topic, b"x", retain=retain)
    while True:
        notice = speaker.next(5.0)
        assert notice is not None
        if isinstance(notice, Acknowledged) and notice.token == token:
            return notice.reason_code


def until_code(speaker: Connection, topic: str, code: int) -> None:
    for _ in range(1000):
        if said(speaker, topic) == code:
            return
    raise AssertionError(f"{topic} never answered with 0x{code:02x}")


NOBODY = 0x10


def test_one_of_many_is_not_heard_any_more_and_its_broker_tells_it_so(broker: Broker) -> None:
    with connected(broker, "hearer", ["up/#"]) as hearer, connected(broker, "speaker") as speaker:
        assert said(speaker, "up/a", retain=True) == 0
        assert said(speaker, "up/c", retain=True) == 0
        heard_until(hearer, "up/c")
        hearer.listen(["up/a/#"])
        until_code(speaker, "up/c", NOBODY)
        assert said(speaker, "up/a/1") == 0
        found = heard_until(hearer, "up/a/1")
        assert ("up/a", b"x") not in found, "retained, and known already"
        # Heard again: its retained message comes, the other's does not.
        hearer.listen(["up/a/#", "up/c/#"], frozenset({"up/c/#"}))
        assert heard_until(hearer, "up/c") == [("up/c", b"x")]


def test_what_an_earlier_process_left_subscribed_is_taken_back(broker: Broker) -> None:
    session = {"clean_start": False, "session_expiry_s": 60}
    with (
        connected(broker, "hearer", ["up/a/#", "up/b/#"], **session),
        connected(broker, "speaker") as speaker,
    ):
        assert said(speaker, "up/b/1") == 0
    with (
        connected(broker, "hearer", ["up/a/#"], left=["up/b/#"], **session) as hearer,
        connected(broker, "speaker") as speaker,
    ):
        until_code(speaker, "up/b/1", NOBODY)
        assert said(speaker, "up/a/1") == 0
        heard_until(hearer, "up/a/1")
