"""How `verify` says what it found, at the dock and at the platform."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any, Protocol

import click

from daemon.cli.common import print_json, say, size_text
from uplink.audit import Flaw


class Checked(Protocol):
    """What was looked at, and what does not hold."""

    counts: dict[str, int]
    flaws: list[Flaw]
    notes: list[str]


def report_checked(found: Checked, as_json: bool, deep: bool) -> None:
    """Print it, and end with status 1 if something does not hold.  `deep`: every byte was read."""
    if as_json:
        flaws = [asdict(flaw) for flaw in found.flaws]
        said = {"holds": not flaws, "checked": found.counts, "flaws": flaws, "notes": found.notes}
        print_json(said | {"bytes_read": deep})
    else:
        _print(found, deep)
    if found.flaws:
        raise click.exceptions.Exit(1)


def act_text(data: dict[str, Any]) -> str:
    """Return what an event says of an act: with whom, by which command, who carried it, why."""
    said = [
        " + ".join(data.get("persons") or ()),
        f"command {data['command'][:8]}" if data.get("command") else "",
        f"carried by {data['carried_by']}" if data.get("carried_by") else "",
        data.get("reason") or "",
    ]
    return "; ".join(part for part in said if part)


def _print(found: Checked, deep: bool) -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    for note in found.notes:
        say(f"注意 note: {note}", err=True)
    for flaw in found.flaws:
        say(f"{flaw.place}: {flaw.code}: {flaw.text}")
    counts = dict(found.counts)
    size_bytes = counts.pop("bytes", 0)
    looked = ", ".join(f"{count} {name}" for name, count in counts.items())
    click.echo(f"checked: {looked}, {size_text(size_bytes)} of footage")
    if not deep:
        click.echo("文件只核对大小，未逐字节读取 files by their size only; `--deep` reads every byte")
    if found.flaws:
        click.echo(
            f"发现 {len(found.flaws)} 处问题，请联系管理员 {len(found.flaws)} flaws: call the administrator"
        )
    else:
        click.echo("全部有效 all of it holds")
