"""The whole path over TLS: one recording delivered, the wire held to the contract, nonsense on every topic.

The broker runs the configuration that is shipped; every certificate was made by `bodydock center`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from center.reading import counting
from center.settings import Folder
from tests.rig import loop_camera as rig
from tests.rig.contract import Contract, Topic
from tests.rig.demo_media import make_recording
from tests.rig.small_office import DOCK, SITE, SmallOffice
from tests.rig.wire import WireObserver
from uplink.tls import TlsFiles

pytestmark = [
    pytest.mark.devices,
    pytest.mark.timeout(150),
    pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts())),
]
CONTRACT = Contract()
NAME = "8888888_J0H42A_20261124093000_0001.mp4"
MALFORMED = (
    b"\xff\xfe",
    b"{",
    b"[" * 3000,
    b'{"a":1,"a":2}',
    b"1e400",
    b'"\\ud800"',
    b"null",
    b"{}",
    b'{"payloadType":"x","payload":"!","signatures":[]}',
    b"x" * 300_000,
)


class Office:
    """An office whose wire was observed from the first message on."""

    def __init__(self, office: SmallOffice, observer: WireObserver) -> None:
        self.office = office
        self.observer = observer

    def counters(self, *, at_dock: bool) -> Counter[str]:
        """What one side counted, by name."""
        if at_dock:
            status = self.office.status()
            return Counter(status["counters"] if status is not None else {})
        found: Counter[str] = Counter()
        for row in counting(Folder(self.office.center_folder))["counters"]:  # a program each time is slow
            found[row["name"]] += row["value"]
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("tls-office")
    card = folder / "card"
    (card / "DCIM").mkdir(parents=True)
    started_at = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    make_recording(
        card / "DCIM" / NAME, seconds=4, size=(320, 240), started_at=started_at, target_bytes=3_000_000
    )
    cases = folder / "cases.csv"
    cases.write_text("case,title,officers,from,to\nC1,test,8888888,,\n")
    rig.make_card(folder / "card.img", card)
    with rig.udevd(), rig.LoopCamera(folder / "card.img", "BWC0042", "1.1") as camera:
        with SmallOffice(folder, [rig.port_path("1.1")], speech=False, tls=True) as office:
            with WireObserver(office.broker.port, office.stranger("observer")) as observer:
                office.publish(cases)
                office.start_dock()
                camera.plug()
                office.wait("it is delivered", lambda: _delivered(office), 60)
                yield Office(office, observer)


def _delivered(office: SmallOffice) -> bool:
    items = office.recordings()
    return bool(items) and all(
        item["state"] == "delivered" and item["revision"] == item["delivered_revision"] for item in items
    )


def test_a_recording_is_delivered_over_tls(made: Office) -> None:
    (item,) = made.office.ask_center("list")
    shown = made.office.ask_center("show", item["recording"], "--verify")
    assert shown["file"]["verified"] is True
    assert all(revision["receipt"]["valid"] for revision in shown["revisions"])
    status = made.office.ask_dock("status")["uplink"]
    assert (status["connected"], status["alarms"]) == (True, [])
    assert status["certificate_expires_at"] > datetime.now(UTC).isoformat()


def test_the_chain_begins_with_platform_and_certificate(made: Office) -> None:
    events = [json.loads(payload) for _, payload in made.observer.messages("/up/events")]
    first = json.loads(base64.b64decode(events[0]["payload"]))
    pem = (made.office.certificates / "dock.crt").read_text()
    assert first["kind"] == "enrolled"
    assert first["data"]["certificate"] == hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_the_broker_admits_nobody_else(made: Office) -> None:
    port = made.office.broker.port
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set(str(made.office.certificates / "ca.crt"))
    with pytest.raises((ssl.SSLError, OSError)):
        client.connect("127.0.0.1", port)
        while client.loop(1) == mqtt.MQTT_ERR_SUCCESS:
            assert not client.is_connected()
        raise OSError("the broker ended it")


def test_health_tells_when_the_certificate_ends(made: Office) -> None:
    made.office.wait("health", lambda: bool(made.observer.messages("/up/health")), 20)
    _, payload = made.observer.messages("/up/health")[-1]
    assert json.loads(payload)["certificate_expires_at"] > datetime.now(UTC).isoformat()


def test_what_went_over_the_wire_is_what_the_contract_says(made: Office) -> None:
    seen = CONTRACT.seen(made.observer.everything())
    assert {"state", "health", "slot", "events", "manifest", "file_init", "file_fin"} <= set(seen)
    assert {"receipt", "head", "file_answer", "file_segment", "registry"} <= set(seen)


def _pages(topic: Topic) -> tuple[bytes, ...]:
    if topic.name == "file_segment":
        return MALFORMED[:3]  # any bytes are bytes; they belong to no transfer
    if topic.name == "file_abort":
        return ()  # nothing to be malformed: whatever it carries, the transfer is unknown
    return MALFORMED


@pytest.mark.parametrize("topic", CONTRACT.topics, ids=lambda topic: topic.name)
def test_nonsense_on_every_topic_is_a_counted_refusal(made: Office, topic: Topic) -> None:
    """Each message is counted by whoever reads the topic, and nothing else comes of it."""
    (known,) = made.office.recordings()
    name = topic.example(
        site=SITE,
        dock=DOCK,
        slot="1",
        recording=known["recording"],
        digest="0" * 64,
        file_id=made.observer.file_ids()[0],
        offset="0",
        verb="tag",
        kind="officers",
        request="0" * 32,
    )
    at_dock, messages = not topic.sent_by_dock, _pages(topic)
    before = made.counters(at_dock=at_dock)
    _say(made.office, name, messages)

    def refusals() -> int:
        new = made.counters(at_dock=at_dock) - before
        return sum(n for key, n in new.items() if key.startswith(("refused.", "ignored.", "unsupported.")))

    made.office.wait(f"{len(messages)} refusals on {name}", lambda: refusals() >= len(messages), 10)
    new = made.counters(at_dock=at_dock) - before
    assert refusals() == len(messages), new
    assert not {key for key in new if key.startswith(("fault", "bug", "trouble"))}, new


def test_after_all_that_nonsense_both_sides_go_on(made: Office) -> None:
    assert _delivered(made.office)
    made.office.wait("a ping is answered", lambda: _pinged(made.office), 10)


def _pinged(office: SmallOffice) -> bool:
    return bool(office.ask_center("order", "ping", "--dock", DOCK)["outcome"] == "done")


def _say(office: SmallOffice, topic: str, payloads: tuple[bytes, ...]) -> None:
    files: TlsFiles = office.stranger("vandal")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set(str(files.ca), str(files.certificate), str(files.key))
    client.connect("127.0.0.1", office.broker.port)
    client.loop_start()
    told = [client.publish(topic, payload, qos=1) for payload in payloads]
    for message in told:
        message.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
