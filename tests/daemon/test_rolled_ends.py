"""A dock's key rolled, with a real receiver: in every order of roll, restore and outage both ends agree."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from center import enrolment
from center.catalogue import docks
from center.errors import NotEnrolled
from daemon import keyline, rolling
from daemon.errors import CannotRoll, WrongKey
from daemon.stages.told import ToldStage
from tests.center.scripted import PLATFORM
from tests.daemon.making import line_of
from tests.daemon.test_restored_ends import agree, kinds
from tests.daemon.two_ends import NAME, SITE, TwoEnds
from uplink import envelope
from uplink.desk import Taken
from uplink.keys import SigningKey
from uplink.messages import MACHINE, CustodyEvent, Manifest

UP = f"bodydock/1/{SITE}/{NAME}/up"


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[TwoEnds]:
    made = TwoEnds(tmp_path)
    yield made
    made.close()


def key_there(ends: TwoEnds) -> str:
    found = docks.find(ends.bench.office.connection, NAME)
    assert found is not None
    return found.key.key_id


def signers(ends: TwoEnds) -> list[tuple[str, list[str]]]:
    """Return kind and signing key ids of each event of the dock, in order."""
    rows = ends.dock.store.rows("SELECT kind, raw FROM events ORDER BY place, n")
    return [(r["kind"], [s["keyid"] for s in json.loads(r["raw"])["signatures"]]) for r in rows]


def counted(ends: TwoEnds, name: str) -> int:
    ends.bench.office.flush_counters()
    row = ends.bench.office.connection.execute(
        "SELECT sum(value) FROM counters WHERE name = ?", (name,)
    ).fetchone()
    return int(row[0] or 0)


def test_all_before_is_under_the_old_key_and_all_after_under_the_new(ends: TwoEnds) -> None:
    ends.take_in("a.mp4")
    agree(ends)
    done = ends.roll()
    ends.take_in("b.mp4")
    agree(ends)

    told = signers(ends)
    at = [kind for kind, _ in told].index("key_rolled")
    assert sorted(told[at][1]) == sorted([done.before, done.key])
    assert all(keys == [done.before] for _, keys in told[:at])
    assert all(keys == [done.key] for _, keys in told[at + 1 :])
    assert len(told) > at + 4
    assert key_there(ends) == done.key == ends.dock.custody.identity.key.key_id
    ends.restart()
    assert ends.dock.custody.identity.key.key_id == done.key
    agree(ends)


def test_what_was_signed_before_and_sent_after_still_counts(ends: TwoEnds) -> None:
    """Manifests of an off-line dock travel beside the chain: the event under the old key vouches for them."""
    before = [ends.take_in(f"{n}.mp4") for n in range(3)]
    ends.put_in_case(before[0], "c1")
    ends.roll()
    after = ends.take_in("later.mp4")
    for event in ends.desk.events_after(None, 1000):  # the whole chain first, the roll in it
        ends.bench.hear(f"{UP}/events", event.raw)
    assert key_there(ends) == ends.dock.custody.identity.key.key_id
    agree(ends)
    assert all(ends.newest_there(one) is not None for one in (*before, after))


def test_twice_and_a_transfer_goes_on_over_a_roll(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    files = [ends.desk.next_file(frozenset())]
    ends.roll()
    ends.desk.file_failed(one, "test", new_attempt=False)
    with ends.dock.store.write() as tx:
        tx.execute("UPDATE recordings SET retry_at = ''")
    files.append(ends.desk.next_file(frozenset()))
    assert files[0] is not None
    assert files[1] is not None
    assert files[0].file_id == files[1].file_id, "what the platform holds of it is not sent again"
    ends.roll()
    ends.desk.file_failed(one, "test", new_attempt=False)
    agree(ends)
    assert [kind for kind in kinds(ends) if kind == "key_rolled"] == ["key_rolled"] * 2


def test_a_receipt_that_names_the_key_of_before_is_taken_a_strangers_is_not(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    raw = ends.receipt(one)  # under way while the key is rolled
    ends.roll()
    assert ends.desk.take_receipt(one, raw) is Taken.TAKEN
    other = ends.dock.custody.identity
    ends.dock.custody.identity = type(other)(NAME, SITE, PLATFORM, SigningKey.draw(), None, other.run)
    try:
        assert ends.desk.take_receipt(one, raw) is Taken.REFUSED
    finally:
        ends.dock.custody.identity = other


def test_one_under_the_old_key_after_the_roll_is_refused_and_kept(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    old = ends.dock.custody.identity.key
    ends.roll()
    agree(ends)
    last = CustodyEvent.parse(envelope.peek(ends.desk.events_after(None, 1000)[-1].raw, "event"))
    head = ends.dock.store.value("SELECT event FROM events ORDER BY place DESC, n DESC LIMIT 1")
    next_one = last.model_copy(
        update={"n": last.n + 1, "prev": head, "kind": "refused", "data": {"code": "x", "reason": "y"}}
    )
    stolen = envelope.seal("event", next_one.to_bytes(), old).raw
    ends.bench.hear(f"{UP}/events", stolen)
    assert counted(ends, "refused.events.retired") == 1

    newest = ends.newest_here(one)
    forged = newest.model_copy(
        update={"revision": newest.revision + 1, "prev_manifest": digest_of(newest), "holds": []}
    )
    ends.bench.hear(f"{UP}/manifests/{one}", envelope.seal("manifest", forged.to_bytes(), old).raw)
    assert counted(ends, "refused.manifests.retired") == 1
    kept = ends.bench.office.connection.execute("SELECT code, signed FROM quarantine ORDER BY id").fetchall()
    assert [tuple(row) for row in kept] == [("retired", 1), ("retired", 1)], "evidence, not rubbish"
    agree(ends)


def digest_of(manifest: Manifest) -> str:
    return envelope.digest("manifest", manifest.to_bytes())


@pytest.mark.parametrize("signed_by", ["old", "new", "stranger", "old and stranger"])
def test_a_roll_that_not_both_keys_signed_is_refused(ends: TwoEnds, signed_by: str) -> None:
    ends.take_in("a.mp4")
    agree(ends)
    old = ends.dock.custody.identity.key
    ends.roll()
    raw = ends.desk.events_after(None, 1000)[-1].raw
    event = CustodyEvent.parse(envelope.peek(raw, "event"))
    assert event.kind == "key_rolled"
    new, stranger = ends.dock.custody.identity.key, SigningKey.draw()
    keys = {"old": [old], "new": [new], "stranger": [stranger], "old and stranger": [old, stranger]}
    forged = envelope.seal("event", event.to_bytes(), *keys[signed_by]).raw
    ends.bench.hear(f"{UP}/events", forged)
    assert key_there(ends) == old.key_id
    code = {"old": "rolled", "old and stranger": "rolled"}.get(signed_by, "key")
    assert counted(ends, f"refused.events.{code}") == 1
    agree(ends)
    assert key_there(ends) == new.key_id


def test_a_roll_replayed_or_led_back_changes_nothing(ends: TwoEnds) -> None:
    ends.take_in("a.mp4")
    first = ends.dock.custody.identity.key
    ends.roll()
    raw = ends.desk.events_after(None, 1000)[-1].raw
    agree(ends)
    ends.roll()
    agree(ends)
    third = ends.dock.custody.identity.key
    ends.bench.hear(f"{UP}/events", raw)
    assert key_there(ends) == third.key_id, "held already: known"

    last = CustodyEvent.parse(envelope.peek(raw, "event"))
    head = ends.dock.store.value("SELECT event FROM events ORDER BY place DESC, n DESC LIMIT 1")
    n = ends.dock.store.value("SELECT max(n) FROM events")
    back = {
        "before": third.key_id,
        "before_public": third.public.hex(),
        "dock_key": first.key_id,
        "public": first.public.hex(),
    }
    event = last.model_copy(update={"n": n + 1, "prev": head, "data": back})
    ends.bench.hear(f"{UP}/events", envelope.seal("event", event.to_bytes(), third, first).raw)
    assert counted(ends, "refused.events.key") == 1, "a key never comes back"
    assert key_there(ends) == third.key_id
    agree(ends)


def test_a_platform_restored_from_before_the_roll_learns_of_it_again(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("platform")
    ends.put_in_case(one, "c1")
    ends.roll()
    ends.put_in_case(one, "c2")
    ends.take_in("b.mp4")
    agree(ends)
    ends.restore("platform", kept)
    assert key_there(ends) != ends.dock.custody.identity.key.key_id
    agree(ends)
    assert key_there(ends) == ends.dock.custody.identity.key.key_id
    assert "restarted" not in kinds(ends)


def identity_of(ends: TwoEnds) -> bytes:
    """What `bodydock identity` prints."""
    me = ends.dock.custody.identity
    rolled = [bytes(row["raw"]) for row in keyline.rolls(ends.dock.store, PLATFORM, NAME)]
    said = me.statement(ends.dock.custody.clock.now(), None, rolled)
    return envelope.seal("identity", said.to_bytes(), me.key).raw


def test_a_platform_begun_anew_is_shown_the_way_from_the_first_key(ends: TwoEnds) -> None:
    empty = ends.back_up("platform")
    before = identity_of(ends)
    ends.take_in("a.mp4")
    ends.roll()
    ends.take_in("b.mp4")
    ends.roll()
    agree(ends)
    now = identity_of(ends)

    with pytest.raises(NotEnrolled, match="was rolled since"):
        enrolment.take_in(ends.bench.folder, ends.bench.settings, enrolment.read(before, "test"))
    assert not enrolment.take_in(ends.bench.folder, ends.bench.settings, enrolment.read(now, "test"))

    ends.restore("platform", empty)
    connection = ends.bench.office.connection
    for table in ("dock_keys", "docks"):
        connection.execute(f"DELETE FROM {table}")
    connection.commit()
    assert enrolment.take_in(ends.bench.folder, ends.bench.settings, enrolment.read(now, "test"))
    assert key_there(ends) == ends.key.key_id, "the chain begins with the first key"
    agree(ends)
    assert key_there(ends) == ends.dock.custody.identity.key.key_id


def test_an_identity_whose_rolls_do_not_lead_to_its_key_is_refused(ends: TwoEnds) -> None:
    ends.roll()
    me = ends.dock.custody.identity
    [row] = keyline.rolls(ends.dock.store, PLATFORM, NAME)
    stranger = SigningKey.draw()
    said = me.statement(ends.dock.custody.clock.now(), None, [bytes(row["raw"])])
    taken = said.model_copy(update={"public": stranger.public.hex()})
    with pytest.raises(NotEnrolled, match="do not lead to this one"):
        enrolment.read(envelope.seal("identity", taken.to_bytes(), stranger).raw, "test")
    half = json.loads(row["raw"])
    half["signatures"] = half["signatures"][1:]
    alone = said.model_copy(update={"rolled": [half]})
    with pytest.raises(NotEnrolled, match="signed by 1 of the two"):
        enrolment.read(envelope.seal("identity", alone.to_bytes(), me.key).raw, "test")


def test_a_dock_restored_from_before_the_roll_is_silent_until_it_has_the_newer_key(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    old = ends.dock.custody.identity.key.key_id
    ends.roll()
    ends.put_in_case(one, "c2")
    forgotten = ends.take_in("b.mp4")
    agree(ends)
    newer = ends.key_file()

    ends.restore("dock", kept)
    assert ends.dock.custody.identity.key.key_id == old
    ends.put_in_case(one, "c3")
    three = ends.take_in("c.mp4")
    assert ends.sync()
    assert ends.desk.silent
    assert ends.desk.key_gone
    assert "restarted" not in kinds(ends), "under a key that counts nowhere it would be in vain"
    assert ends.newest_there(three) is None
    ends.restart()
    assert ends.sync()
    assert ends.desk.key_gone, "and again after a start"

    done = ends.roll(forgotten=newer)
    assert done.again == 2
    assert not ends.desk.silent
    line_of(ends.dock).first.step()
    assert ends.sync()
    assert key_there(ends) == done.key
    assert ends.facts(ends.newest_there(one)) == {("case", "c1"), ("case", "c2"), ("case", "c3")}
    assert ends.newest_there(three) == ends.newest_here(three)
    assert ends.newest_there(forgotten) is not None
    assert ends.flaws() == []
    assert kinds(ends).count("restarted") == 1
    lost = ends.bench.office.connection.execute("SELECT count(*) FROM parents WHERE lost = 1").fetchone()[0]
    assert lost == 1, "what was signed with the old key since is named as lost, and in quarantine"
    assert counted(ends, "refused.events.retired") > 0
    rows = ends.dock.store.rows("SELECT 1 FROM recordings WHERE revision <> delivered_revision")
    assert rows == []


def test_a_copy_that_forgot_two_rolls_is_given_both_keys(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.roll()
    ends.put_in_case(one, "c1")
    agree(ends)
    second = ends.key_file()
    ends.roll()
    agree(ends)
    third = ends.key_file()
    ends.restore("dock", kept)
    ends.put_in_case(one, "c2")
    assert ends.sync()
    ends.roll(forgotten=second)
    assert ends.sync()
    assert ends.desk.key_gone, "that one is not in force either"
    ends.roll(forgotten=third)
    line_of(ends.dock).first.step()
    assert ends.sync()
    assert ends.facts(ends.newest_there(one)) == {("case", "c1"), ("case", "c2")}
    assert ends.flaws() == []


def test_restored_from_after_the_roll_nothing_is_special(ends: TwoEnds) -> None:
    one = ends.take_in("a.mp4")
    ends.roll()
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    agree(ends)
    ends.restore("dock", kept)
    ends.put_in_case(one, "c2")
    agree(ends)
    assert ends.facts(ends.newest_here(one)) == {("case", "c1"), ("case", "c2")}


def test_a_restored_dock_that_rolled_off_line_before_it_noticed_goes_on(ends: TwoEnds) -> None:
    """The roll stands on the branch, its successor on the main line: the platform's own order counts."""
    one = ends.take_in("a.mp4")
    agree(ends)
    kept = ends.back_up("dock")
    ends.put_in_case(one, "c1")
    agree(ends)
    ends.restore("dock", kept)
    ends.put_in_case(one, "c2")
    ends.roll()
    ends.put_in_case(one, "c3")
    agree(ends)
    assert ends.facts(ends.newest_here(one)) == {("case", f"c{n}") for n in (1, 2, 3)}
    assert key_there(ends) == ends.dock.custody.identity.key.key_id


