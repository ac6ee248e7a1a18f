"""Dockings: resumed, adopted, explained, waited for; the sum always comes out.  Cards are folders."""

from __future__ import annotations

import base64
import errno
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.board import SlotBoard
from daemon.ingest import filing as filing_module
from dock.errors import CameraGone, ChangedWhileReading, PullCancelled, Unreadable, VaultFailed
from dock.pull import pull, resume
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, events, line_of, manifests, take_in, tools_of
from uplink.messages.custody import Closed, Stored

MIB = 1024 * 1024
SIZE = 3 * MIB + 123
BIG = os.urandom(SIZE)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "camera")


def closed(dock: Dock) -> Closed:
    """Return the newest docking's sum; `Closed` itself refuses one that does not come out."""
    return Closed.model_validate(events(dock, "closed")[-1].data)


def vault_holds(dock: Dock) -> dict[bytes, bytes]:
    rows = dock.store.rows("SELECT path, vault FROM recordings")
    return {row["path"]: dock.vault.path(row["vault"]).read_bytes() for row in rows}


def incoming(dock: Dock) -> list[str]:
    return sorted(path.name for path in dock.vault.incoming.iterdir())


def interrupt(
    monkeypatch: pytest.MonkeyPatch, name: str, happen: Callable[[int], object], function: str = "pull"
) -> None:
    """Call `happen` with the bytes so far while the file `name` is copied."""
    real = {"pull": pull, "resume": resume}[function]

    def noting(source, file, into, progress, cancel):  # type: ignore[no-untyped-def]
        def both(done: int) -> None:
            progress(done)
            if file.display_name == name:
                happen(done)

        return real(source, file, into, both, cancel)

    monkeypatch.setattr(filing_module, function, noting)


