"""What one sees of the demonstration: bytes, rate and time left in a terminal; plain lines elsewhere."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tests.rig.demo_screen import Screen, Seen

MIB = 1024 * 1024


def slot(**changes: Any) -> dict[str, Any]:
    return {
        "slot": 1,
        "phase": "pulling",
        "camera": "BWC0041",
        "bytes_done": 30 * MIB,
        "bytes_total": 60 * MIB,
        "rate_bytes_per_s": 10.0 * MIB,
        "time_left_s": 3.0,
        "safe_to_take": False,
        "text": {"zh": "正在采集", "en": "copying"},
        "error": None,
    } | changes


def recording(**changes: Any) -> dict[str, Any]:
    return {
        "recording": "r" * 26,
        "name": "DCIM/one[bold].mp4",
        "camera": "BWC0041",
        "size": 40 * MIB,
        "durable_bytes": 20 * MIB,
        "officer": {"officer": "J0H42A"},
        "cases": ["XLT-2026-0042"],
        "verdict": "violation",
        "state": "sending",
        "revision": 2,
        "delivered_revision": 1,
    } | changes


def seen(*, broker_runs: bool = True, **changes: Any) -> Seen:
    file = {"recording": "r" * 26, "rate_bytes_per_s": 4.0 * MIB, "size_bytes": 40 * MIB}
    uplink = {"connected": broker_runs, "file": file}
    status = {"slots": [slot(**changes)], "uplink": uplink, "waiting_bytes": 0, "waiting_inspection": 1}
    return Seen(status, [recording()], broker_runs)


def drawn(what: Seen, *, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=150, height=60, markup=False, color_system=None
    )
    with Screen(console) as screen:
        screen.say("something is done")
        screen.show(what)
    return out.getvalue()


def test_a_terminal_shows_both_ways_of_a_slot_with_bytes_rate_and_time_left() -> None:
    text = drawn(seen(), terminal=True)
    for said in (
        "30.0 MiB / 60.0 MiB",
        "10.0 MiB/s  剩余 3 s left",
        "20.0 MiB / 40.0 MiB",
        "4.0 MiB/s  剩余 5 s left",
        "━━━",
        "one[bold].mp4",
        "XLT-2026-0042",
        "疑似违规 violation",
        "1 / 2",
        "运行 runs",
        "something is done",
    ):
        assert said in text, said


def test_elsewhere_lines_are_plain_and_only_what_changed_is_said() -> None:
    text = drawn(seen(), terminal=False)
    assert "\x1b" not in text
    assert "copied 50 % of 60.0 MiB, 送达 delivered 50 % of 40.0 MiB" in text
    assert "10.0 MiB/s, 剩余 3 s left" in text
    out = io.StringIO()
    with Screen(Console(file=out, width=150)) as screen:
        screen.show(seen())
        before = out.getvalue()
        screen.show(seen(bytes_done=31 * MIB))
        assert out.getvalue() == before
        screen.show(seen(bytes_done=60 * MIB))
        assert "copied 100 %" in out.getvalue()


def test_a_broker_that_is_away_and_a_dock_that_is_down_are_said() -> None:
    assert "已停止 STOPPED; 采集站 dock: 未连接 NOT CONNECTED" in drawn(
        seen(broker_runs=False), terminal=True
    )
    assert "采集站未运行 the dock is down" in drawn(Seen(None, [], True), terminal=True)
