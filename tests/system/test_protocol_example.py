"""docs/examples/receiver.py, a stranger's platform, takes files from a real dock over a real broker."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.rig.demo_media import make_recording
from tests.rig.receipt_check import opened, verified_receipt
from tests.rig.stranger import EXAMPLE, Stranger
from tests.rig.wire import WireObserver

SIZE = 10_000_000  # more than a window


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stranger, WireObserver, bytes]]:
    """A dock that has delivered all it had to the example."""
    folder = tmp_path_factory.mktemp("stranger")
    camera = folder / "camera"
    (camera / "DCIM").mkdir(parents=True)
    file = camera / "DCIM" / "8888888_J0H42A_20261124093000_0001.mp4"
    started_at = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    make_recording(file, seconds=6, size=(480, 320), started_at=started_at, target_bytes=SIZE)
    content = file.read_bytes()
    with Stranger(folder / "office", camera) as made, WireObserver(made.broker.port) as wire:
        made.start_receiver()
        made.dock.start()
        made.wait("the file is delivered in its second revision", lambda: _settled(made, 2), 40)
        yield made, wire, content


def _settled(made: Stranger, revision: int) -> bool:
    found = made.recordings()
    return [one["state"] for one in found] == ["delivered"] and all(
        revision <= one["revision"] == one["delivered_revision"] for one in found
    )


def test_the_example_uses_nothing_of_ours() -> None:
    tree = ast.parse(EXAMPLE.read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = {"uplink", "center", "daemon", "dock", "transcoder", "tests", "config"}
    assert {name.split(".")[0] for name in names}.isdisjoint(ours)


def test_the_example_takes_a_whole_file(served: tuple[Stranger, WireObserver, bytes]) -> None:
    made, wire, content = served
    sha256 = hashlib.sha256(content).hexdigest()
    kept = [path for path in made.received.iterdir() if not path.suffix]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in kept] == [sha256]
    assert wire.segment_bytes(kept[0].name) == len(content), "nothing went twice"


def test_its_receipts_deliver_every_revision(served: tuple[Stranger, WireObserver, bytes]) -> None:
    made, wire, _ = served
    (recording,) = made.recordings()
    assert recording["state"] == "delivered"
    receipts = [verified_receipt(raw, [made.receipt_public]) for _, raw in wire.messages("/down/receipts/")]
    assert {receipt["revision"] for receipt in receipts if receipt} == set(
        range(1, recording["revision"] + 1)
    )
    assert recording["revision"] > 1, "inspection makes a revision, receipted without the bytes"
    assert made.log == "", "the example refused nothing that the dock sent"


def test_it_refuses_a_tampered_manifest(served: tuple[Stranger, WireObserver, bytes]) -> None:
    made, wire, _ = served
    topic, raw = wire.messages("/up/manifests/")[-1]
    _, payload = opened(raw)
    said = json.loads(payload)
    forged = json.dumps({**said, "revision": said["revision"] + 1}).encode()
    outer = {**json.loads(raw), "payload": base64.b64encode(forged).decode()}
    before = len(wire.messages("/down/receipts/"))
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="forger", protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", made.broker.port)
    client.loop_start()
    client.publish(topic, json.dumps(outer), qos=1).wait_for_publish(10)
    made.wait("the example refuses it", lambda: "InvalidSignature" in made.log, 10)
    # The sound one again, behind it: it still serves, and answers for the revision that it held before.
    client.publish(topic, raw, qos=1).wait_for_publish(10)
    made.wait("it answers", lambda: len(wire.messages("/down/receipts/")) > before, 10)
    client.disconnect()
    client.loop_stop()
    receipt = verified_receipt(wire.messages("/down/receipts/")[-1][1], [made.receipt_public])
    assert receipt is not None
    assert receipt["revision"] == said["revision"]
    assert not (made.received / f"{said['recording']}.{said['revision'] + 1}.json").exists()


def test_it_goes_on_after_a_kill_in_the_middle(tmp_path: Path) -> None:
    """Resume: a receiver that was ended in mid-file names what it holds durably, and no more comes again."""
    camera = tmp_path / "camera"
    camera.mkdir()
    content = os.urandom(3 * SIZE)
    (camera / "0001.mp4").write_bytes(content)
    with Stranger(tmp_path / "office", camera) as made, WireObserver(made.broker.port) as wire:
        made.start_receiver()
        made.dock.start()
        made.wait("it has begun", lambda: sum(map(wire.segment_bytes, wire.file_ids())) > SIZE, 25)
        made.stop_receiver()
        made.start_receiver()
        made.wait("the file is delivered", lambda: _settled(made, 1), 40)
        (file_id,) = wire.file_ids()
        assert (
            hashlib.sha256((made.received / file_id).read_bytes()).digest()
            == hashlib.sha256(content).digest()
        )
