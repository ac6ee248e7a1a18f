"""The owner of the paho client, against a real mosquitto."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.rig.broker import Broker
from tests.rig.until import until
from uplink.broker import (
    Acknowledged,
    BrokerAddress,
    Connected,
    Disconnected,
    Farewell,
    Inbound,
    Limits,
    Notice,
    SubscriptionRefused,
    Will,
    is_loopback,
)
from uplink.connection import Connection
from uplink.errors import Busy, NotLoopback, Offline, TooLarge
from uplink.inbox import Inbox

MIB = 1024 * 1024
T = TypeVar("T")


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@contextmanager
def connection(
    broker: Broker,
    name: str = "a",
    *subscriptions: str,
    will: Will | None = None,
    limits: Limits | None = None,
    clean_start: bool = True,
    session_expiry_s: int = 0,
    username: str | None = None,
) -> Iterator[Connection]:
    made = Connection(
        BrokerAddress(broker.host, broker.port, username),
        name,
        subscriptions=subscriptions,
        will=will,
        limits=limits,
        clean_start=clean_start,
        session_expiry_s=session_expiry_s,
    )
    made.start()
    try:
        yield made
    finally:
        made.close()


def wait_for(of: Connection, kind: type[T], timeout_s: float = 15) -> T:
    """Return the next notice of a kind; those before it are dropped."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        notice = of.next(0.1)
        if isinstance(notice, kind):
            return notice
    raise AssertionError(f"no {kind.__name__} within {timeout_s} s: {of.trouble}")


def collect(of: Connection, into: list[Notice]) -> list[Notice]:
    while (notice := of.next(0.0)) is not None:
        into.append(notice)
    return into


def test_a_message_goes_around_with_its_properties(broker: Broker) -> None:
    with connection(broker, "a", "x/#") as a:
        first = wait_for(a, Connected)
        assert not first.session_present
        token = a.publish(
            "x/1",
            b"hello",
            user_properties=[("sha256", "00"), ("sha256", "11")],
            response_topic="x/reply",
            correlation=b"\x00\xff",
        )
        got: list[Notice] = []
        until(lambda: len(collect(a, got)) == 2)
        assert Acknowledged(token, 0) in got
        inbound = next(notice for notice in got if isinstance(notice, Inbound))
        assert inbound == Inbound(
            "x/1", b"hello", False, "x/reply", b"\x00\xff", (("sha256", "00"), ("sha256", "11"))
        )
        assert inbound.user_property("sha256") == "00"


def test_a_refused_publish_is_seen_d02() -> None:
    with Broker(acl="topic read #\ntopic write allowed/#\n") as strict, connection(strict) as a:
        wait_for(a, Connected)
        denied = a.publish("denied/x", b"1", retain=True)
        assert wait_for(a, Acknowledged) == Acknowledged(denied, 0x87)
        assert Acknowledged(denied, 0x87).refused
        a.publish("allowed/x", b"1")
        assert not wait_for(a, Acknowledged).refused


def test_a_refused_subscription_is_seen() -> None:
    # mosquitto asks the ACL at SUBSCRIBE only for what is denied by name
    with Broker(acl="topic deny secret/#\ntopic readwrite open/#\n") as strict:
        with connection(strict, "a", "open/#", "secret/#") as a:
            got: list[Notice] = []
            until(lambda: any(isinstance(notice, Connected) for notice in collect(a, got)))
            refused = [notice for notice in got if isinstance(notice, SubscriptionRefused)]
            assert refused in ([], [SubscriptionRefused("secret/#", 0x87)])  # older ones say nothing


def test_publish_while_offline_raises_and_queues_nothing_d04_d05(broker: Broker) -> None:
    with connection(broker, "b", "x/#") as b, connection(broker, "a") as a:
        wait_for(a, Connected)
        wait_for(b, Connected)
        broker.stop(kill=True)
        wait_for(a, Disconnected)
        wait_for(b, Disconnected)
        for n in range(200):
            with pytest.raises(Offline):
                a.publish("x/lost", b"%d" % n * 1000)
        broker.start()
        wait_for(b, Connected)
        wait_for(a, Connected)
        a.publish("x/new", b"")
        assert wait_for(b, Inbound).topic == "x/new", "something was queued while offline"


