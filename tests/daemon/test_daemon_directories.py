"""A slot that is a directory: complete when two looks agree, another stay when it changed or came again."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.board import SlotBoard, SlotView
from daemon.dockings import _UNREAD_OF_CAMERAS, dockings_json, unread_json
from daemon.ingest import filing as filing_module
from daemon.ingest.directories import DirectoryKeeper
from daemon.settings import Settings
from dock.directory import Found, Settling, file_system_of, look
from dock.errors import Unreadable
from dock.listing import CardFile
from dock.pull import pull
from dock.slots import Slot
from dock.source import Limits
from tests.daemon.conftest import Dock
from tests.daemon.making import events, tools_of
from tests.rig.until import until
from uplink.messages.custody import Closed

SETTLE_S = 0.1


class Mount:
    """A directory slot with its keeper in a thread."""

    def __init__(self, dock: Dock, path: Path) -> None:
        self.dock = dock
        self.path = path
        self.told: list[SlotView] = []
        self.board = SlotBoard([(1, "")], self.told.append)
        self.start()

    def start(self) -> None:
        self.stop = threading.Event()
        slot = Slot(1, (), directory=self.path, settle_s=SETTLE_S)
        tools = tools_of(self.dock, board=self.board)
        self.keeper = DirectoryKeeper(tools, slot, self.stop, self.dock.store.release)
        self.keeper.start()

    def end(self) -> None:
        self.stop.set()
        self.keeper.join(10)
        assert not self.keeper.is_alive()

    def write(self, name: str, content: bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    @property
    def closed(self) -> list[Closed]:
        return [Closed.model_validate(event.data) for event in events(self.dock, "closed")]

    def phase(self) -> str:
        return self.board.views()[0].phase

    def wait_closed(self, count: int) -> None:
        until(lambda: len(self.closed) == count, f"{count} dockings are closed")


@pytest.fixture
def mount(dock: Dock, tmp_path: Path) -> Iterator[Mount]:
    made = Mount(dock, tmp_path / "mount")
    yield made
    made.end()


def test_a_directory_is_docked_when_it_has_settled_and_again_when_it_changed(
    mount: Mount, dock: Dock
) -> None:
    until(lambda: mount.keeper.is_alive())
    assert mount.phase() == "empty"
    mount.write("DCIM/a.mp4", b"one")
    mount.wait_closed(1)
    until(lambda: mount.phase() == "done")
    assert mount.board.views()[0].safe_to_take
    before = look(mount.path)
    mount.write("DCIM/b.mp4", b"two")
    mount.wait_closed(2)
    assert [(c.stored.count, c.already_stored.count) for c in mount.closed] == [(1, 0), (1, 1)]
    assert sorted(path.name for path in mount.path.rglob("*.mp4")) == ["a.mp4", "b.mp4"]
    assert look(mount.path) != before
    row = dock.store.row("SELECT serial, serial_by FROM dockings")
    assert row is not None
    assert row["serial"].startswith("unknown-")
    assert row["serial_by"] == "disk"


def test_where_changes_cannot_be_seen_it_is_looked_at_again_and_again(
    dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dock.directory.file_system_of", lambda path: "fuse.jmtpfs")
    mount = Mount(dock, tmp_path / "mount")
    try:
        mount.write("a.mp4", b"one")
        mount.wait_closed(1)
        mount.write("b.mp4", b"two")
        mount.wait_closed(2)
    finally:
        mount.end()


def test_nothing_is_docked_while_it_still_changes(mount: Mount) -> None:
    settled = look
    looks = [0]

    def growing(path: Path) -> Found | None:
        looks[0] += 1
        if looks[0] < 6:
            mount.write("a.mp4", b"x" * looks[0])
        return settled(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daemon.ingest.directories.look", growing)
        mount.wait_closed(1)
    assert mount.closed[0].stored.bytes == 5
    texts = [view.text["en"] for view in mount.told if view.text]
    assert texts[0] == "waiting until all files are there"


def test_one_that_vanishes_is_removed_early_and_docks_anew(
    mount: Mount, dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanishing(source, file, *more):  # type: ignore[no-untyped-def]
        if file.path == b"b.mp4" and mount.path.exists():
            mount.path.rename(tmp_path / "away")
        return pull(source, file, *more)

    content = os.urandom(3_000_000)
    filling = tmp_path / "filling"
    filling.mkdir()
    for number, name in enumerate(("a.mp4", "b.mp4")):
        (filling / name).write_bytes(content)
        os.utime(filling / name, (number, number))
    with monkeypatch.context() as patch:
        patch.setattr(filing_module, "pull", vanishing)
        filling.rename(mount.path)
        mount.wait_closed(1)
    until(lambda: mount.phase() == "empty")
    assert [(e.reason, e.count) for e in mount.closed[0].explained] == [("gone", 1)]
    (tmp_path / "away").rename(mount.path)
    mount.wait_closed(2)
    assert (mount.closed[1].stored.count, mount.closed[1].already_stored.count) == (1, 1)
    assert len(events(dock, "removed_early")) == 1


def test_after_a_restart_it_is_the_same_stay_and_after_it_went_away_another(
    mount: Mount, dock: Dock, tmp_path: Path
) -> None:
    mount.write("a.mp4", b"one")
    mount.wait_closed(1)
    until(lambda: mount.phase() == "done")
    mount.end()
    mount.board.clear(1, "directory")
    mount.start()
    until(lambda: mount.phase() == "done")
    assert len(events(dock, "attached")) == 1
    mount.path.rename(tmp_path / "away")
    until(lambda: mount.phase() == "empty")
    (tmp_path / "away").rename(mount.path)
    mount.wait_closed(2)
    assert mount.closed[1].already_stored.count == 1


def test_what_is_mounted_over_it_is_another_camera(mount: Mount, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mount.path.mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.mp4").write_bytes(b"mounted")
    subprocess.run(["mount", "--bind", other, mount.path], check=True)
    try:
        mount.wait_closed(1)
    finally:
        subprocess.run(["umount", "--lazy", mount.path], check=True)
    until(lambda: mount.phase() == "empty")


def test_a_directory_that_cannot_be_read_is_no_empty_slot(mount: Mount) -> None:
    mount.path.symlink_to(mount.path)
    until(lambda: mount.phase() == "error")
    assert mount.board.views()[0].error == f"{mount.path}: Too many levels of symbolic links (ELOOP)"
    mount.path.unlink()
    mount.path.write_bytes(b"")
    until(lambda: "ENOTDIR" in (mount.board.views()[0].error or ""))
    mount.path.unlink()
    until(lambda: mount.phase() == "empty")
    mount.path.mkdir()
    mount.write("a.mp4", b"one")
    mount.wait_closed(1)


def test_an_open_docking_whose_directory_is_gone_at_the_start_is_closed(
    dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mount"
    path.mkdir()
    (path / "a.mp4").write_bytes(b"one")
    made = Mount(dock, path)

    def stop(*args):  # type: ignore[no-untyped-def]
        made.stop.set()
        return pull(*args)

    with monkeypatch.context() as patch:
        patch.setattr(filing_module, "pull", stop)
        until(made.stop.is_set)
        made.end()
    assert len(dock.ledger.open_dockings()) == 1
    shutil.rmtree(path)
    made.start()
    made.wait_closed(1)
    made.end()


def test_settling_needs_looks_that_agree_and_are_far_enough_apart() -> None:
    settling = Settling(5.0)
    one, other = Found(1, 2, "a"), Found(1, 2, "b")
    assert [settling.saw(found, at) for found, at in ((one, 0.0), (one, 4.9), (one, 5.0))] == [
        False,
        False,
        True,
    ]
    assert not settling.saw(other, 10.0)
    assert not settling.saw(one, 15.0)
    assert not settling.saw(None, 16.0)
    assert not settling.saw(one, 21.0)
    assert settling.saw(one, 26.0)


def test_what_cannot_be_read_or_is_empty_is_no_camera(tmp_path: Path) -> None:
    assert look(tmp_path / "none") is None
    assert look(tmp_path) is None
    (tmp_path / "file").write_bytes(b"")
    assert look(tmp_path / "file") is None
    assert look(tmp_path) is not None


def test_the_file_system_of_a_path_is_the_nearest_mount(tmp_path: Path) -> None:
    assert file_system_of(Path("/proc/self")) == "proc"
    assert file_system_of(Path("/sys/block")) == "sysfs"
    assert file_system_of(tmp_path / "not-there-yet") == file_system_of(tmp_path)


def base(**slot: object) -> dict[str, object]:
    return {"dock": {"id": "d", "site": "s"}, "slots": [{"number": 1} | slot]}


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        ({}, "`ports`"),
        ({"ports": ["p"], "directory": "/mnt"}, "not both"),
        ({"directory": "mnt"}, "begin with /"),
        ({"directory": "/mnt", "settle_s": 0}, "greater than 0"),
    ],
)
def test_a_slot_leads_to_ports_or_to_a_directory(slot: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.model_validate(base(**slot))
    (made,) = Settings.model_validate(base(directory="/mnt/ptp1", settle_s=2)).dock_slots()
    assert (made.directory, made.ports, made.settle_s) == (Path("/mnt/ptp1"), (), 2.0)


@pytest.mark.parametrize("again", [True, False])
def test_what_left_unread_is_told_to_the_same_camera_only(
    mount: Mount, dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """A directory says nothing of which camera it is: another officer's must not be told of lost files."""

    def vanishing(source: object, file: CardFile, *more: Any) -> Any:
        if file.path == b"b.mp4" and mount.path.exists():
            mount.path.rename(tmp_path / "away")
        return pull(source, file, *more)  # type: ignore[arg-type]

    filling = tmp_path / "filling"
    filling.mkdir()
    for number, name in enumerate(("a.mp4", "b.mp4")):
        (filling / name).write_bytes(os.urandom(3_000_000))
        os.utime(filling / name, (number + 1, number + 1))
    with monkeypatch.context() as patch:
        patch.setattr(filing_module, "pull", vanishing)
        filling.rename(mount.path)
        mount.wait_closed(1)
    until(lambda: mount.phase() == "empty")
    other = tmp_path / "other"
    other.mkdir()
    (other / "z.mp4").write_bytes(b"of another shift")
    if again:
        shutil.copy2(tmp_path / "away" / "a.mp4", other)
    other.rename(mount.path)
    mount.wait_closed(2)
    until(lambda: mount.phase() == "done")
    assert ("b.mp4" in mount.board.views()[0].text["en"]) is again


