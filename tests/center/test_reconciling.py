"""Reconciliation: what the store is found to hold, in pages whose ranges join; what is lost comes again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from center import reconciler
from center.catalogue import database, docks, recordings
from center.catalogue.docks import Dock
from center.catalogue.recordings import Recording
from center.errors import BadFolder
from center.office import Outgoing
from center.reconciler import DAILY_S, NOT_SOONER_S, Reconciler, Schedule
from center.survey import Found, Survey, note_lost, page_up, pages
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock
from tests.rig.until import until
from uplink import delivery
from uplink.keys import Role, SigningKey
from uplink.messages.receipt import Reconciliation

AT = datetime(2026, 11, 25, tzinfo=UTC)


def held(recording: str) -> Recording:
    return Recording("dock-1", recording, "ab" * 32, 1, 1, "cd" * 32, False, "", "x")


@given(st.sets(st.text("abcd23", min_size=26, max_size=26), max_size=40), st.integers(1, 9))
def test_every_id_is_covered_by_one_page_and_listed_there_if_held(names: set[str], size: int) -> None:
    made = page_up("pf", "dock-1", AT, [held(name) for name in names], size)
    asked = [*names, "2" * 26, "7" * 26, "a" * 26, "z" * 26, *(name[:25] + "z" for name in names)]
    for name in asked:
        covering = [page for page in made if page.range is not None and page.range.covers(name)]
        assert len(covering) == 1
        assert (name in {kept.recording for kept in covering[0].recordings}) == (name in names)
    assert all(len(page.recordings) <= size for page in made)


def test_a_full_page_fits_into_a_message(bench: Bench) -> None:
    names = [format(number, "026d").translate(str.maketrans("0189", "abcd")) for number in range(2500)]
    found = Found(None, AT, [held(name) for name in names])  # type: ignore[arg-type]
    key = SigningKey.draw().record(Role.DOCK, "dock-1")
    found.dock = Dock("dock-1", "s", key, None, "", None, False, None, None)
    made = pages(bench.keys, found)
    assert len(made) == 3
    for raw in made:
        delivery.check_reconciliation(raw, bench.keys.ring(), bench.settings.id, "dock-1")


@pytest.fixture
def bench(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Bench(tmp_path / "center") as made:
        yield made


def deliver(bench: Bench, dock: ScriptedDock, footage: Footage, attempt: int = 1) -> list[Outgoing]:
    manifest = dock.manifest(footage)
    bench.manifest(dock, footage, manifest)
    return bench.transfer(dock, footage, manifest.digest, attempt)


def look(bench: Bench, name: str, *, deep: bool = False) -> Found:
    dock = docks.find(bench.office.connection, name)
    assert dock is not None
    survey = Survey(bench.folder, deep=deep, going_on=lambda: True)
    return survey.look(bench.office.connection, dock)


def names(found: list[Recording]) -> set[str]:
    return {item.recording for item in found}


def test_found_is_what_is_there_and_not_what_the_catalogue_says(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    here, gone, short, rotten = (Footage(bytes([n]) * 1000, f"{n}.mp4".encode()) for n in range(4))
    for footage in (here, gone, short, rotten):
        deliver(bench, dock, footage)
    bench.folder.blob(gone.sha256).unlink()
    bench.folder.blob(short.sha256).write_bytes(b"x")
    bench.folder.blob(rotten.sha256).write_bytes(b"y" * 1000)
    found = look(bench, "dock-1")
    assert names(found.held) == {here.recording, rotten.recording}
    assert names(found.lost) == {gone.recording, short.recording}
    assert names(look(bench, "dock-1", deep=True).held) == {here.recording}


def test_bytes_that_only_another_dock_brought_are_on_no_page(bench: Bench) -> None:
    one, other = bench.enrol("dock-1"), bench.enrol("dock-2")
    footage = Footage(b"the same" * 100)
    for dock in (one, other):
        bench.event(dock, dock.enrolled())
    deliver(bench, one, footage)
    bench.manifest(other, footage, other.manifest(footage))  # promised, never sent
    assert names(look(bench, "dock-1").held) == {footage.recording}
    found = look(bench, "dock-2")
    assert (found.held, found.lost) == ([], [])


def test_what_is_lost_is_taken_again_and_receipted_anew_k08(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    footage = Footage(b"z" * 1000)
    first = bench.receipts(deliver(bench, dock, footage))[0]
    bench.folder.blob(footage.sha256).unlink()
    note_lost(bench.office.connection, look(bench, "dock-1"))
    again = deliver(bench, dock, footage, attempt=2)
    assert bench.statuses(again)[-1] == "complete"
    second = bench.receipts(again)[-1]
    assert second.receipt != first.receipt
    assert second.received_at > first.received_at
    assert bench.stored(footage) == footage.data
    assert names(look(bench, "dock-1").held) == {footage.recording}


def test_what_came_again_while_it_was_looked_for_is_not_lost(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    footage = Footage(b"z" * 1000)
    deliver(bench, dock, footage)
    bench.folder.blob(footage.sha256).unlink()
    found = look(bench, "dock-1")
    deliver(bench, dock, footage, attempt=2)
    note_lost(bench.office.connection, found)
    kept = recordings.find(bench.office.connection, "dock-1", footage.recording)
    assert kept is not None
    assert kept.stored_at is not None


# When


def dock_row(state: str | None, state_at: str | None) -> Dock:
    return Dock("d", "s", SigningKey.draw().record(None, "d"), None, "", None, False, state, state_at)  # type: ignore[arg-type]


def test_daily_and_when_a_dock_comes_back_but_not_all_the_time() -> None:
    schedule = Schedule()
    here = dock_row("online", "1")
    assert schedule.due(here, 0.0)
    schedule.told(here, 0.0)
    assert not schedule.due(here, DAILY_S - 1)
    assert schedule.due(here, DAILY_S)
    back = dock_row("online", "2")
    assert not schedule.due(back, NOT_SOONER_S - 1)
    assert schedule.due(back, NOT_SOONER_S)
    assert not schedule.due(dock_row("offline", "2"), NOT_SOONER_S)


class Running:
    """A reconciler whose pages are taken as `center run` takes them."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.pages: list[Reconciliation] = []
        self.reconciler = Reconciler(bench.folder, bench.keys)

    def take(self) -> list[Reconciliation]:
        for out in self.reconciler.take():
            assert not out.retain
            dock = out.topic.split("/")[3]
            _, page = delivery.check_reconciliation(
                out.payload, self.bench.keys.ring(), self.bench.settings.id, dock
            )
            self.pages.append(page)
        return self.pages