def test_what_was_on_the_way_when_the_broker_died_does_not_come_by_itself_d15(broker: Broker) -> None:
    with connection(broker, "a") as a:
        wait_for(a, Connected)
        broker.stop(kill=True)
        published = 0
        while a.connected:  # it may not know yet
            try:
                a.publish("x/1", b"y" * 1000)
            except Offline:
                break
            published += 1
            if published > 100:
                break
        wait_for(a, Disconnected)
        broker.start()
        with connection(broker, "b", "x/#") as b:
            wait_for(b, Connected)
            wait_for(a, Connected)
            a.publish("x/end", b"")
            assert wait_for(b, Inbound).topic == "x/end"
            assert wait_for(a, Acknowledged).reason_code == 0, "a token of the connection before"


def test_nobody_subscribed_is_told_d19(broker: Broker) -> None:
    with connection(broker) as a:
        wait_for(a, Connected)
        a.publish("x/1", b"1")
        assert wait_for(a, Acknowledged).nobody


def test_the_will_comes_after_a_kill_and_a_farewell_before_a_clean_end_d09(broker: Broker) -> None:
    will = Will("s/a", b"will", retain=True, expiry_s=60)
    with connection(broker, "watcher", "s/#") as watcher:
        wait_for(watcher, Connected)
        a = Connection(BrokerAddress(broker.host, broker.port), "a", subscriptions=(), will=will)
        a.start()
        wait_for(a, Connected)
        cut(a)
        assert wait_for(watcher, Inbound).payload == b"will"
        wait_for(a, Connected)
        a.close(Farewell("s/a", b"farewell", 60))
        assert wait_for(watcher, Inbound).payload == b"farewell"
        assert not a.alive
    with connection(broker, "late", "s/#") as late:
        # No will after the farewell: it is what stays.
        assert wait_for(late, Inbound) == Inbound("s/a", b"farewell", retained=True)


def cut(victim: Connection) -> None:
    """Reset the TCP connection, as a pulled cable or a kill would."""
    session = victim._session
    assert session is not None
    assert session.client is not None
    sock = session.client.socket()
    assert isinstance(sock, socket.socket)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.shutdown(socket.SHUT_RDWR)


def inbox_of(connection: Connection) -> Inbox[Notice]:
    assert isinstance(connection._inbox, Inbox)
    return connection._inbox


def test_a_slow_consumer_blocks_no_callback_d11(broker: Broker) -> None:
    """Nothing is taken for longer than the keepalive would bear, and the connection stays."""
    limits = Limits(queue_size=10)
    with connection(broker, "slow", "x/#", limits=limits) as slow, connection(broker, "fast") as fast:
        wait_for(slow, Connected)
        wait_for(fast, Connected)
        for n in range(50):
            fast.publish("x/1", b"%d" % n)
        acknowledged = [wait_for(fast, Acknowledged) for _ in range(50)]
        assert not any(notice.refused for notice in acknowledged)
        assert slow.connected
        # The rest waits at the broker or in TCP; none is lost.
        assert len(inbox_of(slow)._items) <= 20
        assert [int(wait_for(slow, Inbound).payload) for n in range(50)] == list(range(50))
        assert slow.dropped == 0


def test_a_flood_waits_outside_and_none_of_it_is_lost(broker: Broker) -> None:
    limits = Limits(queue_size=100, queue_bytes=300_000)
    with connection(broker, "slow", "x/#", limits=limits) as slow, connection(broker, "fast") as fast:
        wait_for(slow, Connected)
        wait_for(fast, Connected)
        for n in range(60):
            fast.publish("x/1", b"%02d" % n + b"z" * 100_000)
            wait_for(fast, Acknowledged)
        until(lambda: inbox_of(slow)._bytes >= 300_000)
        assert inbox_of(slow)._bytes <= 600_000
        assert [int(wait_for(slow, Inbound).payload[:2]) for _ in range(60)] == list(range(60))
        assert slow.dropped == 0
        assert slow.connected


def test_unacknowledged_messages_are_bounded(broker: Broker) -> None:
    limits = Limits(max_unacknowledged=5)
    with connection(broker, limits=limits) as a:
        wait_for(a, Connected)
        for _ in range(5):
            a.publish("x/1", b"")
        with pytest.raises(Busy):
            a.publish("x/1", b"")
        wait_for(a, Acknowledged)
        a.publish("x/1", b"")


def test_bad_topics_are_bugs_and_do_no_harm_d17(broker: Broker) -> None:
    with connection(broker) as a:
        wait_for(a, Connected)
        for topic in ("a#b", "a/+/b", "\ud800", "x" * 70_000):
            with pytest.raises(ValueError):
                a.publish(topic, b"")
        a.publish("ok", b"")
        assert wait_for(a, Acknowledged)


def test_the_protocols_own_limit_is_respected_d18(broker: Broker) -> None:
    with connection(broker) as a:
        wait_for(a, Connected)
        with pytest.raises(TooLarge):
            a.publish("x", bytes(268_435_456))
        assert a.connected


