"""`bodydock center case-card CASE`: what an officer holds to the lens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from daemon.cli.center_common import folder_of, folder_option, told
from daemon.cli.common import json_option, print_json


@click.command("case-card")
@click.argument("case")
@click.option(
    "--days", default=30, show_default=True, type=click.IntRange(1, 3660), help="How long it is valid."
)
@click.option(
    "--out",
    default=Path(),
    show_default="the folder you are in",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the pictures are written.",
)
@folder_option
@json_option
def case_card(case: str, days: int, out: Path, root: Path, as_json: bool) -> None:
    """Make the card of CASE: a QR code signed by this platform, and a sheet of A6 to print.

    \b
    bodydock center case-card 2026-0187                    four pictures, here
    bodydock center case-card 2026-0187 --days 7 --out /srv/cards

    Shown to a camera in the first two minutes, it tags that recording with the case.
    """
    from center import settings
    from center.case_cards import sign, write

    expires = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
    with told():
        signed = sign(folder_of(root), settings.load(folder_of(root)), case, expires)
        try:
            written = write(signed, out)
        except ImportError as error:
            raise click.ClickException(
                f"{error.name} is not installed: `pip install bodydock[pictures]`, then try again"
            ) from None
    if as_json:
        print_json(
            {
                "case": signed.card.case,
                "expires": signed.card.expires.isoformat(),
                "text": signed.text,
                "files": [str(path) for path in written],
            }
        )
        return
    click.echo(f"{signed.card.case}: valid until {expires:%Y-%m-%d %H:%M} UTC", err=True)
    for path in written:
        click.echo(str(path))
