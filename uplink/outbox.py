"""Publishing, and remembering what each token of the broker's acknowledgement stands for.

Bounded as the connection is: it refuses to take more than a number of unacknowledged messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from uplink.connection import Connection
from uplink.errors import TooLarge
from uplink.topics import DockTopics

Kind = Literal["telemetry", "event", "manifest", "report", "file", "answer"]


@dataclass(frozen=True)
class Sent:
    """What was published.  `name`: the recording, file_id or digest that it is about."""

    kind: Kind
    name: str


class Outbox:
    """For the link's one thread."""

    def __init__(self, connection: Connection, topics: DockTopics) -> None:
        self._connection = connection
        self._topics = topics
        self._on_the_way: dict[int, Sent] = {}
        self.too_large: str | None = None  # the last thing that the broker's maximum shut out

    @property
    def max_packet_bytes(self) -> int:
        return self._connection.max_packet_bytes

    def publish(
        self,
        sent: Sent,
        rest: str,
        payload: bytes,
        *,
        user_properties: Sequence[tuple[str, str]] = (),
        retain: bool = False,
        expiry_s: int | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Publish below the dock's `up/`.  Raises Offline (and Busy) and TooLarge."""
        topic = self._topics.up(rest)
        try:
            token = self._connection.publish(
                topic,
                payload,
                user_properties=user_properties,
                retain=retain,
                expiry_s=expiry_s,
                correlation=correlation,
            )
        except TooLarge:
            self.too_large = sent.kind
            raise
        self._on_the_way[token] = sent

    def acknowledged(self, token: int) -> Sent | None:
        """Return what `token` stands for, once."""
        return self._on_the_way.pop(token, None)

    def connected(self) -> None:
        """Nothing is on the way at the beginning; the broker's maximum may be another one."""
        self._on_the_way.clear()
        self.too_large = None