def test_of_two_copies_the_one_that_did_not_roll_falls_silent(ends: TwoEnds) -> None:
    ends.take_in("a.mp4")
    agree(ends)
    other = ends.copy()
    ends.roll()
    ends.take_in("b.mp4")
    agree(ends)
    with ends.being(other):
        ends.take_in("c.mp4")
        assert ends.sync()
        assert ends.desk.key_gone
    other[0].store.close()
    assert not ends.cloned
    agree(ends)


def test_a_key_of_before_put_back_by_mistake_stops_the_start(ends: TwoEnds) -> None:
    ends.take_in("a.mp4")
    older = ends.key_file()
    ends.roll()
    ends.dock.store.close()
    newer = (ends.dock.folder / "keys" / "dock.pem").read_bytes()
    (ends.dock.folder / "keys" / "dock.pem").write_bytes(older.read_bytes())
    with pytest.raises(WrongKey, match="was rolled to"):
        ends._start("dock")
    (ends.dock.folder / "keys" / "dock.pem").write_bytes(newer)
    ends._start("dock")
    with pytest.raises(CannotRoll, match="never comes back"):
        ends.roll(forgotten=older)
    agree(ends)


def test_to_a_platform_that_knew_the_key_of_before_there_is_no_way_back(ends: TwoEnds) -> None:
    ends.take_in("a.mp4")
    agree(ends)
    ends.enrol_elsewhere()
    ends._stop("dock")
    moved = ends._open(ends.folder / "dock", platform="elsewhere")
    done = rolling.roll(
        moved.store, moved.custody, ends.settings_of(moved.folder), MACHINE, reason="lost sight of"
    )
    assert done.elsewhere == (PLATFORM,)
    moved.store.close()
    with pytest.raises(WrongKey, match="was rolled while it was enrolled elsewhere"):
        ends._start("dock")
    ends.dock = ends._open(ends.folder / "dock", platform="elsewhere")
    ToldStage(ends.dock.store, ends.dock.custody).step()


