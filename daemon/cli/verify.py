"""`bodydock verify [ID]`: everything the dock holds, checked again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.checked import report_checked
from daemon.cli.common import json_option, open_read_only, settings_option, told
from uplink.plain import plain

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command()
@click.argument("recording", required=False)
@click.option("--deep", is_flag=True, help="Read every local copy from the medium and hash it anew.")
@settings_option
@json_option
def verify(recording: str | None, deep: bool, settings_file: Path, as_json: bool) -> None:
    """Check the chain, every docking's sum, revisions, receipts and the vault's files.

    With RECORDING (the beginning of an id) only what concerns it.  Works with the daemon running or stopped,
    and changes nothing, but that a running one is told which copies to read again.  Exit status: 0 all of
    it holds, 1 something does not, 2 it could not be checked.

    \b
    bodydock verify                       signatures, sums, sizes
    bodydock verify --deep                every byte, from the medium
    bodydock verify kq3x --json           one recording
    """
    from daemon.settings import load_settings
    from daemon.verifying import Verifier

    with told():
        settings = load_settings(settings_file)
        verifier = Verifier(open_read_only(settings), settings, deep=deep, progress=_progress)
        found = verifier.everything() if recording is None else verifier.one(recording)
    if found.unsound:
        _tell(settings, found.unsound)
    report_checked(found, as_json, deep)


def _tell(settings: Settings, unsound: list[str]) -> None:
    """A running dock reads them again itself; from then on it takes them from the card anew."""
    from daemon.control import ask
    from daemon.errors import DaemonError

    try:
        ask(settings.control.socket, "read_again", recordings=unsound[:1000])
    except DaemonError as error:
        said = f"the dock was not told ({plain(str(error))}): start it, then verify again"
        click.echo(f"采集站未获知 {said}", err=True)
    else:
        count = len(unsound)
        click.echo(
            f"已通知采集站重读 {count} 个文件；再次插入记录仪可补采 the dock reads {count} files again"
            " (alarm vault.damaged); put the camera in again and it takes them anew",
            err=True,
        )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{plain(text)}", nl=False, err=True)
