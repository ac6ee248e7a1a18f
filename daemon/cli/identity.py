"""`bodydock identity`: who this dock is, for the platform's administrator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.common import settings_option, told

if TYPE_CHECKING:
    from daemon.identity import DockIdentity
    from daemon.settings import Settings


@click.command()
@settings_option
def identity(settings_file: Path) -> None:
    """Make the dock's keys where there are none; print its identity, signed by it.

    It carries the request for the certificate that the broker wants to see.  The signed identity goes to
    standard output (for `bodydock center docks add`), the fingerprint that two persons compare to standard
    error.

    \b
    bodydock identity > dock-01.json      then `bodydock center docks add` there
    """
    from datetime import UTC, datetime

    from daemon.identity import fingerprint, load_identity, tls_request
    from daemon.settings import load_settings
    from uplink import envelope

    with told():
        try:
            settings = load_settings(settings_file)
            me, request = load_identity(settings), tls_request(settings)
            _refuse(settings, me)
        except OSError as error:
            raise click.ClickException(f"the dock's key cannot be kept: {error}") from None
    signed = envelope.seal("identity", me.statement(datetime.now(UTC), request).to_bytes(), me.key)
    click.echo(signed.raw.decode())
    click.echo(f"dock {me.dock}, site {me.site}\nfingerprint: {fingerprint(me.key.key_id)}", err=True)


def _refuse(settings: Settings, me: DockIdentity) -> None:
    """Nobody is enrolled in the name of another dock, or of a copy of one.  Raises WrongKey, WrongSite."""
    from daemon.custody import check_identity
    from daemon.errors import WrongKey
    from daemon.lineage.board import copied_from, what_to_do
    from daemon.store import Store

    if not settings.store_file.exists():
        return
    store = Store(settings.store_file, read_only=True)
    copy_of = copied_from(store, me)
    if copy_of is not None:
        raise WrongKey(what_to_do(copy_of, settings.key_file))
    check_identity(store, me)