def test_the_brokers_maximum_packet_is_measured_exactly() -> None:
    with Broker(max_packet_bytes=5000) as small, connection(small, "a", "x/#") as a:
        assert wait_for(a, Connected).max_packet_bytes == 5000
        properties = [("sha256", "0" * 64)]

        def fits(length: int) -> bool:
            try:
                a.publish("x/1", b"x" * length, user_properties=properties)
            except TooLarge:
                return False
            return True

        largest = max(length for length in range(4800, 5000) if fits(length))
        got: list[Notice] = []
        until(lambda: any(isinstance(n, Inbound) and len(n.payload) == largest for n in collect(a, got)))
        # 2 + 3 topic, 2 packet id, 1 + (1 + 2 + 6 + 2 + 64) properties, 3 header
        assert largest == 5000 - (5 + 2 + 76 + 3)
        assert a.connected, "the broker cut it off"


def test_subscriptions_are_made_anew_after_a_brokers_restart(broker: Broker) -> None:
    with connection(broker, "a", "x/#") as a:
        wait_for(a, Connected)
        broker.stop()
        wait_for(a, Disconnected)
        assert a.trouble
        assert not a.connected
        broker.start()
        wait_for(a, Connected)
        assert a.trouble is None
        a.publish("x/1", b"again")
        assert wait_for(a, Inbound).payload == b"again"
        assert a.alive


def test_the_same_client_id_twice_is_noticed_d08(broker: Broker) -> None:
    with connection(broker, "twin") as one, connection(broker, "twin") as two:
        until(lambda: one.taken_over or two.taken_over, timeout_s=20)
        loser = one if one.taken_over else two
        until(lambda: not loser.connected)
        assert "twin is in use elsewhere" in str(loser.trouble)
        got: list[Notice] = []
        collect(loser, got)
        assert any(isinstance(notice, Disconnected) and notice.taken_over for notice in got)
        assert loser.alive, "waiting is not being stuck"


def test_a_session_is_kept_where_it_is_asked_for(broker: Broker) -> None:
    with connection(broker, "speaker") as speaker:
        wait_for(speaker, Connected)
        with connection(broker, "center", "x/#", clean_start=False, session_expiry_s=3600) as center:
            wait_for(center, Connected)
        speaker.publish("x/1", b"meanwhile")
        wait_for(speaker, Acknowledged)
        with connection(broker, "center", "x/#", clean_start=False, session_expiry_s=3600) as center:
            assert wait_for(center, Inbound).payload == b"meanwhile"


def test_the_brokers_receive_maximum_is_respected() -> None:
    with Broker(settings=("max_inflight_messages 3",)) as narrow:
        with connection(narrow, "a", "x/#", limits=Limits(max_inflight=50)) as a:
            wait_for(a, Connected)
            for n in range(200):
                a.publish("x/1", b"%d" % n)
            got: list[Notice] = []
            until(lambda: len(collect(a, got)) == 400)
            assert [int(n.payload) for n in got if isinstance(n, Inbound)] == list(range(200))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_reconnecting_leaks_no_file_descriptor(broker: Broker) -> None:
    with connection(broker) as a:
        wait_for(a, Connected)
        before = open_files()
        for _ in range(3):
            cut(a)
            wait_for(a, Connected)
        until(lambda: open_files() <= before)


def test_a_broker_that_talks_nonsense_costs_one_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answers = [b"\xff\xff\xff\xff\xff\xff", b"\x20\x7f" + b"\xff" * 127, b"HTTP/1.1 400\r\n\r\n", b""]
        seen = threading.Semaphore(0)

        def serve() -> None:
            for answer in answers:
                peer, _ = server.accept()
                with peer:
                    peer.recv(1000)
                    peer.sendall(answer)
                seen.release()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        a = Connection(BrokerAddress("127.0.0.1", server.getsockname()[1]), "a", subscriptions=())
        a.start()
        for _ in answers:
            assert seen.acquire(timeout=20)
        assert a.alive
        assert not a.connected
        assert a.trouble
        a.close()


def test_plain_mqtt_is_for_loopback_literals_only() -> None:
    for host in ("127.0.0.1", "127.8.9.10", "::1"):
        assert is_loopback(host)
        BrokerAddress(host, 1883)
    for host in (
        "localhost",
        "0.0.0.0",
        "10.0.0.1",
        "::",
        "::ffff:127.0.0.1",
        "::1%lo",
        "127.1",
        "2130706433",
        "",
    ):
        assert not is_loopback(host)
        with pytest.raises(NotLoopback):
            BrokerAddress(host, 1883)
