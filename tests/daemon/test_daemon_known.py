"""A camera docks again: new before known, safe at once, proven while it stays, missing files told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.board import SlotBoard, SlotView
from daemon.ingest import filing as filing_module
from daemon.ingest import wording
from dock.errors import CameraGone
from dock.pull import prove, pull
from dock.reader import CardReader
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, events, tools_of
from uplink.messages.custody import Closed

OLD = 12
SIZE = 400_000  # samples are 160 KiB of it


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "camera")


@pytest.fixture
def docked(dock: Dock, card: Card) -> Card:
    """A card whose files are all in the vault, and which comes again."""
    for number in range(OLD):
        card.write(f"DCIM/{number:03}.mp4", os.urandom(SIZE), modified_s=1_764_000_000 + number)
    card.dock_in(dock)
    card.replug()
    return card


def closed(dock: Dock) -> Closed:
    return Closed.model_validate(events(dock, "closed")[-1].data)


def read_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return where every byte that is read of a card from now on is counted."""
    read = [0]
    real = CardReader.read_into

    def counting(reader: CardReader, buffer: memoryview, offset: int) -> int:
        got = real(reader, buffer, offset)
        read[0] += got
        return got

    monkeypatch.setattr(CardReader, "read_into", counting)
    return read


def order_of(monkeypatch: pytest.MonkeyPatch, happen: Callable[[str], None] = lambda name: None) -> list[str]:
    """Return where each file that is pulled or proven from now on is noted, with how."""
    done: list[str] = []

    def noting(how: str, real: Callable[..., object]) -> Callable[..., object]:
        def one(source, file, *rest):  # type: ignore[no-untyped-def]
            done.append(f"{how} {file.display_name}")
            happen(done[-1])
            return real(source, file, *rest)

        return one

    monkeypatch.setattr(filing_module, "pull", noting("pull", pull))
    monkeypatch.setattr(filing_module, "prove", noting("prove", prove))
    return done


