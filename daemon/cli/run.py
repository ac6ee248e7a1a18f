"""`bodydock run`: the service itself, in the foreground (systemd starts it so)."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from daemon.cli.common import settings_option, told


@click.command()
@settings_option
@click.option("--log-level", default="INFO", show_default=True, help="DEBUG, INFO, WARNING or ERROR.")
def run(settings_file: Path, log_level: str) -> None:
    """Run the dock until it is told to stop (SIGTERM, Ctrl-C)."""
    from daemon.service import serve
    from daemon.settings import load_settings

    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
    )
    with told():
        serve(load_settings(settings_file))
