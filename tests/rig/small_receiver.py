"""A platform in memory, just large enough to try the dock's link against a real broker."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from typing import Any

from tests.rig.memory_desk import DOCK, NOW, PLATFORM, SITE
from uplink import envelope
from uplink.broker import BrokerAddress, Connected, Inbound
from uplink.connection import Connection
from uplink.errors import Offline
from uplink.ids import draw_id
from uplink.keys import KeyRing, Role, SigningKey
from uplink.messages import ChainPoint, FileAnswer, Head, Receipt
from uplink.ranges import Ranges
from uplink.topics import DockTopics, parse

CREDIT_BYTES = 4 * 1024 * 1024


class SmallReceiver:
    """Holds everything in memory."""

    def __init__(self, port: int, key: SigningKey, dock_key: SigningKey, *, lease: int = 1) -> None:
        self.topics = DockTopics(SITE, DOCK)
        self.connection = Connection(
            BrokerAddress("127.0.0.1", port), f"center-{lease}", subscriptions=("bodydock/1/+/+/up/#",)
        )
        self.key = key
        self.ring = KeyRing([dock_key.record(Role.DOCK, DOCK)])
        self.dock_key = dock_key
        self.lease = lease
        self.chain: list[ChainPoint] = []
        self.manifests: dict[str, dict[str, Any]] = {}
        self.inits: dict[str, dict[str, Any]] = {}
        self.bytes: dict[str, bytearray] = {}
        self.ranges: dict[str, Ranges] = {}
        self.uncredited: Counter[str] = Counter()
        self.segment_bytes = 0
        self.events_received = 0
        self.telemetry: dict[str, list[dict[str, Any]]] = {}
        self.reports: list[str] = []
        self.order: list[str] = []
        self.stored: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="small-receiver")

    def __enter__(self) -> SmallReceiver:
        self.connection.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self.connection.wake()
        self._thread.join(20)
        self.connection.close()

    def remember(self, other: SmallReceiver) -> None:
        """Go on from what another one held (a restart)."""
        for name in ("chain", "manifests", "inits", "bytes", "ranges", "stored"):
            setattr(self, name, getattr(other, name))

    def _run(self) -> None:
        while not self._stop.is_set():
            notice = self.connection.next(0.02)
            try:
                if isinstance(notice, Connected):
                    self._say_head()
                elif isinstance(notice, Inbound):
                    self._take(notice)
                elif notice is None:
                    for file_id in [file_id for file_id, n in self.uncredited.items() if n]:
                        self._answer(file_id, "ranges")
            except Offline:
                pass

    def _take(self, message: Inbound) -> None:
        topic = parse(message.topic)
        assert topic is not None
        match topic.parts:
            case ("events",):
                self.order.append("event")
                self._take_event(message.payload)
            case ("manifests", recording):
                self.order.append("manifest")
                signed = envelope.unseal(message.payload, "manifest", self.ring, Role.DOCK)
                self.manifests[recording] = {**json.loads(signed.payload), "digest": signed.digest}
                if recording in self.stored:
                    self._receipt(recording)
            case ("reports", digest):
                self.order.append("report")
                self.reports.append(digest)
            case ("file", file_id, what):
                self._take_file(file_id, what, message)
            case rest:
                self.telemetry.setdefault("/".join(rest), []).append(json.loads(message.payload))

    def _take_event(self, raw: bytes) -> None:
        self.events_received += 1
        signed = envelope.unseal(raw, "event", self.ring, Role.DOCK)
        event = json.loads(signed.payload)
        last = self.chain[-1] if self.chain else None
        if event["prev"] == (last.head if last else None):
            self.chain.append(ChainPoint(epoch=event["epoch"], n=event["n"], head=signed.digest))
        self._say_head()

    def _take_file(self, file_id: str, what: str, message: Inbound) -> None:
        if what == "init":
            init = json.loads(message.payload)
            self.order.append("init")
            if init["recording"] not in self.manifests:
                self._answer(file_id, "unknown", init["nonce"])
                return
            self.inits[file_id] = init
            self.bytes.setdefault(file_id, bytearray(init["size"]))
            self._answer(file_id, "ranges", init["nonce"])
        elif what == "fin":
            nonce = json.loads(message.payload)["nonce"]
            init = self.inits.get(file_id)
            if init is None:
                self._answer(file_id, "unknown", nonce)
            elif not self.ranges.get(file_id, Ranges()).covers(init["size"]):
                self._answer(file_id, "missing", nonce)
            elif hashlib.sha256(self.bytes[file_id]).hexdigest() != init["sha256"]:
                self._answer(file_id, "checksum", nonce)
            else:
                self._answer(file_id, "complete", nonce)
                self.stored.add(init["recording"])
                self._receipt(init["recording"])
        else:
            self._take_segment(file_id, int(what), message)

    def _take_segment(self, file_id: str, offset: int, message: Inbound) -> None:
        data = message.payload
        self.segment_bytes += len(data)
        if file_id not in self.inits:
            self._answer(file_id, "unknown")
            return
        assert hashlib.sha256(data).hexdigest() == message.user_property("sha256")
        self.bytes[file_id][offset : offset + len(data)] = data
        self.ranges[file_id] = self.ranges.get(file_id, Ranges()).add(offset, offset + len(data))
        self.uncredited[file_id] += len(data)
        if self.uncredited[file_id] >= CREDIT_BYTES:
            self._answer(file_id, "ranges")

    # What it says

    def _answer(self, file_id: str, status: Any, nonce: str | None = None) -> None:
        self.uncredited[file_id] = 0
        ranges = self.ranges.get(file_id, Ranges()).to_list()
        answer = FileAnswer(receiver="r", lease=self.lease, nonce=nonce, status=status, ranges=ranges)
        self.connection.publish(self.topics.down(f"file/{file_id}"), answer.to_bytes())

    def _say_head(self) -> None:
        at = self.chain[-1] if self.chain else None
        payload = Head.model_validate_json(
            json.dumps(
                {"platform": PLATFORM, "dock": DOCK, "at": at and at.model_dump(), "lease": 1, "time": NOW}
            )
        ).to_bytes()
        raw = envelope.seal("head", payload, self.key).raw
        self.connection.publish(self.topics.down("head"), raw, retain=True)

    def _receipt(self, recording: str) -> None:
        manifest = self.manifests[recording]
        payload = {
            "platform": PLATFORM,
            "store": "main",
            "dock": DOCK,
            "dock_key": self.dock_key.key_id,
            "recording": recording,
            "sha256": manifest["sha256"],
            "size": manifest["size"],
            "revision": manifest["revision"],
            "manifest": manifest["digest"],
            "receipt": draw_id(),
            "received_at": NOW,
            "stored": {"verified_by_reading": True, "copies": 1, "at": NOW},
        }
        made = Receipt.model_validate_json(json.dumps(payload))
        raw = envelope.seal("receipt", made.to_bytes(), self.key).raw
        self.connection.publish(self.topics.down(f"receipts/{recording}"), raw)