def give_newer_keys(ends: TwoEnds, files: dict[str, Path]) -> None:
    """What an administrator does about `dock.key_gone`: the keys that this copy forgot, the oldest first."""
    rows = ends.bench.office.connection.execute("SELECT key_id FROM dock_keys ORDER BY rowid").fetchall()
    there = [row["key_id"] for row in rows]
    me = ends.dock.custody.identity
    known = [key for key in there if key in {me.key.key_id, *me.keys_before}]
    for key in there[there.index(known[-1]) + 1 :]:
        ends.roll(forgotten=files[key])
    line_of(ends.dock).first.step()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_rolled_and_restored_in_whatever_order_both_ends_agree(ends: TwoEnds, seed: int) -> None:
    rng = random.Random(seed)
    backups = {"dock": [ends.back_up("dock")], "platform": [ends.back_up("platform")]}
    files: dict[str, Path] = {}
    wanted: dict[str, set[tuple[str, str]]] = {}
    for step in range(16):
        here = ends.here()
        match rng.choice(["take", "tag", "tag", "roll", "roll", "sync", "sync", "backup", "restore"]):
            case "take":
                ends.take_in(f"{seed}-{step}.mp4")
            case "tag" if here:
                ends.put_in_case_when_signed(rng.choice(here), f"c{step}")
            case "roll" if not ends.desk.key_gone:
                done = ends.roll()
                files[done.key] = ends.key_file()
            case "sync":
                ends.restart()
                assert ends.sync()
                if ends.desk.key_gone and rng.random() < 0.7:
                    give_newer_keys(ends, files)
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
            kept = ends.facts(ends.newest_there(recording))
            if row_has_manifest(ends, recording):
                kept |= ends.facts(ends.newest_here(recording))
            wanted[recording] = wanted.get(recording, set()) | kept
    ends.restart()
    assert ends.sync()
    if ends.desk.key_gone:
        give_newer_keys(ends, files)
        ends.restart()
        assert ends.sync()
    assert not ends.desk.silent
    assert not ends.cloned
    assert ends.flaws() == []
    assert key_there(ends) == ends.dock.custody.identity.key.key_id
    for recording, facts in wanted.items():
        assert ends.newest_here(recording) == ends.newest_there(recording)
        assert ends.facts(ends.newest_here(recording)) >= facts


def row_has_manifest(ends: TwoEnds, recording: str) -> bool:
    row = ends.dock.store.row("SELECT revision FROM recordings WHERE recording = ?", (recording,))
    return row is not None and row["revision"] > 0
