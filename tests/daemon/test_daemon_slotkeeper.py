"""The slot keeper: who is pulled, whose docking is closed, what a slot shows.  Folders, and real cards."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.board import SlotBoard, SlotView
from daemon.ingest import docking as docking_module
from daemon.ingest import filing as filing_module
from daemon.ingest import puller as puller_module
from daemon.ingest import volumes as volumes_module
from daemon.ingest.filing import Filer, Outcome
from daemon.ingest.opening import OpenDocking
from daemon.ingest.order import Item
from daemon.ingest.slotkeeper import SlotKeeper
from daemon.ingest.tools import Tools
from dock.detect import Gone, NoFilesystem, Present
from dock.devices import BlockDevice
from dock.errors import CameraGone, MountFailed
from dock.filesystems import Attempt
from dock.mount import MountedCard
from dock.pull import resume
from dock.slots import Slot
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, events, tools_of
from tests.rig import loop_camera as rig
from uplink.messages.telemetry import Phase

WAIT_S = 20.0
CONTENT = os.urandom(200_000)


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Slow:
    """A pull that waits before a file's first byte."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()


class Keeping:
    """A keeper without udev: `turn` gives it what udev would say; mounts are folders."""

    def __init__(self, dock: Dock, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dock = dock
        self.folder = folder
        self._monkeypatch = monkeypatch
        self.cards: dict[str, Card] = {}
        self.mounts: dict[str, list[Exception]] = {}  # what the next mounts of a node raise
        self.entered: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.told: list[SlotView] = []
        self.stop = threading.Event()
        self.board = SlotBoard([(1, ""), (2, "")], self.told.append)
        monkeypatch.setattr(volumes_module, "mounted", self._mounted)
        monkeypatch.setattr(puller_module, "_RETRY_S", 0.02)
        monkeypatch.setattr(puller_module, "_POLL_S", 0.01)
        monkeypatch.setattr(docking_module, "_UDEV_PATIENCE_S", 0.05)
        self.keeper = self.make()

    def make(self) -> SlotKeeper:
        tools = tools_of(self.dock, board=self.board)
        slots = [Slot(1, ("usb-0:1",)), Slot(2, ("usb-0:2",))]
        return SlotKeeper(self.dock.store, tools, slots, self.stop, lambda: None)

    def card(self, serial: str, port: int = 1, **files: bytes) -> Card:
        card = Card(self.folder / serial, serial=serial)
        for name, content in files.items():
            card.write(f"{name}.mp4", content)
        card.device = dataclasses.replace(card.device, id_path=f"usb-0:{port}:1.0")
        self.cards[card.device.node] = card
        return card

    @contextmanager
    def _mounted(self, device: BlockDevice, at: Path) -> Iterator[MountedCard]:
        self.entered.append(device.node)
        if errors := self.mounts.get(device.node):
            raise errors.pop(0)
        assert self.hold.wait(WAIT_S)
        yield MountedCard(device, self.cards[device.node].path, Attempt("ext4", ""))

    def slow(self, *cards: Card) -> Slow:
        """Let the pulls of these cards wait; a camera that left ends the wait."""
        slow = Slow()
        serials = {card.device.serial for card in cards}
        real = Filer.settle

        def waiting(filer: Filer, opened: OpenDocking, item: Item) -> Outcome:
            if opened.docking.camera.serial in serials:
                slow.reached.set()
                until(lambda: slow.go_on.is_set() or filer._cancelled(opened.volumes[item.volume]))
            return real(filer, opened, item)

        self._monkeypatch.setattr(Filer, "settle", waiting)
        return slow

    def plug(self, *cards: Card) -> None:
        self.keeper._turn([Present(card.device) for card in cards])

    def leave(self, *cards: Card) -> None:
        self.keeper._turn([Gone(card.device.node, card.device.diskseq) for card in cards])

    def phase(self, slot: int = 1) -> Phase:
        return self.board.views()[slot - 1].phase

    @property
    def states(self) -> dict[str, str]:
        rows = self.dock.store.rows("SELECT serial, state FROM dockings ORDER BY attached_at")
        return {row["serial"]: row["state"] for row in rows}


@pytest.fixture
def keeping(dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeping]:
    made = Keeping(dock, tmp_path, monkeypatch)
    yield made
    made.stop.set()
    made.hold.set()
    made.keeper._join()


def test_a_camera_is_pulled_once_however_often_it_is_said(keeping: Keeping) -> None:
    card = keeping.card("A", a=CONTENT)
    keeping.plug(card, card)
    keeping.plug(card)
    until(lambda: keeping.phase() == "done")
    assert keeping.board.views()[0].safe_to_take
    keeping.plug(card)
    keeping.leave(card)
    assert (keeping.entered, keeping.states, keeping.phase()) == (["/dev/A"], {"A": "closed"}, "empty")
    assert [view.phase for view in keeping.told if view.slot == 1][:3] == ["attached", "listing", "pulling"]


def test_in_no_slot_nothing_happens(keeping: Keeping) -> None:
    keeping.plug(keeping.card("A", port=9, a=CONTENT))
    assert (keeping.entered, keeping.states) == ([], {})


def test_one_disk_that_leaves_closes_its_own_docking_only_a04(keeping: Keeping) -> None:
    first, second = keeping.card("A", a=CONTENT), keeping.card("B", b=CONTENT)
    slow = keeping.slow(second)
    keeping.plug(first)
    until(lambda: keeping.phase() == "done")
    keeping.plug(second)
    assert slow.reached.wait(WAIT_S)
    assert (keeping.phase(), keeping.board.views()[0].safe_to_take) == ("pulling", False)
    keeping.leave(first)
    assert keeping.states == {"A": "closed", "B": "pulling"}
    assert keeping.phase() == "pulling"
    slow.go_on.set()
    until(lambda: keeping.phase() == "done")
    assert keeping.states == {"A": "closed", "B": "closed"}
    assert len(events(keeping.dock, "closed")) == 2
    assert events(keeping.dock, "removed_early") == []


def test_when_all_vanish_together_none_is_complete_b14(keeping: Keeping) -> None:
    places = {"A": 1, "B": 1, "C": 2, "D": 2}
    cards = [keeping.card(serial, port, x=CONTENT) for serial, port in places.items()]
    slow = keeping.slow(*cards)
    keeping.plug(*cards)
    until(lambda: set(keeping.states) == set("ABCD"))
    assert slow.reached.wait(WAIT_S)
    keeping.leave(*cards)
    assert keeping.states == dict.fromkeys("ABCD", "removed")
    assert [event.data["missing"]["count"] for event in events(keeping.dock, "removed_early")] == [1] * 4
    assert (keeping.phase(1), keeping.phase(2)) == ("empty", "empty")
    slow.go_on.set()
    for card in cards:
        card.replug()
    keeping.plug(*cards)
    until(lambda: (keeping.phase(1), keeping.phase(2)) == ("done", "done"))
    assert keeping.dock.store.value("SELECT count(*) FROM recordings") == 4


def test_what_was_open_when_the_daemon_ended_is_closed_though_its_slot_is_taken(keeping: Keeping) -> None:
    gone, here = keeping.card("GONE", a=CONTENT), keeping.card("HERE", a=CONTENT)
    for card in (gone, here):
        card.only_list(keeping.dock)
    keeping.hold.clear()
    keeping.plug(here)
    assert keeping.states == {"GONE": "removed", "HERE": "pulling"}
    keeping.hold.set()
    until(lambda: keeping.phase() == "done")
    assert keeping.states == {"GONE": "removed", "HERE": "closed"}
    assert len(events(keeping.dock, "listed")) == 2


def test_a_card_without_a_file_system_is_said_until_it_leaves_a05(keeping: Keeping) -> None:
    card = keeping.card("A")
    card.device = dataclasses.replace(card.device, fs_type="")
    keeping.keeper._turn([NoFilesystem(card.device)])
    until(lambda: keeping.phase() == "no_file_system")
    assert not keeping.board.views()[0].safe_to_take
    (listed,) = events(keeping.dock, "listed")
    assert [volume["note"] for volume in listed.data["volumes"]] == ["no_file_system"]
    keeping.leave(card)
    assert keeping.phase() == "empty"


def test_a_card_that_cannot_be_mounted_is_shown_and_not_tried_again_b09(keeping: Keeping) -> None:
    card = keeping.card("A", a=CONTENT)
    broken = MountFailed("/dev/A", "exfat", "broken", "Hand it to a technician.")
    keeping.mounts[card.device.node] = [broken] * 9
    keeping.plug(card)
    until(lambda: keeping.phase() == "error")
    assert keeping.entered == ["/dev/A"]
    assert "technician" in (keeping.board.views()[0].error or "")


def test_a_rescan_tries_again_what_had_ended_and_pulls_nothing_twice(keeping: Keeping) -> None:
    bad, good = keeping.card("BAD", a=b"x"), keeping.card("GOOD", port=2, a=b"y")
    keeping.mounts[bad.device.node] = [MountFailed("/dev/BAD", "exfat", "broken", "wait")]
    keeping.plug(bad, good)
    until(lambda: (keeping.phase(1), keeping.phase(2)) == ("error", "done"))
    keeping.keeper.rescan(2)
    keeping.keeper._turn([])
    until(lambda: keeping.phase(2) == "done")
    assert keeping.phase(1) == "error", "another slot"
    keeping.keeper.rescan(None)
    keeping.keeper._turn([])
    until(lambda: (keeping.phase(1), keeping.phase(2)) == ("done", "done"))
    assert [event.data["already"] for event in events(keeping.dock, "stored")] == [False, False]


@pytest.mark.parametrize("error", [CameraGone("the cable"), RuntimeError("a bug")])
def test_what_fails_is_shown_tried_again_and_forgotten_when_it_works_b12(
    keeping: Keeping, error: Exception
) -> None:
    card = keeping.card("A", a=CONTENT)
    keeping.mounts[card.device.node] = [error, error]
    keeping.plug(card)
    until(lambda: keeping.phase() == "done")
    assert len(keeping.entered) == 3
    errors = [view.error for view in keeping.told if view.phase == "error"]
    assert len(errors) == 2
    assert all(str(error) in (text or "") for text in errors)
    assert keeping.board.views()[0].error is None
    assert keeping.states == {"A": "closed"}


def test_a_fault_with_one_device_or_in_closing_costs_nobody_else_b17(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = keeping.card("BAD", a=CONTENT), keeping.card("GOOD", 2, a=CONTENT)
    start = SlotKeeper._start

    def failing(keeper: SlotKeeper, slot: Slot, device: BlockDevice) -> None:
        if device.serial == "BAD":
            raise RuntimeError("a bug")
        start(keeper, slot, device)

    monkeypatch.setattr(SlotKeeper, "_start", failing)
    close = type(keeping.dock.ledger).close
    fails = [RuntimeError("disk full")]

    def closing(ledger, docking, *, removed):  # type: ignore[no-untyped-def]
        if fails and removed:
            raise fails.pop()
        return close(ledger, docking, removed=removed)

    monkeypatch.setattr(type(keeping.dock.ledger), "close", closing)
    slow = keeping.slow(good)
    keeping.plug(bad, good)
    assert slow.reached.wait(WAIT_S)
    keeping.leave(good)
    assert keeping.states == {"GOOD": "pulling"}  # closing failed
    keeping.keeper._turn([])
    assert keeping.states == {"GOOD": "removed"}


def test_another_medium_under_the_same_node_is_another_stay(keeping: Keeping) -> None:
    card = keeping.card("A", a=CONTENT)
    keeping.plug(card)
    until(lambda: keeping.phase() == "done")
    card.replug()
    card.write("b.mp4", CONTENT)
    keeping.plug(card)
    until(lambda: len(events(keeping.dock, "closed")) == 2)
    assert keeping.entered == ["/dev/A", "/dev/A"]


# Real cards


@pytest.fixture(scope="module")
def udevd() -> Iterator[None]:
    missing = rig.missing_parts(faulty=True)
    if missing:
        pytest.skip("simulated cameras need " + ", ".join(missing))
    with rig.udevd():
        yield


class Real:
    """A keeper with udev, in a thread; `restart` is what a restart of the daemon does."""

    def __init__(self, dock: Dock, folder: Path) -> None:
        self.dock = dock
        self.mounts = folder / "mounts"
        self._ended = threading.Event()
        self.start()

    def start(self) -> None:
        self.stop = threading.Event()
        self.board = SlotBoard([(1, "")], lambda view: None)
        self.tools: Tools = tools_of(self.dock, board=self.board, mounts=self.mounts)
        slots = [Slot(1, (rig.port_path("7"),))]
        keeper = SlotKeeper(self.dock.store, self.tools, slots, self.stop, lambda: None)

        def run() -> None:
            try:
                keeper.run()
            finally:
                self.dock.store.release()

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()

    def view(self) -> SlotView:
        return self.board.views()[0]


@pytest.fixture
def real(udevd: None, dock: Dock, tmp_path: Path) -> Iterator[Real]:
    made = Real(dock, tmp_path)
    yield made
    made.end()
    assert list(made.mounts.glob("*")) == []


@pytest.mark.devices
def test_a_real_card_is_pulled_and_still_shown_after_a_restart(real: Real, tmp_path: Path) -> None:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "20261104_090000.mp4").write_bytes(CONTENT)
    image = rig.make_card(tmp_path / "card.img", folder)
    with rig.LoopCamera(image, "BWC0042", "7") as camera:
        camera.plug()
        until(lambda: real.view().phase == "done")
        before = real.view()
        real.end()
        real.start()
        until(lambda: real.view().phase == "done")
        after = real.view()
        assert after.docking is not None
        assert before.docking is not None
        assert after.docking.camera == before.docking.camera
        assert (after.docking.id, after.docking.camera.serial) == (before.docking.id, "BWC0042")
        assert (after.files_total, after.bytes_total) == (before.files_total, before.bytes_total)
        assert after.bytes_done == after.bytes_total >= len(CONTENT)
        assert len(events(real.dock, "attached")) == 1
        camera.unplug()
        until(lambda: real.view().phase == "empty")
    row = real.dock.store.row("SELECT * FROM recordings")
    assert row is not None
    assert real.dock.vault.path(row["vault"]).read_bytes() == CONTENT


@pytest.mark.devices
def test_a_real_yank_is_removed_early_and_the_next_docking_goes_on_b12(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(6 * 1024 * 1024)
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(content)
    image = rig.make_card(tmp_path / "card.img", folder)
    resumed: list[int] = []

    def noting(source, file, into, progress, cancel):  # type: ignore[no-untyped-def]
        pulled = resume(source, file, into, progress, cancel)
        resumed.append(pulled.verified_bytes)
        return pulled

    monkeypatch.setattr(filing_module, "resume", noting)
    with rig.LoopCamera(image, "BWC0043", "7", faulty=True) as camera:
        yanked = threading.Event()
        show = real.board.move

        def yank(slot: int, bytes_done: int, files_done: int, file: str, *, part: str = "") -> None:
            show(slot, bytes_done, files_done, file, part=part)
            if file == "a.mp4" and not yanked.is_set():
                camera.break_reads()
                camera.report_removal()
                yanked.set()

        monkeypatch.setattr(real.board, "move", yank)
        camera.plug()
        assert yanked.wait(WAIT_S)
        until(lambda: events(real.dock, "removed_early"))
        camera.unplug()
        until(lambda: real.view().phase == "empty")
        camera.mend_reads()
        camera.plug()
        until(lambda: real.view().phase == "done")
        camera.unplug()
        until(lambda: real.view().phase == "empty")
    assert [r > 0 for r in resumed] == [True]
    sums = [event.data for event in events(real.dock, "closed")]
    assert [s["stored"]["bytes"] for s in sums] == [0, len(content)]
    row = real.dock.store.row("SELECT * FROM recordings")
    assert row is not None
    assert real.dock.vault.path(row["vault"]).read_bytes() == content
