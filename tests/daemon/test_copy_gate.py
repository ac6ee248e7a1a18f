"""On a weak supply cameras are copied one after the other, and told so (known-faults B13)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.board import SlotBoard, SlotView
from daemon.ingest import filing as filing_module
from daemon.ingest import wording
from daemon.ingest.gate import CopyGate
from dock.pull import pull
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, events, tools_of

PATIENCE_S = 30.0


class Supply:
    def __init__(self, weak: bool) -> None:
        self.weak = weak

    def __call__(self) -> bool:
        return self.weak


class Copies:
    """Counts who copies at the same time; the first one goes on when `release` is set."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def counted(*args):  # type: ignore[no-untyped-def]
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.begun.release()
            assert self.release.wait(PATIENCE_S)
            try:
                return pull(*args)
            finally:
                with self.lock:
                    self.now -= 1

        monkeypatch.setattr(filing_module, "pull", counted)


def two_cameras(
    dock: Dock, tmp_path: Path, gate: CopyGate, listener: Callable[[SlotView], None] = lambda view: None
) -> list[threading.Thread]:
    board = SlotBoard([(1, ""), (2, "")], listener)
    threads = []
    for number in (1, 2):
        card = Card(tmp_path / f"camera-{number}", serial=f"CAM{number}", diskseq=number)
        (card.path / f"{number}.mp4").write_bytes(bytes([number]) * 5000)
        job = card.job(tools_of(dock, board=board, gate=gate), slot=number)
        threads.append(threading.Thread(target=job.run, daemon=True))
    for thread in threads:
        thread.start()
    return threads


def finish(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_on_a_weak_supply_one_camera_is_copied_at_a_time_b13(
    dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, waits = Copies(), threading.Event()
    copies.install(monkeypatch)

    def listen(view: SlotView) -> None:
        if view.text == wording.WEAK_SUPPLY:
            waits.set()

    threads = two_cameras(dock, tmp_path, CopyGate(Supply(True)), listen)
    assert copies.begun.acquire(timeout=PATIENCE_S)
    assert waits.wait(PATIENCE_S)  # the other one is told why
    copies.release.set()
    finish(threads)
    assert copies.most == 1
    assert len(events(dock, "closed")) == 2


def test_all_cameras_are_copied_at_once_else(
    dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = Copies()
    copies.install(monkeypatch)
    threads = two_cameras(dock, tmp_path, CopyGate(Supply(False)))
    for _ in threads:
        assert copies.begun.acquire(timeout=PATIENCE_S)
    copies.release.set()
    finish(threads)
    assert copies.most == 2


def test_who_waits_goes_on_when_the_supply_recovers(
    dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, supply = Copies(), Supply(True)
    copies.install(monkeypatch)
    threads = two_cameras(dock, tmp_path, CopyGate(supply))
    assert copies.begun.acquire(timeout=PATIENCE_S)
    supply.weak = False
    assert copies.begun.acquire(timeout=PATIENCE_S)  # while the first one is still copied
    copies.release.set()
    finish(threads)


def test_who_waits_and_is_taken_out_holds_up_nobody() -> None:
    class Left(Exception):
        pass

    def left() -> None:
        raise Left

    gate = CopyGate(Supply(True))
    with gate.turn(lambda: None, lambda: None):
        with pytest.raises(Left), gate.turn(lambda: None, left):
            raise AssertionError("there was no turn")
    told: list[int] = []
    with gate.turn(lambda: told.append(1), lambda: None):
        assert told == []
