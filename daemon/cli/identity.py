"""`bodydock identity`: who this dock is, for the platform's administrator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.common import json_option, print_json, say, settings_option, told

if TYPE_CHECKING:
    from daemon.identity import DockIdentity
    from daemon.settings import Settings


@click.group(invoke_without_command=True)
@settings_option
@click.pass_context
def identity(ctx: click.Context, settings_file: Path) -> None:
    """Make the dock's keys where there are none; print its identity, signed by it.

    It carries the request for the certificate that the broker wants to see.  The signed identity goes to
    standard output (for `bodydock center docks add`), the fingerprint that two persons compare to standard
    error.

    \b
    bodydock identity > dock-01.json      then `bodydock center docks add` there
    bodydock identity roll                another key in the place of the dock's
    """
    if ctx.invoked_subcommand is not None:
        return
    from datetime import UTC, datetime

    from daemon.identity import fingerprint, load_identity, tls_request
    from daemon.settings import load_settings
    from uplink import envelope

    with told():
        try:
            settings = load_settings(settings_file)
            me, request = load_identity(settings), tls_request(settings)
            rolled = _checked(settings, me)
        except OSError as error:
            raise click.ClickException(f"the dock's key cannot be kept: {error}") from None
    signed = envelope.seal("identity", me.statement(datetime.now(UTC), request, rolled).to_bytes(), me.key)
    click.echo(signed.raw.decode())
    click.echo(f"dock {me.dock}, site {me.site}\nfingerprint: {fingerprint(me.key.key_id)}", err=True)


@identity.command()
@click.option("--reason", default="", help="Why: it stands in the chain for ever.")
@click.option(
    "--forgotten",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="This copy is from before a roll: the key file that the dock was rolled to.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@settings_option
@json_option
def roll(reason: str, forgotten: Path | None, yes: bool, settings_file: Path, as_json: bool) -> None:
    """Put a new key in the place of the dock's: for root, or the user that the dock runs as.

    The running dock does it, and goes on under the new key; with the dock stopped, this command does.  The
    event `key_rolled` is signed by both keys, and by it the platform knows the new one; the old private key
    is gone afterwards.

    \b
    bodydock identity roll --reason "left the office with its owner"
    bodydock identity roll --forgotten /media/stick/dock.pem      restored from before the roll
    """
    from daemon.settings import load_settings

    with told():
        settings = load_settings(settings_file)
        if not yes:
            click.confirm("Its old key will be gone. Roll it?", abort=True, err=True)
        done = _rolled(settings, reason, forgotten)
    if as_json:
        print_json(done)
        return
    _tell(done)


def _rolled(settings: Settings, reason: str, forgotten: Path | None) -> dict[str, Any]:
    """Ask the daemon; where it is down, do it here."""
    from daemon.control import ask
    from daemon.errors import NotRunning
    from daemon.rolling_asked import roll_at_rest

    file = None if forgotten is None else str(forgotten.absolute())
    try:
        done: dict[str, Any] = ask(settings.control.socket, "roll", reason=reason, forgotten=file)
    except NotRunning:
        return roll_at_rest(settings, reason, file)
    return done


def _tell(done: dict[str, Any]) -> None:
    from daemon.identity import fingerprint

    say(f"采集站 {done['dock']} 的密钥已更换。 The key of dock {done['dock']} was rolled.")
    click.echo(f"before: {fingerprint(done['before'])}\nfingerprint: {fingerprint(done['key'])}")
    for line in done["to_do"]:
        say(f"- {line}", err=True)


def _checked(settings: Settings, me: DockIdentity) -> list[bytes]:
    """Nobody is enrolled in the name of another dock, or of a copy of one; return what rolled its keys.

    Raises WrongKey, WrongSite.
    """
    import sqlite3

    from daemon import keyline
    from daemon.custody import check_identity
    from daemon.errors import WrongKey
    from daemon.lineage.board import copied_from, what_to_do
    from daemon.store import Store

    if not settings.store_file.exists():
        return []
    store = Store(settings.store_file, read_only=True)
    try:
        copy_of = copied_from(store, me)
        if copy_of is not None:
            raise WrongKey(what_to_do(copy_of, settings.key_file))
        try:
            rolled = [bytes(row["raw"]) for row in keyline.rolls(store, me.platform, me.dock)]
        except (
            sqlite3.OperationalError
        ):  # a version before rolled keys left it so: the next start changes that
            return []
        check_identity(store, me)
        return rolled
    finally:
        store.release()
