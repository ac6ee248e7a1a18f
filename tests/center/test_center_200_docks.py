"""200 docks at one center: their telemetry and chains are followed, and each is told where it stands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from center import enrolment
from center.reading import dock_listing
from tests.center.bench import Bench
from tests.center.scripted import CLOCK, TIME, ScriptedDock
from uplink.messages import HealthMessage, SlotMessage, StateMessage
from uplink.messages.telemetry import Telemetry

DOCKS = 200
EVENTS = 5
SLOTS = 8


def test_two_hundred_docks_are_followed(tmp_path: Path) -> None:
    with Bench(tmp_path / "center") as bench:
        docks = [ScriptedDock(f"dock-{n}", f"site-{n % 10}") for n in range(DOCKS)]
        for dock in docks:
            applicant = enrolment.read(dock.identity(), "test")
            enrolment.take_in(bench.folder, bench.settings, applicant)
        began = time.monotonic()
        messages = 0
        for dock in docks:
            for rest, message in telemetry(dock):
                bench.hear(dock.topics.up(rest), message.to_bytes(), retained=True)
                messages += 1
        for turn in range(EVENTS):  # all docks speak at once, in turn
            for dock in docks:
                event = dock.enrolled() if turn == 0 else dock.event("closed", sum_of(turn))
                bench.event(dock, event)
                messages += 1
        bench.tick(1.0)
        took_s = time.monotonic() - began
        heads = {head.dock: head.at for head in bench.heads(bench.said)}
        assert heads == {dock.name: dock.head for dock in docks}
        assert bench.counted("refused.not_enrolled") == 0
        assert [name for name in bench.counters() if name.startswith(("refused", "bug", "odd"))] == []
        listed = dock_listing(bench.folder)
        assert len(listed) == DOCKS
        assert {row["state_claimed"] for row in listed} == {"online"}
        assert {row["head"]["n"] for row in listed} == {EVENTS - 1}
        again = bench.receiver.connected()
        assert len(bench.heads(again)) == DOCKS
        # Telemetry alone is 200 states and healths a minute and some slots: 20 a second, at most.
        print(f"{messages} messages in {took_s:.1f} s: {messages / took_s:.0f} a second")
        assert messages / took_s > 100


def sum_of(turn: int) -> dict[str, Any]:
    none = {"count": 0, "bytes": 0}
    docking = f"{turn:032x}"
    return {"docking": docking, "listed": none, "stored": none, "already_stored": none, "explained": []}


def telemetry(dock: ScriptedDock) -> list[tuple[str, Telemetry]]:
    common: dict[str, Any] = {
        "dock": dock.name,
        "key": dock.key.key_id,
        "run": dock.run,
        "seq": 1,
        "since": TIME,
        "time": TIME,
        "clock": CLOCK,
    }
    health = HealthMessage(
        **common,
        disk_free_bytes=1,
        disk_total_bytes=2,
        recordings={},
        waiting_bytes=0,
        oldest_undelivered_at=None,
        counters={},
    )
    slots = [(f"slots/{n}", SlotMessage(**common, slot=n, phase="empty")) for n in range(1, SLOTS + 1)]
    return [("state", StateMessage(**common, state="online", version="1")), ("health", health), *slots]
