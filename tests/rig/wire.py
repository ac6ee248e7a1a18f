"""An observer of the wire that shares no code with the product: what really went over the broker.

Subscribes to everything below `bodydock/`; keeps small messages as they were, counts the bytes of
segments.  The bytes a file took beyond its size are what was sent twice.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from uplink.tls import TlsFiles

KEPT_MESSAGES = 50_000
RECONNECT_S = 0.05


@dataclass
class Seen:
    """What one observer saw.  `segments`: file id to bytes; `messages`: (topic, payload) in order.

    `ranges`: (from, to) of each file that were seen; what is in them already counts in `twice_bytes`.
    """

    segments: Counter[str] = field(default_factory=Counter)
    segment_topics: dict[str, str] = field(default_factory=dict)  # file id to where its first bytes came
    ranges: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    twice_bytes: int = 0
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    inits: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))


class WireObserver:
    """Listens from `__enter__` to `__exit__`."""

    def __init__(self, port: int, tls: TlsFiles | None = None) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._seen = Seen()
        self._ready = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="demo-observer", protocol=mqtt.MQTTv5
        )
        if tls is None:
            self._client.username_pw_set("observer")
        else:
            self._client.tls_set(str(tls.ca), str(tls.certificate), str(tls.key))
        # Back before the others after an outage, or it would miss what they say first.
        self._client.reconnect_delay_set(min_delay=RECONNECT_S, max_delay=RECONNECT_S)  # type: ignore[arg-type]  # any number does
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> WireObserver:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._ready.wait(10):
            raise RuntimeError("the observer could not subscribe")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def messages(self, part: str) -> list[tuple[str, bytes]]:
        """Return the messages whose topic holds `part`, in order."""
        with self._lock:
            return [(topic, payload) for topic, payload in self._seen.messages if part in topic]

    def everything(self) -> list[tuple[str, bytes]]:
        """Return the messages in order, then of each file the topic of one segment, without its bytes."""
        with self._lock:
            return [*self._seen.messages, *((topic, b"") for topic in self._seen.segment_topics.values())]

    def segment_bytes(self, file_id: str) -> int:
        with self._lock:
            return self._seen.segments[file_id]

    def twice_bytes(self) -> int:
        """Return how many bytes of segments were sent more than once so far."""
        with self._lock:
            return self._seen.twice_bytes

    def file_ids(self) -> list[str]:
        with self._lock:
            return list(self._seen.segments)

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        _code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        client.subscribe("bodydock/#", qos=1)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: object,
        _mid: int,
        _codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._ready.set()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        parts = message.topic.split("/")
        with self._lock:
            if parts[-3:-2] == ["file"] and parts[-1].isdigit():
                self._seen.segment_topics.setdefault(parts[-2], message.topic)
                self._segment(parts[-2], int(parts[-1]), len(message.payload))
            elif len(self._seen.messages) < KEPT_MESSAGES:
                self._seen.messages.append((message.topic, bytes(message.payload)))

    def _segment(self, file_id: str, start: int, size: int) -> None:
        seen, end = self._seen, start + size
        seen.segments[file_id] += size
        apart = []
        for begun, ended in seen.ranges[file_id]:
            seen.twice_bytes += max(0, min(end, ended) - max(start, begun))
            if ended < start or begun > end:
                apart.append((begun, ended))
        touching = [known for known in seen.ranges[file_id] if known not in apart]
        whole = (min([start, *(b for b, _ in touching)]), max([end, *(e for _, e in touching)]))
        seen.ranges[file_id] = [*apart, whole]
