"""Docks and platforms restored from older copies: at the end both hold the same, and nothing was lost.

The desk and the receiver are the real ones; what lies between them is a loop.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.two_ends import TwoEnds
from uplink import envelope
from uplink.desk import Taken
from uplink.keys import SigningKey


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[TwoEnds]:
    made = TwoEnds(tmp_path)
    yield made
    made.close()


def agree(ends: TwoEnds) -> None:
    """Assert that both ends hold the same of everything the dock knows, and that the chain is whole."""
    assert ends.sync(), "it comes to rest"
    assert ends.unheld_events() == []
    assert not ends.cloned
    for recording in ends.here():
        there = ends.newest_there(recording)
        assert there == ends.newest_here(recording)
    assert ends.flaws() == []
    rows = ends.dock.store.rows("SELECT * FROM recordings WHERE revision <> delivered_revision")
    assert [row["recording"] for row in rows] == []


def kinds(ends: TwoEnds) -> list[str]:
    return [row["kind"] for row in ends.dock.store.rows("SELECT kind FROM events ORDER BY place, n")]


def test_a_dock_that_was_never_restored_comes_to_rest(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    ends.put_in_case(one, "c1")
    agree(ends)
    assert "restarted" not in kinds(ends)


def test_a_restored_dock_that_worked_off_line_loses_nothing_of_either_life(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    held = ends.hold(one)
    ends.take_in("b.mp4")
    agree(ends)

    ends.restore("dock", kept)
    ends.put_in_case(one, "c2")
    ends.take_in("c.mp4")
    agree(ends)

    assert ends.facts(ends.newest_here(one)) == {("case", "c1"), ("case", "c2"), ("hold", held)}
    assert kinds(ends).count("restarted") == 1
    assert kinds(ends).count("merged") == 1
    revisions = ends.dock.store.rows("SELECT revision FROM manifests WHERE recording = ?", (one,))
    assert [row["revision"] for row in revisions] == [1, 3, 4], "2 is another one at the platform"
    aside = ends.dock.store.rows("SELECT revision FROM sidelined WHERE recording = ?", (one,))
    assert [row["revision"] for row in aside] == [2]


def test_a_dock_restored_twice_converges(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    for life in range(3):
        ends.put_in_case(one, f"c{life}")
        ends.put_in_case(one, f"d{life}")
        agree(ends)
        ends.restore("dock", kept)
    agree(ends)
    wanted = {("case", f"{letter}{life}") for life in range(3) for letter in "cd"}
    assert ends.facts(ends.newest_here(one)) == wanted


def test_a_restored_dock_with_nothing_new_takes_the_history_back(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    agree(ends)
    ends.restore("dock", kept)
    agree(ends)
    assert ends.facts(ends.newest_here(one)) == {("case", "c1")}


def test_a_platform_that_forgot_is_told_everything_newest(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("platform")
    ends.put_in_case(one, "c1")
    ends.put_in_case(one, "c2")
    agree(ends)
    ends.restore("platform", kept)
    agree(ends)
    assert "restarted" not in kinds(ends)
    assert ends.facts(ends.newest_there(one)) == {("case", "c1"), ("case", "c2")}


def test_both_restored_one_after_the_other(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    dock = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    agree(ends)
    platform = ends.back_up("platform")
    ends.put_in_case(one, "c2")
    agree(ends)
    ends.restore("dock", dock)
    ends.put_in_case(one, "c3")
    agree(ends)
    ends.restore("platform", platform)
    assert ends.sync()
    assert ends.desk.silent, "the second foreign head in one run: a person looks"
    ends.restart()
    first = ends.dock.store.value("SELECT max(n) FROM events WHERE place = 0")
    after = ends.hear_head().after
    assert after is not None
    assert after.n < first, "what it sends starts before both restores"
    assert ends.dock.store.value("SELECT epoch FROM epochs WHERE place = 0") == after.epoch
    agree(ends)
    assert ends.facts(ends.newest_here(one)) == {("case", f"c{n}") for n in (1, 2, 3)}


def test_killed_right_after_restarted_is_committed_it_is_committed_once(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    agree(ends)
    ends.restore("dock", kept)
    ends.put_in_case(one, "c2")
    for _ in range(2):
        ends.hear_head()
    assert kinds(ends).count("restarted") == 1
    ends.restart()  # nothing of it was sent
    for _ in range(3):
        ends.hear_head()
    assert kinds(ends).count("restarted") == 1, "it is known for the `after` of our own"
    agree(ends)
    assert kinds(ends).count("restarted") == 1
    assert ends.facts(ends.newest_here(one)) == {("case", "c1"), ("case", "c2")}


def test_a_retained_head_starts_nothing_but_sending(ends: TwoEnds) -> None:
    ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.take_in("b.mp4")
    agree(ends)
    ends.restore("dock", kept)
    for _ in range(3):
        taken = ends.hear_head(live=False)
        assert taken.beside
    assert "restarted" not in kinds(ends)
    assert not ends.desk.silent
    assert len(ends.desk.events_after(taken.after, 100)) == 1, "the last that is common: it wants an answer"


def test_two_copies_stop_and_a_person_settles(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    copy = ends.copy()
    ends.take_in("b.mp4")
    agree(ends)
    with ends.being(copy):
        ends.take_in("c.mp4")
        assert ends.sync(), "the copy goes on in an epoch of its own"
        assert kinds(ends).count("restarted") == 1
    ends.put_in_case(one, "c1")
    for _ in range(6):
        ends.sync(2)
        with ends.being(copy):
            ends.sync(2)
    assert ends.cloned, "its run had signed on the main line before"
    with ends.being(copy):
        assert ends.desk.silent, "the second foreign head"
        before = kinds(ends)
        ends.take_in("d.mp4")
        assert len(kinds(ends)) > len(before), "footage is taken in all the same"
    waiting = ends.dock.store.value("SELECT count(*) FROM manifests WHERE receipted = 0")
    assert waiting, "a clone is given no receipts"
    ends.settle()
    assert not ends.cloned
    assert ends.sync()
    agree(ends)
    assert ends.unheld_events() == []


def test_a_current_of_another_recording_is_no_history(ends: TwoEnds) -> None:
    one, two = ends.take_in("a.mp4"), ends.take_in("b.mp4")
    agree(ends)
    forged = ends.refuse(one, current=ends.newest_raw(two))
    assert ends.desk.take_receipt(one, forged) is Taken.TAKEN
    assert "merged" not in kinds(ends)
    row = ends.dock.store.row("SELECT refusal FROM manifests WHERE recording = ?", (one,))
    assert row is not None
    assert row["refusal"].startswith("conflict"), "a person is told"


def test_a_current_that_this_dock_has_not_signed_is_no_history(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    payload = json.loads(envelope.peek(ends.newest_raw(one), "manifest"))
    made_up = json.dumps(payload | {"revision": 2, "prev_manifest": "0" * 64}).encode()
    for key, merged in ((SigningKey.draw(), 0), (ends.key, 1)):  # by its own key it would be
        current = envelope.seal("manifest", made_up, key).raw
        assert ends.desk.take_receipt(one, ends.refuse(one, current)) is Taken.TAKEN
        assert kinds(ends).count("merged") == merged


def test_a_receipt_for_an_overtaken_revision_counts_for_the_bytes_only(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    agree(ends)
    ends.restore("dock", kept)
    ends.put_in_case(one, "c2")
    overtaken = ends.receipt(one)
    agree(ends)
    with ends.dock.store.write() as tx:  # as if the united one had no receipt yet
        tx.execute("UPDATE manifests SET receipted = 0")
        tx.execute("UPDATE recordings SET state = 'stored', delivered_revision = 1")
    assert ends.desk.take_receipt(one, overtaken) is Taken.TAKEN
    row = ends.dock.store.row("SELECT state, delivered_revision FROM recordings")
    assert row is not None
    assert tuple(row) == ("delivered", 1)
    assert ends.dock.store.value("SELECT sum(receipted) FROM manifests") == 0


def test_a_dock_that_comes_back_to_a_platform_takes_up_its_line(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    ends.put_in_case(one, "c1")
    agree(ends)
    ends.enrol_elsewhere()
    ends.restart()  # the settings name the first platform again
    ends.put_in_case_when_signed(one, "c2")
    agree(ends)
    assert ends.facts(ends.newest_here(one)) >= {("case", "c1"), ("case", "c2")}
    assert [kind for kind in kinds(ends) if kind == "enrolled"] == ["enrolled"] * 3


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_work_backups_and_restores_converges(ends: TwoEnds, seed: int) -> None:
    rng = random.Random(seed)
    backups = {"dock": [ends.back_up("dock")], "platform": [ends.back_up("platform")]}
    wanted: dict[str, set[tuple[str, str]]] = {}
    for step in range(14):
        here = ends.here()
        match rng.choice(["take", "tag", "tag", "hold", "sync", "sync", "backup", "restore"]):
            case "take":
                ends.take_in(f"{seed}-{step}.mp4")
            case "tag" if here:
                ends.put_in_case(rng.choice(here), f"c{step}")
            case "hold" if here:
                ends.hold(rng.choice(here))
            case "sync":
                ends.restart()
                assert ends.sync()
            case "backup":
                end = rng.choice(["dock", "platform"])
                backups[end].append(ends.back_up(end))
            case "restore":
                end = rng.choice(["dock", "platform"])
                ends.restore(end, rng.choice(backups[end]))
                wanted = {}  # what both ends hold now is what can be kept
        for recording in ends.here():
            kept = ends.facts(ends.newest_here(recording), ends.newest_there(recording))
            wanted[recording] = wanted.get(recording, set()) | kept
    ends.restart()
    agree(ends)
    for recording, facts in wanted.items():
        assert ends.facts(ends.newest_here(recording)) >= facts
