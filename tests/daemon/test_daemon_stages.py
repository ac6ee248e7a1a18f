"""The stages: idempotent, one transaction each, a bug costs one row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from daemon.clock import DockClock
from daemon.custody import Custody
from daemon.dockings import officer_of
from daemon.registries import keep_registry, load_registries
from daemon.revisions import revise
from daemon.stages import first as first_module
from daemon.stages.guard import Guard
from daemon.stages.retag import RetagStage
from daemon.stages.shifts import split_shifts
from daemon.stages.told import ToldStage
from daemon.store import Store, Transaction
from daemon.tagging import Registries
from daemon.worker import Stage
from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import Line, Platform, desk_of, events, line_of, manifests, take_in
from transcoder.report import Depth
from uplink.messages import CaseRegistry, OfficerRegistry, Tag
from uplink.messages.custody import Delivered
from uplink.messages.manifest import Case
from uplink.messages.registry import CaseRow, OfficerRow


def name(clock: str, day: int = 4, officer: str = "J1") -> str:
    return f"DSJ1_{officer}_202611{day:02d}{clock}_0001.mp4"


ONE, TWO, THREE = name("090000"), name("091000"), name("092000")


class Crash(Exception):
    """The power goes before COMMIT."""


@contextmanager
def crash_before_commit(store: Store, monkeypatch: pytest.MonkeyPatch, at: int = 1) -> Iterator[None]:
    """Let the `at`-th transaction do all its work and fail at its end."""
    write, count = store.write, 0

    @contextmanager
    def failing() -> Iterator[Transaction]:
        nonlocal count
        count += 1
        with write() as tx:
            yield tx
            if count == at:
                raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", failing)
        yield


def finish(*stages: Stage) -> None:
    for _ in range(20):
        worked = [stage.step() for stage in stages]
        if True not in worked:
            return
    raise AssertionError("there is always more to do")


def give_cases(dock: Dock, version: int, *officers: str) -> None:
    time = datetime(2026, 11, 25, tzinfo=UTC)
    rows = [
        CaseRow(case=f"CASE-{officer}", officers=[officer], place="p", matter="m") for officer in officers
    ]
    registry = CaseRegistry(platform="pf", scope="s", kind="cases", version=version, time=time, rows=rows)
    assert keep_registry(dock.store, dock.custody.clock, "cases", version, b"raw", registry.to_bytes())


# First


def test_first_makes_revision_1_of_everything_and_then_has_nothing_to_do(dock: Dock) -> None:
    recordings = take_in(dock, ONE, TWO, "LOG/a.txt")
    line = line_of(dock)
    finish(line.first)
    assert [[m.revision for m, _ in manifests(dock, r)] for r in recordings] == [[1], [1], [1]]
    assert sorted(line.inspector.asked_for(Depth.FAST)) == sorted([[r] for r in recordings[:2]])
    assert line.inspector.deadline_s == first_module._DEADLINE_S


def test_attachments_are_tagged_and_never_inspected(dock: Dock) -> None:
    (recording,) = take_in(dock, "LOG/a.txt")
    line = line_of(dock)
    finish(line.first, line.standard)
    assert [event.kind for event in events(dock) if event.recording] == ["stored", "tagged"]
    ((manifest, _),) = manifests(dock, recording)
    assert (manifest.kind, manifest.report) == ("attachment", None)
    assert line.inspector.asked == []


def test_a_crash_before_the_commit_of_revision_1_is_repeated_without_doubling(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recording,) = take_in(dock, ONE)
    line = line_of(dock)
    monkeypatch.setattr(Guard, "recording", lambda self, recording: _unguarded())
    with crash_before_commit(dock.store, monkeypatch), pytest.raises(Crash):
        line.first.step()
    assert manifests(dock, recording) == []
    finish(line.first)
    assert [event.kind for event in events(dock)][-1] == "inspected"
    assert len(manifests(dock, recording)) == len(events(dock, "inspected")) == 1


@contextmanager
def _unguarded() -> Iterator[None]:
    yield


def test_a_bug_in_one_row_costs_only_that_row_and_is_tried_again(dock: Dock) -> None:
    bad, good = take_in(dock, ONE, TWO)
    line = line_of(dock)
    line.inspector.bad = {bad}
    finish(line.first)
    assert (len(manifests(dock, bad)), len(manifests(dock, good))) == (0, 1)
    row = dock.store.row("SELECT * FROM recordings WHERE recording = ?", (bad,))
    assert row is not None
    assert "a bug" in row["work_failure"]
    line.inspector.bad = set()
    assert line.first.step() is False  # not before its time
    late = make_later(dock, minutes=6)
    finish(late.first)
    assert len(manifests(dock, bad)) == 1


def make_later(dock: Dock, minutes: int) -> Line:
    """Return the stages of the same dock some minutes later."""
    now = dock.custody.clock.now() + timedelta(minutes=minutes)
    dock.custody = Custody(dock.custody.identity, DockClock(now))
    return line_of(dock)


def test_a_profile_that_is_not_configured_any_more_stops_nothing(dock: Dock) -> None:
    (recording,) = take_in(dock, ONE)
    with dock.store.write() as tx:
        tx.execute("UPDATE dockings SET profile = 'office-own'")
    line = line_of(dock)
    finish(line.first, line.standard)
    assert len(manifests(dock, recording)) == 2


# Standard


def test_standard_waits_for_closed_and_for_revision_1(dock: Dock) -> None:
    line = line_of(dock)
    (recording,) = take_in(dock, ONE, close=False)
    assert line.standard.step() is False
    finish(line.first)
    assert line.standard.step() is False
    dock.ledger.close(dock.store.value("SELECT docking FROM dockings"), removed=False)
    finish(line.standard)
    assert line.inspector.asked_for(Depth.STANDARD) == [[recording]]
    assert [m.revision for m, _ in manifests(dock, recording)] == [1, 2]
    assert dock.store.value("SELECT judged FROM dockings") == 1


def test_the_newest_docking_is_first_and_shifts_are_split_at_breaks(dock: Dock) -> None:
    old = take_in(dock, name("090000", day=1), attachment="old")
    new = take_in(dock, name("090000", day=3), ONE, TWO, attachment="new")
    with dock.store.write() as tx:
        tx.execute("UPDATE dockings SET attached_at = '2026-11-24T00:00:00Z' WHERE attachment = 'old'")
    line = line_of(dock)
    finish(line.first)
    finish(line.standard)
    assert line.inspector.asked_for(Depth.STANDARD) == [[new[0]], new[1:], old]


def test_a_crash_in_the_second_shift_keeps_the_first_and_repeats_the_second(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = take_in(dock, name("090000", day=3), ONE, TWO)
    line = line_of(dock)
    finish(line.first)
    with crash_before_commit(dock.store, monkeypatch, at=2):
        line.standard.step()  # guarded: the docking waits
    assert [len(manifests(dock, r)) for r in recordings] == [2, 1, 1]
    late = make_later(dock, minutes=6)
    finish(late.standard)
    assert [len(manifests(dock, r)) for r in recordings] == [2, 2, 2]
    assert late.inspector.asked_for(Depth.STANDARD) == [recordings[1:]]


def test_a_bug_in_one_docking_leaves_the_others_their_turn(dock: Dock) -> None:
    (bad,) = take_in(dock, ONE, attachment="a")
    (good,) = take_in(dock, TWO, attachment="b")
    line = line_of(dock)
    finish(line.first)
    line.inspector.bad = {bad}
    finish(line.standard)
    assert (len(manifests(dock, bad)), len(manifests(dock, good))) == (1, 2)


def test_what_an_earlier_docking_inspected_is_not_inspected_again(dock: Dock) -> None:
    first = take_in(dock, ONE, attachment="a")
    line = line_of(dock)
    finish(line.first, line.standard)
    second = take_in(dock, ONE, TWO, attachment="b")  # ONE is there already
    assert second[0] == first[0]
    finish(line.first, line.standard)
    assert line.inspector.asked_for(Depth.STANDARD) == [first, second[1:]]
    assert len(manifests(dock, first[0])) == 2


def test_shifts() -> None:
    def row(at: str | None) -> dict[str, str | None]:
        return {"started_at": at, "named_at": None, "modified_at": None}

    rows = [
        row(at) for at in (None, "2026-11-04T08:00:00Z", None, "2026-11-04T08:30:00Z", "2026-11-04T09:30:01Z")
    ]
    assert [len(shift) for shift in split_shifts(rows, 3600)] == [4, 1]  # type: ignore[arg-type]
    assert split_shifts([], 3600) == []


# Re-enrolment


def test_for_another_platform_each_recording_starts_at_revision_1_with_its_newest_report(dock: Dock) -> None:
    (recording,) = take_in(dock, ONE)
    line = line_of(dock)
    finish(line.first, line.standard)
    dock.store.close()
    moved = make_dock(dock.folder, platform="other", key=dock.custody.identity.key)
    again = line_of(moved)
    finish(again.first, again.standard)
    found = manifests(moved, recording)
    assert [(m.platform, m.revision) for m, _ in found] == [("pf", 1), ("pf", 2), ("other", 1)]
    assert found[2][0].prev_manifest is None
    assert found[1][0].report == found[2][0].report
    assert again.inspector.asked == []
    assert events(moved)[-1].data["depth"] == "standard"
    moved.store.close()


# Whose footage a docking is


def test_a_docking_is_an_officers_where_all_that_say_one_say_the_same(dock: Dock) -> None:
    (one,) = take_in(dock, ONE)
    finish(line_of(dock).first)
    docking = dock.store.value("SELECT docking FROM recordings")
    assert officer_of(dock.store, docking) == "J1"
    other = take_in(dock, name("093000", officer="J2"))[0]
    with dock.store.write() as tx:
        tx.execute("UPDATE recordings SET docking = ?, idx = 7 WHERE recording = ?", (docking, other))
    assert officer_of(dock.store, docking) is None
    with dock.store.write() as tx:
        tx.execute("UPDATE recordings SET tag = NULL, name_officer = NULL WHERE recording = ?", (one,))
    assert officer_of(dock.store, docking) == "J2"


# Retag


def test_a_newer_snapshot_tags_what_is_untagged_once_k06(dock: Dock) -> None:
    one, other = take_in(dock, ONE, name("093000", officer="J2"))
    line, retag = line_of(dock), RetagStage(dock.store, dock.custody)
    finish(line.first, retag)
    give_cases(dock, 1, "J1")
    finish(line.first, retag)
    assert [len(manifests(dock, r)) for r in (one, other)] == [2, 1]
    newest = manifests(dock, one)[-1][0]
    assert [(c.case, c.registry_version) for c in newest.tag.cases] == [("CASE-J1", 1)]
    give_cases(dock, 2, "J1", "J2")
    finish(retag)
    assert [len(manifests(dock, r)) for r in (one, other)] == [2, 2]


def test_a_name_from_a_later_snapshot_is_added(dock: Dock) -> None:
    (recording,) = take_in(dock, ONE)
    line, retag = line_of(dock), RetagStage(dock.store, dock.custody)
    finish(line.first, retag)
    rows = [OfficerRow(officer="J1", name="王伟")]
    time = datetime(2026, 11, 25, tzinfo=UTC)
    registry = OfficerRegistry(platform="pf", scope="s", kind="officers", version=1, time=time, rows=rows)
    keep_registry(dock.store, dock.custody.clock, "officers", 1, b"raw", registry.to_bytes())
    finish(retag)
    officer = manifests(dock, recording)[-1][0].tag.officer
    assert officer is not None
    assert (officer.name, officer.by) == ("王伟", "name")


def test_a_crash_in_retagging_is_repeated_without_doubling(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recording,) = take_in(dock, ONE)
    line, retag = line_of(dock), RetagStage(dock.store, dock.custody)
    finish(line.first)
    give_cases(dock, 1, "J1")
    with crash_before_commit(dock.store, monkeypatch):
        retag.step()
    assert len(manifests(dock, recording)) == 1
    make_later(dock, minutes=6)
    finish(RetagStage(dock.store, dock.custody))
    assert len(manifests(dock, recording)) == len(events(dock, "tagged", "inspected")) == 2


def test_what_a_person_says_while_a_batch_is_retagged_stays(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch was read before; the person's revision came between."""
    (recording,) = take_in(dock, ONE)
    line, retag = line_of(dock), RetagStage(dock.store, dock.custody)
    finish(line.first, retag)
    give_cases(dock, 1, "J1")

    def meanwhile(store: Store) -> Registries:
        said = Tag(cases=[Case(case="C9", by="declaration")], confidential="state_secret")
        with store.write() as tx:
            revise(tx, dock.custody, recording, said, "", None)
        return load_registries(store)

    monkeypatch.setattr("daemon.stages.retag.load_registries", meanwhile)
    retag.step()
    newest = manifests(dock, recording)[-1][0].tag
    assert (newest.confidential, [case.case for case in newest.cases]) == ("state_secret", ["C9"])


def test_of_snapshots_only_a_higher_version_counts(dock: Dock) -> None:
    give_cases(dock, 5, "J1")
    for version in (5, 4):
        time = datetime(2026, 11, 25, tzinfo=UTC)
        lower = CaseRegistry(platform="pf", scope="s", kind="cases", version=version, time=time, rows=[])
        assert keep_registry(dock.store, dock.custody.clock, "cases", version, b"", lower.to_bytes()) is False
    registries = load_registries(dock.store)
    assert (registries.versions, registries.case_version, len(registries.cases)) == ("cases 5", 5, 1)


# Told


def test_receipts_are_told_to_the_chain_once_in_a_batch(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = take_in(dock, ONE, TWO)
    finish(line_of(dock).first)
    platform = Platform(dock)
    desk = desk_of(dock, platform)
    for recording in recordings:
        desk.take_receipt(recording, platform.receipt(recording, 1))
    told = ToldStage(dock.store, dock.custody)
    with crash_before_commit(dock.store, monkeypatch), pytest.raises(Crash):
        told.step()
    assert events(dock, "delivered") == []
    finish(told)
    (event,) = events(dock, "delivered")
    taken = Delivered.model_validate(event.data).receipts
    assert {receipt.recording for receipt in taken} == set(recordings)