def test_a_new_file_goes_first_and_few_bytes_are_read_before_it_a09(
    dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    docked.write("DCIM/new.mp4", b"new", modified_s=1_765_000_000)
    read = read_of(monkeypatch)
    before: list[int] = []
    views: list[SlotView] = []
    tools = tools_of(dock, board=SlotBoard([(1, "")], views.append))
    done = order_of(monkeypatch, lambda what: before.append(read[0]))
    docked.job(tools).run()
    assert done == ["pull DCIM/new.mp4", *(f"prove DCIM/{number:03}.mp4" for number in range(OLD))]
    assert before[0] == 0
    assert before[1] < OLD * 170_000 + 3  # what came before the first proof was samples
    assert (closed(dock).stored.count, closed(dock).already_stored.count) == (1, OLD)
    safe = next(view for view in views if view.safe_to_take)
    assert (safe.phase, safe.files_done, safe.files_total) == ("checking", 0, OLD)
    assert views[-1].phase == "done"
    assert next(view.files_total for view in views if view.phase == "pulling") == 1


def test_proving_writes_nothing_to_the_vault(
    dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in dock.vault.folder.rglob("*.mp4")}
    seen: list[int] = []
    order_of(monkeypatch, lambda what: seen.append(len(list(dock.vault.incoming.iterdir()))))
    docked.dock_in(dock)
    assert seen == [0] * OLD
    assert {path: path.stat().st_mtime_ns for path in dock.vault.folder.rglob("*.mp4")} == before


def test_a_camera_that_leaves_before_the_proof_is_complete_left_known_files(
    dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(what: str) -> None:
        docked.gone = what == "prove DCIM/004.mp4"

    order_of(monkeypatch, leave)
    job = docked.job(tools_of(dock))
    with pytest.raises(CameraGone):
        job.run()
    assert not job.unfinished  # a person who was told "safe" is no unstable port
    (row,) = dock.ledger.open_dockings()
    dock.ledger.close(row["docking"], removed=True)
    assert closed(dock).already_stored.count == 4
    assert [(e.reason, e.count, e.bytes) for e in closed(dock).explained] == [
        ("known", OLD - 4, (OLD - 4) * SIZE)
    ]
    assert events(dock, "removed_early") == []
    assert dock.store.value("SELECT state FROM dockings ORDER BY rowid DESC") == "closed"


def test_samples_are_remembered_over_a_restart_and_not_taken_twice(
    dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(what: str) -> None:
        docked.stop = what == "prove DCIM/002.mp4"

    with monkeypatch.context() as patch, pytest.raises(Exception, match="stopped"):
        order_of(patch, stop)
        docked.dock_in(dock)
    docked.stop = False
    done, read = order_of(monkeypatch), read_of(monkeypatch)
    docked.dock_in(dock)  # a new job, as after a restart: the same docking
    assert done == [f"prove DCIM/{number:03}.mp4" for number in range(2, OLD)]
    assert read[0] == (OLD - 2) * SIZE  # nothing was sampled again
    assert dock.store.value("SELECT count(*) FROM dockings") == 2


@pytest.mark.parametrize("where", [0, SIZE - 1, SIZE // 2])
def test_bytes_that_samples_miss_are_found_by_the_proof_and_stored(
    dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch, where: int
) -> None:
    path = docked.path / "DCIM/003.mp4"
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    docked.write("DCIM/003.mp4", bytes(content), modified_s=1_764_000_003)
    views: list[SlotView] = []
    done = order_of(monkeypatch)
    docked.job(tools_of(dock, board=SlotBoard([(1, "")], views.append))).run()
    assert (closed(dock).stored.count, closed(dock).already_stored.count) == (1, OLD - 1)
    assert done[-1 if where == SIZE // 2 else 0].endswith("3.mp4") or "pull DCIM/003.mp4" in done
    if done[0].startswith("prove"):  # then "safe" was said too early, and is taken back
        said = [view.safe_to_take for view in views]
        assert False in said[said.index(True) :]
    row = dock.store.row("SELECT * FROM recordings ORDER BY rowid DESC")
    assert row is not None
    assert dock.vault.path(row["vault"]).read_bytes() == bytes(content)


@pytest.mark.parametrize("shift_s", [2, 3600, -8 * 3600])
def test_a_shifted_zone_or_a_fat_step_makes_nothing_new_b07(
    dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch, shift_s: int
) -> None:
    for number in range(OLD):
        at = 1_764_000_000 + number + shift_s
        os.utime(docked.path / f"DCIM/{number:03}.mp4", (at, at))
    done = order_of(monkeypatch)
    docked.dock_in(dock)
    assert {what.split()[0] for what in done} == {"prove"}
    assert dock.store.value("SELECT count(*) FROM recordings") == OLD


def test_what_the_vault_lost_is_new_again(dock: Dock, docked: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    row = dock.store.row("SELECT vault FROM recordings WHERE path = ?", (b"DCIM/005.mp4",))
    assert row is not None
    dock.vault.path(row["vault"]).unlink()
    done = order_of(monkeypatch)
    docked.dock_in(dock)
    assert done[0] == "pull DCIM/005.mp4"
    assert dock.vault.path(row["vault"]).stat().st_size == SIZE


@pytest.mark.usefixtures("one_by_one")
def test_the_same_files_of_another_camera_are_new(
    dock: Dock, docked: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Card(tmp_path / "other", serial="CAM2")
    for path in docked.path.rglob("*.mp4"):
        other.write(f"DCIM/{path.name}", path.read_bytes(), modified_s=int(path.stat().st_mtime))
    done = order_of(monkeypatch)
    other.dock_in(dock)
    assert {what.split()[0] for what in done} == {"pull"}


# Removed early, and told


def remove_early(dock: Dock, card: Card, at: str) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CameraGone):
        order_of(patch, lambda what: setattr(card, "gone", what == f"pull {at}"))
        card.dock_in(dock)
    (row,) = dock.ledger.open_dockings()
    dock.ledger.close(row["docking"], removed=True)
    card.replug()


def texts(dock: Dock, card: Card) -> list[dict[str, str]]:
    views: list[SlotView] = []
    card.job(tools_of(dock, board=SlotBoard([(1, "")], views.append))).run()
    return [view.text for view in views if view.phase in ("pulling", "done")]


@pytest.mark.usefixtures("one_by_one")
def test_what_was_missing_is_told_at_the_next_docking_and_when_it_is_there(dock: Dock, card: Card) -> None:
    for number in range(5):
        card.write(f"DCIM/{number}.mp4", b"x" * number, modified_s=number)
    remove_early(dock, card, "DCIM/1.mp4")
    first, *_, last = texts(dock, card)
    assert first == wording.pulling(["1.mp4", "2.mp4", "3.mp4", "4.mp4"])
    assert "4个文件（1.mp4, 2.mp4, 3.mp4等）" in first["zh"]
    assert "4 files (1.mp4, 2.mp4, 3.mp4 …) missing" in first["en"]
    assert "已补齐" in last["zh"]
    assert "copied now" in last["en"]
    card.replug()
    assert texts(dock, card)[-1] == wording.SAFE  # told once


@pytest.mark.usefixtures("one_by_one")
def test_what_is_not_on_the_card_any_more_is_said_to_be_lost(dock: Dock, card: Card) -> None:
    card.write("DCIM/a.mp4", b"1", modified_s=1)
    card.write("DCIM/b[red]\x1b.mp4", b"2", modified_s=2)
    remove_early(dock, card, "DCIM/a.mp4")
    (card.path / "DCIM/b[red]\x1b.mp4").unlink()
    last = texts(dock, card)[-1]
    assert "1个文件（b·red··.mp4）已不在卡上，请告知管理员" in last["zh"]
    assert "tell the administrator" in last["en"]
