"""A disk that is really full (a small tmpfs): the pull waits, clearing makes room, every byte is right."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.board import SlotBoard
from daemon.errors import StoreFull
from daemon.reserve import Reserve
from daemon.room import RoomStage, RoomTools
from daemon.settings import VaultSettings
from daemon.store import Store
from daemon.waiting_room import WaitingRoom
from daemon.worker import Worker
from dock.errors import PullCancelled
from tests.daemon.making import events, tools_of
from tests.daemon.vault_bench import DAY, RECEIVED_AT, VaultBench, vault_bench
from tests.rig.until import until
from uplink.messages.custody import Closed

MIB = 1024 * 1024
RESERVE = MIB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    path = tmp_path / "disk"
    path.mkdir()
    # The store and its log take some 2 MiB of it.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=17m", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def bench(small_disk: Path, tmp_path: Path) -> Iterator[VaultBench]:
    """The dock's whole state lies on the small disk, the camera does not."""
    with vault_bench(small_disk, tmp_path / "camera") as made:
        yield made


def stage(bench: VaultBench, waiting: WaitingRoom) -> tuple[RoomStage, Reserve]:
    reserve = Reserve(bench.dock.folder / "reserve", RESERVE)
    bench.store.when_full(reserve.release)
    settings = VaultSettings(reserve_bytes=RESERVE, high_water=1.0)
    tools = RoomTools(bench.store, bench.dock.custody, bench.dock.vault, reserve, waiting, settings)
    return RoomStage(tools), reserve


def test_a_pull_waits_for_room_and_goes_on_when_the_platform_has_confirmed_the_oldest(
    bench: VaultBench,
) -> None:
    stop = threading.Event()
    worker: Worker

    def wake() -> None:
        room.look()
        worker.wake()

    waiting = WaitingRoom(wake)
    room, reserve = stage(bench, waiting)
    worker = Worker("vault", [room], stop, lambda: None, lambda: None)
    said: list[str] = []
    board = SlotBoard([(1, "")], lambda view: said.append(view.text.get("zh", "")))
    tools = tools_of(bench.dock, board=board, reserve_bytes=RESERVE, room=waiting)
    assert reserve.ensure()
    old = {f"old{n}.mp4": os.urandom(2 * MIB) for n in range(4)}
    bench.take_in(old, tools)
    bench.card.replug()
    for name in old:
        (bench.card.path / name).unlink()
    new = {f"new{n}.mp4": os.urandom(2 * MIB + n) for n in range(5)}
    for name, content in new.items():
        bench.card.write(name, content)

    def dock_in() -> None:
        bench.card.dock_in(bench.dock, tools)
        bench.store.release()

    pull = threading.Thread(target=dock_in)
    worker.start()
    pull.start()
    try:
        until(
            lambda: "采集站存储已满，请勿拔出，请联系管理员" in said, "nothing is clearable, and that is said"
        )
        assert bench.dock.vault.free_bytes() >= RESERVE
        assert reserve.held
        names = bench.recordings()
        for name in old:
            bench.receipt(names[name])
        bench.machine.at = RECEIVED_AT + 8 * DAY
        bench.dock.custody.clock.now()
        wake()
        assert pull.is_alive()  # a receipt alone is not enough
        bench.reconcile([names[name] for name in old], RECEIVED_AT + DAY)
        wake()
        pull.join(20)
        assert not pull.is_alive()
    finally:
        bench.card.stop = True
        stop.set()
        worker.wake()
        worker.join(10)
        pull.join(10)
    check_every_byte(bench, old | new, set(old))
    closed = Closed.model_validate(events(bench.dock, "closed")[-1].data)
    assert closed.stored.bytes == sum(len(content) for content in new.values())


def test_while_somebody_makes_room_that_is_said_and_how_much_is_wanted(bench: VaultBench) -> None:
    waiting = WaitingRoom(lambda: None)
    said: list[str] = []
    board = SlotBoard([(1, "")], lambda view: said.append(view.text.get("zh", "")))
    bench.card.write("a.mp4", bytes(5000))
    tools = tools_of(bench.dock, board=board, reserve_bytes=1 << 60, room=waiting)
    job = bench.card.job(tools)

    def pull() -> None:
        with pytest.raises(PullCancelled):
            job.run()
        bench.store.release()

    thread = threading.Thread(target=pull)
    thread.start()
    until(lambda: "正在腾出空间，请勿拔出" in said)
    assert waiting.missing_bytes == 5000
    waiting.tell(stuck=True)
    until(lambda: said[-1].startswith("采集站存储已满"))
    bench.card.stop = True
    thread.join(10)
    assert waiting.missing_bytes == 0


def check_every_byte(bench: VaultBench, files: dict[str, bytes], may_be_cleared: set[str]) -> None:
    cleared = set()
    for row in bench.store.rows("SELECT * FROM recordings"):
        name = row["path"].decode()
        assert row["sha256"] == hashlib.sha256(files[name]).hexdigest()
        path = bench.dock.vault.path(row["vault"])
        if row["cleared_at"] is None:
            assert path.read_bytes() == files[name]
        else:
            assert not path.exists()
            cleared.add(name)
    assert cleared
    assert cleared <= may_be_cleared
    assert len(cleared) < len(may_be_cleared)  # no more than was wanted
    # The oldest first; the machine's clock stood still, so the id decides.
    rows = bench.store.rows(
        "SELECT * FROM recordings WHERE CAST(path AS TEXT) LIKE 'old%' ORDER BY stored_at, recording"
    )
    assert [row["cleared_at"] is not None for row in rows] == [n < len(cleared) for n in range(len(rows))]


def test_the_store_commits_on_a_disk_that_somebody_filled_to_the_last_byte(bench: VaultBench) -> None:
    room, reserve = stage(bench, WaitingRoom(lambda: None))
    assert reserve.ensure()
    store: Store = bench.store
    filler = bench.dock.folder.parent / "filler"
    fill(filler)
    with pytest.raises(StoreFull):
        for number in range(2000):  # what the WAL has already it uses first
            with store.write() as tx:
                tx.insert("counters", {"name": f"x{number}" + "y" * 100, "count": number})
    assert not reserve.held
    with store.write() as tx:
        tx.insert("counters", {"name": "after", "count": 1})
    assert store.value("SELECT count FROM counters WHERE name = 'after'") == 1
    assert store.value("PRAGMA integrity_check") == "ok"
    room.step()
    assert not reserve.held  # nor is it taken back while there is no room
    filler.unlink()
    room.step()
    assert reserve.held


def test_without_the_reserve_it_could_not_even_clear(bench: VaultBench) -> None:
    """What the reserve is for: the same disk, without one."""
    filler = bench.dock.folder.parent / "filler"
    fill(filler)
    with pytest.raises(StoreFull):
        for number in range(2000):
            with bench.store.write() as tx:
                tx.insert("counters", {"name": f"x{number}" + "y" * 100, "count": number})
    with pytest.raises(StoreFull), bench.store.write() as tx:
        tx.execute("DELETE FROM counters")


def test_an_error_of_the_disk_is_not_called_a_full_disk(bench: VaultBench) -> None:
    freed = []
    bench.store.when_full(lambda: freed.append(1))
    with pytest.raises(sqlite3.OperationalError), bench.store.write() as tx:
        tx.execute("SELECT * FROM nowhere")
    assert freed == []


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as f:
        size = MIB
        while size:
            try:
                f.write(bytes(size))
            except OSError:
                size //= 2
