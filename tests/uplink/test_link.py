"""The dock's link over a real mosquitto, with a desk and a platform in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.rig.broker import Broker
from tests.rig.memory_desk import DOCK, NOW, PLATFORM, SITE, MemoryDesk
from tests.rig.small_receiver import SmallReceiver
from tests.rig.until import until
from tests.rig.wire import WireObserver
from uplink import envelope
from uplink.broker import BrokerAddress
from uplink.connection import Connection
from uplink.dockside import StateWord, dock_connection
from uplink.keys import KeyRing, Role, SigningKey
from uplink.link import DockLink
from uplink.messages import ChainPoint, Head, SlotMessage, StateMessage
from uplink.messages.telemetry import TELEMETRY_EXPIRY_S
from uplink.topics import DockTopics
from uplink.window import WINDOW_BYTES

MIB = 1024 * 1024
TOPICS = DockTopics(SITE, DOCK)
CENTER = SigningKey.draw()


def state(word: StateWord) -> StateMessage:
    return StateMessage.model_validate(
        {"state": word, "version": "1", **telemetry(word)}, strict=False, by_alias=True
    )


def telemetry(_: str = "") -> dict[str, object]:
    clock = {"synced": True, "source": "ntp", "floor": NOW}
    return {"dock": DOCK, "key": None, "run": "0" * 32, "seq": 1, "since": NOW, "time": NOW, "clock": clock}


def slot(phase: str) -> SlotMessage:
    return SlotMessage.model_validate({"slot": 3, "phase": phase, **telemetry()}, strict=False)


class Dock:
    """A link in its thread."""

    def __init__(self, port: int, desk: MemoryDesk, *, bytes_per_s: int | None = None) -> None:
        self.desk = desk
        self.connection = dock_connection(BrokerAddress("127.0.0.1", port), TOPICS, state)
        self.link = DockLink(self.connection, desk, TOPICS, state, bytes_per_s=bytes_per_s)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.link.run, args=(self.stop,), name="link")
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.link.wake()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def kill(self) -> None:
        """As SIGKILL would: the socket goes without DISCONNECT, nothing more is said."""
        session = self.connection._session
        assert session is not None
        assert session.client is not None
        sock = session.client.socket()
        assert sock is not None
        self.connection._stop.set()
        sock.close()
        self.stop.set()
        self.thread.join(20)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk(SigningKey.draw(), KeyRing([CENTER.record(Role.RECEIPT, PLATFORM)]))


@contextmanager
def dock(broker: Broker, desk: MemoryDesk, *, bytes_per_s: int | None = None) -> Iterator[Dock]:
    running = Dock(broker.port, desk, bytes_per_s=bytes_per_s)
    try:
        yield running
    finally:
        if running.thread.is_alive():
            running.close()


@pytest.fixture
def media(tmp_path: Path) -> Callable[[str, int], Path]:
    def make(name: str, size: int) -> Path:
        path = tmp_path / name
        path.write_bytes(os.urandom(size))
        return path

    return make


def told(wire: WireObserver, phase: str) -> bool:
    return any(phase.encode() in payload for _, payload in wire.messages("/up/slots/"))


def test_a_dock_that_was_copied_says_how_it_is_and_sends_nothing_else(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    desk.add_file(media("a.mp4", MIB))
    desk.silent = True
    with WireObserver(broker.port) as wire, dock(broker, desk) as running:
        for phase in ("empty", "done"):  # two turns of the link at least
            slot = {"slot": 1, "phase": phase, **telemetry()}
            running.link.publish_slot(SlotMessage.model_validate(slot, strict=False))
            until(partial(told, wire, phase), phase)
        until(lambda: wire.messages("/up/state"), "state")
        said = {topic.split("/up/")[1].split("/")[0] for topic, _ in wire.messages("/up/")}
    assert said == {"state", "slots"}


def test_events_manifest_and_file_arrive_and_are_receipted(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recordings = [desk.add_file(media(f"{n}.mp4", size)) for n, size in enumerate((20 * MIB + 5, 0, 1))]
    with SmallReceiver(broker.port, CENTER, desk.key) as receiver, dock(broker, desk) as running:
        until(lambda: len(desk.delivered) == 3, "three receipts")
        assert receiver.segment_bytes == 20 * MIB + 6, "bytes went twice"
        until(lambda: [point.n for point in receiver.chain] == [0], "the chain")
        before_files = receiver.order[: receiver.order.index("init")]
        assert before_files.count("manifest") == 3, "files go after what explains them"
        until(lambda: running.link.report().file is None)
        assert running.link.report().why is None
    assert set(desk.delivered) == set(recordings)
    assert not desk.failed
    # What the desk was told: all of it durable, nothing twice.
    told = [entry for entry in desk.progress if entry[0] == recordings[0]]
    assert told[-1] == (recordings[0], 20 * MIB + 5, 20 * MIB + 5)


def test_a_broker_that_is_away_loses_nothing_and_the_file_goes_on(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recording = desk.add_file(media("a.mp4", 24 * MIB))
    with SmallReceiver(broker.port, CENTER, desk.key) as receiver:
        with dock(broker, desk, bytes_per_s=24 * MIB) as running:
            until(lambda: receiver.segment_bytes > 6 * MIB)
            broker.stop(kill=True)
            until(lambda: not running.connection.connected)
            desk.add_event()  # taken in while offline
            running.link.wake()
            until(lambda: running.link.report().why, "it says why it waits")
            broker.start()
            until(lambda: recording in desk.delivered, timeout_s=30)
            until(lambda: len(receiver.chain) == 2, "the event of the time offline")
            assert receiver.segment_bytes <= 24 * MIB + WINDOW_BYTES
            assert running.link.alive


def test_a_killed_dock_resumes_and_at_most_a_window_goes_twice_k04(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    path = media("a.mp4", 30 * MIB)
    recording = desk.add_file(path)
    with SmallReceiver(broker.port, CENTER, desk.key) as receiver:
        with dock(broker, desk, bytes_per_s=20 * MIB) as running:
            until(lambda: receiver.segment_bytes > 12 * MIB)
            running.kill()
        until(lambda: receiver.telemetry["state"][-1]["state"] == "offline", "the Last Will")
        before = desk.progress[-1]
        again = MemoryDesk(desk.key, desk.ring)
        again.add_file(path, sent_before=before[2])
        with dock(broker, again) as running:
            until(lambda: recording in again.delivered)
        twice = receiver.segment_bytes - 30 * MIB
        assert 0 <= twice <= WINDOW_BYTES
        assert again.progress[-1][2] - 30 * MIB >= twice, "what went twice is known to the dock"


def test_a_receiver_that_restarts_under_a_new_lease_is_followed(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recording = desk.add_file(media("a.mp4", 30 * MIB))
    with dock(broker, desk, bytes_per_s=40 * MIB):
        with SmallReceiver(broker.port, CENTER, desk.key, lease=1) as first:
            until(lambda: first.segment_bytes > 8 * MIB)
        second = SmallReceiver(broker.port, CENTER, desk.key, lease=2)
        second.remember(first)
        with second:
            until(lambda: recording in desk.delivered, timeout_s=40)
            assert second.segment_bytes < 30 * MIB, "it began anew"


def test_nobody_subscribed_is_not_sent_d19(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recording = desk.add_file(media("a.mp4", 3 * MIB))
    with dock(broker, desk) as running:
        until(lambda: running.link.report().why == "no receiver at the broker")
        assert recording not in desk.delivered
        with SmallReceiver(broker.port, CENTER, desk.key):  # its head wakes the dock: no timer is waited for
            desk.due.append(desk.revisions[recording][0])
            until(lambda: recording in desk.delivered, timeout_s=8)


def test_a_receiver_that_lacks_the_manifest_is_sent_it(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recording = desk.add_file(media("a.mp4", MIB))
    desk.due.clear()  # the desk thinks that it has been sent
    with SmallReceiver(broker.port, CENTER, desk.key), dock(broker, desk):
        until(lambda: recording in desk.delivered)


def test_a_later_revision_is_receipted_without_the_bytes(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recording = desk.add_file(media("a.mp4", MIB))
    with SmallReceiver(broker.port, CENTER, desk.key) as receiver, dock(broker, desk) as running:
        until(lambda: recording in desk.delivered)
        file = desk.files[recording]
        digest = "9" * 64
        desk.reports[digest] = b"{}" * 20_000
        desk.add_revision(recording, file.sha256, file.size_bytes, reports=(digest,))
        running.link.wake()
        until(lambda: desk.delivered[recording].revision == 2)
        assert receiver.segment_bytes == MIB
        assert receiver.order[-2:] == ["report", "manifest"]


def test_at_most_200_events_go_beyond_the_head(broker: Broker, desk: MemoryDesk) -> None:
    for _ in range(450):
        desk.add_event()
    listener = Connection(BrokerAddress("127.0.0.1", broker.port), "listener", subscriptions=("bodydock/#",))
    listener.start()
    until(lambda: listener.next(0.1) is not None)
    with dock(broker, desk) as running:
        until(lambda: running.link._events._on_the_way and running.link._events.wanted(0.0)[1] == 0)
        assert len(running.link._events._on_the_way) == 200
        with SmallReceiver(broker.port, CENTER, desk.key) as receiver:
            until(lambda: len(receiver.chain) == 450, timeout_s=30)
            assert receiver.events_received <= 450 + 200
    listener.close()


def test_bad_messages_are_counted_and_stop_nothing(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    recording = "a" * 26
    attacker = Connection(BrokerAddress("127.0.0.1", broker.port), "attacker", subscriptions=())
    attacker.start()
    until(lambda: attacker.connected)
    stranger = SigningKey.draw()
    head = Head(
        platform=PLATFORM,
        dock=DOCK,
        at=ChainPoint(epoch="1" * 32, n=5, head="2" * 64),
        lease=1,
        time=state("online").time,
    )
    attacker.publish(TOPICS.down(f"receipts/{recording}"), b"{}", retain=True)  # a retained ghost
    with dock(broker, desk) as running:
        until(lambda: desk.counters["refused.receipt.retained"])
        attacker.publish(TOPICS.down("head"), b"\xff\x00")
        attacker.publish(TOPICS.down("head"), envelope.seal("head", head.to_bytes(), stranger).raw)
        attacker.publish(TOPICS.registry("officers"), b"[]")
        attacker.publish(TOPICS.registry("officers"), b"", retain=True)
        attacker.publish(TOPICS.down("cmd/erase"), b"{}")
        attacker.publish(TOPICS.down("nonsense/../x"), b"{}")
        attacker.publish(TOPICS.down("file/" + "0" * 32), b"[1", response_topic="bodydock/1/other")
        attacker.publish(TOPICS.down("reconciliation"), b"x" * 300_000)
        until(lambda: desk.counters["reconciliation"])
        assert desk.counters["refused.head.encoding"] == 1
        assert desk.counters["refused.head.key"] == 1
        assert desk.counters["refused.registry.shape"] == 1
        assert desk.counters["ignored.registry.empty"] == 1
        assert desk.counters["unsupported.command"] == 1
        assert desk.counters["ignored.topic"] == 1
        assert desk.counters["ignored.response_topic"] == 1
        assert not desk.heads
        # and the file goes all the same
        sent = desk.add_file(media("a.mp4", MIB))
        running.link.wake()
        with SmallReceiver(broker.port, CENTER, desk.key):
            until(lambda: sent in desk.delivered)
    attacker.close()


def test_a_desk_that_fails_costs_one_message_and_no_more(broker: Broker, desk: MemoryDesk) -> None:
    take, broken = desk.take_registry, threading.Event()

    def fail(kind: str, raw: bytes) -> object:
        if not broken.is_set():
            broken.set()
            raise RuntimeError("a bug")
        return take(kind, raw)

    desk.take_registry = fail  # type: ignore[method-assign, assignment]
    speaker = Connection(BrokerAddress("127.0.0.1", broker.port), "speaker", subscriptions=())
    speaker.start()
    with dock(broker, desk) as running:
        until(lambda: speaker.connected and running.connection.connected)
        speaker.publish(TOPICS.registry("cases"), b"x")
        speaker.publish(TOPICS.registry("cases"), b"x")
        until(lambda: desk.counters["refused.registry.json"])
        assert desk.counters["fault.link"] == 1
        assert running.link.alive
    speaker.close()


def test_stopping_and_offline_are_said_before_a_clean_disconnect_d09(
    broker: Broker, desk: MemoryDesk
) -> None:
    with SmallReceiver(broker.port, CENTER, desk.key) as receiver:
        with dock(broker, desk) as running:
            until(lambda: receiver.telemetry.get("state"))
        until(lambda: len(receiver.telemetry["state"]) == 3)
        assert [said["state"] for said in receiver.telemetry["state"]] == ["online", "stopping", "offline"]
        assert not running.connection.alive


def test_what_a_removed_dock_leaves_retained_expires_d10(broker: Broker, desk: MemoryDesk) -> None:
    """A name that is used no more is forgotten by the broker."""
    with SmallReceiver(broker.port, CENTER, desk.key) as receiver, dock(broker, desk) as running:
        running.link.publish_slot(slot("attached"))
        until(lambda: receiver.telemetry.get("slots/3"))
    found: dict[str, int] = {}

    def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.retain:
            assert message.properties is not None
            left_s = message.properties.MessageExpiryInterval  # type: ignore[attr-defined]  # paho sets it late
            found[message.topic.rpartition("/up/")[2]] = left_s

    late = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="late", protocol=mqtt.MQTTv5)
    late.on_message = take
    late.connect("127.0.0.1", broker.port)
    late.loop_start()
    try:
        late.subscribe(f"bodydock/1/{SITE}/{DOCK}/up/#")
        until(lambda: {"state", "slots/3"} <= found.keys())
    finally:
        late.disconnect()
        late.loop_stop()
    assert all(0 < expiry_s <= TELEMETRY_EXPIRY_S for expiry_s in found.values())


def test_the_newest_of_a_slot_is_told_again_to_a_broker_that_forgot(broker: Broker, desk: MemoryDesk) -> None:
    with dock(broker, desk) as running:
        running.link.publish_slot(slot("attached"))
        running.link.publish_slot(slot("pulling"))
        until(lambda: running.connection.connected and not running.link._mailbox._waiting)
        broker.stop()
        broker.start()
        with SmallReceiver(broker.port, CENTER, desk.key) as receiver:
            until(lambda: receiver.telemetry.get("slots/3"))
            assert receiver.telemetry["slots/3"][-1]["phase"] == "pulling"


def test_a_file_that_cannot_be_read_blocks_no_other(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path]
) -> None:
    gone, short, good = (desk.add_file(media(f"{n}.mp4", MIB)) for n in range(3))
    desk.files[gone].path.unlink()
    os.truncate(desk.files[short].path, MIB - 1)
    with SmallReceiver(broker.port, CENTER, desk.key), dock(broker, desk):
        until(lambda: good in desk.delivered)
    assert [(recording, again) for recording, _, again in desk.failed] == [(gone, False), (short, False)]
    assert "No such file" in desk.failed[0][1]


def test_a_small_maximum_packet_is_respected(desk: MemoryDesk, media: Callable[[str, int], Path]) -> None:
    with Broker(max_packet_bytes=40_000) as small:
        recording = desk.add_file(media("a.mp4", 2 * MIB))
        with SmallReceiver(small.port, CENTER, desk.key) as receiver, dock(small, desk) as running:
            until(lambda: recording in desk.delivered)
            assert receiver.segment_bytes == 2 * MIB
            assert not running.link.report().alarms


def test_an_acl_that_denies_is_an_alarm_is_said_and_not_retried_tightly_d02(
    desk: MemoryDesk, media: Callable[[str, int], Path], caplog: pytest.LogCaptureFixture
) -> None:
    acl = f"topic readwrite {TOPICS.down('#')}\ntopic write {TOPICS.up('state')}\n"
    with Broker(acl=acl) as strict:
        desk.add_file(media("a.mp4", MIB))
        with dock(strict, desk) as running:
            until(lambda: desk.counters["refused.publish.file.135"])
            assert "not_authorised" in running.link.report().alarms
            assert desk.counters["refused.publish.file.135"] == 1
            said = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
            assert len([line for line in said if "(file)" in line and "0x87" in line]) == 1
            assert not desk.delivered


def test_rights_that_come_later_end_the_alarm_without_a_new_connection_d02(
    desk: MemoryDesk,
    media: Callable[[str, int], Path],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("uplink.session", "uplink.link"):
        monkeypatch.setattr(f"{module}.REFUSED_AGAIN_S", 0.3)
    caplog.set_level("INFO")
    with Broker(acl=f"topic write {TOPICS.up('state')}\n") as strict:
        recording = desk.add_file(media("a.mp4", MIB))
        with dock(strict, desk) as running:
            running.link.publish_slot(slot("attached"))
            until(lambda: desk.counters["refused.publish.telemetry.135"])
            until(lambda: "not_authorised" in running.link.report().alarms)
            strict.give_rights("topic readwrite #\n")
            with SmallReceiver(strict.port, CENTER, desk.key):
                until(lambda: recording in desk.delivered)  # what is answered is heard: subscribed again
            until(lambda: "not_authorised" not in running.link.report().alarms)
        texts = [record.getMessage() for record in caplog.records]
        assert sum("connected to the broker" in text for text in texts) == 1
        assert any("takes again" in text for text in texts)


@pytest.mark.parametrize("limit", [4 * MIB])
def test_the_limit_on_bytes_per_second_holds(
    broker: Broker, desk: MemoryDesk, media: Callable[[str, int], Path], limit: int
) -> None:
    recording = desk.add_file(media("a.mp4", 4 * MIB))
    import time

    with SmallReceiver(broker.port, CENTER, desk.key), dock(broker, desk, bytes_per_s=limit):
        until(lambda: desk.progress)
        began = time.monotonic()
        until(lambda: recording in desk.delivered)
        # The first of four goes at once, the other three wait a quarter of a second each.
        assert time.monotonic() - began >= 0.7
