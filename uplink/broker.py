"""What stands at the border of a connection: the broker's address, bounds, and what comes out.

- Plain MQTT only to a literal loopback address (trust.md): a name can be changed by others.
- Anywhere else TLS, with the broker's name and CA checked and our certificate shown (`tls.py`): no fallback.
- A dropped, repeated or refused message is a fact with a type, never an exception in a callback.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from uplink.errors import NotLoopback
from uplink.tls import TlsFiles

NOBODY_SUBSCRIBED = 0x10
REFUSED_FROM = 0x80


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is, and how it is reached: by TLS where `tls` is given, else in the plain.

    Raises NotLoopback where neither TLS nor a literal loopback address is given.  `username` is for plain
    MQTT; with TLS the broker takes the name from the certificate.
    """

    host: str
    port: int
    username: str | None = None
    tls: TlsFiles | None = None

    def __post_init__(self) -> None:
        if self.tls is None and not is_loopback(self.host):
            raise NotLoopback(
                f"broker {self.host!r}: plain MQTT is only for a literal loopback address (127.0.0.1, ::1); "
                "elsewhere give ca, certificate and key"
            )


def is_loopback(host: str) -> bool:
    """Say whether `host` is a literal of 127.0.0.0/8 or ::1.  Names are not: they can be changed."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.ip_network("127.0.0.0/8")
    return address == ipaddress.IPv6Address("::1")


@dataclass(frozen=True)
class Will:
    """What the broker publishes for us when we vanish."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None


@dataclass(frozen=True)
class Connected:
    """Connected, and every subscription answered.  `max_packet_bytes`: what the broker takes."""

    session_present: bool
    max_packet_bytes: int


@dataclass(frozen=True)
class Disconnected:
    """The connection is gone; what was not acknowledged may or may not have arrived.

    `taken_over`: somebody else seems to use this client id; the next attempt is 5 min away.
    """

    reason: str
    taken_over: bool = False


@dataclass(frozen=True)
class Inbound:
    """A message.  `retained`: delivered as retained (brokers clear the mark on live ones)."""

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()

    def user_property(self, name: str) -> str | None:
        """Return the first value of a user property."""
        return next((value for key, value in self.user_properties if key == name), None)


@dataclass(frozen=True)
class Acknowledged:
    """The broker's answer to `publish`, which returned `token`."""

    token: int
    reason_code: int

    @property
    def refused(self) -> bool:
        """The broker refused it, e.g. 0x87 not authorised (D02: paho says it was published)."""
        return self.reason_code >= REFUSED_FROM

    @property
    def nobody(self) -> bool:
        """Nobody subscribed: not sent (D19)."""
        return self.reason_code == NOBODY_SUBSCRIBED


@dataclass(frozen=True)
class SubscriptionRefused:
    topic: str
    reason_code: int


@dataclass(frozen=True)
class SubscriptionTaken:
    """What was refused before is heard from now on."""

    topic: str


Notice = Connected | Disconnected | Inbound | Acknowledged | SubscriptionRefused | SubscriptionTaken


@dataclass(frozen=True)
class Farewell:
    """The last message before DISCONNECT (retained): no Last Will is sent after a clean one (D09)."""

    topic: str
    payload: bytes
    expiry_s: int | None = None


@dataclass(frozen=True)
class Limits:
    """Bounds of one connection; nothing here grows with what is sent or received."""

    max_inflight: int = 64  # at least window / segment + 20; never above the broker's Receive Maximum
    receive_maximum: int = 200  # received and not acknowledged
    queue_size: int = 200  # received and not taken; then reading stops; twice as much at the very most
    queue_bytes: int = 32 * 1024 * 1024
    max_unacknowledged: int = 2000
    max_unacknowledged_bytes: int = 64 * 1024 * 1024
    max_inbound_packet_bytes: int = 8 * 1024 * 1024
