"""Real cards in real slots: partitions, equal serials, clones; pulled out while listed, copied, synced."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.board import SlotBoard, SlotView
from daemon.ingest import filing as filing_module
from daemon.ingest.slotkeeper import SlotKeeper
from dock.pull import resume
from dock.slots import Slot
from dock.source import TreeSource
from tests.daemon.conftest import Dock
from tests.daemon.making import events, tools_of
from tests.rig import loop_camera as rig
from tests.rig.until import until
from uplink.messages.custody import Attached, Closed, Listed

pytestmark = [
    pytest.mark.devices,
    pytest.mark.skipif(
        bool(rig.missing_parts(faulty=True)), reason="needs " + ", ".join(rig.missing_parts(faulty=True))
    ),
]
MIB = 1024 * 1024
PORTS = ("8", "9")


class Slots:
    """Two slots with a keeper that listens to udev."""

    def __init__(self, dock: Dock, folder: Path) -> None:
        self.dock = dock
        self.folder = folder
        self.told: list[SlotView] = []
        self.board = SlotBoard([(1, ""), (2, "")], self.told.append)
        self.stack = ExitStack()
        self.start()

    def start(self) -> None:
        self.stop = threading.Event()
        tools = tools_of(self.dock, board=self.board, mounts=self.folder / "mounts", gather_s=0.3)
        slots = [Slot(number, (rig.port_path(port),)) for number, port in enumerate(PORTS, 1)]
        self.keeper = SlotKeeper(self.dock.store, tools, slots, self.stop, lambda: None)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.keeper.run()
        finally:
            self.dock.store.release()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def camera(
        self, image: Path, serial: str, slot: int = 1, *, faulty: bool = False, partitions: bool = False
    ) -> rig.LoopCamera:
        camera = rig.LoopCamera(image, serial, PORTS[slot - 1], faulty=faulty, partitions=partitions)
        return self.stack.enter_context(camera)

    def image(self, name: str, **files: bytes) -> Path:
        folder = self.folder / f"{name}-content"
        folder.mkdir()
        for number, (stem, content) in enumerate(files.items()):
            (folder / f"{stem}.mp4").write_bytes(content)
            os.utime(folder / f"{stem}.mp4", (number, number))
        return rig.make_card(self.folder / f"{name}.img", folder, label=name)

    def phase(self, slot: int = 1) -> str:
        return self.board.views()[slot - 1].phase

    def wait(self, phase: str, slot: int = 1) -> None:
        until(lambda: self.phase(slot) == phase, f"slot {slot} is {phase}")

    @property
    def closed(self) -> list[Closed]:
        return [Closed.model_validate(event.data) for event in events(self.dock, "closed")]

    def vault(self) -> set[bytes]:
        rows = self.dock.store.rows("SELECT vault FROM recordings")
        return {self.dock.vault.path(row["vault"]).read_bytes() for row in rows}


@pytest.fixture
def slots(dock: Dock, tmp_path: Path) -> Iterator[Slots]:
    with rig.udevd():
        made = Slots(dock, tmp_path)
        try:
            yield made
        finally:
            made.end()
            made.stack.close()
        assert list((tmp_path / "mounts").glob("*")) == []


def test_every_partition_of_a_card_is_taken_once_and_none_is_written_to_a04(slots: Slots) -> None:
    empty = slots.image("EMPTY")
    parts = [empty, slots.image("FOOTAGE", a=b"one", b=b"two"), slots.image("MORE", a=b"three")]
    barren = slots.folder / "barren.img"
    barren.write_bytes(bytes(MIB))
    disk = rig.join_partitions(slots.folder / "disk.img", [*parts, barren])
    before = disk.read_bytes()
    camera = slots.camera(disk, "PARTS", partitions=True)
    camera.plug()
    slots.wait("done")
    assert slots.board.views()[0].safe_to_take
    attached = [Attached.model_validate(event.data) for event in events(slots.dock, "attached")]
    listed = [Listed.model_validate(event.data) for event in events(slots.dock, "listed")]
    assert len(attached) == 1
    notes = [(volume.label, volume.note) for one in listed for volume in one.volumes]
    assert ("FOOTAGE", "") in notes
    assert ("MORE", "") in notes
    assert (None, "no_file_system") in notes
    assert len(notes) == 4
    assert slots.vault() >= {b"one", b"two", b"three"}
    camera.unplug()
    slots.wait("empty")
    assert disk.read_bytes() == before


def test_two_equal_serials_and_cloned_volumes_in_two_slots_are_two_dockings_b04(slots: Slots) -> None:
    first = slots.image("CLONE", common=b"common", own=b"1")
    second = slots.folder / "second.img"
    shutil.copyfile(first, second)  # the same file system UUID
    extra = slots.folder / "extra.mp4"
    extra.write_bytes(b"only the clone has this")
    rig.run("debugfs", "-w", "-R", f"write {extra} extra.mp4", str(second))
    cameras = [slots.camera(image, "SAME", number) for number, image in enumerate((first, second), 1)]
    for camera in cameras:
        camera.plug()
    for number in (1, 2):
        slots.wait("done", number)
    sums = slots.closed
    assert len(sums) == 2
    assert sum(one.stored.count for one in sums) == 3
    assert sum(one.already_stored.count for one in sums) == 2
    assert slots.vault() == {b"common", b"1", b"only the clone has this"}
    assert {event.data["slot"] for event in events(slots.dock, "attached")} == {1, 2}
    for camera in cameras:
        camera.unplug()
    for number in (1, 2):
        slots.wait("empty", number)


def test_letters_that_swap_swap_nothing(slots: Slots) -> None:
    """Who is plugged in second is who was first: nodes say nothing, serials and slots do."""
    images = [slots.image(name, a=name.encode()) for name in ("ONE", "TWO")]
    for order in ((0, 1), (1, 0)):
        cameras = [(n, slots.camera(images[n], f"CAM{n}", n + 1)) for n in order]
        for number, camera in cameras:
            camera.plug()
            slots.wait("done", number + 1)
        for number, camera in cameras:
            camera.unplug()
            slots.wait("empty", number + 1)
    attached = [Attached.model_validate(event.data) for event in events(slots.dock, "attached")]
    assert [(one.slot, one.camera.serial) for one in attached] == [
        (1, "CAM0"),
        (2, "CAM1"),
        (2, "CAM1"),
        (1, "CAM0"),
    ]


def test_another_card_in_the_same_reader_is_another_stay_a14(slots: Slots) -> None:
    images = [slots.image(name, a=name.encode()) for name in ("ONE", "TWO")]
    reader = slots.camera(images[0], "READER")
    reader.plug()
    slots.wait("done")
    rig.run("losetup", "-d", reader.node)
    slots.wait("expected")
    view = slots.board.views()[0]
    assert (view.error, view.safe_to_take, view.text["en"]) == (None, False, "camera present, disk expected")
    rig.run("losetup", "-r", reader.node, str(images[1]))
    slots.wait("done")
    assert slots.vault() == {b"ONE", b"TWO"}
    assert [one.stored.count for one in slots.closed] == [1, 1]
    assert [event.data["stay"] for event in events(slots.dock, "attached")] == [None, None]
    reader.unplug()
    slots.wait("empty")


def drop_caches() -> None:
    Path("/proc/sys/vm/drop_caches").write_text("3")


def yank_when(
    camera: rig.LoopCamera, happened: threading.Event, condition: Callable[[], bool] = lambda: True
) -> None:
    if condition() and not happened.is_set():
        camera.break_reads()
        camera.report_removal()
        happened.set()


@pytest.mark.parametrize("late_s", [0.0, 0.7])
def test_yanked_while_listed_nothing_is_believed_b18(
    slots: Slots, monkeypatch: pytest.MonkeyPatch, late_s: float
) -> None:
    """Reads fail at once; that the device is gone is said at once, or a moment later."""
    camera = slots.camera(slots.image("CARD", a=b"one", b=b"two"), "YANK", faulty=True)
    yanked = threading.Event()
    scan = TreeSource.scan

    def yanking(source: TreeSource):  # type: ignore[no-untyped-def]
        if not yanked.is_set():
            drop_caches()  # what the kernel read while it mounted is there without the camera
            camera.break_reads()
            timer = threading.Timer(late_s, camera.report_removal)
            timer.start()
            yanked.set()
            until(lambda: late_s or not source.still_there())
        return scan(source)

    monkeypatch.setattr(TreeSource, "scan", yanking)
    camera.plug()
    assert yanked.wait(20)
    camera.unplug()
    slots.wait("empty")
    assert events(slots.dock, "attached") == []
    camera.mend_reads()
    camera.plug()
    slots.wait("done")
    assert slots.vault() == {b"one", b"two"}
    camera.unplug()
    slots.wait("empty")


def test_yanked_while_copied_three_times_it_goes_on_where_it_was_b12(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(12 * MIB)
    camera = slots.camera(slots.image("CARD", a=content), "YANK", faulty=True)
    verified: list[int] = []

    def noting(*args):  # type: ignore[no-untyped-def]
        pulled = resume(*args)
        verified.append(pulled.verified_bytes)
        return pulled

    monkeypatch.setattr(filing_module, "resume", noting)
    move = slots.board.move
    reached = [0]
    yanked = threading.Event()

    def yank(slot: int, bytes_done: int, files_done: int, file: str, *, part: str = "") -> None:
        move(slot, bytes_done, files_done, file, part=part)
        if bytes_done > reached[0] and len(slots.closed) < 2:
            if not yanked.is_set():
                reached[0] = bytes_done
            yank_when(camera, yanked)

    monkeypatch.setattr(slots.board, "move", yank)
    for count in (1, 2):
        yanked.clear()
        camera.mend_reads()
        camera.plug()
        until(lambda count=count: len(slots.closed) == count, f"docking {count} is closed")  # type: ignore[misc]
        camera.unplug()
        slots.wait("empty")
    yanked.set()
    camera.mend_reads()
    camera.plug()
    slots.wait("done")
    assert [c.data["missing"]["bytes"] for c in events(slots.dock, "removed_early")] == [len(content)] * 2
    assert verified[-1] >= reached[0] > 0
    assert slots.vault() == {content}
    camera.unplug()
    slots.wait("empty")


def test_yanked_while_the_vault_syncs_the_copy_counts_if_it_is_whole(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte was read and the card was still there after the last one: what follows is ours alone."""
    content = os.urandom(2 * MIB)
    camera = slots.camera(slots.image("CARD", a=content, b=b"later"), "YANK", faulty=True)
    yanked = threading.Event()
    fsync = os.fsync

    def yanking(fd: int) -> None:
        yank_when(camera, yanked, lambda: "incoming" in str(Path(f"/proc/self/fd/{fd}").readlink()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", yanking)
    camera.plug()
    until(lambda: len(slots.closed) == 1, "the docking is closed")
    camera.unplug()
    slots.wait("empty")
    (closed,) = slots.closed
    assert (closed.stored.count, [(e.reason, e.count) for e in closed.explained]) == (1, [("gone", 1)])
    assert slots.vault() == {content}
    camera.mend_reads()
    camera.plug()
    slots.wait("done")
    assert "补齐" in slots.board.views()[0].text["zh"]
    assert slots.vault() == {content, b"later"}
    camera.unplug()
    slots.wait("empty")


def test_a_dead_hub_closes_all_as_removed_early_and_all_recover_b14(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [os.urandom(8 * MIB) for _ in PORTS]
    cameras = [
        slots.camera(slots.image(f"C{n}", a=content), f"HUB{n}", n, faulty=True)
        for n, content in enumerate(contents, 1)
    ]
    move, moving = slots.board.move, set()

    def slowly(slot: int, bytes_done: int, files_done: int, file: str, *, part: str = "") -> None:
        move(slot, bytes_done, files_done, file, part=part)
        moving.add(slot)
        deadline = time.monotonic() + 20
        while not dead.is_set() and time.monotonic() < deadline:
            time.sleep(0.005)

    dead = threading.Event()
    monkeypatch.setattr(slots.board, "move", slowly)
    for camera in cameras:
        camera.plug()
    until(lambda: moving == {1, 2}, "both are copied")
    for camera in cameras:
        camera.break_reads()
        camera.report_removal()
    dead.set()
    until(lambda: len(slots.closed) == 2, "both are closed")
    for camera in cameras:
        camera.unplug()
    assert len(events(slots.dock, "removed_early")) == 2
    assert all(one.stored.count == 0 for one in slots.closed)
    for number in (1, 2):
        slots.wait("empty", number)
    for camera in cameras:
        camera.mend_reads()
        camera.plug()
    for number in (1, 2):
        slots.wait("done", number)
    assert slots.vault() == set(contents)
    for camera in cameras:
        camera.unplug()
    for number in (1, 2):
        slots.wait("empty", number)
