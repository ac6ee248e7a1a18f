"""`bodydock verify [ID]`: everything the dock holds, checked again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from daemon.cli.checked import report_checked
from daemon.cli.common import json_option, open_read_only, settings_option, told
from uplink.plain import plain


@click.command()
@click.argument("recording", required=False)
@click.option("--deep", is_flag=True, help="Read every local copy from the medium and hash it anew.")
@settings_option
@json_option
def verify(recording: str | None, deep: bool, settings_file: Path, as_json: bool) -> None:
    """Check the chain, every docking's sum, revisions, receipts and the vault's files.

    With RECORDING (the beginning of an id) only what concerns it.  Works with the daemon running or stopped,
    and changes nothing.  Exit status: 0 all of it holds, 1 something does not, 2 it could not be checked.

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
    report_checked(found, as_json)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{plain(text)}", nl=False, err=True)
