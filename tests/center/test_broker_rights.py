"""What the shipped configuration of mosquitto and the written rights let each certificate do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from center import acl, watchers
from center.catalogue import database, docks
from center.enrolment import read, take_in
from tests.center.bench import Bench
from tests.center.scripted import ScriptedDock
from tests.rig.tls_broker import Certificates, ShippedBroker, broker
from tests.rig.until import until
from uplink.broker import Acknowledged, BrokerAddress, Connected, Inbound, Notice, Will
from uplink.connection import Connection
from uplink.tls import TlsFiles

REFUSED = 0x87
ROOT = "bodydock/1"


class Person:
    """Somebody with a certificate, at the broker.  `client_id` is what they would like to be called."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heard: list[Notice] = []

    def collect(self) -> list[Notice]:
        while (notice := self.connection.next(0.0)) is not None:
            self.heard.append(notice)
        return self.heard

    def may_write(self, topic: str, payload: bytes = b"x", retain: bool = False) -> bool:
        token = self.connection.publish(topic, payload, retain=retain)
        until(lambda: self._code(token) is not None)
        return self._code(token) != REFUSED

    def topics(self) -> set[str]:
        return {notice.topic for notice in self.collect() if isinstance(notice, Inbound)}

    def _code(self, token: int) -> int | None:
        codes = [n.reason_code for n in self.collect() if isinstance(n, Acknowledged) and n.token == token]
        return codes[0] if codes else None


class Room:
    """A broker with two docks of two sites enrolled, and a watcher of each kind."""

    def __init__(self, broker: ShippedBroker, certificates: Certificates) -> None:
        self.broker = broker
        self._files = {
            name: certificates.client(name)
            for name in (
                "site-1/dock-1",
                "site-2/dock-2",
                "site-1/nobody",
                "receiver",
                "operator",
                "watcher-all",
                "watcher-two",
            )
        }

    @contextmanager
    def person(
        self, name: str, *subscriptions: str, client_id: str = "me", will: Will | None = None
    ) -> Iterator[Person]:
        files: TlsFiles = self._files[name]
        address = BrokerAddress(self.broker.host, self.broker.port, None, files)
        connection = Connection(address, client_id, subscriptions=subscriptions, will=will)
        connection.start()
        made = Person(connection)
        try:
            until(lambda: any(isinstance(notice, Connected) for notice in made.collect()), name)
            yield made
        finally:
            connection.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("rights")
    with Bench(folder / "center") as bench:
        for dock in (ScriptedDock("dock-1", "site-1"), ScriptedDock("dock-2", "site-2")):
            take_in(bench.folder, bench.settings, read(dock.identity(), "test"))
        watchers.add(bench.folder, bench.settings, "all", [])
        watchers.add(bench.folder, bench.settings, "two", ["site-2"])
        with database.reading(bench.folder) as connection:
            acl.write(bench.folder, bench.settings, docks.every(connection))
        rights = bench.folder.acl.read_text()
    certificates = Certificates(folder / "certificates")
    with broker(certificates.broker_folder(rights)) as running:
        yield Room(running, certificates)


ONE, TWO = f"{ROOT}/site-1/dock-1", f"{ROOT}/site-2/dock-2"


def test_a_dock_writes_under_its_own_up_and_nowhere_else(room: Room) -> None:
    with room.person("site-1/dock-1") as dock:
        for rest in ("state", "events", "manifests/" + "a" * 26, "file/" + "0" * 32 + "/0", "reply/1"):
            assert dock.may_write(f"{ONE}/up/{rest}"), rest
        for topic in (
            f"{TWO}/up/state",
            f"{ROOT}/site-2/dock-1/up/state",
            f"{ONE}/down/head",
            f"{ONE}/down/cmd/ping",
            f"{TWO}/down/reply/1",
            f"{ROOT}/site-1/registry/cases",
            f"{ROOT}/keys",
            f"{ROOT}/x",
            "elsewhere",
            "$file/1/init",
        ):
            assert not dock.may_write(topic), topic
            assert not dock.may_write(topic, retain=True), topic


def test_a_dock_reads_its_own_down_and_its_sites_registry_and_nothing_else(room: Room) -> None:
    everything = ("#", f"{ROOT}/#", f"{TWO}/#", f"{ROOT}/+/+/down/#", f"{ROOT}/+/registry/#", f"{ONE}/down/#")
    with room.person("site-1/dock-1", *everything) as dock, room.person("site-2/dock-2") as other:
        with room.person("receiver") as receiver, room.person("operator") as operator:
            assert other.may_write(f"{TWO}/up/state")
            for topic in (f"{TWO}/down/head", f"{TWO}/down/receipts/" + "a" * 26, f"{ONE}/down/head"):
                assert receiver.may_write(topic)
            for topic in (f"{TWO}/down/cmd/ping", f"{ROOT}/site-2/registry/cases"):
                assert operator.may_write(topic)
            # One after the other through one broker: what comes last shows that the rest did not come.
            assert operator.may_write(f"{ROOT}/site-1/registry/cases")
            assert operator.may_write(f"{ONE}/down/cmd/ping")
        own = {f"{ONE}/down/head", f"{ROOT}/site-1/registry/cases", f"{ONE}/down/cmd/ping"}
        until(lambda: f"{ONE}/down/cmd/ping" in dock.topics())
        assert dock.topics() == own


