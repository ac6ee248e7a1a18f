"""`bodydock dockings`: each stay of a camera, and whether it adds up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.common import console, json_option, print_json, read, say, settings_option, size_text
from daemon.store import Store

if TYPE_CHECKING:
    from rich.console import Console

_NAMES = 10


def _from_store(store: Store) -> list[dict[str, Any]]:
    from daemon.dockings import dockings_json

    return dockings_json(store)


@click.command()
@settings_option
@json_option
def dockings(settings_file: Path, as_json: bool) -> None:
    """List dockings, newest first (at most 200): what was listed, and what became of it.

    A camera that was removed early is marked, with what is missing.

    \b
    bodydock dockings
    bodydock dockings --json              with the names of what was left out
    """
    data = read(settings_file, "dockings", _from_store)
    if as_json:
        print_json(data)
        return
    from daemon.cli.screen import is_narrow

    out = console()
    if is_narrow(out):
        _print_entries(out, data)
    else:
        out.print(_table(data))
    for item in data:
        if item["left_out"]:
            count = item["explained"]["left_out"]["count"]
            names = ", ".join(item["left_out"][:_NAMES]) + (" …" if count > _NAMES else "")
            say(f"{item['attached_at'][:19]} 未采集 left out by profile {item['profile']} ({count}): {names}")


def _print_entries(out: Console, data: list[dict[str, Any]]) -> None:
    from daemon.cli.screen import entry

    for item in data:
        parts = [f"stored {_sum(item['stored'])}", f"known {_sum(item['already_stored'])}", *_explained(item)]
        entry(
            out,
            (item["attached_at"][:19], f"卡位 slot {item['slot']}", item["camera"], _state(item)),
            (f"listed {_sum(item['listed'])} = {' + '.join(parts)}",),
        )


def _explained(item: dict[str, Any]) -> list[str]:
    return [f"{reason} {_sum(total)}" for reason, total in item["explained"].items()]


def _table(data: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    from daemon.cli.screen import lines

    table = Table()
    for name in (
        "时间",
        "卡位",
        "记录仪",
        "列出 listed",
        "新入库 stored",
        "已有 known",
        "说明 explained",
        "状态",
    ):
        table.add_column(name, overflow="fold")
    for item in data:
        table.add_row(
            item["attached_at"][:19],
            str(item["slot"]),
            item["camera"],
            _sum(item["listed"]),
            _sum(item["stored"]),
            _sum(item["already_stored"]),
            lines(_explained(item)) if item["explained"] else "-",
            _state(item),
        )
    return table


def _sum(total: dict[str, int]) -> str:
    return f"{total['count']} ({size_text(total['bytes'])})"


def _state(item: dict[str, Any]) -> str:
    if not item["adds_up"]:
        return "账目不符 DOES NOT ADD UP"
    if item["removed_early"]:
        return f"提前拔出，缺 {_sum(item['missing'])} removed early"
    if item["state"] == "closed" and item["unread"]:
        return f"有 {item['unread']} 个文件未读出 {item['unread']} NOT READ"
    if item["state"] == "closed":
        return "完成 complete"
    return f"采集中，剩 {_sum(item['open'])} pulling"
