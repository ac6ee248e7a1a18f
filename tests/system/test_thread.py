"""The whole path with bad input: what is no media, what is empty, a broker away, malformed messages.

Each is a clear state or a counted refusal; nothing is lost, nothing stops.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.rig import loop_camera as rig
from tests.rig.demo_media import make_recording
from tests.rig.small_office import DOCK, SITE, SmallOffice

pytestmark = [
    pytest.mark.devices,
    pytest.mark.timeout(150),
    pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts())),
]
GOOD = "8888888_J0H42A_20261124093000_0001.mp4"
NOT_MEDIA, EMPTY, NOTE = (
    "8888888_J0H42A_20261124094000_0002.mp4",
    "8888888_J0H42A_20261124095000_0003.mp4",
    "log.txt",
)
OUTAGE_S = 10.0


@dataclass
class Card:
    """What is on the camera, by the end of its path."""

    folder: Path

    def sha256(self) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self._files()}

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    folder = tmp_path_factory.mktemp("card") / "card"
    (folder / "DCIM").mkdir(parents=True)
    started_at = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    make_recording(
        folder / "DCIM" / GOOD, seconds=8, size=(640, 360), started_at=started_at, target_bytes=12_000_000
    )
    (folder / "DCIM" / NOT_MEDIA).write_bytes(b"this is no recording\n" * 5000)
    (folder / "DCIM" / EMPTY).write_bytes(b"")
    (folder / NOTE).write_text("written by the camera\n")
    return Card(folder)


@pytest.fixture(scope="module")
def office(card: Card, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallOffice]:
    """An office in which the camera was plugged in, the broker was away and vandals wrote to everybody."""
    folder = tmp_path_factory.mktemp("office")
    image = folder / "card.img"
    rig.make_card(image, card.folder)
    with rig.udevd(), rig.LoopCamera(image, "BWC0042", "1.1") as camera:
        with SmallOffice(
            folder, [rig.port_path("1.1")], bytes_per_second=2 * 1024 * 1024, speech=False
        ) as made:
            made.start_dock()
            camera.plug()
            made.wait("the transfer has begun", lambda: _durable(made) > 0, 30)
            _vandalise(made.broker.port, "a" * 26)
            _be_away(made)
            _vandalise(made.broker.port, made.recordings()[0]["recording"])
            made.wait("everything is delivered", lambda: _settled(made, len(card.sha256())), 60)
            yield made


def test_every_byte_of_every_file_arrived(office: SmallOffice, card: Card) -> None:
    received = {item["sha256"]: item for item in office.ask_center("list")}
    assert set(received) == set(card.sha256().values())
    for item in received.values():
        shown = office.ask_center("show", item["recording"], "--verify")
        assert shown["file"]["verified"] is True
        stored = Path(shown["file"]["path"]).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == item["sha256"]


@pytest.mark.parametrize("name", [NOT_MEDIA, EMPTY])
def test_what_is_no_media_is_said_to_be_unreadable_and_kept(office: SmallOffice, name: str) -> None:
    item = _by_name(office)[name]
    shown = office.ask_dock("show", item["recording"])
    codes = {finding["code"] for finding in shown["report"]["recordings"][_index(shown)]["findings"]}
    assert "file.unreadable" in codes
    assert item["verdict"] == "needs_review"
    assert item["state"] == "delivered"


def test_an_attachment_is_delivered_and_never_called_inspected(office: SmallOffice) -> None:
    item = _by_name(office)[NOTE]
    shown = office.ask_dock("show", item["recording"])
    assert item["verdict"] is None
    assert "inspected" not in [event["kind"] for event in shown["custody"]]


def test_without_a_model_nothing_is_called_compliant(office: SmallOffice) -> None:
    assert _by_name(office)[GOOD]["verdict"] == "unchecked"


def test_malformed_messages_are_counted_refusals_on_both_sides(office: SmallOffice) -> None:
    counters = office.ask_dock("status")["counters"]
    for what in ("refused.receipt", "ignored.receipt", "refused.head", "refused.registry", "ignored.file"):
        assert any(name.startswith(what) for name in counters), (what, counters)
    at_center = {row["name"]: row["value"] for row in office.ask_center("counters")["counters"]}
    assert sum(value for name, value in at_center.items() if "refus" in name or "ignor" in name) >= 3, (
        at_center
    )


def test_the_docking_adds_up_in_the_chain(office: SmallOffice, card: Card) -> None:
    files = card.sha256()
    item = next(iter(_by_name(office).values()))
    kinds = [event["kind"] for event in office.ask_dock("show", item["recording"])["custody"]]
    assert kinds[0] == "stored"
    status = office.ask_dock("status")
    assert status["recordings"]["delivered"]["count"] == len(files)
    assert status["waiting_bytes"] == 0


def test_reports_name_their_rules_and_engine(office: SmallOffice) -> None:
    report = office.ask_dock("show", _by_name(office)[GOOD]["recording"])["report"]
    assert report["schema"] == "bodydock.report/1"
    assert report["rules"]["name"] == "default"
    assert report["engine"]["speech_model"] is None


def _by_name(office: SmallOffice) -> dict[str, dict[str, Any]]:
    return {item["name"].rsplit("/", 1)[-1]: item for item in office.ask_dock("recordings")}


def _index(shown: dict[str, Any]) -> int:
    recordings = shown["report"]["recordings"]
    return next(i for i, item in enumerate(recordings) if item["id"] == shown["recording"])


def _durable(office: SmallOffice) -> int:
    return sum(item["durable_bytes"] for item in office.recordings())


def _settled(office: SmallOffice, count: int) -> bool:
    items, status = office.recordings(), office.status()
    return (
        status is not None
        and len(items) == count
        and all(item["revision"] == item["delivered_revision"] for item in items)
        and status["waiting_inspection"] == 0
    )


def _be_away(office: SmallOffice) -> None:
    """The broker is killed, and comes back after ten seconds, on the same port."""
    office.broker.stop(kill=True)
    office.wait("the dock sees that the broker is away", lambda: not _connected(office), 20)
    back_at = time.monotonic() + OUTAGE_S
    office.wait("ten seconds are over", lambda: time.monotonic() > back_at, OUTAGE_S + 10)
    office.broker.start()
    office.wait("the dock is back at the broker", lambda: _connected(office), 30)


def _connected(office: SmallOffice) -> bool:
    status = office.status()
    return status is not None and bool(status["uplink"]["connected"])


def _vandalise(port: int, recording: str) -> None:
    """Write nonsense, and half sense, to every topic that either side reads."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"vandal-{os.getpid()}", protocol=mqtt.MQTTv5)
    client.username_pw_set("vandal")
    client.connect("127.0.0.1", port)
    client.loop_start()
    base = f"bodydock/1/{SITE}/{DOCK}"
    file_id = "0" * 32
    forged = _forged()
    topics = [
        f"{base}/down/receipts/{recording}",
        f"{base}/down/head",
        f"{base}/down/reconciliation",
        f"{base}/down/file/{file_id}",
        f"{base}/down/cmd/tag",
        f"bodydock/1/{SITE}/registry/cases",
        f"{base}/up/events",
        f"{base}/up/manifests/{recording}",
        f"{base}/up/file/{file_id}/init",
        f"{base}/up/file/{file_id}/12x",
        f"{base}/up/file/{file_id}/fin",
        f"{base}/up/reports/{'0' * 64}",
    ]
    nonsense = [b"", b"\xff\xfe", b"{", b"[" * 5000, b'{"a":1,"a":2}', forged, b"x" * 300_000]
    told = [client.publish(topic, payload, qos=1) for topic in topics for payload in nonsense]
    for message in told:
        message.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def _forged() -> bytes:
    payload = base64.b64encode(b'{"platform":"pf-demo"}').decode()
    sig = base64.b64encode(b"\0" * 64).decode()
    kind = "application/vnd.bodydock.receipt.1+json"
    text = f'{{"payloadType":"{kind}","payload":"{payload}","signatures":[{{"keyid":"00","sig":"{sig}"}}]}}'
    return text.encode()
