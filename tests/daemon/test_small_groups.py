"""Small files in groups, seen from the dock: who is odd costs only itself, and nothing is said too early."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from daemon.board import SlotBoard, SlotView
from daemon.errors import StoreFull
from daemon.ingest import docking as docking_module
from daemon.ingest import together
from daemon.ingest.ledger import Ledger
from dock.errors import CameraGone, VaultFailed
from dock.small import pull_small
from dock.vault_copy import VaultDisk
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, events, tools_of
from uplink.messages.custody import Closed

NAMES = [f"DCIM/{number:02d}.jpg" for number in range(12)]


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    monkeypatch.setattr(docking_module, "GROUP_FILES", 4)
    made = Card(tmp_path / "camera")
    for number, name in enumerate(NAMES):
        made.write(name, os.urandom(100 + number), modified_s=1_764_000_000 + number)
    return made


def held(dock: Dock) -> dict[str, bytes]:
    rows = dock.store.rows("SELECT path, vault FROM recordings")
    return {row["path"].decode(): dock.vault.path(row["vault"]).read_bytes() for row in rows}


def on(card: Card) -> dict[str, bytes]:
    return {name: (card.path / name).read_bytes() for name in NAMES}


def closed(dock: Dock) -> Closed:
    return Closed.model_validate(events(dock, "closed")[-1].data)


def commits(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note of how many files each commit is from now on."""
    sizes: list[int] = []
    real = Ledger.store_all

    def noting(self: Ledger, arrivals) -> None:  # type: ignore[no-untyped-def]
        real(self, arrivals)
        sizes.append(len(arrivals))

    monkeypatch.setattr(Ledger, "store_all", noting)
    return sizes


def test_small_files_are_committed_in_groups_with_an_event_each(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = commits(dock, monkeypatch)
    card.dock_in(dock)
    assert sizes == [4, 4, 4]
    assert held(dock) == on(card)
    told = [event.data["path_b64"] for event in events(dock, "stored")]
    assert len(set(told)) == len(told) == len(NAMES)
    assert list(dock.vault.incoming.iterdir()) == []


def test_an_odd_file_costs_only_itself_a08(dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dock.source.VANISH_S", 0.05)
    real = pull_small

    def spoilt(source, files, *more):  # type: ignore[no-untyped-def]
        if (card.path / NAMES[5]).stat().st_size == 105:
            card.write(NAMES[5], b"longer than what was listed" * 9, modified_s=1_764_000_005)
        return real(source, files, *more)

    monkeypatch.setattr(together, "pull_small", spoilt)
    card.dock_in(dock)
    assert set(held(dock)) == set(NAMES) - {NAMES[5]}
    assert [(e.reason, e.count) for e in closed(dock).explained] == [("changed", 1)]


def test_a_file_that_left_is_explained_and_the_rest_is_taken(dock: Dock, card: Card) -> None:
    docking = card.only_list(dock)
    assert docking
    real = pull_small
    with pytest.MonkeyPatch.context() as patch:

        def gone(source, files, *more):  # type: ignore[no-untyped-def]
            (card.path / NAMES[2]).unlink(missing_ok=True)
            return real(source, files, *more)

        patch.setattr(together, "pull_small", gone)
        patch.setattr("dock.source.VANISH_S", 0.05)
        card.dock_in(dock)
    assert set(held(dock)) == set(NAMES) - {NAMES[2]}


@pytest.mark.parametrize("full", [StoreFull("no room to commit"), None])
def test_without_room_each_waits_for_itself_and_all_are_there_at_the_end(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch, full: StoreFull | None
) -> None:
    monkeypatch.setattr("daemon.ingest.filing._ROOM_PAUSE_S", 0.0)
    monkeypatch.setattr("daemon.ingest.filing._ROOM_STEP_S", 0.01)
    if full is not None:
        real, failing = Ledger.store_all, [full]

        def once(self: Ledger, arrivals) -> None:  # type: ignore[no-untyped-def]
            if len(arrivals) > 1 and failing:
                raise failing.pop()
            real(self, arrivals)

        monkeypatch.setattr(Ledger, "store_all", once)
    else:
        frees = iter([0, 0, 0])
        monkeypatch.setattr(dock.vault, "free_bytes", lambda: next(frees, 1 << 40))
    card.dock_in(dock, tools_of(dock, reserve_bytes=1 << 20))
    assert held(dock) == on(card)
    assert list(dock.vault.incoming.iterdir()) == []
    assert len(list(dock.vault.files())) == len(NAMES)
    assert closed(dock).stored.count == len(NAMES)


def test_a_vault_that_fails_commits_nothing_of_the_group_and_the_next_try_takes_all(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def failing(self: VaultDisk) -> None:
            raise VaultFailed("the disk is gone")

        patch.setattr(VaultDisk, "sync", failing)
        with pytest.raises(VaultFailed):
            card.job(tools_of(dock)).run()
    assert held(dock) == {}
    card.dock_in(dock)
    assert held(dock) == on(card)
    assert list(dock.vault.incoming.iterdir()) == []


def test_a_camera_that_leaves_in_mid_group_costs_what_was_on_the_way_only(dock: Dock, card: Card) -> None:
    real, seen = pull_small, 0
    with pytest.MonkeyPatch.context() as patch:

        def leaving(source, files, *more):  # type: ignore[no-untyped-def]
            nonlocal seen
            seen += 1
            card.gone = seen == 2
            return real(source, files, *more)

        patch.setattr(together, "pull_small", leaving)
        with pytest.raises(CameraGone):
            card.dock_in(dock)
    assert set(held(dock)) == set(NAMES[:4])
    card.replug()
    for row in dock.ledger.open_dockings():
        dock.ledger.close(row["docking"], removed=True)
    card.dock_in(dock)
    assert held(dock) == on(card)


def test_nothing_is_shown_as_done_and_no_camera_as_safe_before_its_group_is_committed(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    views: list[SlotView] = []
    board = SlotBoard([(1, "")], views.append)
    real, go_on, reached = Ledger.store_all, threading.Event(), threading.Event()
    settled = 0

    def slow(self: Ledger, arrivals) -> None:  # type: ignore[no-untyped-def]
        nonlocal settled
        (view,) = board.views()
        assert not view.safe_to_take
        assert view.files_done <= settled
        if settled + len(arrivals) == len(NAMES):
            reached.set()
            assert go_on.wait(20)
        real(self, arrivals)
        settled += len(arrivals)

    monkeypatch.setattr(Ledger, "store_all", slow)
    job = card.job(tools_of(dock, board=board))
    working = threading.Thread(target=job.run)
    working.start()
    assert reached.wait(20)
    (view,) = board.views()
    assert (view.phase, view.safe_to_take, view.files_done) == ("pulling", False, len(NAMES) - 4)
    assert job.unfinished
    go_on.set()
    working.join(20)
    (view,) = board.views()
    assert (view.phase, view.safe_to_take, view.files_done) == ("done", True, len(NAMES))
