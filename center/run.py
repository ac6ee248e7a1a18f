"""`bodydock center run`: the receiver on its connection."""

from __future__ import annotations

import contextlib
import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from center import keybook
from center.blobs import Blobs
from center.brokerage import Brokerage
from center.catalogue import database, docks, registries
from center.errors import StoreFull
from center.flooding import Flooding
from center.office import Office, Outgoing
from center.receiver import Receiver
from center.reconciler import Reconciler
from center.settings import Folder, Settings, load
from center.verifier import Verifier
from uplink.connection import (
    Acknowledged,
    BrokerAddress,
    Connected,
    Connection,
    Disconnected,
    Inbound,
    Limits,
    Notice,
    SubscriptionRefused,
)
from uplink.errors import Offline, TooLarge

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 24 * 3600
# Many docks are heard: of each a share (`uplink/lanes.py`), four of them at most.
LIMITS = Limits(queue_size=10_000, queue_bytes=160 * 1024 * 1024)


def run(folder: Folder, going_on: Callable[[], bool], started: Callable[[str], None]) -> None:
    """Receive until `going_on` says no.  `started` is told once, with words for a person.

    Raises BadFolder, BadKey, NotLoopback.
    """
    settings = load(folder)
    with _office(folder, settings) as (office, receiver, reconciler):
        address = settings.broker.receiver_address()
        brokerage = Brokerage(office)
        flooding = Flooding(office)
        said = False
        while going_on():
            connection = _connection(settings, address, flooding)
            flooding.begin(connection)
            connection.start()
            try:
                if not said:
                    said = True
                    started(
                        f"platform {settings.id} receives from {address.host}:{address.port},"
                        f" lease {office.lease}"
                    )
                while going_on() and not brokerage.wants_new_connection:
                    _turn(connection, receiver, office, brokerage, flooding)
                    if connection.connected:
                        _publish(connection, reconciler.take(), office, brokerage)
                        reconciler.connected()
            finally:
                connection.close()
                brokerage.disconnected()


def _connection(settings: Settings, address: BrokerAddress, flooding: Flooding) -> Connection:
    return Connection(
        address,
        f"receiver-{settings.id}",
        subscriptions=flooding.subscriptions,
        clean_start=False,
        session_expiry_s=SESSION_EXPIRY_S,
        limits=LIMITS,
        shares=flooding.shares,
        left=flooding.left,
    )


@contextlib.contextmanager
def _office(folder: Folder, settings: Settings) -> Iterator[tuple[Office, Receiver, Reconciler]]:
    keys = keybook.load(folder, settings.id)
    with contextlib.ExitStack() as stack:
        stack.enter_context(folder.locked("run", wait=False))
        catalogue = database.open_for_writing(folder)
        stack.callback(catalogue.close)
        blobs = Blobs(folder)
        stack.callback(blobs.close)
        verifier = Verifier()
        stack.callback(verifier.close)
        with database.writing(catalogue):
            lease = registries.next_lease(catalogue, int(time.time() * 1000))
        office = Office(catalogue, settings, keys, lease)
        stack.callback(_flush, office)
        reconciler = Reconciler(folder, keys)
        stack.callback(reconciler.close)
        yield office, Receiver(office, blobs, verifier), reconciler


def _flush(office: Office) -> None:
    try:
        office.flush_counters()
    except (StoreFull, sqlite3.Error) as e:
        log.error("the last counts are not written down: %s", e)


def _turn(
    connection: Connection, receiver: Receiver, office: Office, brokerage: Brokerage, flooding: Flooding
) -> None:
    notice = connection.next(receiver.wait_s)
    told = flooding.turn(connection)
    receiver.hear_again(told.freed)
    if told.all_again and connection.connected:
        _publish(connection, receiver.say_again(), office, brokerage)
    try:
        _note(notice, connection, brokerage, office)
    except (StoreFull, sqlite3.Error) as e:
        office.quiet.say("trouble", logging.ERROR, f"what the broker says cannot be noted: {e}")
    match notice:
        case Inbound() as inbound:
            _publish(connection, receiver.handle(inbound), office, brokerage)
        case Connected(session_present):
            flooding.connected(session_present)
            _publish(connection, receiver.connected(), office, brokerage)
        case SubscriptionRefused(topic, _):
            flooding.refused(topic)
    _publish(connection, receiver.tick(), office, brokerage)


def _note(notice: Notice | None, connection: Connection, brokerage: Brokerage, office: Office) -> None:
    match notice:
        case Inbound():
            brokerage.heard()
        case Connected():
            log.info("connected")
            brokerage.connected()
        case Disconnected(reason):
            office.quiet.say("disconnected", logging.WARNING, f"disconnected: {reason}")
            brokerage.disconnected()
        case SubscriptionRefused(topic, code):
            brokerage.subscription_refused(topic, code)
        case Acknowledged(token):
            brokerage.acknowledged(token, notice.reason_code, notice.refused)
        case None:
            brokerage.look(connection.trouble, any_dock=docks.any_enrolled(office.connection))


def _publish(connection: Connection, messages: list[Outgoing], office: Office, brokerage: Brokerage) -> None:
    for message in messages:
        try:
            token = connection.publish(message.topic, message.payload, retain=message.retain)
            brokerage.published(token, message.topic)
        except Offline:
            office.count("unsent")  # the dock asks again
        except TooLarge as e:
            text = f"{message.topic}: {e}: raise the broker's max_packet_size"
            office.quiet.say("too large", logging.ERROR, text)
            office.count("too_large")


@contextlib.contextmanager
def until_signal() -> Iterator[Callable[[], bool]]:
    """Yield a question that is answered with no after SIGTERM or SIGINT."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: not stop.is_set()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
