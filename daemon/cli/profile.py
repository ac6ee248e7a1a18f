"""`bodydock profile`: what the dock knows of cameras, and a kit to add one (docs/profiles.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.common import console, json_option, print_json, say, told
from daemon.cli.profile_files import own_option, profile_named, profiles_known
from daemon.cli.profile_trees import new, try_

if TYPE_CHECKING:
    from dock.profiles import CameraProfile


@click.group()
def profile() -> None:
    """Camera profiles: how a camera is recognised, and what its names and folders mean.

    \b
    bodydock profile list
    bodydock profile try /media/card      which profile reads this card, and why
    bodydock profile new /media/card      a draft for a camera that none knows
    """


profile.add_command(try_)
profile.add_command(new)


@profile.command("list")
@own_option
@json_option
def list_profiles(own: tuple[Path, ...], settings_file: Path | None, as_json: bool) -> None:
    """List the profiles: the shipped ones, and the office's own.

    \b
    bodydock profile list
    bodydock profile list --own ours.toml
    """
    with told():
        known = profiles_known(own, settings_file)
    rows = [_row(one) for one in known.profiles]
    if as_json:
        print_json(rows)
        return
    from daemon.cli.screen import entry

    for row in rows:
        tried = (
            "实机验证 tried on a device" if row["tried_on_device"] else "未在实机验证 not tried on a device"
        )
        entry(console(), (row["profile"], row["title"]), (tried, row["basis"]))


@profile.command()
@click.argument("name")
@own_option
@json_option
def show(name: str, own: tuple[Path, ...], settings_file: Path | None, as_json: bool) -> None:
    """Show what a profile says.  NAME: as `profile list` has it, or a file.

    \b
    bodydock profile show e12
    bodydock profile show ours.toml --json
    """
    with told():
        known = profiles_known(own, settings_file)
        found = profile_named(name, known)
    values = found.file.model_dump(mode="json", exclude_defaults=True)
    if as_json:
        print_json(values)
        return
    for key in ("name", "title", "basis", "sources", "tried_on_device", "time_zone", "pre_record_s"):
        say(f"{key:16} {_shown(getattr(found.file, key))}")
    for table, part in values.items():
        if isinstance(part, dict):
            say(f"[{table}]")
            for key, value in part.items():
                say(f"  {key:18} {_shown(value)}")
    for whose in ("officer", "serial"):
        group = getattr(found.file.identity, whose)
        fields = {name for pattern in found.file.names for name in pattern.compiled.groupindex}
        said = f"the field {group} of a name" if group in fields else "no field of a name: nobody"
        say(f"{whose:16} {said}")
    for pattern in found.file.names:
        say(f"[names] {pattern.pattern}")
    say(f"{len(found.file.examples)} examples, {len(found.file.trees)} trees")


@profile.command()
@click.argument("names", nargs=-1)
@own_option
@json_option
def test(names: tuple[str, ...], own: tuple[Path, ...], settings_file: Path | None, as_json: bool) -> None:
    """Hold profiles to their own examples and small trees: of all profiles, or of NAMES (names or files).

    Exit status: 0 all of them hold, 1 some do not, 2 a profile cannot be read.

    \b
    bodydock profile test
    bodydock profile test ours.toml
    """
    from dataclasses import asdict

    from dock.profile_checks import count_of, failures

    with told():
        files = tuple(Path(name) for name in names if _is_file(name))
        known = profiles_known((*own, *files), settings_file)
        asked = [profile_named(name, known) for name in names] or list(known.profiles)
    failed = [failure for one in asked for failure in failures(one, known)]
    count = sum(count_of(one) for one in asked)
    if as_json:
        profiles = [one.name for one in asked]
        print_json({"profiles": profiles, "checked": count, "failures": [asdict(one) for one in failed]})
    else:
        for failure in failed:
            say(str(failure))
        held = "全部符合 all of it holds" if not failed else f"{len(failed)} 处不符 do not hold"
        click.echo(f"{count} examples and trees of {len(asked)} profiles: {held}")
    if failed:
        raise click.exceptions.Exit(1)


def _is_file(name: str) -> bool:
    return name.endswith(".toml") or "/" in name


def _row(one: CameraProfile) -> dict[str, Any]:
    file = one.file
    return {
        "profile": one.name,
        "title": one.title,
        "basis": file.basis,
        "sources": file.sources,
        "tried_on_device": file.tried_on_device,
        "examples": len(file.examples),
        "trees": len(file.trees),
    }


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return "–" if value in (None, "") else str(value)
