"""Timeline and contact sheets of a report, drawn where a command was told to (docs/pictures.md)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from daemon.cli.common import say, told

if TYPE_CHECKING:
    from transcoder.report import Report

pictures_option = click.option(
    "--pictures",
    "pictures_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Draw timeline and contact sheets into this folder (docs/pictures.md).",
)


def draw_report(report: Report, paths: Sequence[Path], folder: Path, zone: ZoneInfo) -> None:
    """Draw; `paths`: the files of its recordings, in its order.

    What is written is told on standard error, so that `--json` stays one document.
    """
    from transcoder.drawing.pictures import draw

    with told():
        drawn = draw(report, paths, folder, zone, zone_name=zone.key, progress=_reading)
    say(f"图片 pictures: {', '.join(str(file) for file in drawn.files)}", err=True)
    for zh, en in drawn.warnings:
        say(f"{zh} {en}", err=True)


def _reading(done: int, count: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\rpictures: {done}/{count}", nl=False, err=True)
