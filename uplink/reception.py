"""What comes down from the platform: handed to the desk, which verifies, and to the flows it moves.

- Nothing is believed here: heads, receipts and registries count only as the desk took them.
- What cannot be read, was delivered as retained or is not for this dock is counted by a stable code.
"""

from __future__ import annotations

from collections.abc import Callable

from uplink.broker import Inbound
from uplink.commanding import MAX_COMMAND_BYTES, MAX_CORRELATION_BYTES, Reply, reply_to
from uplink.courier import Courier
from uplink.desk import Desk, Taken
from uplink.envelope import declared_kind, peek
from uplink.errors import Refused
from uplink.eventflow import EventFlow
from uplink.inbound import Route, route
from uplink.manifestflow import ManifestFlow
from uplink.messages.receipt import Refusal
from uplink.topics import DockTopics

OnCommand = Callable[[str, bytes], tuple[str, bytes] | None]


class Reception:
    """For the link's one thread.

    `on_command(verb, payload)` returns (command id, signed answer) or None; without it commands are
    counted only.
    """

    def __init__(
        self,
        topics: DockTopics,
        desk: Desk,
        events: EventFlow,
        manifests: ManifestFlow,
        courier: Courier,
        on_command: OnCommand | None,
    ) -> None:
        self._topics = topics
        self._desk = desk
        self._events = events
        self._manifests = manifests
        self._courier = courier
        self._on_command = on_command
        self.head_known = False
        self._unsettled: bytes | None = None  # a live head that is offered to the desk again
        self._replies: list[Reply] = []

    def replies(self) -> list[Reply]:
        """Return the answers that are due, once."""
        due, self._replies = self._replies, []
        return due

    def take(self, message: Inbound, now: float) -> bool:
        """Take one message; whatever is wrong with it is counted.

        True if the desk may have something new to send after it.
        """
        found = route(self._topics, message)
        if isinstance(found, str):
            self._desk.count(found)
            return False
        if message.response_topic is not None and found.what != "command":
            self._desk.count("ignored.response_topic")
        try:
            self._dispatch(found, message, now)
        except Refused as e:
            self._desk.count(f"refused.{found.what}.{e.code}")
        return found.what != "file"

    def _dispatch(self, found: Route, message: Inbound, now: float) -> None:
        match found.what:
            case "receipt":
                self._take_receipt(found.name, message.payload, now)
            case "head":
                self._take_head(message, now)
            case "file":
                self._courier.answered(found.name, message.payload, now)
            case "registry" if not message.payload:
                self._desk.count("ignored.registry.empty")  # a cleared one changes nothing
            case "registry":
                self._desk.take_registry(found.name, message.payload)
            case "reconciliation":
                self._desk.take_reconciliation(message.payload)
            case "command":
                self._take_command(found.name, message)

    def _take_receipt(self, recording: str, raw: bytes, now: float) -> None:
        taken = self._desk.take_receipt(recording, raw)
        if taken not in (Taken.TAKEN, Taken.KNOWN):
            return
        # Verified by the desk just now: only which of the two it is has to be read.
        self._manifests.answered(now)
        if declared_kind(raw) == "receipt":
            self._courier.receipted(recording)
        elif taken is Taken.TAKEN:  # one that is KNOWN speaks of a revision that a newer one stands for
            self._courier.refused(recording, Refusal.parse(peek(raw, "refusal")).code)

    def _take_command(self, verb: str, message: Inbound) -> None:
        if self._on_command is None:
            self._desk.count("unsupported.command")
            return
        if len(message.payload) > 2 * MAX_COMMAND_BYTES:
            raise Refused("size", f"{len(message.payload)} bytes")
        answered = self._on_command(verb, message.payload)
        if answered is None:
            return
        command, answer = answered
        rest, ignored = reply_to(self._topics, command, message.response_topic)
        if ignored:
            self._desk.count("ignored.response_topic")
        correlation = message.correlation
        if correlation is not None and len(correlation) > MAX_CORRELATION_BYTES:
            correlation = None
        self._replies.append(Reply(rest, answer, correlation))

    def look(self, now: float) -> None:
        """Offer a head again that has to stand for a moment."""
        if self._unsettled is not None:
            self._offer_head(self._unsettled, live=True, now=now)

    def _take_head(self, message: Inbound, now: float) -> None:
        self._offer_head(message.payload, live=not message.retained, now=now)

    def _offer_head(self, payload: bytes, *, live: bool, now: float) -> None:
        head = self._desk.take_head(payload, live)
        if head.taken is not Taken.TAKEN:
            return
        if live:
            known, self._unsettled = self._unsettled, payload if head.again else None
            if known is payload and head.again:
                return
        self.head_known = True
        self._events.head(head.after, now, beside=head.beside)
        if live:
            self._courier.head_came(now, anew=head.anew)
