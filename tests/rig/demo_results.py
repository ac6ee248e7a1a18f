"""What the demonstration prints when it is over: what arrived, what adds up, and where to look further."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from daemon.cli.common import VERDICTS, size_text
from tests.rig import labels as labelling
from tests.rig.demo_cards import DemoCamera
from tests.rig.demo_checks import WINDOW_BYTES
from tests.rig.demo_evidence import Evidence, name_of
from tests.rig.demo_screen import Screen
from tests.rig.small_office import SmallOffice
from uplink.plain import plain


def print_evidence(screen: Screen, evidence: Evidence) -> None:
    screen.print(_received(evidence))
    screen.print(_dockings(evidence))
    for what, twice in evidence.twice_bytes.items():
        window = size_text(WINDOW_BYTES)
        print(f"bytes sent twice because of {what}: {twice} ({size_text(twice)}; a window is {window})")
    moved = sum(evidence.again.sent.values())
    print(f"camera 1 came again: {size_text(moved)} moved, free after {evidence.again.free_s:.1f} s")


def print_how_to_look(screen: Screen, office: SmallOffice, cards: list[DemoCamera], pid: int) -> None:
    """Say which commands show what, while everything stays up."""
    bodydock = Path(sys.executable).with_name("bodydock")
    command = str(bodydock) if bodydock.exists() else f"{sys.executable} -m daemon"
    dock, center = f"--settings {office.settings}", f"--folder {office.center_folder}"
    recording = office.ask_center("list")[0]["recording"]
    lines = [
        "",
        "一切仍在运行，可在另一个终端以同一用户查看。All is still up; in another terminal, as this user:",
        f"  {command} status {dock}            # 卡位、待传 slots, what waits",
        f"  {command} slots --watch {dock}",
        f"  {command} dockings {dock}          # 每次采集的账 what each docking adds up to",
        f"  {command} recordings {dock}",
        f"  {command} show {recording} {dock}",
        f"  {command} verify {dock}            # 保管链、清单、收据、文件 everything checked anew",
        f"  {command} center list {center}",
        f"  {command} center show {recording} --verify {center}",
        f"  {command} watch --broker 127.0.0.1:{office.broker.port} --user observer",
        f"日志 logs: {office.folder}/dock.log, {office.folder}/center.log",
        f"卡 cards: {cards[0].folder.parent}",
        f"结束 to end it all: Ctrl-C here, or kill {pid}",
    ]
    print("\n".join(lines), flush=True)


def _received(evidence: Evidence) -> Table:
    table = Table(title="平台已收 received by the platform", title_justify="left")
    for column in (
        "文件 file",
        "警员 officer",
        "案件 case",
        "结论 verdict",
        "发现 findings (article)",
        "收据 receipt",
    ):
        table.add_column(column, overflow="fold")
    for item in sorted(evidence.platform, key=name_of):
        found = [f"{code} ({article})" for code, article in labelling.findings_of(item)]
        table.add_row(
            Text(plain(name_of(item))),
            Text(plain(f"{item['officer'] or '-'} {item['officer_name'] or ''}")),
            Text(plain(", ".join(item["cases"]) or "-")),
            VERDICTS.get(item["verdict"], "-"),
            "\n".join(found) or "-",
            f"{(item['receipt'] or '-')[:12]} (rev. {item['revision']})",
        )
    return table


def _dockings(evidence: Evidence) -> Table:
    table = Table(title="每次采集的账 what each docking adds up to", title_justify="left")
    for column in ("卡位", "记录仪", "列出 listed", "新入库 stored", "已有 already", "说明 explained", ""):
        table.add_column(column)
    for item in sorted(evidence.dockings, key=lambda docking: str(docking["attached_at"])):
        explained = [f"{reason} {_sum(total)}" for reason, total in item["explained"].items()]
        table.add_row(
            str(item["slot"]),
            Text(plain(item["camera"])),
            *(_sum(item[part]) for part in ("listed", "stored", "already_stored")),
            "\n".join(explained) or "-",
            "相符 adds up" if item["adds_up"] and not item["open"]["count"] else "不符 DOES NOT ADD UP",
        )
    return table


def _sum(total: dict[str, int]) -> str:
    return f"{total['count']} ({size_text(total['bytes'])})"
