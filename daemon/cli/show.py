"""`bodydock show ID`: everything about one recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.cli.checked import act_text
from daemon.cli.common import (
    STATES,
    VERDICTS,
    console,
    copy_text,
    json_option,
    open_read_only,
    print_json,
    read,
    settings_option,
    size_text,
    told,
)
from daemon.cli.drawing import draw_report, pictures_option

_NAMES = 3


@click.command()
@click.argument("recording")
@pictures_option
@settings_option
@json_option
def show(recording: str, pictures_folder: Path | None, settings_file: Path, as_json: bool) -> None:
    """Show one recording: facts, verdict, findings, revisions, receipts, custody.

    RECORDING may be the beginning of an id.  Pictures are drawn of its whole shift, from the local copies:
    by whoever may read the vault.

    \b
    bodydock show k3jq
    bodydock show k3jq --json             with its whole report
    bodydock show k3jq --pictures drawn/  and its timeline, and frames around the findings
    """
    from daemon.status import show_json

    data = read(settings_file, "show", lambda store: show_json(store, recording), recording=recording)
    if as_json:
        print_json(data)
    else:
        _print(data)
    if pictures_folder is not None:
        _draw(data, settings_file, pictures_folder)


def _draw(data: dict[str, Any], settings_file: Path, folder: Path) -> None:
    import json
    from zoneinfo import ZoneInfo

    from daemon.settings import load_settings
    from daemon.vault import Vault
    from transcoder.report import Report

    if data["report"] is None:
        raise click.ClickException("it was not inspected yet: there is nothing to draw")
    report = Report.from_bytes(json.dumps(data["report"]).encode())
    with told():
        settings = load_settings(settings_file)
        vault, store = Vault(settings.vault_folder), open_read_only(settings)
        paths = [
            vault.path(store.value("SELECT vault FROM recordings WHERE recording = ?", (one.id,)))
            for one in report.recordings
        ]
    draw_report(report, paths, folder, ZoneInfo(settings.dock.time_zone))


def _print(data: dict[str, Any]) -> None:
    from rich.table import Table

    out = console()
    facts = Table(show_header=False)
    facts.add_column()
    facts.add_column(overflow="fold")  # a hash that is cut off is none
    for name, value in _facts(data):
        facts.add_row(name, value)
    out.print(facts)
    for finding in _findings(data):
        out.print(f"  {finding['code']} ({finding['severity']}, art. {finding['article']}) ", end="")
        out.print(f"{finding['text']['zh']} {finding['text']['en']}")
    for claim in data["conflicts"]:
        out.print(
            f"  标签有冲突，请确认 conflict: {claim['source']}: {claim['field']} {claim['value']}",
        )
    for finding in (data["tag"] or {}).get("findings", []):
        out.print(
            f"  {finding['code']} (art. {finding['article']}) {finding['text']['zh']} {finding['text']['en']}"
        )
    custody = Table(title="custody")
    for name in ("n", "time", "what", "who", "how"):
        custody.add_column(name, overflow="fold")
    for event in data["custody"]:
        who, how = event["actor"]["person"], act_text(event["data"])
        custody.add_row(str(event["n"]), event["time"][:19], event["kind"], who, how)
    out.print(custody)


def _facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    officer = data["officer"] or {}
    receipts = [f"revision {r['revision']} at {r['received_at']}" for r in data["receipts"]]
    return [
        ("recording", data["recording"]),
        ("名称 name", data["name"]),
        ("记录仪 camera", data["camera"]),
        ("时钟 camera clock", _clock_text(data.get("camera_clock"))),
        ("大小 size", size_text(data["size"])),
        ("SHA-256", data["sha256"]),
        ("开始 started", data["started_at"] or "-"),
        ("警员 officer", f"{officer.get('officer', '-')} {officer.get('name') or ''}"),
        ("案件 cases", ", ".join(data["cases"]) or "-"),
        ("地点 place", data["place"] or "-"),
        (
            "保留 holds",
            "; ".join(f"{h['hold']} ({h['person']}: {h['reason']})" for h in data["holds"]) or "-",
        ),
        ("结论 verdict", VERDICTS.get(data["verdict"], "-")),
        ("状态 state", STATES[data["state"]]),
        ("本地副本 local copy", copy_text(data) or "在本站 here"),
        ("同卡未采集 left out of its docking", left_out_text(data["left_out"])),
        ("收据 receipts", "; ".join(receipts) or "-"),
    ]


def left_out_text(names: list[str]) -> str:
    """Return how many files the profile left out of the recording's docking, and some of their names."""
    shown = ", ".join(names[:_NAMES]) + (" …" if len(names) > _NAMES else "")
    return f"{len(names)}: {shown}" if names else "-"


def _clock_text(clock: dict[str, Any] | None) -> str:
    """The camera's clock against the dock's at its newest docking."""
    if clock is None:
        return "-"
    most = clock["most_s"]
    text = (
        f"{clock['least_s']:+.0f} .. {most:+.0f} s" if most is not None else f">= {clock['least_s']:+.0f} s"
    )
    if clock["drift_s_per_day"] is not None:
        low, high = clock["drift_s_per_day"]
        text += f", 漂移 drift {low:+.1f} .. {high:+.1f} s/d"
    unsure = "" if clock["dock_synced"] else "; 采集站时钟未同步 the dock's own clock was not synced"
    return f"{text} (对采集站 against the dock, {clock['from']}, {clock['measured_at']}{unsure})"


def _findings(data: dict[str, Any]) -> list[dict[str, Any]]:
    report = data["report"]
    if report is None:
        return []
    index = next(i for i, r in enumerate(report["recordings"]) if r["id"] == data["recording"])
    found = list(report["recordings"][index]["findings"])
    for run in report["runs"]:
        if index in run["recordings"]:
            found += run["findings"]
    return found
