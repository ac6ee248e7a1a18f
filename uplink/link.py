"""The dock's link to the platform: the one thread that owns the connection, and the order of sending.

- On connect: state, then events and manifests, then files (mqtt.md, Order of sending).
- Nothing here verifies: receipts, heads and registries go to the desk, which owns the facts.
- Reason 0x10 (no subscriber) and refusals by the broker mean not sent: tried again by the timers, never
  at once (known-faults D02, D19).
- What the broker refuses is said once and is an alarm until it takes that again; telemetry is repeated
  meanwhile, what is not heard is asked for again (`session.py`): rights come while a connection stands.
- Before a clean DISCONNECT `stopping` and `offline` are said; else the Last Will says it (D09).
- A fault in one message or one piece of work is logged and counted, and stops nothing else.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from uplink.broker import (
    Acknowledged,
    Connected,
    Disconnected,
    Farewell,
    Inbound,
    Notice,
    SubscriptionRefused,
    SubscriptionTaken,
)
from uplink.commanding import Reply
from uplink.connection import Connection
from uplink.courier import Courier
from uplink.desk import Desk
from uplink.dockside import LinkReport, MakeState
from uplink.errors import Offline, TooLarge
from uplink.eventflow import EventFlow
from uplink.ids import draw_id
from uplink.mailbox import Mailbox
from uplink.manifestflow import ManifestFlow
from uplink.messages.telemetry import (
    TELEMETRY_EXPIRY_S,
    HealthMessage,
    SlotMessage,
    StateMessage,
    Telemetry,
)
from uplink.outbox import Outbox, Sent
from uplink.pace import Pace
from uplink.reception import OnCommand, Reception
from uplink.tls import EXPIRING
from uplink.topics import DockTopics

log = logging.getLogger(__name__)

LOOK_S = 1.0  # the desk is asked at least this often whether there is anything new
ROOM_S = 0.1  # after a refusal to take more, if nothing is heard before
AFTER_FAULT_S = 1.0
NOTICES_A_TURN = 64
EVENTS_A_TURN = 50
MAX_REPLIES = 64
REPEAT_TELEMETRY_S = 24 * 3600.0
REFUSED_AGAIN_S = 30.0
STUCK_S = 60.0


class DockLink:
    """`run` is the link's thread; `publish_...`, `wake`, `report` and `alive` are for any."""

    def __init__(
        self,
        connection: Connection,
        desk: Desk,
        topics: DockTopics,
        make_state: MakeState,
        *,
        bytes_per_s: int | None = None,
        on_command: OnCommand | None = None,
    ) -> None:
        self._connection = connection
        self._desk = desk
        self._topics = topics
        self._make_state = make_state
        self._mailbox = Mailbox()
        self._outbox = Outbox(connection, topics)
        self._events = EventFlow(random.random)
        self._manifests = ManifestFlow(self._outbox, desk)
        self._courier = Courier(
            self._outbox,
            desk,
            pace=Pace(bytes_per_s),
            draw_nonce=draw_id,
            jitter=random.random,
            send_manifest=self._manifests.send_newest,
        )
        self._reception = Reception(topics, desk, self._events, self._manifests, self._courier, on_command)
        self._replies: deque[Reply] = deque(maxlen=MAX_REPLIES)  # who asked asks again
        self._news = True  # the desk may have something new
        self._look_at = 0.0
        self._due_at = 0.0
        self._repeat_at = 0.0
        self._turned_at = time.monotonic()
        self._refused: set[str] = set()  # what the broker does not take, or lets nobody hear
        self._report = LinkReport(False, "not started", None, frozenset())

    # For any thread

    def publish_slot(self, message: SlotMessage) -> None:
        """Tell the newest about a slot; what was not sent yet is replaced."""
        self._leave(f"slots/{message.slot}", message)

    def publish_health(self, message: HealthMessage) -> None:
        self._leave("health", message)

    def publish_state(self, message: StateMessage) -> None:
        self._leave("state", message)

    def set_limits(self, bytes_per_s: int | None, may_send: Callable[[], bool]) -> None:
        """Obey other limits from now on.  `may_send`: whether footage may be sent at this time of day."""
        self._courier.set_limits(Pace(bytes_per_s), may_send)
        self._connection.wake()

    def wake(self) -> None:
        """There is something new at the desk."""
        self._news = True
        self._connection.wake()

    def report(self) -> LinkReport:
        return self._report

    @property
    def alive(self) -> bool:
        """Whether this thread and the network's turn (for the watchdog)."""
        return self._connection.alive and time.monotonic() - self._turned_at < STUCK_S

    # The link's thread

    def run(self, stop: threading.Event) -> None:
        """Connect and work until `stop` is set (`wake` makes it look at once); then say goodbye."""
        self._connection.start()
        try:
            while not stop.is_set():
                self._turned_at = time.monotonic()
                self._turn(self._turned_at)
        finally:
            self._part()

    def _turn(self, began_at: float) -> None:
        wait_s = min(max(self._due_at - began_at, 0.0), LOOK_S)
        for _ in range(NOTICES_A_TURN):
            notice = self._connection.next(wait_s)
            if notice is None:
                break
            self._guarded(partial(self._take, notice, time.monotonic()))
            wait_s = 0.0
        self._due_at = time.monotonic() + LOOK_S
        if self._connection.connected:
            self._guarded(partial(self._work, time.monotonic()))
        self._report = self._told()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Offline:
            self._news = True
            self._due_at = time.monotonic() + ROOM_S  # or sooner: acknowledged, connected again
        except Exception:
            log.exception("the link goes on without this")
            self._desk.count("fault.link")
            self._due_at = time.monotonic() + AFTER_FAULT_S

    def _take(self, notice: Notice, now: float) -> None:
        match notice:
            case Connected():
                self._on_connected(now)
            case Disconnected():
                log.warning("no broker: %s", notice.reason)
                self._refused.clear()
                self._courier.disconnected()
            case Acknowledged():
                self._on_acknowledged(notice, now)
            case SubscriptionRefused():
                self._tell_refused(f"to hear {notice.topic}", notice.reason_code)
                self._desk.count(f"refused.subscription.{notice.reason_code}")
            case SubscriptionTaken():
                self._takes_again(f"to hear {notice.topic}")
            case Inbound():
                self._news = self._reception.take(notice, now) or self._news
                self._replies.extend(self._reception.replies())

    def _on_connected(self, now: float) -> None:
        log.info("connected to the broker")
        self._outbox.connected()
        self._events.connected(now, head_known=self._reception.head_known)
        self._manifests.connected(now)
        self._courier.connected(now)
        self._leave("state", self._make_state("online"))
        self._mailbox.send_all_again()
        self._repeat_at = now + REPEAT_TELEMETRY_S
        self._news = True

    def _on_acknowledged(self, notice: Acknowledged, now: float) -> None:
        sent = self._outbox.acknowledged(notice.token)
        if sent is None:
            return
        what = f"what is published ({sent.name if sent.kind == 'telemetry' else sent.kind})"
        if notice.refused:
            self._tell_refused(what, notice.reason_code)
            self._desk.count(f"refused.publish.{sent.kind}.{notice.reason_code}")
            self._repeat_at = min(self._repeat_at, now + REFUSED_AGAIN_S)
        else:
            self._takes_again(what)
            if not notice.nobody:
                return
        if sent.kind == "event":
            self._events.nobody(now)
        elif sent.kind == "file":
            self._courier.nobody(sent.name, now)

    def _tell_refused(self, what: str, reason_code: int) -> None:
        """Once, until it is taken: a broker refuses everything of a kind."""
        if what not in self._refused:
            self._refused.add(what)
            log.error("the broker refuses %s (0x%02x): see its rights for this dock", what, reason_code)

    def _takes_again(self, what: str) -> None:
        if what in self._refused:
            self._refused.remove(what)
            log.info("the broker takes again: %s", what)

    def _work(self, now: float) -> None:
        if now >= self._repeat_at:
            self._leave("state", self._make_state("online"))
            self._mailbox.send_all_again()
            self._repeat_at = now + REPEAT_TELEMETRY_S
        self._send_letters()
        self._send_replies()
        if self._desk.silent:
            self._courier.close()
            self._due_at = now + LOOK_S
            return
        events_due_at = self._events.due_at
        if self._news or now >= self._look_at or (events_due_at is not None and now >= events_due_at):
            self._news = False
            self._look_at = now + LOOK_S
            self._reception.look(now)
            # A manifest before the event that names it, or the platform asks for what is on its way.
            more = self._manifests.work(now)
            more = self._send_events(now) or more
            self._news = self._news or more
        file_due_at = self._courier.work(now)
        due = [self._look_at, file_due_at, self._events.due_at, now if self._news else None]
        self._due_at = min(at for at in due if at is not None)

    def _send_letters(self) -> None:
        while (letter := self._mailbox.take()) is not None:
            try:
                self._outbox.publish(
                    Sent("telemetry", letter.rest),
                    letter.rest,
                    letter.payload,
                    retain=True,
                    expiry_s=TELEMETRY_EXPIRY_S,
                )
            except TooLarge:
                self._desk.count("too_large.telemetry")
            except Offline:
                self._mailbox.put_back(letter)
                raise

    def _send_replies(self) -> None:
        while self._replies:
            reply = self._replies[0]
            try:
                self._outbox.publish(
                    Sent("answer", reply.rest), reply.rest, reply.payload, correlation=reply.correlation
                )
            except TooLarge:
                self._desk.count("too_large.answer")
            self._replies.popleft()

    def _send_events(self, now: float) -> bool:
        after, room = self._events.wanted(now)
        wanted = min(room, EVENTS_A_TURN)
        if wanted == 0:
            return False
        events = self._desk.events_after(after, wanted)
        for event in events:
            try:
                self._outbox.publish(Sent("event", event.at.head), "events", event.raw)
            except TooLarge:
                self._desk.count("too_large.event")
                self._events.nobody(now)  # those after it would not join
                return False
            self._events.sent(event.at, now)
        return len(events) == wanted and room > wanted

    def _leave(self, rest: str, message: Telemetry) -> None:
        self._mailbox.put(rest, message.to_bytes())
        self._connection.wake()

    def _told(self) -> LinkReport:
        expires_at = self._connection.certificate_expires_at
        alarms = {
            "certificate_expiring": expires_at is not None and expires_at - EXPIRING < datetime.now(UTC),
            "taken_over": self._connection.taken_over,
            "not_authorised": bool(self._refused),
            "packet_too_large": self._outbox.too_large is not None,
        }
        if self._connection.alarm is not None:
            alarms[self._connection.alarm] = True
        file = self._courier.report()
        why = self._connection.trouble or (file.why if file is not None else None)
        return LinkReport(
            self._connection.connected,
            why or None,
            file,
            frozenset(name for name, on in alarms.items() if on),
            self._connection.dropped,
            expires_at,
        )

    def _part(self) -> None:
        """Say that it stops, and that it is gone, before a clean DISCONNECT."""
        self._courier.close()
        farewell = None
        try:
            if self._connection.connected:
                self._leave("state", self._make_state("stopping"))
                self._send_letters()
            offline = self._make_state("offline").to_bytes()
            farewell = Farewell(self._topics.up("state"), offline, TELEMETRY_EXPIRY_S)
        except Offline:
            pass  # the will says it
        finally:
            self._connection.close(farewell)
            self._report = LinkReport(False, "stopped", None, frozenset())
