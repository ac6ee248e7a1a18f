"""`bodydock config check`: whether the dock would start with its settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.common import json_option, print_json, settings_option, told

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.group()
def config() -> None:
    """The dock's settings.

    \b
    bodydock config check
    """


@config.command()
@settings_option
@json_option
def check(settings_file: Path, as_json: bool) -> None:
    """Check the settings, and every file that they name, without starting anything.

    What is wrong is printed with file, key, value and what is allowed.  Exit status: 0 the dock would
    start with them, 2 it would not.

    \b
    bodydock config check
    bodydock config check --settings new.toml
    """
    from daemon.settings import load_settings

    with told():
        settings = load_settings(settings_file)
        _check_files(settings)
    if as_json:
        print_json({"file": str(settings_file), "settings": settings.model_dump(mode="json")})
        return
    click.echo(
        f"{settings_file}: dock {settings.dock.id} at {settings.dock.site}, {len(settings.slots)} slots"
    )


def _check_files(settings: Settings) -> None:
    from daemon.errors import BadSettings
    from daemon.registry_files import read_files
    from daemon.tagrules import load_tag_rules
    from dock.profiles import load_profiles
    from transcoder.rules import load_rules

    load_profiles(settings.profiles)
    load_rules(settings.inspection.rules)
    load_tag_rules(settings.tagging.rules)
    read_files(settings.registries.files)
    model = settings.inspection.speech_model
    if model is not None and not (model / "model.bin").is_file():
        raise BadSettings(
            f"inspection.speech_model = {str(model)!r}: no model.bin in there; "
            "`bodydock models install` makes one, or leave the key out"
        )