def test_a_dock_cannot_take_over_the_session_of_another(room: Room) -> None:
    with room.person("site-1/dock-1", f"{ONE}/down/#") as first:
        with room.person("site-2/dock-2", client_id="site-1/dock-1") as thief:
            assert thief.may_write(f"{TWO}/up/state"), "it is who its certificate says"
            assert not thief.may_write(f"{ONE}/up/state")
            with room.person("receiver") as receiver:
                assert receiver.may_write(f"{ONE}/down/head")
            until(lambda: f"{ONE}/down/head" in first.topics())
            assert first.connection.connected
            assert thief.topics() == set()
    assert len([n for n in first.heard if isinstance(n, Connected)]) == 1, "never cut off"


def test_a_will_under_another_docks_topic_is_not_published(room: Room) -> None:
    """The broker refuses such a connection or drops the will; it is never said in the other's name."""
    with room.person("receiver", f"{ROOT}/+/+/up/#") as receiver:
        address = BrokerAddress(room.broker.host, room.broker.port, None, room._files["site-2/dock-2"])
        liar = Connection(address, "me", subscriptions=(), will=Will(f"{ONE}/up/state", b"offline"))
        liar.start()
        until(lambda: liar.connected or liar.alarm is not None)
        session = liar._session
        if session is not None and session.client is not None:
            session.client.socket().close()  # type: ignore[union-attr]
        liar.close()
        with room.person("site-1/dock-1") as dock:
            assert dock.may_write(f"{ONE}/up/events")
        until(lambda: f"{ONE}/up/events" in receiver.topics())
        assert f"{ONE}/up/state" not in receiver.topics()


def test_a_certificate_that_is_not_enrolled_does_nothing(room: Room) -> None:
    nobody_topic = f"{ROOT}/site-1/nobody"
    with room.person("site-1/nobody", "#", f"{nobody_topic}/down/#") as nobody:
        assert not nobody.may_write(f"{nobody_topic}/up/state")
        with room.person("site-1/dock-1") as dock:
            assert dock.may_write(f"{ONE}/up/state")
        assert nobody.topics() == set()


def test_receiver_and_operator_have_what_they_need_and_not_each_others(room: Room) -> None:
    with room.person("receiver", f"{ROOT}/+/+/up/#") as receiver, room.person("operator") as operator:
        for rest in ("head", "receipts/" + "a" * 26, "reconciliation", "file/" + "0" * 32, "reply/1"):
            assert receiver.may_write(f"{ONE}/down/{rest}"), rest
        assert receiver.may_write(f"{ROOT}/site-1/registry/cases", retain=True)
        assert operator.may_write(f"{ROOT}/site-1/registry/cases", retain=True)
        assert operator.may_write(f"{ROOT}/keys", retain=True)
        assert operator.may_write(f"{ONE}/down/cmd/tag")
        assert not receiver.may_write(f"{ONE}/down/cmd/tag")
        assert not receiver.may_write(f"{ROOT}/site-1/dock-9/down/head"), "no dock of ours"
        for rest in ("head", "receipts/" + "a" * 26, "file/" + "0" * 32):
            assert not operator.may_write(f"{ONE}/down/{rest}"), rest
        for person in (receiver, operator):
            assert not person.may_write(f"{ONE}/up/events")
        with room.person("site-1/dock-1") as dock:
            assert dock.may_write(f"{ONE}/up/events")
        until(lambda: f"{ONE}/up/events" in receiver.topics())


def test_watchers_see_state_health_and_slots_of_their_sites_and_write_nothing(room: Room) -> None:
    wanted = ("#", f"{ROOT}/+/+/up/#", f"{ROOT}/+/+/down/#", f"{ROOT}/+/registry/#")
    with room.person("watcher-all", *wanted) as everywhere, room.person("watcher-two", *wanted) as one_site:
        for watcher in (everywhere, one_site):
            for topic in (f"{TWO}/up/state", f"{TWO}/down/cmd/ping", f"{TWO}/down/head"):
                assert not watcher.may_write(topic)
        for name, base in (("site-1/dock-1", ONE), ("site-2/dock-2", TWO)):
            with room.person(name) as dock:
                for rest in ("events", "manifests/" + "a" * 26, "health", "slots/1", "state"):
                    assert dock.may_write(f"{base}/up/{rest}")
        shown = {"health", "slots/1", "state"}
        until(lambda: f"{TWO}/up/state" in everywhere.topics() and f"{TWO}/up/state" in one_site.topics())
        assert everywhere.topics() == {f"{base}/up/{rest}" for base in (ONE, TWO) for rest in shown}
        assert one_site.topics() == {f"{TWO}/up/{rest}" for rest in shown}
