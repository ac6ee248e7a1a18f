"""`bodydock watch`: what docks say of themselves, ghosts and silence told apart, on a real broker too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console

import daemon.cli.watch as watch_module
from daemon.cli.watch_view import view
from daemon.watching import STALE, Watched, snapshot, standing, subscriptions
from tests.rig.broker import Broker
from tests.rig.until import until
from uplink.broker import BrokerAddress, SubscriptionRefused
from uplink.connection import Connection
from uplink.ids import draw_id
from uplink.messages import Clock, HealthMessage, SlotMessage, StateMessage
from uplink.messages.telemetry import Alarm, Telemetry

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


class Speaker:
    """One run of a dock, as it speaks of itself."""

    def __init__(self, dock: str = "dock-1", site: str = "xlt", since: datetime = NOW) -> None:
        self.dock, self.site, self.since = dock, site, since
        self.run = draw_id()
        self.seq = 0

    def _common(self, at: datetime) -> dict[str, Any]:
        self.seq += 1
        clock = Clock(synced=True, source="ntp", floor=at)
        return {
            "dock": self.dock,
            "key": None,
            "run": self.run,
            "seq": self.seq,
            "since": self.since,
            "time": at,
            "clock": clock,
        }

    def state(self, state: str = "online", at: datetime = NOW) -> StateMessage:
        return StateMessage(**self._common(at), state=state, version="1.0")  # type: ignore[arg-type]

    def health(self, *alarms: Alarm, at: datetime = NOW) -> HealthMessage:
        return HealthMessage(
            **self._common(at),
            disk_free_bytes=25,
            disk_total_bytes=100,
            recordings={},
            waiting_bytes=5 << 20,
            oldest_undelivered_at=None,
            counters={},
            alarms=list(alarms),
        )

    def slot(self, number: int, at: datetime = NOW, **more: Any) -> SlotMessage:
        values: dict[str, Any] = {"phase": "pulling", "text": {"zh": "正在采集", "en": "copying"}}
        return SlotMessage(**self._common(at), slot=number, **(values | more))

    def topic(self, rest: str) -> str:
        return f"bodydock/1/{self.site}/{self.dock}/up/{rest}"


def hear(
    watched: Watched, speaker: Speaker, message: Telemetry, now: datetime = NOW, *, retained: bool = False
) -> bool:
    rest = {"StateMessage": "state", "HealthMessage": "health"}.get(type(message).__name__)
    if isinstance(message, SlotMessage):
        rest = f"slots/{message.slot}"
    assert rest is not None
    return watched.take(speaker.topic(rest), message.to_bytes(), now, retained=retained)


def alarm(name: str, severity: str = "warning", **more: Any) -> Alarm:
    text = {"zh": "供电电压不足", "en": "under-voltage"}
    return Alarm(alarm=name, since=NOW, severity=severity, text=text, **more)  # type: ignore[arg-type]


def test_docks_slots_and_alarms_are_shown_alarms_first_and_as_claims() -> None:
    watched, one, two = Watched(), Speaker("dock-1"), Speaker("dock-2")
    for speaker in (one, two):
        hear(watched, speaker, speaker.state())
        hear(watched, speaker, speaker.slot(1))
    hear(watched, one, one.health(alarm("power.low")))
    hear(watched, two, two.health(alarm("disk.full", "critical"), alarm("old", cleared=NOW)))
    shown = snapshot(watched, NOW, connected=True)
    assert [a["alarm"] for a in shown["alarms"]] == ["disk.full", "power.low"]
    assert shown["claims"] is True
    assert [dock["dock"] for dock in shown["docks"]] == ["dock-1", "dock-2"]
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(view(shown, None))
    text = console.export_text()
    assert text.index("disk.full") < text.index("power.low") < text.index("在线")
    assert "未签名" in text
    assert "75%" in text


def test_a_dock_that_falls_silent_is_stale_and_said_so_a_dock_that_said_goodbye_is_not() -> None:
    watched, one, two = Watched(), Speaker("dock-1"), Speaker("dock-2")
    hear(watched, one, one.state())
    hear(watched, two, two.state("offline"))
    later = NOW + STALE + timedelta(seconds=1)
    assert [dock.freshness(later) for dock in watched.docks()] == ["stale", "fresh"]
    assert [a.alarm for a in standing(watched.docks(), later)] == ["dock.silent"]
    assert [dock.freshness(NOW + timedelta(days=3)) for dock in watched.docks()] == ["gone", "gone"]


def test_a_silence_that_is_over_is_shown_with_since_and_cleared() -> None:
    watched, one, two = Watched(), Speaker("dock-1"), Speaker("dock-2")
    hear(watched, one, one.state())
    hear(watched, two, two.state("offline"))
    (standing_one,) = snapshot(watched, NOW + STALE * 2, connected=True)["alarms"]
    assert (standing_one["alarm"], standing_one["cleared"]) == ("dock.silent", None)
    back = NOW + STALE * 3
    for speaker in (one, two):
        hear(watched, speaker, speaker.state(at=back), back)
    shown = snapshot(watched, back, connected=True)
    assert shown["alarms"] == []
    assert [(a["dock"], a["alarm"], a["since"], a["cleared"]) for a in shown["cleared"]] == [
        ("dock-1", "dock.silent", NOW.isoformat(), back.isoformat())
    ]


def test_a_retained_message_was_heard_when_it_was_made_and_is_gone_in_the_end_d10() -> None:
    watched, one = Watched(), Speaker("dock-1", since=NOW - timedelta(hours=2))
    hear(watched, one, one.state(at=NOW - timedelta(hours=1)), retained=True)
    assert watched.docks()[0].freshness(NOW) == "stale"
    gone = Speaker("renamed", since=NOW - timedelta(days=4))
    hear(watched, gone, gone.state(at=NOW - timedelta(days=3)), retained=True)
    assert {seen.dock: seen.freshness(NOW) for seen in watched.docks()}["renamed"] == "gone"
    hear(watched, one, one.health(at=NOW), NOW)
    assert watched.docks()[0].freshness(NOW) == "fresh"


def test_a_ghost_of_an_earlier_run_shows_nothing() -> None:
    watched, old, new = Watched(), Speaker(since=NOW - timedelta(days=1)), Speaker()
    hear(watched, old, old.slot(7))
    hear(watched, old, old.health(alarm("power.low")))
    hear(watched, new, new.state())
    seen = watched.docks()[0]
    assert seen.slots == {}
    assert seen.health is None
    assert hear(watched, old, old.state("offline")) is False  # the will of the one before, late
    assert watched.docks()[0].state == new.state() or watched.docks()[0].state.state == "online"  # type: ignore[union-attr]
    assert watched.counts["ghost"] == 1


def test_a_last_will_counts_though_it_was_made_before() -> None:
    watched, one = Watched(), Speaker()
    will = one.state("offline")
    hear(watched, one, one.state("online"))
    assert hear(watched, one, will) is True
    state = watched.docks()[0].state
    assert state is not None
    assert state.state == "offline"


@pytest.mark.parametrize("bad", [b"{", b"[]", b"\xff", b'{"a":1,"a":2}', b"x" * 70_000])
def test_what_cannot_be_read_is_counted_and_stops_nothing(bad: bytes) -> None:
    watched, one = Watched(), Speaker()
    for rest in ("state", "health", "slots/1", "slots/x", "other", "events"):
        assert watched.take(one.topic(rest), bad, NOW, retained=False) is False
    assert watched.take("nonsense", b"", NOW, retained=False) is False
    assert sum(watched.counts.values()) == 7
    assert watched.docks() == []


def test_nobody_speaks_for_another_or_for_ever() -> None:
    watched, one, two = Watched(), Speaker("dock-1"), Speaker("dock-2")
    assert watched.take(two.topic("state"), one.state().to_bytes(), NOW, retained=False) is False
    eternal = Speaker("dock-1", since=NOW + timedelta(days=365))
    assert hear(watched, eternal, eternal.state()) is False
    assert hear(watched, one, one.state()) is True
    assert watched.counts == {"dock": 1, "future": 1}


def test_markup_and_escapes_of_the_network_are_shown_as_text() -> None:
    watched, one = Watched(), Speaker()
    hear(watched, one, one.state())
    hear(watched, one, one.slot(1, phase="error", error="[red]\x1b[2J[/red]"))
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(view(snapshot(watched, NOW, connected=True), None))
    text = console.export_text()
    assert "[red]" in text
    assert "\x1b" not in text


def test_two_hundred_docks_with_sixteen_slots_each_are_followed_quickly() -> None:
    watched = Watched()
    speakers = [Speaker(f"dock-{n}", f"site-{n % 10}") for n in range(200)]
    messages = [(s, m) for s in speakers for m in (s.state(), s.health(), *(s.slot(n) for n in range(1, 17)))]
    raw = [(s.topic(_rest(m)), m.to_bytes()) for s, m in messages]
    began = time.process_time()
    for topic, payload in raw:
        assert watched.take(topic, payload, NOW, retained=True)
    snapshot(watched, NOW, connected=True)
    assert time.process_time() - began < 5.0  # 3,600 messages; a day's telemetry is 60 a second
    assert len(watched.docks()) == 200


def _rest(message: Telemetry) -> str:
    if isinstance(message, SlotMessage):
        return f"slots/{message.slot}"
    return "state" if isinstance(message, StateMessage) else "health"


# With a broker

ACL = """
user watcher
topic read bodydock/1/+/+/up/state
topic read bodydock/1/+/+/up/health
topic read bodydock/1/+/+/up/slots/#
user speaker
topic write bodydock/#
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker(acl=ACL) as made:
        yield made


