"""Alarms: each from its facts, standing as long as they do, with *since* over a restart; all documented."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from center.troubles import TROUBLES
from daemon import alarm_book, alarms
from daemon.alarming import Alarming
from daemon.alarms import EVERY_KIND, KINDS, Facts, Raised, SlotTrouble, standing
from daemon.board import SlotBoard
from daemon.clock import DockClock
from daemon.counters import Counters
from daemon.parts import Parts
from daemon.power import temperature_c, under_voltage
from daemon.reserve import Reserve
from daemon.settings import Settings, load_settings
from daemon.status import dock_json
from daemon.telemetry import Telemetry
from daemon.uplinking import PlatformUplink
from daemon.waiting_room import WaitingRoom
from tests.daemon.making import PROFILES
from tests.daemon.vault_bench import DAY, RECEIVED_AT, VaultBench, vault_bench
from uplink import tls
from uplink.dockside import LinkReport
from uplink.messages.telemetry import HealthMessage

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "alarms.md"
EACH: dict[str, dict[str, Any]] = {
    "disk.high_water": {"disk_used_share": 0.95, "high_water": 0.9, "nothing_clearable": True},
    "disk.full": {"pulls_wait": True, "nothing_clearable": True},
    "disk.reserve_used": {"reserve_held": False},
    "store.wal": {"wal_bytes": 1 << 30},
    "delivery.late": {"oldest_undelivered_s": 24 * 3600 + 1.0},
    "broker.away": {"broker_away_s": 901.0},
    "broker.taken_over": {"link": frozenset({"taken_over"})},
    "broker.not_authorised": {"link": frozenset({"not_authorised"})},
    "broker.packet_too_large": {"link": frozenset({"packet_too_large"})},
    "broker.certificate_expires": {"link": frozenset({"certificate_expiring"})},
    "broker.certificate_time": {"link": frozenset({tls.WRONG_TIME})},
    "broker.certificate_refused": {"link": frozenset({tls.REFUSED})},
    "broker.untrusted": {"link": frozenset({tls.UNTRUSTED})},
    "broker.unfit": {"link": frozenset({tls.UNFIT})},
    "broker.tls_files": {"link": frozenset({tls.FILES})},
    "platform.bad_receipts": {"refused_receipts": True},
    "platform.refuses": {"refused_by_platform": ["r1"]},
    "platform.forgot": {"coming_again": ["r1"]},
    "platform.lost": {"lost": ["r1"]},
    "vault.damaged": {"damaged": ["r1"]},
    "vault.unknown_file": {"unknown_files": True},
    "dock.copied": {"link": frozenset({"copied"})},
    "dock.key_gone": {"link": frozenset({"key_gone"})},
    "dock.other_board": {"link": frozenset({"other_board"})},
    "card.full": {"full_cards": [SlotTrouble(2, "CAM1")]},
    "camera.serial_shared": {"shared_serials": [("0001", (1, 2))]},
    "slot.error": {"slots": [SlotTrouble(3, "unreadable")]},
    "slot.lost_together": {"lost_together": True},
    "inspection.failing": {"failing": ["r1"]},
    "clock.behind": {"clock_behind_s": 61.0},
    "power.low": {"under_voltage": True},
    "registry.wrong_file": {"wrong_files": ["cases.csv:2"]},
}


def test_every_alarm_stands_in_the_document_with_cause_and_cure() -> None:
    assert DOCS.read_text("utf-8") == alarms.document(), "python -m daemon.alarms > docs/alarms.md"
    for name, kind in EVERY_KIND.items():
        assert f"## {name}\n" in DOCS.read_text("utf-8")
        assert all(len(text) > 3 for text in (kind.zh, kind.en, kind.cause, kind.cure))
        assert any("一" <= c <= "鿿" for c in kind.zh)


def test_every_alarm_id_in_the_code_is_one_that_is_documented_and_the_other_way_round() -> None:
    """Found in the source itself: what raises an alarm, or a trouble of the center, names it."""
    told = (r"Raised\(\s*\"([a-z_.]+)\"", r"\btrouble\(\s*\"([a-z_]+)\"", r'"([a-z]+\.[a-z_]+)"')
    sources = [*(ROOT / "daemon").rglob("*.py"), *(ROOT / "center").rglob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    named = {name for pattern in told[:2] for name in re.findall(pattern, text)}
    assert named - set(EVERY_KIND) == set()
    families = {name.split(".")[0] for name in EVERY_KIND if "." in name}
    raised = (ROOT / "daemon" / "alarms.py").read_text("utf-8") + (
        ROOT / "daemon" / "watching.py"
    ).read_text()
    like_one = {name for name in re.findall(told[2], raised) if name.split(".")[0] in families}
    assert like_one == {name for name, kind in EVERY_KIND.items() if kind.by != "center"}
    assert {name for name in TROUBLES if f'"{name}"' not in text} == set()


def test_nothing_stands_on_a_dock_that_is_well() -> None:
    assert standing(Facts()) == []


def test_each_alarm_is_raised_by_its_facts_alone() -> None:
    assert set(EACH) == set(KINDS)
    for name, facts in EACH.items():
        assert [raised.alarm for raised in standing(Facts(**facts))] == [name]


def test_critical_ones_come_first_and_names_do_not_flood() -> None:
    facts = Facts(under_voltage=True, damaged=[f"r{n}" for n in range(99)])
    found = standing(facts)
    assert [raised.kind.severity for raised in found] == ["critical", "warning"]
    assert found[0].text["zh"].endswith("r0, r1, r2, r3, r4 …")


def test_without_a_platform_nothing_about_one_stands() -> None:
    everything: dict[str, Any] = {}
    for facts in EACH.values():
        everything |= facts
    everything["link"] = frozenset(alarms.OF_THE_LINK)
    found = {
        raised.alarm.split(".")[0] for raised in standing(replace(Facts(**everything), has_platform=False))
    }
    assert found == {
        "disk",
        "store",
        "vault",
        "camera",
        "card",
        "slot",
        "inspection",
        "clock",
        "power",
        "registry",
    }


def test_the_supply_voltage_is_read_from_the_boards_sensor_b13(tmp_path: Path) -> None:
    for number, name, alarm in ((0, "cpu_thermal", "1"), (1, "rpi_volt", "0")):
        sensor = tmp_path / f"hwmon{number}"
        sensor.mkdir()
        (sensor / "name").write_text(name + "\n")
        (sensor / "in0_lcrit_alarm").write_text(alarm + "\n")
    assert under_voltage(tmp_path) is False
    (tmp_path / "hwmon1" / "in0_lcrit_alarm").write_text("1\n")
    assert under_voltage(tmp_path) is True
    assert under_voltage(tmp_path / "nowhere") is False


# The book


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VaultBench]:
    with vault_bench(tmp_path) as made:
        yield made


def keep(bench: VaultBench, *raised: Raised) -> bool:
    return alarm_book.keep(bench.store, bench.dock.custody.clock, raised)


def test_an_alarm_keeps_its_since_until_it_clears_and_comes_anew(bench: VaultBench) -> None:
    low, slot = Raised("power.low"), Raised("slot.error", "2", "cable")
    assert keep(bench, low, slot) is True
    bench.machine.at += timedelta(hours=1)
    assert keep(bench, low, slot) is False
    assert keep(bench, low) is True  # the slot's cleared
    assert keep(bench, low, replace(slot, detail="card")) is True
    shown = {(a["alarm"], a["since"][11:13], bool(a["cleared"])) for a in alarm_book.alarms_json(bench.store)}
    assert shown == {
        ("power.low", "09", False),
        ("slot.error", "10", False),
        ("slot.error", "09", True),
    }
    assert keep(bench, low, replace(slot, detail="other card")) is True  # a changed text is news
    told = alarm_book.told(bench.store)
    assert [alarm.subject for alarm in told if alarm.alarm == "slot.error"] == ["2", "2"]
    assert told[0].cleared is None


def test_many_alarms_stay_few_rows_and_fit_into_a_message(bench: VaultBench) -> None:
    for number in range(alarm_book.KEPT_CLEARED + 50):
        bench.machine.at += timedelta(seconds=1)
        keep(bench, Raised("slot.error", str(number)))
    assert bench.store.value("SELECT count(*) FROM alarms") == alarm_book.KEPT_CLEARED + 1
    keep(bench, *(Raised("slot.error", str(number), "x" * 3000) for number in range(200)))
    health = Telemetry(bench.dock.custody, "ab" * 32).health(bench.store, bench.dock.vault.folder)
    assert 10 < len(health.alarms) <= alarm_book.MOST_TOLD
    assert HealthMessage.parse(health.to_bytes(), 32 * 1024) == health  # receiver and watcher take 64 KiB


# What the stage sees


class Seen:
    """An alarm stage over a real store; the link is told by hand."""

    def __init__(self, bench: VaultBench, settings: Settings, folder: Path) -> None:
        self.bench = bench
        self.link: dict[str, Any] = {"connected": True, "alarms": []}
        self.now_s = 1000.0
        self.told = 0
        self.counters = Counters(bench.store)
        self.board = SlotBoard([(1, ""), (2, "")], lambda view: None)
        self.waiting = WaitingRoom(lambda: None)
        self.reserve = Reserve(folder / "reserve", 4096)
        self.reserve.ensure()
        dock = bench.dock
        parts = Parts(
            settings, dock.store, dock.custody, dock.vault, dock.ledger, PROFILES, self.counters, self.reserve
        )
        self.stage = Alarming(
            parts,
            self.board,
            self.waiting,
            lambda: self.link,
            self._tell,
            hwmon=folder / "hwmon",
            monotonic=lambda: self.now_s,
        )

    def _tell(self) -> None:
        self.told += 1

    def look(self, after_s: float = 3.0) -> set[str]:
        self.now_s += after_s
        self.counters.step()
        self.stage.step()
        shown = dock_json(self.bench.store)["alarms"]
        return {alarm["alarm"] for alarm in shown if alarm["cleared"] is None}


@pytest.fixture
def seen(bench: VaultBench, tmp_path: Path) -> Seen:
    (tmp_path / "bodydock.toml").write_text(
        f"""
