"""`bodydock run`: the service itself, in the foreground (systemd starts it so)."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.common import settings_option, told


@click.command()
@settings_option
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    default="INFO",
    show_default=True,
    help="The least that the journal is told.",
)
def run(settings_file: Path, log_level: str) -> None:
    """Run the dock until it is told to stop (SIGTERM, Ctrl-C).

    \b
    bodydock run --settings bodydock.toml    in the foreground, until Ctrl-C
    """
    from daemon.journal import set_up_logging
    from daemon.service import serve
    from daemon.settings import load_settings

    set_up_logging(log_level)
    with told():
        serve(load_settings(settings_file))
