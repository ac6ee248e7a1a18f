"""What one sees of the demonstration: live in a terminal, plain lines elsewhere.

Shows what the dock says of itself over its control socket, and nothing that only the demonstration knows but
what it did.  Names from cards are shown as plain text, never as markup.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from daemon.cli.common import STATES, VERDICTS, size_text
from uplink.plain import plain

STEPS_SHOWN = 5
_PLAIN_WIDTH = 150


@dataclass(frozen=True)
class Seen:
    """What there is to be seen at one instant.  `status` is None while the dock is down."""

    status: dict[str, Any] | None = None
    recordings: list[dict[str, Any]] = field(default_factory=list)
    broker_runs: bool = True


@dataclass(frozen=True)
class Bar:
    """A part of a way: bytes, bytes a second, seconds."""

    done: int
    total: int
    rate: float | None = None
    left_s: float | None = None


class Screen:
    """Enter it; `say` what is done, `show` what is to be seen, `print` what stays."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(markup=False, emoji=False, highlight=False)
        if not self.console.is_terminal and console is None:
            self.console = Console(width=_PLAIN_WIDTH, markup=False, emoji=False, highlight=False)
        self._began = time.monotonic()
        self._steps: deque[str] = deque(maxlen=STEPS_SHOWN)
        self._seen = Seen()
        self._lines: dict[str, str] = {}
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._live = Live(
                console=self.console, get_renderable=self._picture, refresh_per_second=8, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self.console.print(self._picture())  # the last picture stays, whatever comes after

    @property
    def took_s(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        line = f"[{self.took_s:5.1f} s] {text}"
        self._steps.append(line)
        if self._live is None:
            self.console.print(line, soft_wrap=True)

    def show(self, seen: Seen) -> None:
        self._seen = seen
        if self._live is None:
            self._say_changes(seen)

    def print(self, what: RenderableType) -> None:
        self.console.print(what, soft_wrap=True)

    # In a terminal

    def _picture(self) -> Group:
        seen = self._seen
        steps = Text("\n".join(self._steps), style="dim")
        # What is longest comes last: a low terminal cuts it off.
        return Group(steps, slots_table(seen), broker_text(seen), recordings_table(seen.recordings))

    # Elsewhere

    def _say_changes(self, seen: Seen) -> None:
        for slot in (seen.status or {}).get("slots", []):
            pulled, sent = pulling(slot), sending(seen, slot["camera"])
            text = slot["error"] or f"{slot['text'].get('zh', '')} {slot['text'].get('en', '')}"
            way = "核对 checked" if slot["phase"] == "checking" else "采集 copied"
            line = f"{slot['phase']:<9} {plain(slot['camera'] or '-'):<9} {way} {_quarters(pulled)}"
            line += f", 送达 delivered {_quarters(sent)}  {plain(text)}"
            rates = [f"{size_text(bar.rate)}/s, {_left(bar)}" for bar in (pulled, sent) if bar.rate]
            self._changed(f"slot {slot['slot']}", line, f" ({'; '.join(rates)})" if rates else "")
        for item in seen.recordings:
            self._changed(item["recording"], _recording_line(item), "")
        self._changed("broker", broker_text(seen, brief=True).plain, "")

    def _changed(self, who: str, line: str, extra: str) -> None:
        if self._lines.get(who) != line:
            self._lines[who] = line
            self.say(f"{who[:8]:<8} {line}{extra}")


def pulling(slot: dict[str, Any]) -> Bar:
    """How far the card of a slot is copied."""
    return Bar(slot["bytes_done"], slot["bytes_total"], slot["rate_bytes_per_s"], slot["time_left_s"])


def sending(seen: Seen, camera: str | None) -> Bar:
    """How far what this camera brought is durable at the platform."""
    own = [item for item in seen.recordings if camera and item["camera"] == camera]
    total, done = sum(item["size"] for item in own), sum(item["durable_bytes"] for item in own)
    file = ((seen.status or {}).get("uplink") or {}).get("file")
    if file is None or file["recording"] not in {item["recording"] for item in own}:
        return Bar(done, total)
    rate = file["rate_bytes_per_s"]
    return Bar(done, total, rate, (total - done) / rate if rate else None)


def slots_table(seen: Seen) -> Table:
    """Return the slots, with a bar for each of the two ways."""
    table = Table(title="卡位 slots", title_justify="left", expand=True)
    for name, ratio in (
        ("卡位", 1),
        ("记录仪", 2),
        ("记录仪→采集站 copied", 6),
        ("采集站→平台 delivered", 6),
    ):
        table.add_column(name, ratio=ratio)
    table.add_column("", ratio=6, overflow="fold")
    if seen.status is None:
        table.add_row("-", "", "", "", Text("采集站未运行 the dock is down", style="bold red"))
    for slot in (seen.status or {}).get("slots", []):
        text = slot["error"] or f"{slot['text'].get('zh', slot['phase'])} {slot['text'].get('en', '')}"
        style = "red" if slot["error"] else "bold green" if slot["safe_to_take"] else ""
        table.add_row(
            str(slot["slot"]),
            Text(plain(slot["camera"] or "-")),
            _bar(pulling(slot)),
            _bar(sending(seen, slot["camera"])),
            Text(plain(text), style=style),
        )
    return table


def recordings_table(recordings: list[dict[str, Any]]) -> Table:
    """Return what the dock holds, newest first."""
    table = Table(title="录像 recordings", title_justify="left", expand=True)
    for name in ("文件 file", "警员", "案件 case", "结论 verdict", "状态 state", "已签收 receipted"):
        table.add_column(name, overflow="fold")
    for item in recordings:
        delivered = item["delivered_revision"]
        table.add_row(
            Text(plain(PurePosixPath(item["name"]).name)),
            Text(plain((item["officer"] or {}).get("officer") or "-")),
            Text(plain(", ".join(item["cases"]) or "-")),
            Text(VERDICTS.get(item["verdict"], "-"), style=_STYLES.get(item["verdict"], "")),
            STATES.get(item["state"], item["state"]),
            f"{delivered if delivered is not None else '-'} / {item['revision']}",
        )
    return table


def broker_text(seen: Seen, *, brief: bool = False) -> Text:
    """Return in words how broker, link and what waits are; `brief`: without what changes all the time."""
    runs = "运行 runs" if seen.broker_runs else "已停止 STOPPED"
    if seen.status is None:
        return Text(f"消息服务器 broker: {runs}; 采集站未运行 the dock is down", style="bold red")
    link = "已连接 connected" if seen.status["uplink"]["connected"] else "未连接 NOT CONNECTED"
    parts = [f"消息服务器 broker: {runs}", f"采集站 dock: {link}"]
    if not brief:
        parts.append(f"待传 waiting: {size_text(seen.status['waiting_bytes'])}")
        parts.append(f"待检 dockings to inspect: {seen.status['waiting_inspection']}")
    good = seen.broker_runs and seen.status["uplink"]["connected"]
    return Text("; ".join(parts), style="green" if good else "bold red")


_STYLES = {"compliant": "green", "violation": "bold red", "needs_review": "yellow"}


def _recording_line(item: dict[str, Any]) -> str:
    name = plain(PurePosixPath(item["name"]).name)
    state = STATES.get(item["state"], item["state"])
    return f"{name}: {state}, {VERDICTS.get(item['verdict'], '-')}, {', '.join(item['cases']) or '-'}"


def _bar(bar: Bar) -> RenderableType:
    if not bar.total:
        return Text("-", style="dim")
    words = f"{size_text(bar.done)} / {size_text(bar.total)}"
    if bar.rate and bar.done < bar.total:
        words += f"\n{size_text(bar.rate)}/s  {_left(bar)}"
    return Group(Text(words), ProgressBar(total=bar.total, completed=bar.done))  # a bar ends no line


def _left(bar: Bar) -> str:
    return f"剩余 {bar.left_s:.0f} s left" if bar.left_s is not None else "-"


def _quarters(bar: Bar) -> str:
    """Return a share in steps, so that lines stay few."""
    if not bar.total:
        return "-"
    return f"{100 * bar.done // bar.total // 25 * 25} % of {size_text(bar.total)}"
