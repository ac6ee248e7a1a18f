"""Which profiles the verbs of `bodydock profile` know: shipped, of the dock's settings, and named here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dock.profiles import CameraProfile, Profiles

F = TypeVar("F", bound=Callable[..., Any])


def own_option(command: F) -> F:
    """Adds `--own FILE` and `--settings FILE`."""
    command = click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BODYDOCK_SETTINGS",
        help="The dock's settings, for the profiles that they name; left out: the usual file, if any.",
    )(command)
    return click.option(
        "--own",
        multiple=True,
        type=click.Path(path_type=Path, dir_okay=False),
        help="A profile's file besides those; several may be given.",
    )(command)


def profiles_known(own: tuple[Path, ...], settings_file: Path | None) -> Profiles:
    """Return the shipped profiles, those of the settings, and `own`.

    Raises ProfileError, BadSettings, OSError.
    """
    from daemon.settings import DEFAULT_FILE, load_settings
    from dock.profiles import load_profiles

    # It works anywhere, without a dock: the usual settings count only where they can be read.
    if settings_file is None and os.access(DEFAULT_FILE, os.R_OK):
        settings_file = Path(DEFAULT_FILE)
    said = load_settings(settings_file).profiles if settings_file is not None else []
    here = [path.resolve() for path in own]
    return load_profiles([*dict.fromkeys(here), *(path for path in said if path.resolve() not in here)])


def profile_named(name: str, known: Profiles) -> CameraProfile:
    """Return the profile of a name, or of a file.  Raises ProfileError; ClickException: there is none."""
    from dock.profile_reading import read_profile
    from dock.profiles import profile_of

    if name.endswith(".toml") or "/" in name:
        return profile_of(read_profile(Path(name)))
    found = known.find(name)
    if found is None:
        names = ", ".join(sorted(one.name for one in known.profiles))
        raise click.ClickException(f"no profile is called {name!r}; there are: {names}")
    return found