@pytest.mark.usefixtures("one_by_one")
def test_a_file_that_ends_early_is_told_to_the_officer_and_stays_told(
    mount: Mount, dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a card with a broken chain: who formats it after a plain *done* loses what is there."""

    def broken(source: object, file: CardFile, *more: Any) -> Any:
        if file.path == b"b.mp4":
            raise Unreadable("b.mp4", [(12, 100)])
        return pull(source, file, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(filing_module, "pull", broken)
    filling = tmp_path / "filling"
    filling.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (filling / name).write_bytes(os.urandom(100))
    filling.rename(mount.path)
    mount.wait_closed(1)
    until(lambda: mount.phase() == "done")
    shown = mount.board.views()[0]
    assert "b.mp4" in shown.text["zh"]
    assert "do not format" in shown.text["en"]
    assert "b.mp4 (unreadable" in (shown.error or "")
    (docking,) = dockings_json(dock.store)
    assert (docking["adds_up"], docking["unread"]) == (True, 1)
    assert [left["files"] for left in unread_json(dock.store)] == [1]
    monkeypatch.setattr(filing_module, "pull", pull)
    mount.write("c.mp4", b"later")
    mount.wait_closed(2)
    assert unread_json(dock.store) == [], "its newest docking took it"


def test_what_could_not_be_read_is_asked_for_by_its_index(dock: Dock) -> None:
    """At each step of a stay (there SQLite refuses where the index does not serve), and with each status."""
    assert tools_of(dock).ledger.unread("none") == []
    plan = [row["detail"] for row in dock.store.rows(f"EXPLAIN QUERY PLAN {_UNREAD_OF_CAMERAS}", (1,))]
    assert any("files_unread" in step for step in plan), plan


def test_a_directory_with_more_than_is_walked_is_not_empty(tmp_path: Path) -> None:
    junk = tmp_path / "A"
    junk.mkdir()
    (tmp_path / "DCIM").mkdir()
    (tmp_path / "DCIM" / "x.mp4").write_bytes(b"footage")
    for number in range(5):
        (junk / str(number)).touch()
    assert look(tmp_path, Limits(entries=3)) is not None
    assert look(tmp_path, Limits(entries=0)) is not None


@pytest.mark.parametrize(("state", "folder"), [("cam/state", "cam"), ("state", "state/vault"), ("s", "s")])
def test_a_slot_that_would_copy_the_dock_itself_is_refused(tmp_path: Path, state: str, folder: str) -> None:
    dock = {"id": "dock-01", "site": "s", "state": str(tmp_path / state)}
    slots = [{"number": 1, "directory": str(tmp_path / folder)}]
    with pytest.raises(ValidationError, match="one within the other"):
        Settings.model_validate({"dock": dock, "slots": slots})
