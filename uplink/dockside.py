"""What a dock brings to its link, and what the link tells: the connection as a dock has it, and a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from uplink.broker import BrokerAddress, Limits, Will
from uplink.connection import Connection
from uplink.courier import FileReport
from uplink.messages.telemetry import TELEMETRY_EXPIRY_S, StateMessage
from uplink.topics import ROOT, DockTopics
from uplink.window import LARGEST_WINDOW_BYTES, SEGMENT_BYTES

StateWord = Literal["online", "offline", "stopping"]
MakeState = Callable[[StateWord], StateMessage]
MAX_INFLIGHT = LARGEST_WINDOW_BYTES // SEGMENT_BYTES + 20


@dataclass(frozen=True)
class LinkReport:
    """What people and health messages are told.  `why`: why nothing is sent, or None.

    `alarms`: stable words: `taken_over`, `not_authorised`, `packet_too_large`, `certificate_expiring`, and
    those of `uplink.tls`.  `dropped`: messages from the platform that found no room (they come again).
    `certificate_expires_at`: of our certificate for the broker; None without TLS.
    """

    connected: bool
    why: str | None
    file: FileReport | None
    alarms: frozenset[str]
    dropped: int = 0
    certificate_expires_at: datetime | None = None


def dock_connection(
    address: BrokerAddress, topics: DockTopics, make_state: MakeState, limits: Limits | None = None
) -> Connection:
    """Return the connection of a dock, not yet started: client id, subscriptions and Last Will.

    `make_state` is called by the network thread too: a will tells when it was made.
    """

    def will() -> Will:
        return Will(topics.up("state"), make_state("offline").to_bytes(), True, TELEMETRY_EXPIRY_S)

    return Connection(
        address,
        f"{topics.site}/{topics.dock}",
        subscriptions=(topics.down("#"), f"{ROOT}/{topics.site}/registry/#"),
        will=will,
        limits=limits or Limits(max_inflight=MAX_INFLIGHT),
    )
