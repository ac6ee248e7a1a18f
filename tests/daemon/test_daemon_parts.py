"""Clock, identity, heartbeats, board, counters, camera times: the small parts."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon import identity
from daemon.board import PROGRESS_S, SlotBoard, SlotView
from daemon.camera_time import to_utc
from daemon.clock import BUILD_TIME, DockClock
from daemon.counters import MAX_NAMES, Counters
from daemon.custody import enrol
from daemon.errors import WrongKey
from daemon.feeding import FedInspector
from daemon.heartbeat import Heartbeats
from daemon.identity import board_digest, fingerprint, load_identity
from daemon.settings import DockSettings, Settings, SlotSettings
from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import report_of
from transcoder.report import Report
from transcoder.request import InspectRequest
from uplink.errors import BadKey
from uplink.keys import SigningKey
from uplink.messages.telemetry import Phase


class Machine:
    """A machine's clock and its monotonic one, turned by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.monotonic_s = 1000.0

    def clock(self, floor: datetime | None = None) -> DockClock:
        return DockClock(floor, lambda: self.at, lambda: self.monotonic_s)

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.monotonic_s += seconds


def test_a_right_clock_is_believed() -> None:
    machine = Machine(BUILD_TIME + timedelta(days=3))
    clock = machine.clock()
    assert clock.now() == machine.at
    machine.wait(1)
    assert clock.now() == machine.at
    assert clock.claim().floor == machine.at


def test_time_never_goes_below_what_was_signed_or_seen() -> None:
    machine = Machine(datetime(2016, 1, 1, tzinfo=UTC))
    floor = BUILD_TIME + timedelta(days=9)
    clock = machine.clock(floor)
    assert clock.now() == floor
    seen = floor + timedelta(hours=1)
    clock.raise_floor(seen)
    clock.raise_floor(floor)
    assert clock.now() == seen
    assert (clock.claim().synced, clock.claim().source) == (False, "none")


def test_retries_come_due_on_a_dock_in_2016_k05() -> None:
    machine = Machine(datetime(2016, 1, 1, tzinfo=UTC))
    clock = machine.clock()
    start = clock.now()
    machine.wait(600)
    assert clock.now() == start + timedelta(seconds=300)
    assert clock.now() == start + timedelta(seconds=300)


def test_a_clock_that_was_set_back_catches_up() -> None:
    machine = Machine(BUILD_TIME + timedelta(days=1))
    clock = machine.clock()
    clock.now()
    machine.at -= timedelta(hours=1)
    for _ in range(3):
        machine.wait(1800)
        clock.now()
    machine.wait(1801)
    assert clock.now() == machine.at


# Identity


def settings(tmp_path: Path) -> Settings:
    dock = DockSettings(id="dock-1", site="xlt", state=tmp_path / "state")
    return Settings(dock=dock, slots=[SlotSettings(number=1, ports=["p"])])


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first, second = load_identity(settings(tmp_path)), load_identity(settings(tmp_path))
    file = settings(tmp_path).key_file
    assert first.key.key_id == second.key.key_id
    assert first.run != second.run
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.chmod(0o640)
    with pytest.raises(BadKey, match="chmod 600"):
        load_identity(settings(tmp_path))


def test_a_store_signed_by_another_key_is_not_gone_on_with(dock: Dock) -> None:
    dock.store.close()
    with pytest.raises(WrongKey, match=r"put back the key"):
        make_dock(dock.folder, key=SigningKey.draw())


def test_with_the_same_key_it_is_gone_on_with(dock: Dock) -> None:
    assert enrol(dock.store, dock.custody, []) is False


def test_the_boards_serial_is_told_as_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none, zeros, real = tmp_path / "none", tmp_path / "zeros", tmp_path / "real"
    zeros.write_bytes(b"00000000-0000\n")
    monkeypatch.setattr(identity, "_BOARD_SERIALS", (none, zeros))
    assert board_digest() is None
    real.write_bytes(b"10000000abcdef\0")
    monkeypatch.setattr(identity, "_BOARD_SERIALS", (none, zeros, real))
    digest = board_digest()
    assert digest is not None
    assert len(digest) == 64
    real.write_bytes(b"10000000abcdee\0")
    assert board_digest() != digest


def test_a_fingerprint_is_the_whole_key_id() -> None:
    assert fingerprint("0123456789ab") == "0123 4567 89ab"


# Heartbeats