@pytest.fixture
def speaking(broker: Broker) -> Iterator[Connection]:
    connection = Connection(BrokerAddress(broker.host, broker.port, "speaker"), draw_id(), subscriptions=())
    connection.start()
    until(lambda: connection.connected)
    yield connection
    connection.close()


def say(connection: Connection, speaker: Speaker, message: Telemetry) -> None:
    connection.publish(speaker.topic(_rest(message)), message.to_bytes(), retain=True, expiry_s=60)
    until(lambda: type(connection.next(0.2)).__name__ == "Acknowledged")


def command(broker: Broker, *words: str) -> list[str]:
    where = ("--broker", f"127.0.0.1:{broker.port}")
    return [sys.executable, "-m", "daemon", "watch", *where, *words]


def test_what_is_retained_is_shown_once(broker: Broker, speaking: Connection) -> None:
    now = datetime.now(UTC)
    one = Speaker("dock-1", since=now)
    say(speaking, one, one.state(at=now))
    say(speaking, one, one.health(alarm("disk.full", "critical"), at=now))
    say(speaking, one, one.slot(2, at=now))
    ran = subprocess.run(
        command(broker, "--user", "watcher", "--once", "--json", "--site", "xlt"),
        cwd=ROOT,
        capture_output=True,
        timeout=40,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr  # an alarm stands
    shown = json.loads(ran.stdout)
    assert [a["alarm"] for a in shown["alarms"]] == ["disk.full"]
    assert [slot["slot"] for slot in shown["docks"][0]["slots"]] == [2]
    assert shown["docks"][0]["freshness"] == "fresh"


def test_where_nobody_is_heard_it_does_not_say_that_all_is_well(broker: Broker) -> None:
    ran = subprocess.run(
        command(broker, "--user", "watcher", "--once", "--site", "empty"),
        cwd=ROOT,
        capture_output=True,
        timeout=40,
        check=False,
    )
    assert ran.returncode == 2
    assert b"no dock was heard" in ran.stderr


def test_changes_are_told_line_by_line(broker: Broker, speaking: Connection) -> None:
    process = subprocess.Popen(
        command(broker, "--user", "watcher", "--json"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    lines: list[dict[str, Any]] = []
    assert process.stdout is not None
    out = process.stdout
    reader = threading.Thread(target=lambda: lines.extend(json.loads(line) for line in out), daemon=True)
    reader.start()
    try:
        until(lambda: any(line["connected"] for line in lines), timeout_s=30)
        two = Speaker("dock-2", since=datetime.now(UTC))
        say(speaking, two, two.state(at=datetime.now(UTC)))
        until(lambda: "dock-2" in {dock["dock"] for dock in lines[-1]["docks"]})
    finally:
        process.terminate()
        process.wait(10)
        reader.join(10)


class _Refused:
    """A connection whose broker refuses the subscription."""

    def __init__(self) -> None:
        self._notices = [SubscriptionRefused("bodydock/1/+/+/up/state", 0x87)]

    def next(self, timeout_s: float) -> Any:
        return self._notices.pop() if self._notices else None


def test_who_may_not_subscribe_is_told_so() -> None:
    with pytest.raises(click.ClickException, match="watcher's rights"):
        watch_module._turn(_Refused(), Watched(), 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words", [("--broker", "nowhere"), ("--broker", "h:1"), ("--ca", "x"), ("--broker", "example.com:1883")]
)
def test_a_wrong_broker_is_said(words: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "daemon", "watch", "--once", *words],
        cwd=ROOT,
        capture_output=True,
        timeout=40,
        check=False,
    )
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr


def test_topics_of_a_watcher_are_those_of_its_rights() -> None:
    assert subscriptions([]) == [f"bodydock/1/+/+/up/{rest}" for rest in ("state", "health", "slots/+")]
    assert subscriptions(["a", "b"])[3] == "bodydock/1/b/+/up/state"


def test_what_was_retained_and_old_when_the_watcher_came_is_no_silence_that_ended() -> None:
    watched, one = Watched(), Speaker("dock-1", since=NOW - timedelta(hours=2))
    hear(watched, one, one.state(at=NOW - timedelta(hours=1)), retained=True)
    hear(watched, one, one.health(at=NOW), NOW)
    assert snapshot(watched, NOW, connected=True)["cleared"] == []
