"""Clearing local copies: only what is clearable, row before bytes, and whatever comes back is taken again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import retention, room
from daemon.cli.common import copy_text
from daemon.retention import Copy
from daemon.room import sweep
from daemon.status import recordings_json, show_json
from daemon.waiting_room import WaitingRoom
from tests.daemon.making import events
from tests.daemon.vault_bench import DAY, RECEIVED_AT, VaultBench, vault_bench
from uplink.desk import Taken
from uplink.messages.custody import Cleared
from uplink.messages.receipt import PageRange

A, B = b"a" * 5000, b"b" * 7000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VaultBench]:
    with vault_bench(tmp_path) as made:
        yield made


@pytest.fixture
def delivered(bench: VaultBench) -> VaultBench:
    """Two recordings: `a.mp4` clearable but for its days, `b.mp4` not delivered."""
    bench.take_in({"a.mp4": A, "b.mp4": B})
    assert bench.receipt(bench.recordings()["a.mp4"]) is Taken.TAKEN
    return bench


def there(bench: VaultBench) -> set[str]:
    return {name for name, recording in bench.recordings().items() if bench.path(recording).exists()}


def test_only_what_is_clearable_goes_and_the_chain_says_so(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.clear_everything()
    assert there(delivered) == {"a.mp4", "b.mp4"}  # no reconciliation
    delivered.reconcile([a], RECEIVED_AT + DAY)
    delivered.clear_everything()
    assert there(delivered) == {"a.mp4", "b.mp4"}  # too young by the floor
    delivered.machine.at = RECEIVED_AT + 8 * DAY
    delivered.clear_everything()
    assert there(delivered) == {"b.mp4"}  # and never the one that is not delivered
    told = [Cleared.model_validate(event.data) for event in events(delivered.dock, "cleared")]
    assert [cleared.recordings for cleared in told] == [[a]]
    assert delivered.row(a)["cleared_at"] is not None
    assert delivered.row(a)["state"] == "delivered"
    kept = "SELECT (SELECT count(*) FROM receipts), (SELECT count(*) FROM manifests WHERE recording = ?)"
    assert min(tuple(delivered.store.rows(kept, (a,))[0])) > 0, "what was signed about it stays"


def test_nothing_goes_while_no_room_is_wanted(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([a], RECEIVED_AT + DAY)
    delivered.machine.at = RECEIVED_AT + 8 * DAY
    delivered.dock.custody.clock.now()
    assert delivered.room().step() is False
    assert there(delivered) == {"a.mp4", "b.mp4"}
    delivered.room(high_water=0.000001).step()  # any disk is fuller than that
    assert there(delivered) == {"b.mp4"}


def test_a_later_fact_ends_it_a_new_revision_without_receipt(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([a], RECEIVED_AT + DAY)
    delivered.machine.at = RECEIVED_AT + 8 * DAY
    with delivered.store.write() as tx:
        tx.execute("DELETE FROM receipts")  # as if the newest revision had none
    delivered.clear_everything()
    assert "a.mp4" in there(delivered)


def test_a_later_fact_between_choosing_and_clearing_keeps_it(
    delivered: VaultBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([a], RECEIVED_AT + DAY)
    delivered.machine.at = RECEIVED_AT + 8 * DAY
    choose = retention.choose

    def overtaken(*asked: Any) -> list[Copy]:
        chosen = choose(*asked)
        with delivered.store.write() as tx:
            tx.execute("UPDATE recordings SET holds = ? WHERE recording = ?", ('[{"hold": "x"}]', a))
        return chosen

    monkeypatch.setattr(room, "choose", overtaken)
    delivered.clear_everything()
    assert "a.mp4" in there(delivered)


def test_what_is_not_the_recording_is_not_unlinked(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([a], RECEIVED_AT + DAY)
    delivered.machine.at = RECEIVED_AT + 8 * DAY
    delivered.path(a).write_bytes(b"something else")
    delivered.clear_everything()
    assert delivered.path(a).read_bytes() == b"something else"
    assert delivered.row(a)["cleared_at"] is None


def test_what_a_kill_left_is_removed_and_nothing_else(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    with delivered.store.write() as tx:  # killed between commit and unlink
        tx.execute("UPDATE recordings SET cleared_at = 'x' WHERE recording = ?", (a,))
    assert sweep(delivered.store, delivered.dock.vault) == 1
    assert there(delivered) == {"b.mp4"}
    assert sweep(delivered.store, delivered.dock.vault) == 0


def cleared(bench: VaultBench) -> str:
    a = bench.recordings()["a.mp4"]
    bench.reconcile([a], RECEIVED_AT + DAY)
    bench.machine.at = RECEIVED_AT + 8 * DAY
    bench.clear_everything()
    assert there(bench) == {"b.mp4"}
    return a


def test_a_cleared_one_on_the_camera_is_already_stored_and_takes_no_room(delivered: VaultBench) -> None:
    cleared(delivered)
    delivered.card.replug()
    delivered.card.dock_in(delivered.dock)
    closed = events(delivered.dock, "closed")[-1].data
    assert closed["already_stored"] == {"count": 2, "bytes": len(A) + len(B)}
    assert there(delivered) == {"b.mp4"}


def test_one_that_the_platform_lost_comes_back_from_the_camera(delivered: VaultBench) -> None:
    a = cleared(delivered)
    delivered.reconcile([], RECEIVED_AT + 9 * DAY)
    assert delivered.row(a)["state"] == "stored"
    assert delivered.desk.next_file(frozenset({delivered.recordings()["b.mp4"]})) is None  # no bytes to send
    delivered.card.replug()
    delivered.card.dock_in(delivered.dock)
    assert delivered.path(a).read_bytes() == A
    assert delivered.row(a)["cleared_at"] is None
    file = delivered.desk.next_file(frozenset({delivered.recordings()["b.mp4"]}))
    assert file is not None
    assert (file.recording, file.attempt) == (a, 2)


# A platform that forgot


def test_not_listed_after_the_receipt_ends_delivered_and_the_bytes_go_again(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    before = delivered.row(a)
    receipt = delivered.platform.receipt(a, before["revision"], received_at=RECEIVED_AT)
    assert delivered.reconcile([], RECEIVED_AT + DAY) is Taken.TAKEN
    row = delivered.row(a)
    assert (row["state"], row["attempt"], row["delivered_revision"]) == ("stored", 2, 0)
    assert [m.recording for m in delivered.desk.waiting_manifests(9) if m.recording == a] == [a]
    # A receipt of before, given once more, does not make it delivered; a new one does.
    assert delivered.desk.take_receipt(a, receipt) is Taken.IGNORED
    assert delivered.row(a)["state"] == "stored"
    assert delivered.receipt(a, RECEIVED_AT + 2 * DAY) is Taken.TAKEN
    assert delivered.row(a)["state"] == "delivered"
    assert delivered.store.value("SELECT count(*) FROM omissions") == 1


@pytest.mark.parametrize(
    ("covers", "days"),
    [
        (None, 1),  # a page without a range says nothing of absence
        (PageRange(after="z" * 26, until=None), 1),  # another page's range
        (PageRange(after=None, until="2" * 26), 1),
        (PageRange(after=None, until=None), 0),  # at the same time as the receipt
        (PageRange(after=None, until=None), -1),
    ],
)
def test_a_page_that_says_nothing_about_it_changes_nothing(
    delivered: VaultBench, covers: PageRange | None, days: int
) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([], RECEIVED_AT + days * DAY, covers)
    assert delivered.row(a)["state"] == "delivered"
    assert delivered.store.value("SELECT count(*) FROM omissions") == 0


def test_a_late_older_page_does_not_overrule_a_newer_one(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([a], RECEIVED_AT + 2 * DAY)
    delivered.reconcile([], RECEIVED_AT + DAY)
    assert delivered.row(a)["state"] == "delivered"


def test_a_store_that_was_not_mounted_is_not_a_lost_store(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    delivered.reconcile([], RECEIVED_AT + DAY)
    delivered.reconcile([a], RECEIVED_AT + 2 * DAY)
    assert delivered.row(a)["state"] == "delivered"
    assert [m.recording for m in delivered.desk.waiting_manifests(9) if m.recording == a] == []


def test_listed_with_other_bytes_is_not_listed(delivered: VaultBench) -> None:
    a = delivered.recordings()["a.mp4"]
    with delivered.store.write() as tx:
        tx.execute("UPDATE recordings SET sha256 = ? WHERE recording = ?", ("ab" * 32, a))
    page = delivered.page([a], RECEIVED_AT + DAY)
    with delivered.store.write() as tx:
        tx.execute("UPDATE recordings SET sha256 = ? WHERE recording = ?", ("cd" * 32, a))
    delivered.desk.take_reconciliation(page)
    assert delivered.row(a)["state"] == "stored"


def test_show_and_list_say_when_the_local_copy_was_cleared(delivered: VaultBench) -> None:
    a = cleared(delivered)
    shown = show_json(delivered.store, a)
    assert shown["cleared_at"] == delivered.row(a)["cleared_at"]
    assert copy_text(shown).startswith("本地副本已清除 cleared at 2026-12-03")
    listed = {item["name"]: copy_text(item) for item in recordings_json(delivered.store)}
    assert listed["b.mp4"] == ""


def test_a_room_that_nothing_can_make_is_not_looked_for_all_the_time(
    delivered: VaultBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = WaitingRoom(lambda: None)
    stage = delivered.room(waiting)
    looked: list[int] = []
    real = stage._clearable

    def looking(wanted: int) -> Iterator[Copy]:
        looked.append(wanted)
        return real(wanted)

    monkeypatch.setattr(stage, "_clearable", looking)
    with waiting.waiting("test", 1 << 60):
        for _ in range(5):
            assert stage.step() is False
        assert waiting.stuck
        assert len(looked) == 1
        a = delivered.recordings()["a.mp4"]
        delivered.reconcile([a], RECEIVED_AT + DAY)
        delivered.machine.at = RECEIVED_AT + 8 * DAY
        delivered.dock.custody.clock.now()
        stage.look()  # as the desk does, by `changed`
        assert stage.step() is True
    assert there(delivered) == {"b.mp4"}
