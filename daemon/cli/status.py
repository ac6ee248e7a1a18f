"""`bodydock status`: slots first, then what waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.alarms import OF_THE_LINK
from daemon.cli.common import console, json_option, print_json, read, settings_option, size_text
from daemon.store import Store


def _from_store(store: Store, settings_file: Path) -> dict[str, Any]:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from daemon.attention import attention_json
    from daemon.settings import load_settings
    from daemon.status import dock_json

    zone = ZoneInfo(load_settings(settings_file).dock.time_zone)
    attention = attention_json(store, datetime.now(UTC), zone)
    return {"running": False, "slots": [], **dock_json(store), "attention": attention}


@click.command()
@settings_option
@json_option
def status(settings_file: Path, as_json: bool) -> None:
    """Show the slots, what is stored and what still waits for the platform.

    Exit status 1: a critical alarm stands.

    \b
    bodydock status
    bodydock status --json                for programs
    """
    data = read(settings_file, "status", lambda store: _from_store(store, settings_file))
    if as_json:
        print_json(data)
    else:
        _print(data)
    if any(alarm["severity"] == "critical" and alarm["cleared"] is None for alarm in data["alarms"]):
        raise click.exceptions.Exit(1)


def _print(data: dict[str, Any]) -> None:
    out = console()
    for line in alarm_lines(data["alarms"]):
        out.print(line)
    if data["slots"]:
        out.print(slots_table(data["slots"]))
    else:
        out.print("采集站未运行 the dock is not running")
    states = ", ".join(
        f"{name} {value['count']} ({size_text(value['bytes'])})" for name, value in data["recordings"].items()
    )
    out.print(f"recordings: {states or 'none'}; waiting: {size_text(data['waiting_bytes'])}")
    if (left_out := data["left_out"])["files"]:
        out.print(
            f"未采集 left out by profile: {left_out['files']} files of {left_out['dockings']} dockings"
            " (`bodydock dockings`)"
        )
    if data.get("uplink"):
        out.print(f"上传 uplink: {uplink_text(data['uplink'])}")
    for line in attention_lines(data["attention"]):
        out.print(line)
    if data["restored"]["times"]:
        out.print(restored_text(data["restored"]))
    if data["counters"]:
        counted = ", ".join(f"{name} {count}" for name, count in data["counters"].items())
        out.print(f"refused or ignored: {counted}")


def alarm_lines(alarms: list[dict[str, Any]]) -> list[str]:
    """Return the alarms that stand, a line each; what each means: docs/alarms.md."""
    marks = {"critical": "!!!", "warning": "!"}
    return [
        f"{marks.get(alarm['severity'], '')} {alarm['text'].get('zh', '')}"
        f" {alarm['text'].get('en', '')} ({alarm['alarm']}"
        f"{' ' + alarm['subject'] if alarm['subject'] else ''}, since {alarm['since'][:16]})"
        for alarm in alarms
        if alarm["cleared"] is None
    ]


def attention_lines(attention: dict[str, Any]) -> list[str]:
    """Return what wants a person, a line each; most urgent first."""
    lines = [
        f"卡上有 {left['files']} 个文件未能读出，请勿格式化 could not be read, keep the card:"
        f" {left['files']} files, camera {left['camera']}, slot {left['slot']} (`bodydock dockings`)"
        for left in attention["unread"]
    ]
    lines += [
        f"提前拔出，{left['files']} 个文件未采集，请再次插入 removed early, {left['files']} files not taken:"
        f" camera {left['camera']}, slot {left['slot']}, plug it in again"
        for left in attention["left_early"]
    ]
    for due in attention["deadlines"]:
        left = (
            f"已逾期 {-due['days_left']} 天 overdue" if due["overdue"] else f"剩 {due['days_left']} 天 left"
        )
        lines.append(
            f"归档期限 archive by {due['archive_by']} (第16条): 案件 case {due['case']}, {left},"
            f" {due['recordings']} recordings"
        )
    for torn in attention["conflicts"]:
        said = ", ".join(f"{c['source']}: {c['field']} {c['value']}" for c in torn["claims"])
        lines.append(
            f"标签有冲突，请确认 conflict: {torn['recording']} 警员 officer {torn['officer'] or '-'}; {said}"
        )
    if attention["missing_fields"]:
        lines.append(f"缺少必填项 required fields are missing: {attention['missing_fields']} recordings")
    if attention["on_hold"]:
        lines.append(f"保留中 on hold: {attention['on_hold']} recordings")
    return lines


def restored_text(restored: dict[str, Any]) -> str:
    """Return in words that the dock was restored from a backup."""
    return (
        f"曾从备份恢复 restored from a backup {restored['times']} ×, noticed {restored['last_at'][:19]} UTC;"
        f" {restored['overtaken_recordings']} recordings have revisions that were overtaken"
    )


def uplink_text(uplink: dict[str, Any]) -> str:
    """Return in words what the link to the platform does, and why it waits if it does."""
    parts = ["已连接 connected" if uplink["connected"] else "未连接 not connected"]
    if (file := uplink.get("file")) is not None:
        parts.append(f"{file['step']} {file['recording']}")
        parts.append(f"{size_text(file['durable_bytes'])} / {size_text(file['size_bytes'])}")
        if file["rate_bytes_per_s"]:
            parts.append(f"{size_text(file['rate_bytes_per_s'])}/s")
        if file["time_left_s"] is not None:
            parts.append(f"剩余 {file['time_left_s']:.0f} s left")
        if file["why"]:
            parts.append(file["why"])
    if uplink["why"]:
        parts.append(uplink["why"])
    if uplink.get("alarms"):
        parts.append("!!! " + ", ".join(OF_THE_LINK.get(word, word) for word in uplink["alarms"]))
    return "; ".join(parts)


def slots_table(slots: list[dict[str, Any]]) -> Any:
    """Return a rich table of slots; also used by the demonstration."""
    from rich.table import Table

    table = Table(title="卡位 slots")
    for name in ("卡位", "记录仪", "状态", "文件", "字节", "速率", "剩余"):
        table.add_column(name, overflow="fold")
    for slot in slots:
        text = slot["text"]
        shown = slot["error"] or f"{text.get('zh', slot['phase'])} {text.get('en', '')}"
        rate, left = slot["rate_bytes_per_s"], slot["time_left_s"]
        table.add_row(
            str(slot["slot"]),
            slot["camera"] or "-",
            shown,
            f"{slot['files_done']}/{slot['files_total']}",
            f"{size_text(slot['bytes_done'])} / {size_text(slot['bytes_total'])}",
            f"{size_text(rate)}/s" if rate else "-",
            f"{left:.0f} s" if left is not None else "-",
        )
    return table
