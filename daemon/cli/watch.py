"""`bodydock watch`: docks and slots as they say they are, on any machine that may subscribe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.common import json_option, told
from uplink.plain import json_text

if TYPE_CHECKING:
    from daemon.watching import Watched
    from uplink.connection import Connection

TURN_S = 0.25
SHOW_EVERY_S = 0.5
QUIET_S = 1.5  # --once: after the last message
ONCE_S = 15.0  # --once: for the connection


@click.command()
@click.option("--broker", default="127.0.0.1:1883", show_default=True, help="HOST:PORT.")
@click.option("--site", "sites", multiple=True, help="Only this site; may be given again.")
@click.option("--user", help="The name for plain MQTT; with TLS it is the certificate's.")
@click.option("--ca", type=click.Path(path_type=Path), help="TLS: the broker's CA (PEM).")
@click.option(
    "--certificate", type=click.Path(path_type=Path), help="TLS: this watcher's (`center ca watcher`)."
)
@click.option("--key", type=click.Path(path_type=Path), help="TLS: its private key.")
@click.option("--once", is_flag=True, help="Show what there is now, and end.  Status 1: an alarm stands.")
@json_option
def watch(
    broker: str,
    sites: tuple[str, ...],
    user: str | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    once: bool,
    as_json: bool,
) -> None:
    """Watch docks and slots live, alarms first.

    What is shown is what the docks say of themselves: telemetry is not signed.  Proof is the chain, at the
    platform (`bodydock center verify`).  With --json a line of JSON for each change, a whole snapshot each.

    \b
    bodydock watch --broker 127.0.0.1:1883 --user watcher
    bodydock watch --broker mq.example:8883 --ca ca.crt --certificate me.crt --key me.pem --site xlt
    bodydock watch --once --json
    """
    from daemon.watching import Watched

    watched = Watched()
    with told(), _connected(broker, sites, user, (ca, certificate, key)) as connection:
        if once:
            _collect(connection, watched)
            shown = _snapshot(watched, connection)
            click.echo(json_text(shown)) if as_json else _print(shown)
            if not shown["docks"]:  # brokers drop what a certificate may not read without a word
                raise click.ClickException(
                    "no dock was heard: either none was ever connected, or this user may not read them:"
                    " it needs a watcher's rights (`center ca watcher`)"
                )
            if shown["alarms"]:
                raise click.exceptions.Exit(1)
        elif as_json:
            _lines(connection, watched)
        else:
            _live(connection, watched)


@contextmanager
def _connected(
    broker: str, sites: tuple[str, ...], user: str | None, files: tuple[Path | None, Path | None, Path | None]
) -> Iterator[Connection]:
    from daemon.watching import subscriptions
    from uplink.broker import BrokerAddress
    from uplink.connection import Connection
    from uplink.ids import draw_id
    from uplink.tls import TlsFiles

    host, _, port = broker.rpartition(":")
    if not host or not port.isdecimal():
        raise click.ClickException(f"--broker {broker}: write HOST:PORT")
    given = [path for path in files if path is not None]
    if given and len(given) != len(files):
        raise click.ClickException("--ca, --certificate and --key go together")
    ca, certificate, key = files
    tls = TlsFiles(ca, certificate, key) if ca and certificate and key else None
    address = BrokerAddress(host.strip("[]"), int(port), user, tls)
    connection = Connection(address, f"watch-{draw_id()[:16]}", subscriptions=subscriptions(sites))
    connection.start()
    try:
        yield connection
    except KeyboardInterrupt:
        pass
    finally:
        connection.close()


def _turn(connection: Connection, watched: Watched, timeout_s: float) -> bool:
    """Take what comes; returns whether anything changed.  Raises ClickException: it may not subscribe."""
    from datetime import UTC, datetime

    from uplink.broker import Connected, Disconnected, Inbound, SubscriptionRefused

    changed = False
    while (notice := connection.next(timeout_s)) is not None:
        timeout_s = 0.0
        match notice:
            case Inbound(topic, payload, retained):
                changed |= watched.take(topic, payload, datetime.now(UTC), retained=retained)
            case SubscriptionRefused(topic, code):
                raise click.ClickException(
                    f"the broker refuses {topic} (0x{code:02x}):"
                    " it needs a watcher's rights (`center ca watcher`)"
                )
            case Connected() | Disconnected():
                changed = True
    return changed


def _collect(connection: Connection, watched: Watched) -> None:
    """Take what is retained: until it has been quiet for a while.  Raises ClickException: no connection."""
    give_up_at = time.monotonic() + ONCE_S
    while not connection.connected:
        _turn(connection, watched, TURN_S)
        if time.monotonic() > give_up_at:
            raise click.ClickException(f"no broker: {connection.trouble}")
    quiet_at = time.monotonic() + QUIET_S
    while time.monotonic() < min(quiet_at, give_up_at + ONCE_S):
        if _turn(connection, watched, TURN_S):
            quiet_at = time.monotonic() + QUIET_S


def _lines(connection: Connection, watched: Watched) -> None:
    while True:
        if _turn(connection, watched, SHOW_EVERY_S):
            click.echo(json_text(_snapshot(watched, connection)))


def _live(connection: Connection, watched: Watched) -> None:
    from rich.live import Live

    from daemon.cli.watch_view import view

    with Live(auto_refresh=False, screen=False, vertical_overflow="ellipsis") as live:
        while True:
            _turn(connection, watched, SHOW_EVERY_S)  # shown again anyway: what is old grows older
            live.update(view(_snapshot(watched, connection), connection.trouble), refresh=True)


def _print(shown: dict[str, Any]) -> None:
    from daemon.cli.common import console
    from daemon.cli.watch_view import view

    console().print(view(shown, None))


def _snapshot(watched: Watched, connection: Connection) -> dict[str, Any]:
    from datetime import UTC, datetime

    from daemon.watching import snapshot

    return snapshot(watched, datetime.now(UTC), connection.connected)
