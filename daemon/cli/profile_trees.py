"""`bodydock profile try` and `profile new`: a folder or an image of a card, read by profiles or drafted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.common import console, json_option, print_json, say, told
from daemon.cli.profile_files import own_option, profile_named, profiles_known

if TYPE_CHECKING:
    from dock.card_tree import Tree
    from dock.devices import BlockDevice
    from dock.profiles import CameraProfile, Fit

_SHOWN = 12
_SIGNS = {4: "USB", 3: "卷标 label", 2: "标志 marker", 1: "文件名 names", 0: "–"}


@click.command("try")
@click.argument("tree", type=click.Path(path_type=Path, exists=True))
@click.option("--profile", "by", help="Read it by this profile (a name or a file), whichever fits best.")
@click.option("--usb", help="The USB ids that the camera shows, as `lsusb` prints them: 4255:0001.")
@click.option("--label", help="The volume label, for a folder; of an image its own is read.")
@click.option("--all", "every", is_flag=True, help="Show how every file is read, not the first ones only.")
@own_option
@json_option
def try_(
    tree: Path,
    by: str | None,
    usb: str | None,
    label: str | None,
    every: bool,
    own: tuple[Path, ...],
    settings_file: Path | None,
    as_json: bool,
) -> None:
    """Show how each profile would read TREE, which one fits, and why.

    TREE is a folder, or an image (or the device) of a card with FAT or exFAT: nothing is mounted or written.
    Exit status: 0 a profile fits, 1 none does (its times are read, and nobody is named).

    \b
    bodydock profile try /media/card
    bodydock profile try card.img --all
    bodydock profile try /media/card --own ours.toml
    """
    from dock.card_tree import read_tree

    with told():
        known = profiles_known(own, settings_file)
        named = profile_named(by, known) if by else None
        found = read_tree(tree)
    fits = known.fits([_device(usb, found.label if label is None else label)], found.names)
    best = fits[0]
    reader = named or (best.profile if best.strength else known.generic)
    fitting = best.strength > 0 and best.profile is not known.generic
    if as_json:
        print_json(_as_json(found, fits, reader, fitting))
    else:
        _print(found, fits, reader, fitting, every)
    if not fitting:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("tree", type=click.Path(path_type=Path, exists=True))
@click.option("--name", help="What the profile is to be called; left out: as the folder or image is.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, which must not exist yet; left out: it is printed.",
)
@click.option("--officer", default="", help="Which id of the draft is the officer's, if you know: id1 … id4.")
@click.option("--serial", default="", help="Which id of the draft is the camera's number.")
@own_option
@json_option
def new(
    tree: Path,
    name: str | None,
    output: Path | None,
    officer: str,
    serial: str,
    own: tuple[Path, ...],
    settings_file: Path | None,
    as_json: bool,
) -> None:
    """Draft a profile from a sample TREE: a folder, or an image of a card.

    What the draft is not sure of is a comment in it; whose an id is, it never guesses: say it with --officer
    and --serial, or in the file.  It is valid as it stands: edit it, then `profile test` and `profile try`
    it.

    \b
    bodydock profile new /media/card --name ours
    bodydock profile new /media/card --name ours --serial id1 --officer id2 --output ours.toml
    bodydock profile test ours.toml
    bodydock profile try /media/card --own ours.toml
    """
    from dock.card_tree import read_tree
    from dock.draft_new import new_profile

    with told():
        known = profiles_known(own, settings_file)
        found = read_tree(tree)
        text = new_profile(found, name or tree.resolve().stem, known, officer, serial)
        if output is not None:
            with output.open("x", encoding="utf-8") as file:  # what somebody has edited is never written over
                file.write(text)
    for note in found.notes:
        say(f"注意 note: {note}", err=True)
    if as_json:
        print_json({"profile": text, "file": str(output) if output else None, "notes": list(found.notes)})
    elif output is None:
        click.echo(text, nl=False)
    if output is not None:
        click.echo(f"{output}: 草稿已生成，请核对其中的注释 drafted, look at its comments", err=True)


def _device(usb: str | None, label: str) -> BlockDevice:
    from dock.devices import BlockDevice, hex_id

    vendor, _, product = (usb or "").partition(":")
    if usb and not (hex_id(vendor) and hex_id(product)):
        raise click.ClickException(f"--usb {usb!r}: must be like 4255:0001, as `lsusb` prints it")
    return BlockDevice(
        "", "", None, "unknown", False, hex_id(vendor), hex_id(product), "", "", "", label, 0, True
    )


def _as_json(found: Tree, fits: list[Fit], reader: CameraProfile, fitting: bool) -> dict[str, Any]:
    return {
        "tree": found.name,
        "label": found.label or None,
        "files": len(found.files),
        "fits": fitting,
        "profiles": [
            {
                "profile": fit.profile.name,
                "strength": fit.strength,
                "why": fit.why,
                "footage": fit.media,
                "named": fit.named,
            }
            for fit in fits
        ],
        "read_by": reader.name,
        "read": [_reading(reader, path) for path in found.names],
        "notes": list(found.notes),
    }


def _reading(reader: CameraProfile, path: str) -> dict[str, Any]:
    facts = reader.facts(path)
    return {
        "name": path,
        "kind": reader.kind_of(path) or "left_out",
        "named_at": facts.named_at.isoformat(" ") if facts.named_at else None,
        "sequence": facts.sequence,
        "serial": facts.serial,
        "officer": facts.officer,
        "marked": facts.marked,
        "view": facts.view,
    }


def _print(found: Tree, fits: list[Fit], reader: CameraProfile, fitting: bool, every: bool) -> None:
    from rich.table import Table

    from daemon.cli.screen import console as made

    for note in found.notes:
        say(f"注意 note: {note}", err=True)
    table = Table("profile", "told by", "why", "names", box=None, pad_edge=False)
    for fit in fits:
        table.add_row(fit.profile.name, _SIGNS[fit.strength], fit.why, f"{fit.named}/{fit.media}")
    console().print(table)
    click.echo()
    if fitting:
        say(f"{found.name}: {fits[0].profile.name} ({fits[0].why})")
        equals = [fit.profile.name for fit in fits[1:] if fit.strength == fits[0].strength]
        if equals:
            say(f"同样匹配 fits as well: {', '.join(equals)}; the first in this table counts", err=True)
    else:
        click.echo("没有配置匹配：只读取时间，不认定人员 no profile fits: times only, and nobody is named")
    said = Table("name", "kind", "time", "number", "camera", "officer", "", box=None, pad_edge=False)
    shown = found.names if every else found.names[:_SHOWN]
    for path in shown:
        one = _reading(reader, path)
        more = " ".join(part for part in ("重要 marked" if one["marked"] else "", one["view"] or "") if part)
        columns = ("name", "kind", "named_at", "sequence", "serial", "officer")
        said.add_row(*("–" if one[key] is None else str(one[key]) for key in columns), more)
    made(wide_when_piped=True).print(said)
    if len(found.names) > len(shown):
        click.echo(f"… {len(found.names) - len(shown)} more (--all)")
