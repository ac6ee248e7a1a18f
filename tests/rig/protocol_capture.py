"""Captures a real conversation for docs/protocol.md: `python -m tests.rig.protocol_capture`.

A dock with a directory for a slot, mosquitto and `center` run on loopback: one recording is delivered, an
officer's name comes from the registry, a hold is ordered, an old revision is sent again.  What went over the
wire is written to docs/examples/capture.json in exact bytes; docs/protocol-capture.md shows it.
`… --render` writes the document anew from the messages that are there.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.rig.demo_media import make_recording
from tests.rig.program import ROOT
from tests.rig.receipt_check import digest, opened
from tests.rig.small_office import DOCK, PLATFORM, SITE, SmallOffice
from tests.rig.wire import WireObserver

CAPTURE = ROOT / "docs" / "examples" / "capture.json"
DOCUMENT = ROOT / "docs" / "protocol-capture.md"
OFFICER = "8888888"
CARD_NAME = f"{OFFICER}_J0H42A_20261124093000_0001.mp4"
SIZE = 4_000_000
MORE_THAN_ONE = ("state", "health", "slots")  # telemetry: the first of each topic is enough
HEADER = """# A captured conversation

A real dock and a real platform over a real mosquitto, written down by `python -m tests.rig.protocol_capture`.
The exact bytes are in [examples/capture.json](examples/capture.json), with the public keys, so that every
signature can be checked. Of envelopes the payload is shown, and the digest by which others refer to them.
What each message means: [protocol.md](protocol.md).

Left out: segments (their number of bytes stands in `capture.json`), all but the first message on each topic
of telemetry, and all but the last of heads that follow on each other. `…` stands for what is long: the report
inside a manifest, the payload of an envelope inside a refusal.
"""


def capture(folder: Path) -> dict[str, Any]:
    """Run the conversation; return keys and messages.  Raises OfficeError."""
    camera = folder / "camera"
    (camera / "DCIM").mkdir(parents=True)
    started_at = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    make_recording(
        camera / "DCIM" / CARD_NAME, seconds=4, size=(320, 240), started_at=started_at, target_bytes=SIZE
    )
    officers = folder / "officers.csv"
    officers.write_text(f"officer,name,unit\n{OFFICER},王伟,一大队\n", encoding="utf-8")
    with SmallOffice(folder / "office", [camera], speech=False) as office:
        with WireObserver(office.broker.port) as wire:
            office.publish(officers)
            office.start_dock()
            office.wait("it is delivered", lambda: _delivered(office, 2), 60)
            recording = office.recordings()[0]["recording"]
            office.ask_center("order", "hold", recording, "--reason", "申请复议")
            office.wait("the hold is delivered", lambda: _delivered(office, 3), 30)
            _say_again(office, *wire.messages("/up/manifests/")[0])
            refused = lambda: any(b"refusal" in raw for _, raw in wire.messages("/down/receipts/"))  # noqa: E731
            office.wait("the old revision is refused", refused, 15)
            messages, segments = wire.messages("bodydock/"), sum(map(wire.segment_bytes, wire.file_ids()))
        identity = json.loads((office.folder / "identity.json").read_text())
        dock_key = json.loads(base64.b64decode(identity["payload"]))["public"]
        keys = office.platform_table()["keys"]
    return {
        "platform": PLATFORM,
        "site": SITE,
        "dock": DOCK,
        "keys": {"dock": [dock_key], **keys},
        "segment_bytes": segments,
        "messages": [{"topic": topic, "payload": raw.decode()} for topic, raw in _thinned(messages)],
    }


def _delivered(office: SmallOffice, revision: int) -> bool:
    found = office.recordings()
    return len(found) == 1 and revision <= found[0]["revision"] == found[0]["delivered_revision"]


def _say_again(office: SmallOffice, topic: str, raw: bytes) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"again-{os.getpid()}", protocol=mqtt.MQTTv5)
    client.username_pw_set("vandal")
    client.connect("127.0.0.1", office.broker.port)
    client.loop_start()
    client.publish(topic, raw, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def _thinned(messages: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    kept: list[tuple[str, bytes]] = []
    for topic, raw in messages:
        if not set(MORE_THAN_ONE).isdisjoint(topic.split("/")) and any(topic == known for known, _ in kept):
            continue
        if kept and topic.endswith("/down/head") and kept[-1][0] == topic:
            kept.pop()
        kept.append((topic, raw))
    return kept


def render(captured: dict[str, Any]) -> str:
    """Return the document that shows the messages."""
    parts = [HEADER]
    for number, message in enumerate(captured["messages"], 1):
        topic, raw = message["topic"], message["payload"]
        parts.append(f"\n## {number}. `{topic.removeprefix('bodydock/1/')}`\n")
        if '"payloadType"' in raw[:20]:
            kind, payload = opened(raw.encode())
            parts.append(f"`{kind}`, digest `{digest(raw.encode())}`\n")
            raw = payload.decode()
        if not raw:
            parts.append("No payload.")
            continue
        shown = json.dumps(_shortened(json.loads(raw)), ensure_ascii=False, indent=1)
        parts.append(f"```json\n{shown}\n```")
    return "\n".join(parts) + "\n"


def _shortened(value: Any) -> Any:
    match value:
        case {"payloadType": str(), "payload": str()}:
            return {**value, "payload": "…"}
        case {"body": dict()}:
            return {**value, "body": "…"}
        case dict():
            return {name: _shortened(item) for name, item in value.items()}
        case list():
            return [_shortened(item) for item in value]
    return value


def main() -> None:
    if "--render" not in sys.argv:
        with tempfile.TemporaryDirectory(prefix="bodydock-capture-") as folder:
            captured = capture(Path(folder))
        CAPTURE.write_text(json.dumps(captured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    DOCUMENT.write_text(render(json.loads(CAPTURE.read_text("utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
