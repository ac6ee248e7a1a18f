"""One MQTT connection from CONNECT to its end: the paho client of it, and its callbacks.

- paho's callbacks only enqueue; an exception in one would end the network thread while
  `is_connected()` stays true (known-faults D11, field-facts.md).
- Only the network thread writes to the socket.
- TCP_NODELAY; no topic aliases; subscriptions are made anew at each connect.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from uplink.broker import (
    REFUSED_FROM,
    Acknowledged,
    BrokerAddress,
    Connected,
    Farewell,
    Inbound,
    Notice,
    SubscriptionRefused,
    SubscriptionTaken,
)
from uplink.errors import Busy, Offline, TooLarge
from uplink.inbox import Waiting
from uplink.listening import Change, Listening
from uplink.tls import Trouble

KEEPALIVE_S = 30
HANDSHAKE_S = 10.0  # from CONNECT to the last SUBACK
FULL_TURN_S = 0.02
REFUSED_AGAIN_S = 30.0  # what the broker did not let us hear is asked for again: rights come later
TURN_S = 0.5  # the network thread looks up at least this often
MAX_PACKET_BYTES = 268_435_455 + 5  # what the protocol itself allows (MQTT 5, 2.1.4)


class Client(mqtt.Client):
    """paho's client, where it keeps to itself what we need to know."""

    tls_error: ssl.SSLError | None = None

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho logs an alert (over TLS 1.3 a refused certificate shows here first) and says "connection lost".
        try:
            return super()._sock_recv(bufsize)
        except ssl.SSLError as e:
            self.tls_error = e
            raise

    def limit_inflight(self, receive_maximum: int) -> None:
        # paho ignores the broker's Receive Maximum (MQTT 5, 4.9), and its own setter refuses while
        # connected, out of doubt about a change from or to 0, which this is not.
        self._max_inflight_messages = min(self._max_inflight_messages, receive_maximum)


