"""`bodydock center registry …`: officers, cameras and cases for the docks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.center_common import folder_of, folder_option, told
from daemon.cli.common import json_option, print_json, say

if TYPE_CHECKING:
    from center.registry_changes import Changes
    from uplink.registry_files import Table

SHOWN = 20  # rows of each sort; the rest is a number


@click.group()
def registry() -> None:
    """Officers, cameras and cases, as signed snapshots for the docks.

    \b
    bodydock center registry publish officers.csv cases.csv --dry-run
    """


@registry.command("publish")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(["officers", "cases", "cameras"]), help="Else as the columns say.")
@click.option("--scope", help="The site; the only one if there is one.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be added, changed and withdrawn; sign nothing."
)
@click.option("--withdraw-all", is_flag=True, help="Take a FILE without rows, which withdraws every row.")
@folder_option
@json_option
def registry_publish(
    files: tuple[Path, ...],
    kind: str | None,
    scope: str | None,
    dry_run: bool,
    withdraw_all: bool,
    root: Path,
    as_json: bool,
) -> None:
    """Sign FILE (CSV or JSON) as a whole snapshot and put it on the broker, retained.

    A snapshot is whole: a row that is not in FILE any more is withdrawn.  Exit status 2: it is signed and
    kept, and not on the broker yet.

    \b
    bodydock center registry publish officers.csv cases.csv --dry-run    what would change
    bodydock center registry publish officers.csv cases.csv
    """
    from center import registry as signing
    from center import settings
    from uplink import registry_files

    folder = folder_of(root)
    with told():
        chosen = settings.load(folder)
        site = signing.scope(folder, scope)
        read = [registry_files.read(path, kind, may_be_empty=withdraw_all) for path in files]
        _one_of_a_kind(files, read)
        changes = signing.changes(folder, site, read)
        notes = signing.unknown_officers(folder, site, read)
        snapshots = [] if dry_run else signing.sign(folder, chosen, site, read)
        delivery = None if dry_run else signing.publish(chosen, snapshots)
    for note in notes[:SHOWN]:
        say(f"注意 note: {note}", err=True)
    if delivery is not None and not delivery.on_broker:
        say(
            f"signed and kept, but not on the broker yet ({delivery.trouble}): a running center brings it "
            "there when it connects, or publish again",
            err=True,
        )
    versions = [None] * len(read) if dry_run else [s.version for s in snapshots]
    if as_json:
        print_json(
            [
                {"site": site, "version": version, "rows": len(table.rows), **asdict(change)}
                | {"on_broker": delivery is not None and delivery.on_broker, "dry_run": dry_run}
                for table, change, version in zip(read, changes, versions, strict=True)
            ]
        )
    else:
        _print(site, read, changes, versions)
    if delivery is not None and not delivery.on_broker:
        raise click.exceptions.Exit(2)


def _one_of_a_kind(files: Sequence[Path], read: Sequence[Table]) -> None:
    """A snapshot is whole, so that a second file of its kind would withdraw what is in the first."""
    first: dict[str, Path] = {}
    for path, table in zip(files, read, strict=True):
        if table.kind in first:
            raise click.ClickException(
                f"{first[table.kind]} and {path} are both {table.kind}: a registry is one whole file,"
                " the second would withdraw what only the first has. Join them"
            )
        first[table.kind] = path


def _print(
    site: str, read: Sequence[Table], changes: Sequence[Changes], versions: Sequence[int | None]
) -> None:
    for table, change, version in zip(read, changes, versions, strict=True):
        what = "would be signed" if version is None else f"version {version}"
        say(f"{site}: {table.kind} {what}, {len(table.rows)} rows: {_sum(change)}")
        for mark, names in (("+", change.added), ("~", change.changed), ("-", change.withdrawn)):
            for name in names[:SHOWN]:
                say(f"  {mark} {name}")
            if len(names) > SHOWN:
                say(f"  {mark} … and {len(names) - SHOWN} more")


def _sum(change: Changes) -> str:
    return (
        f"新增 {len(change.added)} added, 更改 {len(change.changed)} changed,"
        f" 撤销 {len(change.withdrawn)} withdrawn"
    )
