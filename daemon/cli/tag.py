"""`bodydock tag ID`: say whose a recording is, and what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.cli.common import act, json_option, settings_option
from daemon.cli.tag_options import tag_arguments, tag_options


@click.command()
@click.argument("recording")
@tag_options()
@settings_option
@json_option
def tag(recording: str, settings_file: Path, as_json: bool, **given: Any) -> None:
    """Add to the tag of RECORDING (the beginning of its id is enough).

    A tag is only added to: what is there stays.  Another officer or place than the one that stands, or a
    lower mark, takes two persons (`bodydock center order tag --replace`).  Exit status 1: the dock
    refuses, and says why.

    \b
    bodydock tag k3jq --case 2026-017 --place 光明路12号 --matter entry_inspection
    bodydock tag k3jq --mark 1:30-2:05:interview --long-term objection
    """
    act(settings_file, "tag", as_json, recording=recording, **tag_arguments(given))