def test_who_does_not_turn_is_named_f04(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("daemon.heartbeat.time.monotonic", lambda: now[0])
    beats = Heartbeats()
    quick, _ = beats.register("quick", 10), beats.register("slow", 100)
    now[0] = 50
    assert beats.late() == ["quick"]
    quick()
    assert beats.late() == []
    now[0] = 101
    assert beats.late() == ["quick", "slow"]


class Patient:
    """An inspector that takes until it has been beaten for."""

    def __init__(self) -> None:
        self.beaten = threading.Event()

    def inspect(
        self, request: InspectRequest, progress: object = None, deadline_s: float | None = None
    ) -> Report:
        assert self.beaten.wait(10)
        return report_of(request)


def test_a_long_inspection_counts_as_life_and_its_end_ends_it_f04() -> None:
    patient = Patient()
    fed = FedInspector(patient, patient.beaten.set, every_s=0.01)
    fed.inspect(InspectRequest(items=()))
    patient.beaten.clear()
    assert not any(thread.name == "feeding" for thread in threading.enumerate())


def test_an_inspection_beyond_all_its_limits_does_not_f04(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.feeding._MARGIN_S", 0.2)
    beats: list[int] = []

    class Hangs:
        def inspect(
            self, request: InspectRequest, progress: object = None, deadline_s: float | None = None
        ) -> Report:
            feeding = next(thread for thread in threading.enumerate() if thread.name == "feeding")
            feeding.join(10)  # gives up although the inspection goes on
            assert not feeding.is_alive()
            assert beats
            return report_of(request)

    FedInspector(Hangs(), lambda: beats.append(1), every_s=0.01).inspect(InspectRequest(items=()))


# Board


class Told:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.views: list[SlotView] = []
        monkeypatch.setattr("daemon.board.time.monotonic", lambda: self.now)
        self.board = SlotBoard([(1, "left"), (2, "")], self.views.append)

    @property
    def phases(self) -> list[Phase]:
        return [view.phase for view in self.views]


def test_a_phase_is_told_at_once_and_progress_at_most_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told(monkeypatch)
    told.board.show(1, "pulling", bytes_total=1000)
    for second in range(12):
        told.now = 101.0 + second
        told.board.move(1, 10 * second, 0, "a.mp4")
    told.board.show(1, "done")
    assert told.phases == ["pulling", "pulling", "pulling", "done"]
    assert told.views[2].bytes_done - told.views[1].bytes_done >= 10 * PROGRESS_S


def test_the_rate_is_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.board.show(1, "pulling", bytes_total=10_000)
    for step in range(50):
        told.now = 100.0 + step / 10
        told.board.move(1, 100 * step if step < 10 else 900 + 10 * step, 0, "a")
    view = told.board.views()[0]
    assert view.rate_bytes_per_s == pytest.approx(100, rel=0.01)
    assert view.time_left_s == pytest.approx((10_000 - view.bytes_done) / 100, rel=0.01)
    told.board.show(1, "done")
    assert told.board.views()[0].rate_bytes_per_s is None


def test_an_error_and_safe_to_take_end_with_their_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.board.show(1, "error", error="broken")
    told.board.show(1, "done", safe_to_take=True)
    assert told.board.views()[0].error is None
    told.board.show(1, "listing")
    assert told.board.views()[0].safe_to_take is False
    told.board.clear(1)
    assert told.board.views()[0] == SlotView(1, "left")


def test_two_disks_of_one_camera_are_safe_only_together_a04(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.board.show(1, "pulling", part="sda1", files_total=2, bytes_total=50, text={"en": "copying"})
    told.board.show(1, "done", part="sda2", files_total=1, files_done=1, safe_to_take=True)
    (view, other) = told.board.views()
    assert (view.phase, view.safe_to_take, view.text["en"]) == ("pulling", False, "copying")
    assert (view.files_done, view.files_total, view.bytes_total) == (1, 3, 50)
    assert other.phase == "empty"
    told.board.show(1, "error", part="sda1", error="bad")
    assert (told.views[-1].phase, told.views[-1].safe_to_take, told.views[-1].error) == (
        "error",
        False,
        "bad",
    )
    told.board.clear(1, "sda1")
    assert (told.views[-1].phase, told.views[-1].safe_to_take) == ("done", True)
    told.board.clear(1, "sda2")
    assert told.views[-1].phase == "empty"


# Counters


def test_a_flood_is_one_commit(dock: Dock) -> None:
    counters = Counters(dock.store)
    commits: list[int] = []
    before = dock.store.value("PRAGMA data_version")
    for _ in range(10_000):
        counters.count("refused.receipt.signature")
    assert dock.store.value("PRAGMA data_version") == before
    dock.store._connection().set_trace_callback(lambda sql: commits.append(1) if sql == "COMMIT" else None)
    assert counters.step() is False
    assert counters.step() is False
    assert len(commits) == 1
    assert dock.store.value("SELECT count FROM counters") == 10_000


def test_names_are_bounded_and_counts_add_up(dock: Dock) -> None:
    counters = Counters(dock.store)
    for _ in range(2):
        for number in range(MAX_NAMES + 100):
            counters.count(f"{number}{'x' * 1000}")
        counters.step()
    assert dock.store.value("SELECT count(*) FROM counters") == MAX_NAMES + 1
    assert dock.store.value("SELECT sum(count) FROM counters") == 2 * (MAX_NAMES + 100)
    assert dock.store.value("SELECT max(length(name)) FROM counters") == 128


def test_what_could_not_be_written_is_counted_later(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters(dock.store)
    counters.count("x")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no room"):
        patch.setattr(dock.store, "write", lambda: (_ for _ in ()).throw(OSError("no room")))
        counters.step()
    counters.count("x")
    counters.step()
    assert dock.store.value("SELECT count FROM counters") == 2


# Camera times


def test_local_times_are_read_in_the_given_zone_b05() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    assert to_utc(datetime(2026, 11, 4, 8, 30), shanghai) == datetime(2026, 11, 4, 0, 30, tzinfo=UTC)
    assert to_utc(datetime(1970, 1, 1), shanghai) == datetime(1969, 12, 31, 16, tzinfo=UTC)
    assert to_utc(None, shanghai) is None


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_years_that_no_camera_means_are_no_time_a08(year: int) -> None:
    assert to_utc(datetime(year, 1, 1), ZoneInfo("Asia/Shanghai")) is None
    assert to_utc(datetime(year, 12, 31, 23), ZoneInfo("America/Lima")) is None