@dataclass
class Session:
    """One connection from CONNECT to its end, and the callbacks of its client."""

    number: int
    inbox: Waiting[Notice]
    listening: Listening
    client: Client | None = None
    ready: bool = False
    max_packet_bytes: int = MAX_PACKET_BYTES
    connected_at: float | None = None
    reason: str = "no answer from the broker"
    answered: bool = False  # the broker said something, be it a refusal
    refusal: int | None = None  # the reason code of a CONNACK that refuses
    shaken: bool = False  # TCP and TLS stood
    garbled: bool = False  # it answered CONNECT with something that is no MQTT 5
    trouble: Trouble | None = None
    _present: bool = False
    _heard: frozenset[str] = frozenset()
    _version: int = 0  # of `listening`, as it was last followed
    _opened_at: float = 0.0
    _asked: dict[int, tuple[str, ...]] = field(default_factory=dict)  # topics of a SUBSCRIBE, by its id
    _refused: tuple[str, ...] = ()
    _ask_again_at: float = 0.0
    _parting: threading.Event = field(default_factory=threading.Event)
    _gone: threading.Event = field(default_factory=threading.Event)

    def open(self, client: Client, address: BrokerAddress, clean_start: bool, properties: Properties) -> None:
        """Connect.  Raises OSError."""
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = _set_nodelay
        # With this set, publish() never writes to the socket itself: only the network thread does.
        client.on_socket_register_write = _leave_to_loop
        self.client = client
        self._opened_at = time.monotonic()
        client.connect(
            address.host, address.port, KEEPALIVE_S, clean_start=clean_start, properties=properties
        )
        self.shaken = True

    def turn(self) -> bool:
        """Do what the network asks for; False once the connection is over."""
        client = self.client
        if client is None or client.socket() is None:
            return False
        if self.inbox.wait_for_room(FULL_TURN_S):
            code = client.loop(TURN_S)
            self.garbled = code == MQTTErrorCode.MQTT_ERR_PROTOCOL and not self.answered
            going = code == MQTTErrorCode.MQTT_ERR_SUCCESS
        else:  # not reading; what goes out, keepalive too, does so all the same
            going = client.loop_write() == client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS
        now = time.monotonic()
        if not self.ready and now - self._opened_at > HANDSHAKE_S:
            return False
        if self.ready and self._version != self.listening.version:
            self._follow(client, self.listening.since(self._heard))
        if self._refused and now >= self._ask_again_at:
            refused, self._refused = self._refused, ()
            self._subscribe(client, refused)
        return going

    def _follow(self, client: mqtt.Client, change: Change) -> None:
        self._version = change.version
        self._heard = (self._heard | set(change.new)) - set(change.over)
        self._refused = tuple(topic for topic in self._refused if topic in self._heard)
        for topics, retained in (
            (tuple(topic for topic in change.new if topic in change.retained), True),
            (tuple(topic for topic in change.new if topic not in change.retained), False),
        ):
            if topics:
                self._subscribe(client, topics, retained)
        if change.over:
            client.unsubscribe(list(change.over))

    def _subscribe(self, client: mqtt.Client, topics: tuple[str, ...], retained: bool = True) -> None:
        options = SubscribeOptions(
            qos=1,
            retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            if retained
            else SubscribeOptions.RETAIN_DO_NOT_SEND,
        )
        _, mid = client.subscribe([(topic, options) for topic in topics])
        if mid is not None:
            self._asked[mid] = topics

    def drop(self) -> None:
        """Forget the client: without this its sockets would wait for the garbage collector."""
        self.ready = False
        client, self.client = self.client, None
        if client is not None and client.socket() is not None:
            client.disconnect()
            client.loop_write()

    def publish(self, topic: str, payload: bytes, retain: bool, properties: Properties) -> int:
        client = self.client
        if client is None:
            raise Offline("the connection is just lost")
        info = client.publish(topic, payload, 1, retain, properties)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise Busy("too many messages wait for the broker's acknowledgement")
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            # paho keeps it queued all the same (D05): it ends with this session's client.
            raise Offline(f"the connection is just lost ({mqtt.error_string(info.rc)})")
        return self._token(info.mid)

    def part(self, farewell: Farewell | None, timeout_s: float) -> None:
        """Publish `farewell`, wait until the broker has it, disconnect."""
        client = self.client
        if client is None:
            return
        self._parting.set()
        try:
            if farewell is not None:
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                if farewell.expiry_s is not None:
                    properties.MessageExpiryInterval = farewell.expiry_s
                info = client.publish(farewell.topic, farewell.payload, 1, True, properties)
                info.wait_for_publish(timeout_s)
        except (ValueError, RuntimeError):
            pass  # the connection went meanwhile: the broker publishes the will
        client.disconnect()
        self._gone.wait(timeout_s)

    def _token(self, mid: int) -> int:
        # Packet ids are used again, within one connection only when acknowledged.
        return self.number * 65_536 + mid

    # Callbacks: they run in the network thread, enqueue and do nothing else.

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: Any,
        flags: mqtt.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.answered = True
        if reason_code.is_failure:
            self.refusal = reason_code.value
            self.reason = f"the broker refuses: {reason_code}"
            return
        self.reason = "connection lost"
        self._present = flags.session_present
        self.max_packet_bytes = min(
            getattr(properties, "MaximumPacketSize", MAX_PACKET_BYTES), MAX_PACKET_BYTES
        )
        if self.client is not None:
            self.client.limit_inflight(getattr(properties, "ReceiveMaximum", 65_535))
        change = self.listening.at_connect()
        if not self._present:  # the broker has forgotten what was left
            change = replace(change, over=())
        self._follow(client, change)
        if not change.new:
            self._begin()

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        for topic, code in zip(self._asked.pop(mid, ()), codes, strict=False):
            if code.value >= REFUSED_FROM:
                self._refused = (*self._refused, topic)
                self._ask_again_at = time.monotonic() + REFUSED_AGAIN_S
                self.inbox.put(SubscriptionRefused(topic, code.value))
            elif self.ready:
                self.inbox.put(SubscriptionTaken(topic))
        self._begin()

    def _begin(self) -> None:
        if self.ready:
            return
        self.connected_at = time.monotonic()
        self.ready = True
        self.inbox.put(Connected(self._present, self.max_packet_bytes))

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        acknowledge = partial(self._acknowledge, message.mid) if message.qos else None
        properties = message.properties
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of ours: whoever takes it counts it as unknown
        pairs = getattr(properties, "UserProperty", ())
        inbound = Inbound(
            topic,
            bytes(message.payload),
            bool(message.retain),
            getattr(properties, "ResponseTopic", None),
            getattr(properties, "CorrelationData", None),
            tuple((str(name), str(value)) for name, value in pairs),
        )
        extra = sum(len(name) + len(value) for name, value in inbound.user_properties)
        self.inbox.offer(inbound, topic, len(inbound.payload) + len(topic) + extra + 512, acknowledge)

    def _acknowledge(self, mid: int) -> None:
        client = self.client
        if client is not None:  # else the broker sends it again, where the session lives on
            client.ack(mid, 1)

    def _on_publish(
        self, _client: mqtt.Client, _userdata: Any, mid: int, reason_code: ReasonCode, _properties: Any
    ) -> None:
        self.inbox.put(Acknowledged(self._token(mid), reason_code.value))

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, flags: Any, reason_code: ReasonCode, _properties: Any
    ) -> None:
        self.ready = False
        self._gone.set()
        if self._parting.is_set():
            self.reason = "closed"
        elif flags.is_disconnect_packet_from_server:
            self.reason = f"the broker ended the connection: {reason_code}"
        elif self.connected_at is not None:
            self.reason = f"connection lost: {reason_code}"


def _set_nodelay(_client: mqtt.Client, _userdata: Any, sock: Any) -> None:
    # Without it Nagle and delayed acknowledgements cost 60 ms a window (mqtt.md).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_to_loop(_client: mqtt.Client, _userdata: Any, _sock: Any) -> None:
    return


def packet_bytes(topic: str, payload: bytes, properties: Properties) -> int:
    """Return the size of a PUBLISH at QoS 1 as it goes on the wire (MQTT 5, 3.3)."""
    remaining = 2 + len(topic.encode()) + 2 + len(properties.pack()) + len(payload)  # type: ignore[no-untyped-call]
    length_bytes = 1 + sum(remaining >= 128**n for n in (1, 2, 3))
    if remaining > 268_435_455:
        raise TooLarge(f"a packet of {remaining} bytes; MQTT takes 268435455")
    return 1 + length_bytes + remaining
