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
from center.catalogue import database, registries
from center.errors import StoreFull
from center.office import Office, Outgoing
from center.receiver import Receiver
from center.reconciler import Reconciler
from center.settings import Folder, Settings, load
from center.verifier import Verifier
from uplink.connection import (
    Acknowledged,
    Connected,
    Connection,
    Disconnected,
    Inbound,
    SubscriptionRefused,
)
from uplink.errors import Offline, TooLarge

log = logging.getLogger(__name__)

SUBSCRIPTIONS = ("bodydock/1/+/+/up/#",)
SESSION_EXPIRY_S = 24 * 3600


def run(folder: Folder, going_on: Callable[[], bool], started: Callable[[str], None]) -> None:
    """Receive until `going_on` says no.  `started` is told once, with words for a person.

    Raises BadFolder, BadKey, NotLoopback.
    """
    settings = load(folder)
    with _office(folder, settings) as (office, receiver, reconciler):
        address = settings.broker.receiver_address()
        connection = Connection(
            address,
            f"receiver-{settings.id}",
            subscriptions=SUBSCRIPTIONS,
            clean_start=False,
            session_expiry_s=SESSION_EXPIRY_S,
        )
        connection.start()
        try:
            started(
                f"platform {settings.id} receives from {address.host}:{address.port}, lease {office.lease}"
            )
            while going_on():
                _turn(connection, receiver, office)
                if connection.connected:
                    _publish(connection, reconciler.take(), office)
                    reconciler.connected()
        finally:
            connection.close()


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


def _turn(connection: Connection, receiver: Receiver, office: Office) -> None:
    match connection.next(receiver.wait_s):
        case Inbound() as inbound:
            _publish(connection, receiver.handle(inbound), office)
        case Connected():
            log.info("connected")
            _publish(connection, receiver.connected(), office)
        case Disconnected(reason):
            log.warning("disconnected: %s", reason)
        case SubscriptionRefused(topic, code):
            log.error("the broker refuses the subscription %s (0x%02x): see the acl file", topic, code)
            office.count("broker.subscription_refused")
        case Acknowledged() as acknowledged if acknowledged.refused:
            log.error(
                "the broker refuses what is published (0x%02x): see the acl file", acknowledged.reason_code
            )
            office.count("broker.publish_refused")
    _publish(connection, receiver.tick(), office)


def _publish(connection: Connection, messages: list[Outgoing], office: Office) -> None:
    for message in messages:
        try:
            connection.publish(message.topic, message.payload, retain=message.retain)
        except Offline:
            office.count("unsent")  # the dock asks again
        except TooLarge as e:
            log.error("%s: %s: raise the broker's max_packet_size", message.topic, e)
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
