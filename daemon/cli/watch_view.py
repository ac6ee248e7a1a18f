"""How `bodydock watch` looks: alarms first, then docks, then slots in which something is.

Everything comes from the network: it is shown as plain text, never as markup.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from daemon.cli.common import size_text
from uplink.plain import plain

_STATES = {"online": "在线 online", "offline": "离线 offline", "stopping": "正在停止 stopping"}
_FRESHNESS = {"fresh": "", "stale": "已无消息 silent", "gone": "已过期 expired"}
_STYLES = {"critical": "bold red", "warning": "yellow", "info": ""}


def view(shown: dict[str, Any], trouble: str | None) -> Group:
    """Return a snapshot (`daemon.watching.snapshot`) as rich tables."""
    parts: list[Any] = []
    if not shown["connected"]:
        parts.append(Text(f"未连接 not connected: {plain(trouble or '')}", style="bold red"))
    parts += [_alarms(shown["alarms"]), _docks(shown["docks"]), _slots(shown["docks"])]
    parts.append(
        Text("以上为各采集站自报信息，未签名。 What docks say of themselves: not signed.", style="dim")
    )
    return Group(*parts)


def _alarms(alarms: list[dict[str, Any]]) -> Table | Text:
    if not alarms:
        return Text("无告警 no alarms", style="green")
    table = _table("告警 alarms", "站点 site", "采集站 dock", "告警 alarm", "说明 what", "自 since (UTC)")
    for alarm in alarms:
        name = f"{alarm['alarm']} {alarm['subject']}".strip()
        text = f"{alarm['text'].get('zh', '')} {alarm['text'].get('en', '')}"
        _row(
            table,
            alarm["site"],
            alarm["dock"],
            name,
            text,
            alarm["since"][:16],
            style=_STYLES.get(alarm["severity"], ""),
        )
    return table


def _docks(docks: list[dict[str, Any]]) -> Table:
    table = _table(
        "采集站 docks",
        "站点 site",
        "采集站 dock",
        "状态 state",
        "磁盘 disk",
        "待传 waiting",
        "最早 oldest",
        "版本",
    )
    for dock in docks:
        state, health = dock["state"], dock["health"]
        words = _STATES.get(state["state"], "-") if state else "-"
        said = f"{words} {_FRESHNESS[dock['freshness']]}".strip()
        disk = waiting = oldest = "-"
        if health:
            total = health["disk_total_bytes"]
            used = 1 - health["disk_free_bytes"] / total if total else 0.0
            disk = f"{used:.0%}"
            waiting = size_text(health["waiting_bytes"])
            oldest = (health["oldest_undelivered_at"] or "-")[:16]
        style = "" if dock["freshness"] == "fresh" else "dim"
        version = state["version"] if state else "-"
        _row(table, dock["site"], dock["dock"], said, disk, waiting, oldest, version, style=style)
    return table


def _slots(docks: list[dict[str, Any]]) -> Table:
    table = _table(
        "卡位 slots", "采集站 dock", "卡位", "记录仪 camera", "状态 phase", "字节 bytes", "剩余 left"
    )
    for dock in docks:
        for slot in dock["slots"]:
            if slot["phase"] == "empty" and dock["freshness"] == "fresh":
                continue
            text = slot["error"] or f"{slot['text'].get('zh', slot['phase'])} {slot['text'].get('en', '')}"
            done = f"{size_text(slot['bytes_done'])} / {size_text(slot['bytes_total'])}"
            left = f"{slot['time_left_s']:.0f} s" if slot["time_left_s"] is not None else "-"
            camera = slot["camera"]["serial"] if slot["camera"] else "-"
            style = "dim" if dock["freshness"] != "fresh" else "red" if slot["error"] else ""
            _row(
                table,
                f"{dock['site']}/{dock['dock']}",
                str(slot["slot"]),
                camera,
                text,
                done,
                left,
                style=style,
            )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _row(table: Table, *cells: str, style: str) -> None:
    table.add_row(*(Text(plain(cell)) for cell in cells), style=style or None)
