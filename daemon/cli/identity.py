"""`bodydock identity`: who this dock is, for the platform's administrator."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.common import settings_option, told


@click.command()
@settings_option
def identity(settings_file: Path) -> None:
    """Make the dock's keys where there are none; print its identity, signed by it.

    It carries the request for the certificate that the broker wants to see.  The signed identity goes to
    standard output (for `bodydock center docks add`), the fingerprint that two persons compare to standard
    error.
    """
    from datetime import UTC, datetime

    from daemon.identity import fingerprint, load_identity, tls_request
    from daemon.settings import load_settings
    from uplink import envelope

    with told():
        try:
            settings = load_settings(settings_file)
            me, request = load_identity(settings), tls_request(settings)
        except OSError as error:
            raise click.ClickException(f"the dock's key cannot be kept: {error}") from None
    signed = envelope.seal("identity", me.statement(datetime.now(UTC), request).to_bytes(), me.key)
    click.echo(signed.raw.decode())
    click.echo(f"dock {me.dock}, site {me.site}\nfingerprint: {fingerprint(me.key.key_id)}", err=True)
