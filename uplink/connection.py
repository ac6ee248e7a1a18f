"""One connection to an MQTT 5 broker, kept up by a thread of its own.

- Every attempt has a paho client of its own, so nothing outlives a connection: paho queues what is
  published while offline and sends it later, though it reports failure (known-faults D04, D05, D15).
  Who published repeats what was not acknowledged.
- A message is measured with topic and properties against CONNACK's Maximum Packet Size first: paho
  sends one that is too large, is cut off, and sends it again for ever (mqtt.md, Sizes).
- Plain MQTT only to a literal loopback address, else TLS (`broker.py`, `tls.py`); MQTT below 5 is refused
  by construction.
- What only a person can mend (an unknown CA, our certificate refused) is an alarm, and tried again at
  leisure; what time mends (a certificate's dates and a wrong clock), at once when the clock was set.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from uplink import tls
from uplink.backoff import Backoff
from uplink.broker import (
    Acknowledged,
    BrokerAddress,
    Connected,
    Disconnected,
    Farewell,
    Inbound,
    Limits,
    Notice,
    SubscriptionRefused,
    SubscriptionTaken,
    Will,
    is_loopback,
)
from uplink.errors import Busy, Offline, TlsUnusable, TooLarge
from uplink.inbox import Inbox, Waiting
from uplink.lanes import Dropped, Lanes, Shares
from uplink.listening import Listening
from uplink.session import HANDSHAKE_S, MAX_PACKET_BYTES, TURN_S, Client, Session, packet_bytes

__all__ = [
    "Acknowledged",
    "BrokerAddress",
    "Connected",
    "Connection",
    "Disconnected",
    "Farewell",
    "Inbound",
    "Limits",
    "Notice",
    "SubscriptionRefused",
    "SubscriptionTaken",
    "Will",
    "is_loopback",
]

log = logging.getLogger(__name__)

CLOCK_SET_S = 5.0  # wall and monotonic time drifted apart by more: somebody set the clock
UNSUPPORTED_VERSION = 0x84
NOT_AUTHORISED = "not_authorised"
NOT_ADMITTED = (0x85, 0x86, 0x87, 0x8A)  # client id, user, not authorised, banned
STUCK_S = 30.0  # a thread that has not looked up for this long is not alive
FAREWELL_S = 3.0


class Connection:
    """The owner of the one paho client of a process.  `next` is for one thread, the rest for any.

    `will` may be a function: it is asked at each attempt, so that a will tells when it was made.
    `shares`: many are heard, and each has a lane of what waits (`lanes.py`).  `left`: topics that an earlier
    process may have left subscribed in the broker's session.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        *,
        subscriptions: Sequence[str],
        will: Will | Callable[[], Will] | None = None,
        clean_start: bool = True,
        session_expiry_s: int = 0,
        limits: Limits | None = None,
        shares: Shares | None = None,
        left: Sequence[str] = (),
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._listening = Listening(subscriptions, left)
        self._will = will
        self._clean_start = clean_start
        self._session_expiry_s = session_expiry_s
        self._limits = limits or Limits()
        bounds = (self._limits.queue_size, self._limits.queue_bytes)
        self._lanes: Lanes[Notice] | None = None if shares is None else Lanes(shares, *bounds)
        self._inbox: Waiting[Notice] = self._lanes or Inbox(*bounds)
        self._backoff = Backoff(random.random)
        self._stop = threading.Event()
        self._lock = threading.Lock()  # over `_session` and `_unacknowledged`; never taken in a callback
        self._session: Session | None = None
        self._unacknowledged: dict[int, int] = {}
        self._unacknowledged_bytes = 0
        self._attempts = 0
        self._thread = threading.Thread(target=self._run, name="uplink-network", daemon=True)
        self._turn_due_at = time.monotonic()
        self._trouble: str | None = "not started"
        self._alarm: str | None = None
        self._certificate_expires_at: datetime | None = None

    # What the owner calls

    def start(self) -> None:
        """Begin to connect, and keep trying until `close`."""
        self._thread.start()

    def next(self, timeout_s: float) -> Notice | None:
        """Return what happened next, waiting at most `timeout_s`."""
        notice = self._inbox.take(timeout_s)
        if isinstance(notice, Acknowledged):
            with self._lock:  # publish() holds it until the token is noted
                self._unacknowledged_bytes -= self._unacknowledged.pop(notice.token, 0)
        return notice

    def wake(self) -> None:
        """Let `next` return now: there is other work for its thread."""
        self._inbox.wake()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expiry_s: int | None = None,
        user_properties: Sequence[tuple[str, str]] = (),
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> int:
        """Publish at QoS 1; an Acknowledged with the returned token follows, or a Disconnected.

        Raises Offline (nothing is queued then), Busy (an Offline: too much waits for the broker) and
        TooLarge.  ValueError: no topic for a publish.
        """
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        if user_properties:
            properties.UserProperty = list(user_properties)
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if correlation is not None:
            properties.CorrelationData = correlation
        size_bytes = packet_bytes(topic, payload, properties)
        with self._lock:
            session = self._session
            if session is None or not session.ready:
                raise Offline(f"no connection to the broker: {self._trouble}")
            if size_bytes > session.max_packet_bytes:
                raise TooLarge(f"a packet of {size_bytes} bytes; the broker takes {session.max_packet_bytes}")
            held = self._unacknowledged_bytes
            full = held > 0 and held + size_bytes > self._limits.max_unacknowledged_bytes
            if full or len(self._unacknowledged) >= self._limits.max_unacknowledged:
                raise Busy(f"{len(self._unacknowledged)} messages wait for the broker's acknowledgement")
            token = session.publish(topic, payload, retain, properties)
            self._unacknowledged[token] = size_bytes
            self._unacknowledged_bytes += size_bytes
            return token

    def listen(self, topics: Sequence[str], retained: frozenset[str] = frozenset()) -> None:
        """Hear `topics` and nothing else from now on; the retained messages of those in `retained` come."""
        self._listening.change(topics, retained)

    def close_lanes(self, names: frozenset[str]) -> None:
        """Have just these lanes empty and closed (with `shares`)."""
        if self._lanes is not None:
            self._lanes.close(names)

    def take_dropped(self) -> dict[str, Dropped]:
        """Return what was dropped of each lane since the last time (with `shares`)."""
        return {} if self._lanes is None else self._lanes.take_dropped()

    def close(self, farewell: Farewell | None = None, timeout_s: float = FAREWELL_S) -> None:
        """Say `farewell` (waiting for its acknowledgement), disconnect and end the thread."""
        with self._lock:
            session = self._session
        if session is not None and session.ready:
            session.part(farewell, timeout_s)
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s + HANDSHAKE_S)

    @property
    def connected(self) -> bool:
        session = self._session
        return session is not None and session.ready

    @property
    def max_packet_bytes(self) -> int:
        """What the broker takes at most, with topic and properties; the protocol's bound while offline."""
        session = self._session
        return session.max_packet_bytes if session is not None else MAX_PACKET_BYTES

    @property
    def alive(self) -> bool:
        """Whether the network thread lives and is not stuck (for the watchdog)."""
        return self._thread.is_alive() and time.monotonic() < self._turn_due_at + STUCK_S

    @property
    def dropped(self) -> int:
        """Messages that came in and were dropped, since there was no room."""
        return self._inbox.dropped

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, for people; None while there is one."""
        return None if self.connected else self._trouble

    @property
    def taken_over(self) -> bool:
        """Whether another client seems to use this client id."""
        return self._backoff.taken_over

    @property
    def alarm(self) -> str | None:
        """Why no connection can be had, as a stable word (`tls.py`, `not_authorised`), while that is so."""
        return None if self.connected else self._alarm

    @property
    def certificate_expires_at(self) -> datetime | None:
        """When our certificate ends, as it was at the last attempt; None without TLS."""
        return self._certificate_expires_at

    # The network thread

    def _run(self) -> None:
        while not self._stop.is_set():
            wait_s = self._attempt()
            self._wait(wait_s)

    def _wait(self, wait_s: float) -> None:
        """Wait, but not longer when the clock was set: certificates may hold now."""
        drift_s = time.time() - time.monotonic()
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            self._turn_due_at = time.monotonic() + TURN_S
            if self._stop.wait(min(left_s, 1.0)):
                return
            if self._alarm == tls.WRONG_TIME and abs(time.time() - time.monotonic() - drift_s) > CLOCK_SET_S:
                return

    def _attempt(self) -> float:
        """Connect and stay; return how long to wait before the next attempt."""
        self._attempts += 1
        session = Session(self._attempts, self._inbox, self._listening)
        client: Client | None = None
        try:
            client = self._make_client()
            session.open(client, self._address, self._clean_start, self._session_properties())
            with self._lock:
                self._session = session
            self._stay(session)
        except (OSError, ValueError, TlsUnusable) as e:
            session.trouble = tls.explain(e)
            session.reason = str(e) or type(e).__name__
        except Exception:
            # paho raises what it likes on bytes it does not understand: that costs the connection only.
            log.exception("the MQTT client failed")
            session.reason = "the MQTT client failed"
            session.garbled = not session.answered
        with self._lock:
            self._session = None
            self._unacknowledged.clear()
            self._unacknowledged_bytes = 0
        session.drop()
        if client is not None:
            self._find_trouble(session, client)
        return self._after(session)

    def _stay(self, session: Session) -> None:
        while not self._stop.is_set() and session.turn():
            self._turn_due_at = time.monotonic() + TURN_S

    def _find_trouble(self, session: Session, client: Client) -> None:
        """Note what is to be said of an attempt that did not come to a connection."""
        if session.connected_at is not None or session.trouble is not None or self._stop.is_set():
            return
        if client.tls_error is not None:
            session.trouble = tls.explain(client.tls_error)
        elif session.refusal == UNSUPPORTED_VERSION or session.garbled:
            text = f"the broker does not speak MQTT 5: {session.reason}. There is no fallback"
            session.trouble = tls.Trouble(tls.UNFIT, text, passes=True)
        elif session.refusal in NOT_ADMITTED:
            session.trouble = tls.Trouble(NOT_AUTHORISED, session.reason)
        elif self._address.tls is not None and session.shaken and not session.answered:
            session.trouble = tls.refused_silently()

    def _after(self, session: Session) -> float:
        trouble = session.trouble
        self._trouble = session.reason if trouble is None else trouble.text
        self._alarm = None if trouble is None else trouble.word
        if session.connected_at is None:
            log.info("no connection to %s:%d: %s", self._address.host, self._address.port, self._trouble)
            return self._backoff.failed() if trouble is None or trouble.passes else self._backoff.hopeless()
        wait_s = self._backoff.lost(session.connected_at, time.monotonic())
        if self._backoff.taken_over:
            self._trouble = f"client id {self._client_id} is in use elsewhere ({session.reason})"
        log.info("connection lost: %s; again in %.1f s", self._trouble, wait_s)
        self._inbox.put(Disconnected(self._trouble, self._backoff.taken_over))
        return wait_s

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages = self._limits.max_inflight
        if self._address.tls is not None:
            client.tls_set_context(tls.context(self._address.tls))
            self._certificate_expires_at = tls.expires_at(self._address.tls.certificate)
        if self._address.username is not None:
            client.username_pw_set(self._address.username)
        will = self._will() if callable(self._will) else self._will
        if will is not None:
            properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            if will.expiry_s is not None:
                properties.MessageExpiryInterval = will.expiry_s
            client.will_set(will.topic, will.payload, 1, will.retain, properties)
        return client

    def _session_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._session_expiry_s
        properties.ReceiveMaximum = min(self._limits.receive_maximum, self._limits.queue_size)
        properties.MaximumPacketSize = self._limits.max_inbound_packet_bytes
        return properties
