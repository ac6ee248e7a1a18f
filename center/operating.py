"""The operator service's connection to the broker: for registries and commands, as long as one is sent.

With TLS the broker forces the client id from the certificate, so there is one session for one certificate:
whoever comes second on this machine waits, instead of taking over the first one's.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Sequence

from center.settings import Settings
from uplink.connection import Connection
from uplink.ids import draw_id


@contextlib.contextmanager
def at_broker(settings: Settings, subscriptions: Sequence[str] = ()) -> Iterator[Connection]:
    """Yield a connection that was started.  Raises NotLoopback, OSError (the key file)."""
    with _alone(settings):
        connection = Connection(
            settings.broker.operator_address(),
            f"operator-{settings.id}-{draw_id()[:8]}",
            subscriptions=subscriptions,
        )
        connection.start()
        try:
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    key = settings.broker.operator_key
    if key is None:
        yield
        return
    with key.open("rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
