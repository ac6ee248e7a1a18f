"""The desk: which receipts count, what refusals do, what goes next.  Real envelopes, signed by a platform."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.clock import DockClock
from daemon.custody import Custody, chain_end
from daemon.desk import StoreDesk
from daemon.lineage.chain import NEVER
from daemon.registries import versions
from daemon.revisions import revise
from daemon.stages.told import ToldStage
from daemon.status import dock_json, recordings_json, show_json
from daemon.store.database import to_text
from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import (
    Platform,
    desk_of,
    events,
    line_of,
    manifests,
    newest_event,
    sealed_manifest,
    take_in,
)
from uplink import envelope, strictjson
from uplink.desk import HeadTaken, Taken
from uplink.ids import file_id
from uplink.keys import SigningKey
from uplink.messages import CaseRegistry, ChainPoint, Tag

MARKED, OLD, NEW = (
    "DSJ1_J1_20261104120000_0003_IMP.mp4",
    "DSJ1_J1_20261104100000_0001.mp4",
    "DSJ1_J1_20261104110000_0002.mp4",
)


class Counter:
    def __init__(self, dock: Dock, name: str = "pf") -> None:
        self.dock = dock
        self.platform = Platform(dock, name)
        self.woken = 0
        self.desk = self.open()
        (self.recording,) = take_in(dock, OLD)
        line_of(dock).first.step()

    def open(self) -> StoreDesk:
        def changed() -> None:
            self.woken += 1

        return desk_of(self.dock, self.platform, changed)

    def revise(self) -> None:
        with self.dock.store.write() as tx:
            revise(tx, self.dock.custody, self.recording, Tag(stage=f"{chain_end(tx).n}"), "", None)

    def take(self, raw: bytes) -> Taken:
        return self.desk.take_receipt(self.recording, raw)

    def refuse(self, revision: int, code: str, reason: str = "because", **more: Any) -> Taken:
        return self.take(self.platform.refusal(self.recording, revision, code, reason, **more))

    @property
    def row(self) -> dict[str, Any]:
        row = self.dock.store.row("SELECT * FROM recordings WHERE recording = ?", (self.recording,))
        assert row is not None
        return dict(row)

    def waiting(self) -> list[int]:
        """Return the revisions that would be sent now, without claiming them."""
        now = self.dock.custody.clock.now().isoformat().replace("+00:00", "Z")
        rows = self.dock.store.rows(
            "SELECT revision FROM manifests WHERE receipted = 0 AND retry_at <= ? ORDER BY revision", (now,)
        )
        return [row["revision"] for row in rows]

    def current(self, revision: int) -> dict[str, Any]:
        """Return a revision as a platform sends it back."""
        raw = self.dock.store.value("SELECT raw FROM manifests WHERE revision = ?", (revision,))
        return dict(strictjson.check(raw, 1 << 20))

    def counted(self) -> dict[str, int]:
        self.desk._counters.step()
        return {row["name"]: row["count"] for row in self.dock.store.rows("SELECT * FROM counters")}

    def later(self, **time: float) -> None:
        """Let time pass for the desk."""
        clock = DockClock(self.dock.custody.clock.now() + timedelta(**time))
        self.dock.custody = Custody(self.dock.custody.identity, clock)
        self.desk = self.open()


@pytest.fixture
def counter(dock: Dock) -> Counter:
    return Counter(dock)


# Receipts


def test_a_receipt_makes_it_delivered_whatever_time_it_names_k05(counter: Counter) -> None:
    for year in (2016, 2036):
        received = datetime(year, 1, 1, tzinfo=UTC)
        assert (
            counter.take(counter.platform.receipt(counter.recording, 1, received_at=received)) is Taken.TAKEN
        )
    assert (counter.row["state"], counter.row["delivered_revision"]) == ("delivered", 1)
    assert counter.row["revision"] == 1, "a receipt makes no revision"
    assert counter.row["durable_bytes"] == counter.row["size"]
    assert counter.woken == 2
    assert counter.desk.next_file(frozenset()) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"platform": "other"}, "platform"),
        ({"dock": "dock-2"}, "dock"),
        ({"dock_key": "cd" * 32}, "dock_key"),
        ({"recording": "b" * 26}, "recording"),
        ({"size": 101}, "size"),
        ({"sha256": "cd" * 32}, "sha256"),
        ({"manifest": "cd" * 32}, "manifest"),
        ({"revision": 2}, "revision"),
    ],
)
def test_a_receipt_for_anything_else_counts_for_nothing(
    counter: Counter, change: dict[str, Any], code: str
) -> None:
    assert counter.take(counter.platform.receipt(counter.recording, 1, **change)) is Taken.REFUSED
    assert (counter.row["state"], counter.row["delivered_revision"]) == ("stored", 0)
    assert counter.counted() == {f"refused.receipt.{code}": 1}
    assert counter.dock.store.value("SELECT count(*) FROM receipts") == 0


def test_a_receipt_is_kept_with_when_and_by_which_key_it_was_verified(counter: Counter) -> None:
    raw = counter.platform.receipt(counter.recording, 1)
    before = to_text(counter.dock.custody.clock.now()) or ""
    counter.take(raw)
    (kept,) = counter.dock.store.rows("SELECT * FROM receipts")
    assert (bytes(kept["raw"]), kept["signer"]) == (raw, counter.platform.receipts.key_id)
    assert before <= kept["verified_at"] <= (to_text(counter.dock.custody.clock.now()) or "")


def test_a_receipt_for_a_manifest_that_is_not_held_makes_it_send_its_newest(counter: Counter) -> None:
    counter.take(counter.platform.receipt(counter.recording, 1))
    assert counter.waiting() == []
    counter.take(counter.platform.receipt(counter.recording, 1, manifest="cd" * 32))
    assert counter.waiting() == [1]


def test_a_receipt_by_another_key_or_for_another_recording_counts_for_nothing(counter: Counter) -> None:
    good = counter.platform.receipt(counter.recording, 1)
    payload = envelope.peek(good, "receipt")
    for key in (SigningKey.draw(), counter.platform.registry, counter.dock.custody.identity.key):
        assert counter.take(envelope.seal("receipt", payload, key).raw) is Taken.REFUSED
    assert counter.take(b"{}") is Taken.REFUSED
    assert counter.desk.take_receipt("c" * 26, good) is Taken.IGNORED
    assert counter.row["state"] == "stored"


def test_a_receipt_for_revision_1_leaves_2_waiting_and_one_for_2_covers_1(counter: Counter) -> None:
    counter.revise()
    assert counter.take(counter.platform.receipt(counter.recording, 1)) is Taken.TAKEN
    assert (counter.row["state"], counter.row["delivered_revision"]) == ("delivered", 1)
    assert [m.revision for m in counter.desk.waiting_manifests(9)] == [2]
    counter.revise()
    assert counter.take(counter.platform.receipt(counter.recording, 3)) is Taken.TAKEN
    assert counter.row["delivered_revision"] == 3
    assert counter.take(counter.platform.receipt(counter.recording, 2)) is Taken.TAKEN
    assert counter.row["delivered_revision"] == 3
    counter.later(days=1)
    assert counter.desk.waiting_manifests(9) == []


def test_a_later_revision_moves_no_bytes_back(counter: Counter) -> None:
    counter.take(counter.platform.receipt(counter.recording, 1))
    counter.revise()
    assert counter.row["state"] == "delivered"
    assert counter.desk.next_file(frozenset()) is None


def test_a_repeated_receipt_is_known_and_told_once(counter: Counter) -> None:
    told = ToldStage(counter.dock.store, counter.dock.custody)
    raw = counter.platform.receipt(counter.recording, 1)
    assert [counter.take(raw), counter.take(raw)] == [Taken.TAKEN, Taken.KNOWN]
    told.step()
    assert counter.take(raw) is Taken.KNOWN
    assert told.step() is False
    assert len(events(counter.dock, "delivered")) == 1


def test_what_was_delivered_to_another_platform_is_not_delivered_to_this_one(counter: Counter) -> None:
    old = counter.platform.receipt(counter.recording, 1)
    counter.take(old)
    dock = counter.dock
    dock.store.close()
    moved = make_dock(dock.folder, platform="other", key=dock.custody.identity.key)
    line_of(moved).first.step()
    row = moved.store.row("SELECT state, delivered_revision FROM recordings")
    assert row is not None
    assert tuple(row) == ("stored", 0)
    desk = desk_of(moved, counter.platform)  # even if it still trusts the old platform's key
    assert desk.take_receipt(counter.recording, old) is Taken.REFUSED
    assert dock_json(moved.store)["waiting_manifests"] == 1
    moved.store.close()


# Refusals


def test_what_is_missing_goes_again_and_no_more(counter: Counter) -> None:
    for _ in range(3):
        counter.revise()
    counter.desk.waiting_manifests(9)
    assert counter.waiting() == []
    assert (
        counter.refuse(4, "later", "missing: revision 3 comes next", current=counter.current(2))
        is Taken.TAKEN
    )
    assert counter.waiting() == [3, 4]


def test_without_a_current_all_go_again_even_receipted_ones(counter: Counter) -> None:
    counter.revise()
    counter.take(counter.platform.receipt(counter.recording, 1))
    counter.desk.waiting_manifests(9)
    assert counter.refuse(2, "later", "missing: revision 1 comes next") is Taken.TAKEN
    assert counter.waiting() == [1, 2]


@pytest.mark.parametrize("forgery", ["other key", "other recording", "not an envelope"])
def test_a_current_that_is_not_ours_is_not_believed(counter: Counter, forgery: str) -> None:
    counter.revise()
    counter.revise()
    counter.desk.waiting_manifests(9)
    manifest = manifests(counter.dock, counter.recording)[1][0]
    raw = sealed_manifest(manifest, SigningKey.draw()).raw
    if forgery == "other recording":
        other = manifest.model_copy(update={"recording": "c" * 26})
        raw = sealed_manifest(other, counter.dock.custody.identity.key).raw
    current = {"x": 1} if forgery == "not an envelope" else strictjson.check(raw, 1 << 20)
    assert counter.refuse(3, "later", "missing: revision 3 comes next", current=current) is Taken.TAKEN
    assert counter.waiting() == [1, 2, 3]
    assert any(name.startswith("refused.current.") for name in counter.counted())


@pytest.mark.parametrize("code", ["never", "not_allowed", "conflict"])
def test_what_cannot_pass_waits_for_a_person_and_is_told_once(counter: Counter, code: str) -> None:
    for number in range(3):
        assert counter.refuse(1, code, f"reason {number}") is Taken.TAKEN
    (event,) = events(counter.dock, "refused")
    assert (event.recording, event.data["code"], event.data["reason"]) == (
        counter.recording,
        code,
        "reason 0",
    )
    counter.later(days=100)
    assert counter.desk.waiting_manifests(9) == []
    assert counter.desk.next_file(frozenset()) is None
    counter.desk.take_head(counter.platform.head(None, 7), live=True)
    assert counter.desk.waiting_manifests(9) == []
    assert code in recordings_json(counter.dock.store)[0]["failure"]
    assert counter.dock.store.value("SELECT count(*) FROM recordings") == 1  # never is no ground to delete


def test_one_that_waits_for_a_person_holds_up_nobody_else(counter: Counter) -> None:
    (other,) = take_in(counter.dock, NEW, attachment="b")
    line_of(counter.dock).first.step()
    counter.refuse(1, "never")
    found = counter.desk.next_file(frozenset())
    assert found is not None
    assert found.recording == other


def test_a_conflict_that_names_our_own_newer_revision_is_none(counter: Counter) -> None:
    """Revision 1 was sent again while its receipt was on the way; the platform holds 2 (trust.md)."""
    counter.revise()
    counter.desk.waiting_manifests(9)
    assert (
        counter.refuse(1, "conflict", "older: revision 2 is held", current=counter.current(2))
        is Taken.IGNORED
    )
    assert events(counter.dock, "refused") == []
    assert counter.row["retry_at"] != NEVER
    assert counter.desk.next_file(frozenset()) is not None
    assert counter.take(counter.platform.receipt(counter.recording, 2)) is Taken.TAKEN
    counter.later(days=1)
    assert counter.desk.waiting_manifests(9) == []


def test_full_waits_as_long_as_it_says(counter: Counter) -> None:
    counter.desk.waiting_manifests(9)
    assert counter.refuse(1, "full", retry_after=3600.0) is Taken.TAKEN
    counter.desk.file_failed(counter.recording, "full", new_attempt=False)
    counter.later(seconds=3590)
    assert counter.desk.waiting_manifests(9) == []
    assert counter.desk.next_file(frozenset()) is None
    counter.later(seconds=20)
    assert [m.revision for m in counter.desk.waiting_manifests(9)] == [1]
    assert counter.desk.next_file(frozenset()) is not None


def test_a_refusal_for_what_is_not_ours_changes_nothing(counter: Counter) -> None:
    assert counter.refuse(1, "never", dock="dock-2") is Taken.REFUSED
    assert (events(counter.dock, "refused"), counter.row["failure"]) == ([], None)


# What goes next


def test_files_go_marked_first_then_oldest_and_busy_ones_are_passed_over(dock: Dock) -> None:
    recordings = {name: take_in(dock, name, attachment=name)[0] for name in (OLD, NEW, MARKED)}
    desk = desk_of(dock, Platform(dock))
    assert desk.next_file(frozenset()) is None  # revision 1 first
    line_of(dock).first.step()
    busy: set[str] = set()
    for name in (MARKED, OLD, NEW):
        found = desk.next_file(frozenset(busy))
        assert found is not None
        assert found.recording == recordings[name]
        busy.add(found.recording)
    assert desk.next_file(frozenset(busy)) is None
    again = desk_of(dock, Platform(dock)).next_file(frozenset())  # after a restart it is claimed again
    assert again is not None
    assert again.recording == recordings[MARKED]


@pytest.mark.parametrize(
    "flag",
    [
        "marked = 1",
        "verdict = 'violation'",
        """tag = json_set(tag, '$.marks', json('[{"start_s": 1}]'))""",
        "tag = json_set(tag, '$.long_term', 'objection')",
        """holds = '[{"hold": "h"}]'""",
    ],
)
def test_what_is_flagged_goes_before_what_is_older(dock: Dock, flag: str) -> None:
    older, newer = (take_in(dock, name, attachment=name)[0] for name in (OLD, NEW))
    line_of(dock).first.step()
    desk = desk_of(dock, Platform(dock))
    assert (found := desk.next_file(frozenset())) is not None
    assert found.recording == older
    with dock.store.write() as tx:
        tx.execute(f"UPDATE recordings SET {flag} WHERE recording = ?", (newer,))
    assert (found := desk.next_file(frozenset())) is not None
    assert found.recording == newer


def test_after_what_is_flagged_the_nearest_archive_deadline_goes_first(dock: Dock) -> None:
    """mqtt.md, Order of sending: flagged, then by deadline (30 days after the case ended), then oldest."""
    names = [f"DCIM/100/0{n}.MP4" for n in range(6)]
    plain, later, running, sooner, flagged, both = (take_in(dock, name, attachment=name)[0] for name in names)
    line_of(dock).first.step()
    desk = desk_of(dock, platform := Platform(dock))
    cases = {later: ["LATER"], running: ["RUNNING"], sooner: ["SOONER"], both: ["LATER", "OVER"]}
    with dock.store.write() as tx:
        for recording, held in cases.items():
            said = json.dumps([{"case": case} for case in held])
            tag = "json_set(coalesce(tag, '{}'), '$.cases', json(?))"
            tx.execute(f"UPDATE recordings SET tag = {tag} WHERE recording = ?", (said, recording))
        tx.execute("UPDATE recordings SET marked = 1 WHERE recording = ?", (flagged,))
        for n, recording in enumerate((plain, later, running, sooner, flagged, both)):
            tx.execute(
                "UPDATE recordings SET stored_at = ? WHERE recording = ?", (f"2026-01-0{n}", recording)
            )

    def order_of_sending() -> list[str]:
        busy: list[str] = []
        while (file := desk.next_file(frozenset(busy))) is not None:
            busy.append(file.recording)
        return busy

    assert order_of_sending() == [flagged, plain, later, running, sooner, both], "no case has ended"
    now = dock.custody.clock.now()
    ended = {"LATER": -1, "RUNNING": 1, "SOONER": -20, "OVER": -40}
    rows = [{"case": case, "to": now + timedelta(days=days)} for case, days in ended.items()]
    snapshot = CaseRegistry.model_validate(
        {"platform": "pf", "scope": "site-1", "kind": "cases", "version": 1, "time": now, "rows": rows}
    )
    assert desk.take_registry("cases", platform.seal("registry", snapshot, platform.registry)) is Taken.TAKEN
    assert order_of_sending() == [flagged, both, sooner, later, plain, running]
    desk.marked_first = False
    assert order_of_sending() == [both, sooner, later, plain, running, flagged]


def test_a_failed_file_backs_off_and_a_new_attempt_has_another_id_and_no_progress(counter: Counter) -> None:
    first = counter.desk.next_file(frozenset())
    assert first is not None
    counter.desk.file_progress(counter.recording, 60, 80)
    counter.desk.file_failed(counter.recording, "cut", new_attempt=False)
    assert counter.desk.next_file(frozenset()) is None
    counter.later(seconds=11)
    second = counter.desk.next_file(frozenset())
    assert second is not None
    assert (second.file_id, second.attempt, second.sent_before_bytes) == (first.file_id, 1, 80)
    counter.desk.file_failed(counter.recording, "checksum", new_attempt=True)
    counter.later(seconds=11)
    assert counter.desk.next_file(frozenset()) is None  # the second failure waits longer
    counter.later(seconds=10)
    third = counter.desk.next_file(frozenset())
    assert third is not None
    assert (third.attempt, third.sent_before_bytes, counter.row["durable_bytes"]) == (2, 0, 0)
    identity = counter.dock.custody.identity
    expected = file_id("pf", identity.key.key_id, counter.recording, third.sha256, 2)
    assert third.file_id == expected != first.file_id


def test_a_failure_after_the_receipt_changes_nothing(counter: Counter) -> None:
    counter.take(counter.platform.receipt(counter.recording, 1))
    counter.desk.file_failed(counter.recording, "late", new_attempt=True)
    assert (counter.row["state"], counter.row["attempt"]) == ("delivered", 1)


def test_manifests_are_claimed_with_backoff_and_in_order(counter: Counter) -> None:
    counter.revise()
    assert [m.revision for m in counter.desk.waiting_manifests(9)] == [1, 2]
    assert counter.desk.waiting_manifests(9) == []
    counter.later(seconds=11)
    assert [m.revision for m in counter.desk.waiting_manifests(9)] == [1, 2]
    counter.later(seconds=11)
    assert counter.desk.waiting_manifests(9) == []


def test_events_after_a_point_and_from_the_first_for_one_that_is_foreign(counter: Counter) -> None:
    whole = counter.desk.events_after(None, 100)
    assert [event.at.n for event in whole] == list(range(len(whole)))
    assert counter.desk.events_after(whole[1].at, 2) == whole[2:4]
    assert counter.desk.events_after(whole[-1].at, 9) == []
    foreign = ChainPoint(epoch="0" * 32, n=3, head="ab" * 32)
    assert counter.desk.events_after(foreign, 100) == whole


# Heads


def test_a_live_head_of_a_new_receiver_sends_what_waits_again(counter: Counter) -> None:
    counter.desk.waiting_manifests(9)
    counter.desk.file_failed(counter.recording, "cut", new_attempt=False)
    at = newest_event(counter.desk)
    assert counter.desk.take_head(counter.platform.head(at, 5), live=False) == HeadTaken(Taken.TAKEN, at)
    assert counter.waiting() == []  # a ghost starts nothing
    assert counter.desk.take_head(counter.platform.head(at, 5), live=True) == HeadTaken(
        Taken.TAKEN, at, anew=True
    )
    assert counter.waiting() == [1]
    assert counter.desk.next_file(frozenset()) is not None


def test_a_head_of_a_lower_lease_is_ignored_and_one_of_the_same_sends_nothing_again(counter: Counter) -> None:
    counter.desk.take_head(counter.platform.head(None, 5), live=True)
    counter.desk.waiting_manifests(9)
    assert counter.desk.take_head(counter.platform.head(None, 4), live=True) == HeadTaken(Taken.IGNORED)
    assert counter.desk.take_head(counter.platform.head(None, 5), live=True) == HeadTaken(Taken.TAKEN)
    assert counter.waiting() == []


def test_a_head_that_is_not_signed_for_us_is_refused_and_a_foreign_one_counted(counter: Counter) -> None:
    payload = envelope.peek(counter.platform.head(None, 1), "head")
    forged = envelope.seal("head", payload, SigningKey.draw()).raw
    assert counter.desk.take_head(forged, live=True) == HeadTaken(Taken.REFUSED)
    foreign = ChainPoint(epoch="0" * 32, n=3, head="ab" * 32)
    head = counter.desk.take_head(counter.platform.head(foreign, 1), live=True)
    assert head == HeadTaken(Taken.TAKEN, None, beside=True, again=True, anew=True), (
        "nothing of ours is known there"
    )
    assert counter.counted() == {"refused.head.key": 1}


# Registries and reconciliation


def registry(counter: Counter, version: int, key: SigningKey | None = None, **changes: Any) -> bytes:
    time = datetime(2026, 11, 25, tzinfo=UTC)
    values = {
        "platform": "pf",
        "scope": "site-1",
        "kind": "cases",
        "version": version,
        "time": time,
        "rows": [],
    }
    made = CaseRegistry.model_validate(values | changes)
    return counter.platform.seal("registry", made, key or counter.platform.registry)


def test_only_a_newer_signed_registry_changes_anything(counter: Counter) -> None:
    take = counter.desk.take_registry
    assert take("cases", registry(counter, 3)) is Taken.TAKEN
    assert counter.woken == 1
    assert [take("cases", registry(counter, version)) for version in (3, 2)] == [Taken.KNOWN, Taken.KNOWN]
    assert take("cases", registry(counter, 9, counter.platform.receipts)) is Taken.REFUSED
    assert take("cases", registry(counter, 9, scope="site-2")) is Taken.REFUSED
    assert take("officers", registry(counter, 9)) is Taken.REFUSED
    assert take("settings", registry(counter, 9)) is Taken.REFUSED
    assert versions(counter.dock.store) == "cases 3"
    assert counter.woken == 1


def test_reconciliation_is_noted_for_equal_bytes_only(counter: Counter) -> None:
    sha256 = counter.row["sha256"]
    noted = "SELECT recording FROM reconciled"
    page = counter.platform.reconciliation((counter.recording, "cd" * 32), ("c" * 26, sha256))
    assert counter.desk.take_reconciliation(page) is Taken.TAKEN
    assert counter.dock.store.rows(noted) == []
    for _ in range(2):
        counter.desk.take_reconciliation(counter.platform.reconciliation((counter.recording, sha256)))
    assert [row["recording"] for row in counter.dock.store.rows(noted)] == [counter.recording]
    forged = envelope.seal("reconciliation", envelope.peek(page, "reconciliation"), SigningKey.draw()).raw
    assert counter.desk.take_reconciliation(forged) is Taken.REFUSED


# What people see of it


def test_show_tells_revisions_receipts_and_custody(counter: Counter) -> None:
    counter.revise()
    counter.take(counter.platform.receipt(counter.recording, 1))
    shown = show_json(counter.dock.store, counter.recording[:10])
    assert [r["revision"] for r in shown["revisions"]] == [1, 2]
    assert [(r["revision"], r["read_back"]) for r in shown["receipts"]] == [(1, True)]
    assert [e["kind"] for e in shown["custody"]] == ["stored", "inspected", "tagged"]
    assert shown["report"]["recordings"][0]["id"] == counter.recording
