"""`bodydock recordings`: what the dock holds, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.cli.common import (
    STATES,
    VERDICTS,
    console,
    copy_text,
    json_option,
    print_json,
    read,
    settings_option,
    size_text,
)
from daemon.store import Store


def _from_store(store: Store) -> list[dict[str, Any]]:
    from daemon.status import recordings_json

    return recordings_json(store)


@click.command()
@settings_option
@json_option
def recordings(settings_file: Path, as_json: bool) -> None:
    """List recordings, newest first (at most 1,000).

    \b
    bodydock recordings
    bodydock recordings --json            every fact of each
    """
    data = read(settings_file, "recordings", _from_store)
    if as_json:
        print_json(data)
        return
    from daemon.cli.screen import entry, is_narrow

    out = console()
    if not is_narrow(out):
        out.print(_table(data))
        return
    for item in data:
        name, size, officer, cases, verdict, state = _cells(item)
        entry(out, (item["recording"], state), (name, size), (officer, cases, verdict))


def _table(data: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table()
    for name in ("recording", "名称 name", "大小", "警员", "案件", "结论", "状态"):
        table.add_column(name, overflow="fold", no_wrap=name == "recording")
    for item in data:
        table.add_row(item["recording"], *_cells(item))
    return table


def _cells(item: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    officer = item["officer"] or {}
    return (
        item["name"],
        size_text(item["size"]),
        officer.get("name") or officer.get("officer") or "-",
        ", ".join(item["cases"]) or "-",
        VERDICTS.get(item["verdict"], "-"),
        "; ".join(filter(None, [STATES[item["state"]], copy_text(item), item["failure"]])),
    )
