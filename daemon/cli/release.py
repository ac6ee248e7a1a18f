"""`bodydock release FILE`: bring a command that two persons signed to the dock."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.common import act, json_option, settings_option

_MAX_BYTES = 48 * 1024  # as one line of the control socket


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@settings_option
@json_option
def release(file: Path, settings_file: Path, as_json: bool) -> None:
    """Carry out the command in FILE: a release, or a tag that replaces.

    FILE is written by `bodydock center order release` and signed by the second person with
    `bodydock center cosign FILE --carry`.

    \b
    bodydock release /media/stick/release.json
    """
    data = file.read_bytes()
    if len(data) > _MAX_BYTES:
        raise click.ClickException(f"{file}: {len(data)} bytes: this is no command")
    act(settings_file, "release", as_json, command=data.decode("utf-8", "replace"))