@pytest.fixture
def running(bench: Bench):  # type: ignore[no-untyped-def]
    made = Running(bench)
    yield made
    made.reconciler.close()


def test_at_start_everybody_is_told_once_it_is_connected(bench: Bench, running: Running) -> None:
    for name in ("dock-1", "dock-2"):
        bench.enrol(name)
    assert running.take() == []
    running.reconciler.connected()
    until(lambda: len(running.take()) == 2)
    assert {page.dock for page in running.pages} == {"dock-1", "dock-2"}


def test_a_store_that_is_not_mounted_is_not_signed_unless_a_person_says_so(
    bench: Bench, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    footage = Footage(b"z" * 1000)
    deliver(bench, dock, footage)
    bench.folder.blob(footage.sha256).unlink()
    looked = threading.Event()
    monkeypatch.setattr(Schedule, "told", _noting(Schedule.told, looked))
    running.reconciler.connected()
    assert looked.wait(10)
    assert running.take() == []
    with bench.folder.locked("run"):
        answers = reconciler.ask(bench.folder, "dock-1", deep=False)
    assert [(answer.held, answer.lost) for answer in answers] == [(0, 1)]
    until(lambda: running.take() != [])
    assert running.pages[0].recordings == []
    assert running.pages[0].range is not None
    with database.reading(bench.folder) as connection:
        kept = recordings.find(connection, "dock-1", footage.recording)
    assert kept is not None
    assert kept.stored_at is None


def _noting(real: Callable[..., None], event: threading.Event) -> Callable[..., None]:
    def told(schedule: Schedule, dock: Dock, now_s: float) -> None:
        real(schedule, dock, now_s)
        event.set()

    return told


def test_without_a_running_center_nobody_is_asked(bench: Bench) -> None:
    bench.enrol("dock-1")
    with pytest.raises(BadFolder, match="no center runs"):
        reconciler.ask(bench.folder, None, deep=False)
