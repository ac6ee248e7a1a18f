"""Who may write to the broker, and has no key, meddles with a transfer: it is delivered all the same (B4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.rig import loop_camera as rig
from tests.rig.demo_media import make_recording
from tests.rig.small_office import DOCK, SITE, SmallOffice
from tests.rig.wire import WireObserver

pytestmark = [
    pytest.mark.devices,
    pytest.mark.timeout(150),
    pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts())),
]
NAMES = [f"8888888_J0H42A_202611240{n}3000_000{n}.mp4" for n in (8, 9)]
SIZE = 6_000_000
SCATTERED = 1200  # more than the ranges that an answer holds


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[SmallOffice, rig.LoopCamera, Path]]:
    card = tmp_path / "card"
    for hour, name in enumerate(NAMES, 8):
        started_at = datetime(2026, 11, 24, hour - 8, 30, tzinfo=UTC)
        (card / "DCIM").mkdir(parents=True, exist_ok=True)
        make_recording(
            card / "DCIM" / name, seconds=8, size=(640, 360), started_at=started_at, target_bytes=SIZE
        )
    image = tmp_path / "card.img"
    rig.make_card(image, card)
    with (
        rig.udevd(),
        rig.LoopCamera(image, "BWC0042", "1.1") as camera,
        SmallOffice(
            tmp_path / "office", [rig.port_path("1.1")], bytes_per_second=1024 * 1024, speech=False
        ) as made,
    ):
        yield made, camera, card


class Forger:
    """Writes what it likes below the dock's topics."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="forger", protocol=mqtt.MQTTv5)
        self._client.username_pw_set("forger")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def segment(self, file_id: str, offset: int, data: bytes) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = [("sha256", hashlib.sha256(data).hexdigest())]
        topic = f"bodydock/1/{SITE}/{DOCK}/up/file/{file_id}/{offset}"
        self._client.publish(topic, data, qos=1, properties=properties).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.mark.parametrize("bytes_are_right", [True, False], ids=["scattered", "false-bytes"])
def test_a_forger_stops_no_delivery(
    office: tuple[SmallOffice, rig.LoopCamera, Path], bytes_are_right: bool
) -> None:
    made, camera, card = office
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path.read_bytes() for path in card.rglob("*.mp4")}
    with WireObserver(made.broker.port) as wire:
        made.start_dock()
        camera.plug()
        made.wait("a transfer has begun", lambda: bool(wire.messages("/init")), 30)
        topic, init = wire.messages("/init")[0]
        file_id = topic.split("/")[-2]
        data = files[json.loads(init)["sha256"]]
        forger = Forger(made.broker.port)
        # From the end, where the dock has not come to yet.
        for n in range(SCATTERED):
            offset = len(data) - 2 * n - 2
            byte = data[offset : offset + 1]
            forger.segment(file_id, offset, byte if bytes_are_right else bytes([byte[0] ^ 1]))
        forger.close()

        def delivered() -> bool:
            states = [r["state"] for r in made.recordings()]
            return len(states) == len(NAMES) and set(states) == {"delivered"}

        made.wait("everything is delivered", delivered, 90)
    assert made.ask_center("verify")["flaws"] == []
    stored = made.folder / "center" / "store"
    for sha256, content in files.items():
        (kept,) = stored.rglob(sha256)
        assert kept.read_bytes() == content