def copied(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Note each file that is copied or resumed from now on, with how many bytes of it were there."""
    found: list[tuple[str, int]] = []

    def wrap(function: str) -> None:
        real = {"pull": pull, "resume": resume}[function]

        def noting(source, file, into, progress, cancel):  # type: ignore[no-untyped-def]
            pulled = real(source, file, into, progress, cancel)
            found.append((file.display_name, pulled.verified_bytes))
            return pulled

        monkeypatch.setattr(filing_module, function, noting)

    wrap("pull")
    wrap("resume")
    return found


def test_a_card_is_stored_whole_marked_and_oldest_first(dock: Dock, card: Card) -> None:
    card.write("DCIM/b.mp4", BIG, modified_s=1_764_000_000)
    card.write("DCIM/a.mp4", b"new", modified_s=1_764_000_100)
    card.write("DCIM/c_IMP.mp4", b"marked", modified_s=1_764_000_200)
    card.write("DCIM/b.THM", b"preview")
    card.write("LOG/log.txt", b"")
    (card.path / "link.mp4").symlink_to("/etc/passwd")
    card.dock_in(dock)
    assert vault_holds(dock) == {
        b"DCIM/a.mp4": b"new",
        b"DCIM/b.mp4": BIG,
        b"DCIM/c_IMP.mp4": b"marked",
        b"LOG/log.txt": b"",
    }
    order = [base64.b64decode(Stored.model_validate(e.data).path_b64) for e in events(dock, "stored")]
    assert order == [b"DCIM/c_IMP.mp4", b"DCIM/b.mp4", b"LOG/log.txt", b"DCIM/a.mp4"]
    assert {(e.reason, e.count) for e in closed(dock).explained} == {("left_out", 1), ("not_regular", 1)}
    assert incoming(dock) == []


def test_names_of_the_vault_are_ids_b19_a02(dock: Dock, card: Card) -> None:
    card.write("100MEDIA/a.mp4", b"1")
    card.write("101MEDIA/a.mp4", b"2")
    (card.path / os.fsdecode(b"\xca\xd3\xc6\xb5 \n#+.mp4")).write_bytes(b"3")
    card.dock_in(dock)
    assert len(vault_holds(dock)) == 3
    for row in dock.store.rows("SELECT * FROM recordings"):
        assert row["vault"] == f"{row['recording'][:2]}/{row['recording']}.mp4"


def test_the_same_stay_goes_on_after_a_restart_and_pulls_what_is_missing(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", b"first", modified_s=1)
    card.write("b.mp4", BIG, modified_s=2)
    card.write("c.mp4", b"last", modified_s=3)

    def stop(done: int) -> None:
        card.stop = True

    with monkeypatch.context() as patch, pytest.raises(PullCancelled):
        interrupt(patch, "b.mp4", stop)
        card.dock_in(dock)
    (half,) = incoming(dock)
    held = (dock.vault.incoming / half).stat().st_size
    assert 0 < held < SIZE
    card.stop = False
    again = copied(dock, monkeypatch)
    card.dock_in(dock)
    assert again == [("b.mp4", held), ("c.mp4", 0)]
    assert dock.store.value("SELECT count(*) FROM dockings") == 1
    assert (closed(dock).stored.count, closed(dock).stored.bytes) == (3, SIZE + 9)
    assert len(events(dock, "listed")) == 1


def test_another_listing_in_the_same_stay_is_another_docking_and_both_add_up(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", BIG)

    def stop(done: int) -> None:
        card.stop = True

    with monkeypatch.context() as patch, pytest.raises(PullCancelled):
        interrupt(patch, "a.mp4", stop)
        card.dock_in(dock)
    card.stop = False
    card.write("b.mp4", b"new")
    again = copied(dock, monkeypatch)
    card.dock_in(dock)
    assert [name for name, held in again if held] == ["a.mp4"]
    assert [(c["stored"]["count"], c["explained"]) for c in (e.data for e in events(dock, "closed"))] == [
        (0, [{"count": 1, "bytes": SIZE, "reason": "gone"}]),
        (2, []),
    ]


def test_a_stay_read_by_another_profile_is_another_docking(dock: Dock, card: Card) -> None:
    """Indexes count what a profile pulls: going on with them would store bytes under another's name."""
    card.write("a.thm", b"1")
    card.write("b.mp4", b"2")
    first = card.only_list(dock)
    assert card.only_list(dock) == first
    with dock.store.write() as tx:  # as if a.thm had been pulled by the profile of before
        tx.execute("UPDATE files SET kind = 'photo', state = 'listed' WHERE path = x'612e74686d'")
    assert card.only_list(dock) != first


def test_a_partial_copy_is_gone_on_with_at_the_next_docking_b12(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three yanks: the one in the middle comes before the file's turn, and must not hide its half."""
    card.write("a.mp4", BIG)

    def yank(done: int) -> None:
        card.gone = True

    def docked(function: str) -> None:
        with monkeypatch.context() as patch, pytest.raises((CameraGone, PullCancelled)):
            interrupt(patch, "a.mp4", yank, function)
            card.dock_in(dock)
        dock.ledger.close(dock.ledger.open_dockings()[0]["docking"], removed=True)
        card.replug()

    docked("pull")
    held = (dock.vault.incoming / incoming(dock)[0]).stat().st_size
    card.only_list(dock)
    dock.ledger.close(dock.ledger.open_dockings()[0]["docking"], removed=True)
    card.replug()
    again = copied(dock, monkeypatch)
    card.dock_in(dock)
    assert again == [("a.mp4", held)]
    assert vault_holds(dock) == {b"a.mp4": BIG}
    assert incoming(dock) == []
    assert [c.data["missing"]["bytes"] for c in events(dock, "removed_early")] == [SIZE, SIZE]


def test_a_half_copy_that_lies_is_not_believed(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", BIG)
    docking = card.only_list(dock)
    dock.ledger.close(docking, removed=True)
    dock.vault.partial(docking, 0).write_bytes(b"x" * (2 * MIB))
    card.replug()
    card.dock_in(dock)
    assert vault_holds(dock) == {b"a.mp4": BIG}


def test_already_stored_only_by_the_whole_hash_a09(dock: Dock, card: Card) -> None:
    file = card.write("a.mp4", BIG)
    card.dock_in(dock)
    card.replug()
    card.dock_in(dock)
    assert (closed(dock).stored.count, closed(dock).already_stored.bytes) == (0, SIZE)
    changed = bytearray(BIG)
    changed[SIZE // 2] ^= 1
    card.write("a.mp4", bytes(changed))  # same name, size and time
    assert file.stat().st_size == SIZE
    card.replug()
    card.dock_in(dock)
    assert (closed(dock).stored.count, closed(dock).already_stored.count) == (1, 0)
    assert dock.store.value("SELECT count(*) FROM recordings") == 2
    assert incoming(dock) == []


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_what_the_vault_lost_the_card_gives_back(dock: Dock, card: Card, damage: str) -> None:
    card.write("a.mp4", BIG)
    card.dock_in(dock)
    path = dock.vault.path(dock.store.value("SELECT vault FROM recordings"))
    if damage == "removed":
        path.unlink()
        path.parent.rmdir()
    else:
        os.truncate(path, 5)
    card.replug()
    card.dock_in(dock)
    assert vault_holds(dock) == {b"a.mp4": BIG}
    assert closed(dock).already_stored.count == 1


def test_a_file_without_its_row_makes_way_for_one_that_was_just_read_a02(dock: Dock, card: Card) -> None:
    card.write("a.mp4", BIG)
    card.dock_in(dock)
    vault = dock.store.value("SELECT vault FROM recordings")
    with dock.store.write() as tx:
        tx.execute("DELETE FROM samples")
        tx.execute("DELETE FROM recordings")
    dock.vault.path(vault).write_bytes(b"half")
    card.replug()
    card.dock_in(dock)
    assert vault_holds(dock) == {b"a.mp4": BIG}


# Explained


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, times: int) -> list[str]:
    """Let the copy of the file `name` fail so many times; return the names as they are tried."""
    tried: list[str] = []

    def one(source, file, into, progress, cancel):  # type: ignore[no-untyped-def]
        tried.append(file.display_name)
        if file.display_name == name and tried.count(name) <= times:
            into.touch()
            raise error
        return (resume if into.exists() else pull)(source, file, into, progress, cancel)

    monkeypatch.setattr(filing_module, "pull", one)
    monkeypatch.setattr(filing_module, "resume", one)
    return tried


@pytest.mark.usefixtures("one_by_one")
def test_an_unreadable_file_is_explained_with_its_ranges_and_costs_only_itself_a08(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", b"bad", modified_s=1)
    card.write("b.mp4", b"good", modified_s=2)
    failing(monkeypatch, "a.mp4", Unreadable("a.mp4", [(4096, 8192)]), times=9)
    card.dock_in(dock)
    assert vault_holds(dock) == {b"b.mp4": b"good"}
    assert [(e.reason, e.bytes) for e in closed(dock).explained] == [("unreadable", 3)]
    assert "4096-8191" in dock.store.value("SELECT detail FROM files WHERE reason = 'unreadable'")
    assert incoming(dock) == []


@pytest.mark.parametrize(("times", "kept"), [(1, True), (2, False)])
@pytest.mark.usefixtures("one_by_one")
def test_a_file_that_changes_is_looked_at_once_more_at_the_end_a09(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch, times: int, kept: bool
) -> None:
    card.write("a.mp4", b"moving", modified_s=1)
    card.write("b.mp4", b"still", modified_s=2)
    tried = failing(monkeypatch, "a.mp4", ChangedWhileReading("it grows"), times)
    card.dock_in(dock)
    assert tried == ["a.mp4", "b.mp4", "a.mp4"]
    assert (b"a.mp4" in vault_holds(dock)) is kept
    assert [e.reason for e in closed(dock).explained] == ([] if kept else ["changed"])


def test_a_file_that_really_grows_is_explained(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = card.write("a.mp4", BIG)
    interrupt(monkeypatch, "a.mp4", lambda done: file.write_bytes(BIG + b"more"))
    card.dock_in(dock)
    assert [(e.reason, e.bytes) for e in closed(dock).explained] == [("changed", SIZE)]


def test_a_path_too_long_for_an_event_is_explained_and_the_longest_is_taken(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = "/".join(["x" * 250] * 4) + "/a.mp4"
    monkeypatch.setattr(filing_module, "_MAX_PATH_BYTES", len(longest))
    folder = card.path / Path(longest).parent
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes(b"good")
    (folder / "ab.mp4").write_bytes(b"long")
    card.dock_in(dock)
    assert [e.reason for e in closed(dock).explained] == ["limit"]
    assert vault_holds(dock) == {longest.encode(): b"good"}


def test_the_longest_path_fits_into_event_and_manifest(dock: Dock) -> None:
    longest = "x" * (filing_module._MAX_PATH_BYTES - 4) + ".mp4"
    (recording,) = take_in(dock, longest)
    line_of(dock).first.step()
    assert len(manifests(dock, recording)) == 1


# Room


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    path = tmp_path / "vault"
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def watched(monkeypatch: pytest.MonkeyPatch, pause_s: float = 0.01) -> tuple[SlotBoard, threading.Event]:
    monkeypatch.setattr(filing_module, "_ROOM_PAUSE_S", pause_s)
    monkeypatch.setattr(filing_module, "_ROOM_STEP_S", 0.01)
    waiting = threading.Event()
    board = SlotBoard([(1, "")], lambda view: waiting.set() if view.phase == "making_room" else None)
    return board, waiting


@pytest.mark.parametrize("reserve", [0, MIB // 2])
def test_a_full_disk_is_waited_for_and_said_and_then_it_goes_on(
    small_disk: Path, dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch, reserve: int
) -> None:
    dock.vault.prepare()
    card.write("a.mp4", BIG)
    board, waiting = watched(monkeypatch)
    if reserve == 0:  # as if another puller had taken the room after this one had begun
        free = [10 * SIZE]
        monkeypatch.setattr(type(dock.vault), "free_bytes", lambda vault: free.pop() if free else 1 << 40)
    tools = tools_of(dock, board=board, reserve_bytes=reserve)
    thread, errors = in_thread(lambda: card.dock_in(dock, tools))
    assert waiting.wait(10)
    assert board.views()[0].text["zh"].startswith("采集站存储已满")
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    thread.join(20)
    assert not thread.is_alive()
    assert errors == []
    assert vault_holds(dock) == {b"a.mp4": BIG}


def test_the_reserve_stays_free_while_two_pull(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", BIG)
    board, waiting = watched(monkeypatch)
    free = iter([100 * MIB, 50 * MIB, 10 * MIB - 1])  # before the file, and before each MiB
    monkeypatch.setattr(type(dock.vault), "free_bytes", lambda vault: next(free, 100 * MIB))
    card.dock_in(dock, tools_of(dock, board=board, reserve_bytes=10 * MIB))
    assert waiting.is_set()
    assert vault_holds(dock) == {b"a.mp4": BIG}


@pytest.mark.parametrize(("what", "error"), [("gone", CameraGone), ("stop", PullCancelled)])
def test_waiting_for_room_ends_with_the_camera_and_with_the_dock(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch, what: str, error: type[Exception]
) -> None:
    card.write("a.mp4", BIG)
    board, waiting = watched(monkeypatch)
    tools = tools_of(dock, board=board, reserve_bytes=1 << 60)
    thread, errors = in_thread(lambda: card.dock_in(dock, tools))
    assert waiting.wait(10)
    setattr(card, what, True)
    thread.join(10)
    assert [type(e) for e in errors] == [error]
    assert len(dock.ledger.open_dockings()) == 1  # resumable


def test_a_broken_disk_is_an_error_that_is_tried_again_and_loses_nothing(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", BIG, modified_s=1)
    card.write("b.mp4", b"x", modified_s=2)
    fsync = os.fsync

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(VaultFailed, match="Check the disk"):
        card.dock_in(dock)
    monkeypatch.setattr(os, "fsync", fsync)
    card.dock_in(dock)
    assert (len(vault_holds(dock)), closed(dock).stored.count) == (2, 2)
    assert len(events(dock, "listed")) == 1


# Two at once


def test_two_pullers_at_once_and_clones_of_one_card_are_one_recording_b04(dock: Dock, tmp_path: Path) -> None:
    first, second = Card(tmp_path / "1"), Card(tmp_path / "2")
    for card in (first, second):
        card.write("common.mp4", BIG)
        for number in range(4):
            card.write(f"{number}.mp4", os.urandom(5000))
    second.device = first.device.__class__(**{**second.device.__dict__, "node": "/dev/other"})
    tools = tools_of(dock)
    jobs = [first.job(tools, 1), second.job(tools, 2)]

    def work(number: int) -> None:
        try:
            jobs[number].run()
        finally:
            dock.store.release()

    runs = [in_thread(lambda number=number: work(number)) for number in (0, 1)]  # type: ignore[misc]
    for thread, _ in runs:
        thread.join(20)
    assert [errors for _, errors in runs] == [[], []]
    assert dock.store.value("SELECT count(*) FROM recordings") == 1 + 4 + 4
    assert vault_holds(dock)[b"common.mp4"] == BIG
    sums = [Closed.model_validate(event.data) for event in events(dock, "closed")]
    assert sorted(s.stored.count + s.already_stored.count for s in sums) == [5, 5]
    assert sum(s.already_stored.count for s in sums) == 1


# After a restart, when all was done


def test_a_stay_that_was_done_shows_camera_and_counts_from_the_store(dock: Dock, card: Card) -> None:
    card.write("a.mp4", BIG)
    card.write("b.thm", b"preview")
    docking = card.dock_in(dock)
    tools = tools_of(dock)
    card.job(tools).run()  # would need a device to mount if it went on
    view = tools.board.views()[0]
    assert (view.phase, view.safe_to_take, view.docking) == ("done", True, docking)
    assert (view.files_done, view.files_total, view.bytes_done, view.bytes_total) == (1, 1, SIZE, SIZE)


def test_without_a_disk_sequence_a_stay_is_never_taken_for_a_done_one(dock: Dock, tmp_path: Path) -> None:
    card = Card(tmp_path / "old-kernel", diskseq=None)
    card.write("a.mp4", b"x")
    card.dock_in(dock)
    assert len(dock.ledger.dockings_of(1, card.volume.attachment)) == 1
    card.dock_in(dock)
    assert dock.store.value("SELECT count(*) FROM dockings") == 2


def test_a_late_puller_cannot_change_a_sum_that_is_signed_b14(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", BIG)

    def close(done: int) -> None:
        for row in dock.ledger.open_dockings():
            dock.ledger.close(row["docking"], removed=True)

    with monkeypatch.context() as patch, pytest.raises(LookupError, match="settled"):
        interrupt(patch, "a.mp4", close)
        card.dock_in(dock)
    docking = dock.store.value("SELECT docking FROM dockings")
    with pytest.raises(LookupError, match="not open"):
        dock.ledger.close(docking, removed=True)
    assert [event.kind for event in events(dock)][-2:] == ["removed_early", "closed"]
    assert dock.store.value("SELECT count(*) FROM recordings") == 0
    card.replug()
    card.dock_in(dock)  # the bytes are in the vault without a row: they are simply given again
    assert vault_holds(dock) == {b"a.mp4": BIG}


# Times


def test_fat_and_names_are_read_in_the_docks_zone_and_others_in_utc_b05_b07(
    dock: Dock, tmp_path: Path
) -> None:
    """FAT is mounted with tz=UTC, so what it says is the camera's local time."""
    local = int(datetime(2026, 11, 4, 9, 0, tzinfo=UTC).timestamp())
    for fs_type, hour in (("vfat", 1), ("ext4", 9)):
        card = Card(tmp_path / fs_type, serial=fs_type, fs_type=fs_type)
        card.write("20261104_090000.mp4", fs_type.encode(), modified_s=local)
        card.dock_in(dock)
        row = dock.store.row("SELECT * FROM recordings WHERE serial = ?", (fs_type,))
        assert row is not None
        assert row["modified_at"] == f"2026-11-04T0{hour}:00:00.000000Z"
        assert row["named_at"] == "2026-11-04T01:00:00.000000Z"


def test_a_name_that_spells_year_1_stops_nothing_a08(dock: Dock, card: Card) -> None:
    card.write("a_b_00010101000000_1.mp4", b"x")
    card.dock_in(dock)
    assert dock.store.value("SELECT named_at FROM recordings") is None
