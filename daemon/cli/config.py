"""`bodydock config check`: whether the dock would work with its settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.common import json_option, print_json, settings_option, told

if TYPE_CHECKING:
    from daemon.settings import Settings
    from dock.profiles import Profiles
    from uplink.tls import TlsFiles


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

    What is wrong is printed with file, key, value and what is allowed; what may be meant so as a warning
    (a slot's directory that is not there now, a certificate that ended).  Exit status: 0 the dock would
    work with them, 2 it would not.

    \b
    bodydock config check
    bodydock config check --settings new.toml
    """
    from daemon.settings import load_settings

    with told():
        settings = load_settings(settings_file)
        _check_files(settings)
        warnings = [*_slots_not_there(settings), *_certificate_in_time(settings)]
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        values = settings.model_dump(mode="json")
        print_json({"file": str(settings_file), "settings": values, "warnings": warnings})
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

    _hold_to_examples(load_profiles(settings.profiles), len(settings.profiles))
    load_rules(settings.inspection.rules)
    load_tag_rules(settings.tagging.rules)
    read_files(settings.registries.files)
    model = settings.inspection.speech_model
    if model is not None and not (model / "model.bin").is_file():
        raise BadSettings(
            f"inspection.speech_model = {str(model)!r}: no model.bin in there; "
            "`bodydock models install` makes one, or leave the key out"
        )
    if settings.broker is not None and (files := settings.broker_address().tls) is not None:
        _check_tls(files)


def _hold_to_examples(profiles: Profiles, own: int) -> None:
    """The office's own stand first; a shipped one that no longer holds beside them is theirs to mend, too."""
    from daemon.errors import BadSettings
    from dock.profile_checks import failures

    for profile in profiles.profiles[:own]:
        failed = next(failures(profile, profiles), None)
        if failed is not None:
            raise BadSettings(f"profiles: {failed} (`bodydock profile test` says all)")


def _check_tls(files: TlsFiles) -> None:
    from daemon.errors import BadSettings
    from uplink import tls

    if files.certificate.exists() and not files.key.exists():
        raise BadSettings(
            f"broker.key: {files.key} is not there: `bodydock identity` makes it, and the certificate is for"
            " the key that it made"
        )
    tls.context(files)


def _slots_not_there(settings: Settings) -> Iterator[str]:
    for slot in settings.slots:
        if slot.directory is not None and not slot.directory.is_dir():
            what = "no directory" if slot.directory.exists() else "not there now (is it mounted?)"
            yield f"slot {slot.number}: {slot.directory} is {what}: nothing can be taken in from it"


def _certificate_in_time(settings: Settings) -> Iterator[str]:
    from uplink import tls

    files = settings.broker_address().tls if settings.broker is not None else None
    if files is None:
        return
    ends = tls.expires_at(files.certificate)
    left = ends - datetime.now(UTC)
    if left < tls.EXPIRING:
        said = "ended" if left < timedelta(0) else "ends"
        yield f"broker.certificate: {files.certificate} {said} on {ends:%Y-%m-%d}: renew it (docs/brokers.md)"