slots = [{{ number = 1, ports = ["p"] }}]
[dock]
id = "dock-1"
site = "site-1"
state = "{tmp_path / "state"}"
[broker]
host = "127.0.0.1"
[vault]
high_water = 1.0
[platform]
id = "pf"
keys = {{ receipt = ["{bench.platform.receipts.public.hex()}"] }}
"""
    )
    bench.take_in({"a.mp4": b"a" * 5000})
    return Seen(bench, load_settings(tmp_path / "bodydock.toml"), tmp_path)


def test_it_looks_at_the_store_and_the_slots(seen: Seen) -> None:
    assert seen.look() == set()
    assert seen.told == 0
    bench, a = seen.bench, seen.bench.recordings()["a.mp4"]
    bench.path(a).write_bytes(b"b" * 5000)
    stage = bench.read_back()
    while stage.step():
        pass
    seen.board.show(2, "error", error="unreadable", text={})
    assert seen.look() == {"vault.damaged", "slot.error"}
    assert seen.told == 1
    assert seen.look() == {"vault.damaged", "slot.error"}
    assert seen.told == 1
    seen.board.clear(2)
    assert seen.look() == {"vault.damaged"}
    assert seen.told == 2


def test_a_refusal_that_does_not_pass_names_its_recording(seen: Seen) -> None:
    a = seen.bench.recordings()["a.mp4"]
    revision = seen.bench.row(a)["revision"]
    seen.bench.desk.take_receipt(a, seen.bench.platform.refusal(a, revision, "never"))
    assert seen.look() == {"platform.refuses"}
    shown = dock_json(seen.bench.store)["alarms"][0]
    assert a in shown["text"]["en"]
    assert shown["severity"] == "warning"


def test_receipts_that_do_not_hold_are_an_alarm_for_an_hour(seen: Seen) -> None:
    seen.look()
    seen.counters.count("refused.receipt.signature")
    assert seen.look() == {"platform.bad_receipts"}
    assert seen.look(3500.0) == {"platform.bad_receipts"}
    assert seen.look(200.0) == set()


def test_cameras_that_vanished_together_are_an_alarm_for_an_hour_b14(seen: Seen) -> None:
    seen.look()
    seen.counters.count("slot.lost_together")
    assert seen.look() == {"slot.lost_together"}
    assert seen.look(3700.0) == set()


def test_what_the_platform_lost_while_the_copy_was_cleared(seen: Seen) -> None:
    bench, a = seen.bench, seen.bench.recordings()["a.mp4"]
    bench.receipt(a)
    bench.machine.at = RECEIVED_AT + DAY + timedelta(hours=1)
    bench.reconcile([], RECEIVED_AT + DAY)
    assert seen.look() == {"platform.forgot", "delivery.late"}
    bench.receipt(a, RECEIVED_AT + 2 * DAY)
    assert seen.look() == set()
    bench.reconcile([a], RECEIVED_AT + 3 * DAY)
    bench.machine.at = RECEIVED_AT + 20 * DAY
    bench.clear_everything()
    bench.machine.at = RECEIVED_AT + 21 * DAY
    bench.reconcile([], RECEIVED_AT + 21 * DAY)
    assert seen.look() == {"platform.lost", "delivery.late"}


def test_the_way_to_the_platform(seen: Seen) -> None:
    seen.link = {"connected": False, "alarms": ["taken_over"]}
    assert seen.look() == {"broker.taken_over"}
    assert seen.look(890.0) == {"broker.taken_over"}
    assert seen.look(20.0) == {"broker.taken_over", "broker.away"}
    seen.link = {"connected": True, "alarms": []}
    assert seen.look() == set()
    seen.bench.machine.at += 2 * DAY
    assert seen.look() == {"delivery.late"}


def test_the_disk(seen: Seen) -> None:
    with seen.waiting.waiting("1", 100):
        assert seen.look() == set()  # room is being made
        seen.waiting.tell(stuck=True)
        assert seen.look() == {"disk.full"}
    seen.waiting.tell(stuck=False)
    seen.reserve.release()
    assert seen.look() == {"disk.reserve_used"}


def test_a_stage_that_fails_on_a_recording(seen: Seen) -> None:
    a = seen.bench.recordings()["a.mp4"]
    later = (seen.bench.machine.at + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    with seen.bench.store.write() as tx:
        tx.execute("UPDATE recordings SET work_retry_at = ? WHERE recording = ?", (later, a))
    assert seen.look() == {"inspection.failing"}
    seen.bench.machine.at += timedelta(minutes=8)
    assert seen.look() == set()


def test_the_clock(seen: Seen) -> None:
    clock: DockClock = seen.bench.dock.custody.clock
    clock.raise_floor(seen.bench.machine.at + timedelta(minutes=3))
    assert seen.look() == {"clock.behind"}


def test_health_is_told_when_what_waits_changes(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.uplinking._CHANGE_S", 0.0)
    sent: list[HealthMessage] = []
    uplink = tending(seen, sent)
    assert _Link.wait(sent, 1).waiting_bytes > 0
    with seen.bench.store.write() as tx:
        tx.execute("UPDATE recordings SET state = 'delivered'")
    assert _Link.wait(sent, 2).waiting_bytes == 0
    uplink._stop.set()


def test_health_is_told_at_once_when_an_alarm_comes_and_carries_it(seen: Seen) -> None:
    sent: list[HealthMessage] = []
    uplink = tending(seen, sent)
    first = _Link.wait(sent, 1)
    assert first.alarms == []
    seen.stage.changed = uplink.health_changed
    seen.board.show(1, "error", error="unreadable", text={})
    seen.look()
    second = _Link.wait(sent, 2)
    uplink._stop.set()
    assert [(alarm.alarm, alarm.subject) for alarm in second.alarms] == [("slot.error", "1")]
    assert json.loads(second.to_bytes())["alarms"][0]["text"]["zh"].startswith("卡位出错")


def tending(seen: Seen, sent: list[HealthMessage]) -> PlatformUplink:
    """The uplink's second thread at work, over a link that keeps what is published."""
    uplink = object.__new__(PlatformUplink)
    uplink._stop = threading.Event()
    uplink._health_wanted = threading.Event()
    uplink._parts = seen.stage.parts
    uplink._telemetry = Telemetry(seen.bench.dock.custody, "ab" * 32)
    uplink._beat = lambda: None
    uplink._link = _Link(sent)  # type: ignore[assignment]
    threading.Thread(target=uplink._tend, daemon=True).start()
    return uplink


def test_health_says_how_the_board_is(bench: VaultBench, tmp_path: Path) -> None:
    for number, millidegrees in enumerate(("41250", "61800", "no number", "999999999")):
        (tmp_path / f"thermal_zone{number}").mkdir()
        (tmp_path / f"thermal_zone{number}" / "temp").write_text(millidegrees + "\n")
    assert temperature_c(tmp_path) == 61.8
    assert temperature_c(tmp_path / "none") is None
    health = Telemetry(bench.dock.custody, "ab" * 32).health(bench.store, bench.dock.vault.folder)
    assert health.cpu_load is not None
    assert health.under_voltage is False


class _Link:
    """Keeps what is published, as the link does."""

    alive = True

    def __init__(self, sent: list[HealthMessage]) -> None:
        self._sent = sent

    def report(self) -> LinkReport:
        return LinkReport(True, None, None, frozenset())

    def publish_health(self, message: HealthMessage) -> None:
        self._sent.append(message)

    @staticmethod
    def wait(sent: list[HealthMessage], count: int) -> HealthMessage:
        from tests.rig.until import until

        until(lambda: len(sent) >= count)
        return sent[count - 1]
