"""Files through the receiver: resume, corruption, conflicts, no room, and a kill at any point."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from center import blobs, intake_files, receipting
from center.catalogue import database, recordings, registries
from center.catalogue import transfers as kept
from center.settings import Limits
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock

FOOTAGE = Footage(os.urandom(1_000_000))
HALF = 500_000


def begin(bench: Bench, dock: ScriptedDock, footage: Footage = FOOTAGE) -> tuple[str, str]:
    """Send manifest and init; returns (file id, the manifest's digest)."""
    manifest = dock.manifest(footage)
    bench.manifest(dock, footage, manifest)
    file_id = dock.file_id(footage)
    said = bench.file(dock, file_id, "init", dock.init(footage, manifest.digest).to_bytes())
    assert bench.statuses(said) == ["ranges"]
    return file_id, manifest.digest


def ranges(bench: Bench, said: list[Any]) -> list[list[tuple[int, int]]]:
    return [answer.ranges for answer in bench.answers(said)]


def test_credit_is_cumulative_and_a_restart_goes_on_under_a_new_lease_k04(
    bench: Bench, dock: ScriptedDock
) -> None:
    file_id, digest = begin(bench, dock)
    bench.file(dock, file_id, 0, FOOTAGE.data[:HALF])
    assert ranges(bench, bench.tick(0.03)) == [[(0, HALF)]]
    bench.file(dock, file_id, HALF, FOOTAGE.data[HALF : HALF + 1000])  # never credited
    lease = bench.office.lease

    bench.start()

    (announced,) = bench.answers(bench.said)
    assert (announced.ranges, announced.nonce, announced.lease > lease) == ([(0, HALF)], None, True)
    init = dock.init(FOOTAGE, digest)
    (answer,) = bench.answers(bench.file(dock, file_id, "init", init.to_bytes()))
    assert (answer.ranges, answer.nonce) == ([(0, HALF)], init.nonce)
    bench.file(dock, file_id, HALF, FOOTAGE.data[HALF:])
    before = len(bench.said)
    bench.file(dock, file_id, "fin", dock.fin().to_bytes())
    bench.until(lambda: bool(bench.receipts(bench.said[before:])))
    assert bench.stored(FOOTAGE) == FOOTAGE.data


def test_a_lease_never_goes_back_even_where_the_clock_does(bench: Bench) -> None:
    assert registries.next_lease(bench.office.connection, 0) == bench.office.lease + 1
    far_s = 2 * bench.office.lease
    assert registries.next_lease(bench.office.connection, far_s) == far_s
    bench.office.connection.execute("UPDATE center SET value = 1")  # a restored catalogue
    bench.start()
    assert bench.office.lease > 1_700_000_000_000, "Unix milliseconds"
    assert registries.next_lease(bench.office.connection, 0) == bench.office.lease + 1


def test_each_start_has_a_higher_lease(bench: Bench) -> None:
    leases = []
    for _ in range(3):
        bench.start()
        leases.append(bench.office.lease)
    assert leases == sorted(set(leases))


def test_fin_with_holes_is_answered_with_what_is_there(bench: Bench, dock: ScriptedDock) -> None:
    file_id, _ = begin(bench, dock)
    bench.file(dock, file_id, HALF, FOOTAGE.data[HALF:])
    fin = dock.fin()
    answers = bench.answers(bench.file(dock, file_id, "fin", fin.to_bytes()))
    assert (answers[-1].status, answers[-1].nonce) == ("missing", fin.nonce)
    assert answers[-1].ranges == [(HALF, len(FOOTAGE.data))]


def test_a_segment_with_a_flipped_byte_is_not_written_a16(bench: Bench, dock: ScriptedDock) -> None:
    file_id, _ = begin(bench, dock)
    good = FOOTAGE.data[:1000]
    bad = bytes([good[0] ^ 1]) + good[1:]
    said = bench.file(dock, file_id, 0, bad, sha256=hashlib.sha256(good).hexdigest())
    assert bench.statuses(said) == ["error"]
    assert bench.hear(dock.topics.up(f"file/{file_id}/0"), good) == [], "without its sha256, and hinted once"
    assert bench.answers(bench.tick(0.05)) == []
    assert bench.counted("refused.file.segment_hash") == 2


def test_bytes_that_are_not_those_promised_end_the_attempt(bench: Bench, dock: ScriptedDock) -> None:
    file_id, digest = begin(bench, dock)
    bench.file(dock, file_id, 0, bytes(len(FOOTAGE.data)))  # well packed, but other bytes
    before = len(bench.said)
    bench.file(dock, file_id, "fin", dock.fin().to_bytes())
    bench.until(lambda: "checksum" in bench.statuses(bench.said[before:]))

    assert bench.receipts(bench.said) == []
    assert bench.answers(bench.said)[-1].ranges == []
    assert not bench.receiver._files.busy
    again = bench.file(dock, file_id, "init", dock.init(FOOTAGE, digest).to_bytes())
    assert bench.statuses(again) == ["checksum"], "the id is used up"
    assert len(bench.receipts(bench.transfer(dock, FOOTAGE, digest, attempt=2))) == 1


def test_an_unknown_manifest_and_an_unknown_transfer(bench: Bench, dock: ScriptedDock) -> None:
    file_id = dock.file_id(FOOTAGE)
    init = dock.init(FOOTAGE, "0" * 64)
    (answer,) = bench.answers(bench.file(dock, file_id, "init", init.to_bytes()))
    assert (answer.status, answer.nonce) == ("unknown", init.nonce)
    assert bench.statuses(bench.file(dock, file_id, 0, b"x")) == ["unknown"]
    assert bench.statuses(bench.file(dock, file_id, "fin", dock.fin().to_bytes())) == ["unknown"]


def test_an_init_that_names_a_manifest_which_is_not_held_begins_nothing(
    bench: Bench, dock: ScriptedDock
) -> None:
    file_id, _ = begin(bench, dock)
    bench.file(dock, file_id, "abort", b"")
    again = dock.init(FOOTAGE, "0" * 64, attempt=2)
    assert bench.statuses(bench.file(dock, dock.file_id(FOOTAGE, 2), "init", again.to_bytes())) == ["unknown"]


def test_another_init_for_one_id_is_a_conflict(bench: Bench, dock: ScriptedDock) -> None:
    file_id, digest = begin(bench, dock)
    other = dock.init(FOOTAGE, digest, size=1)
    assert bench.statuses(bench.file(dock, file_id, "init", other.to_bytes())) == ["conflict"]
    wrong_id = dock.init(FOOTAGE, digest, attempt=3)
    assert bench.statuses(bench.file(dock, file_id, "init", wrong_id.to_bytes())) == ["error"]


def test_a_new_attempt_ends_the_one_before(bench: Bench, dock: ScriptedDock) -> None:
    file_id, digest = begin(bench, dock)
    bench.file(dock, file_id, 0, FOOTAGE.data[:HALF])
    assert len(bench.receipts(bench.transfer(dock, FOOTAGE, digest, attempt=2))) == 1
    late = bench.file(dock, file_id, HALF, FOOTAGE.data[HALF:])
    assert bench.statuses(late) == ["unknown"]


def test_abort_ends_an_attempt(bench: Bench, dock: ScriptedDock) -> None:
    file_id, digest = begin(bench, dock)
    bench.file(dock, file_id, 0, FOOTAGE.data[:HALF])
    assert bench.file(dock, file_id, "abort", b"") == []
    assert list(bench.folder.incoming.iterdir()) == []
    again = bench.file(dock, file_id, "init", dock.init(FOOTAGE, digest).to_bytes())
    assert bench.statuses(again) == ["conflict"]


def test_one_dock_cannot_touch_the_transfer_of_another(bench: Bench, dock: ScriptedDock) -> None:
    file_id, _ = begin(bench, dock)
    other = bench.enrol("dock-2")
    assert bench.statuses(bench.file(other, file_id, 0, FOOTAGE.data[:10])) == ["unknown"]
    assert bench.file(other, file_id, "abort", b"") == []
    bench.file(dock, file_id, 0, FOOTAGE.data[:10])
    assert ranges(bench, bench.tick(0.05)) == [[(0, 10)]]


def test_a_full_dock_quota_is_full_and_of_too_many_transfers_the_oldest_begins_anew(tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=0, dock_bytes=1_500_000, open_transfers=2)
    with Bench(tmp_path / "center", limits) as bench:
        dock = bench.enrol("dock-1")
        first, _ = begin(bench, dock)
        too_much = Footage(os.urandom(600_000), b"2")
        small = [Footage(b"a", b"3"), Footage(b"b", b"4")]
        statuses = []
        for footage in (too_much, *small):
            manifest = dock.manifest(footage)
            bench.manifest(dock, footage, manifest)
            init = dock.init(footage, manifest.digest)
            said = bench.file(dock, dock.file_id(footage), "init", init.to_bytes())
            statuses += bench.statuses(said)
        assert statuses == ["full", "ranges", "ranges"]
        assert bench.statuses(bench.file(dock, first, 0, FOOTAGE.data[:10])) == ["unknown"]
        assert bench.counted("trouble.transfers") == 1
        assert begin(bench, dock)[0] == first  # it is answered with its ranges


def test_made_up_attempts_leave_no_rows_without_end(bench: Bench, dock: ScriptedDock) -> None:
    _, manifest = begin(bench, dock)
    for attempt in range(2, 60):
        init = dock.init(FOOTAGE, manifest, attempt=attempt)
        bench.file(dock, dock.file_id(FOOTAGE, attempt), "init", init.to_bytes())
    with database.reading(bench.folder) as connection:
        rows = connection.execute("SELECT state, count(*) FROM transfers GROUP BY state").fetchall()
    assert sorted(map(tuple, rows)) == [("aborted", kept.KEPT_ATTEMPTS), ("open", 1)]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    where = tmp_path / "tiny"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True)


def test_a_full_disk_is_said_and_mended_by_room(tiny: Path) -> None:
    filler = tiny / "filler"
    with Bench(tiny / "center") as bench:
        dock = bench.enrol("dock-1")
        large = Footage(os.urandom(2_000_000))
        file_id, digest = begin(bench, dock, large)
        filler.write_bytes(bytes(os.statvfs(tiny).f_bavail * 4096 - 500_000))

        said: list[Any] = []
        for offset in range(0, 2_000_000, 250_000):
            said += bench.file(dock, file_id, offset, large.data[offset : offset + 250_000])
            said += bench.tick(0.05)
        assert "full" in bench.statuses(said)
        init = dock.init(large, digest)
        assert bench.statuses(bench.file(dock, file_id, "init", init.to_bytes())) == ["full"]

        filler.unlink()
        assert len(bench.receipts(bench.transfer(dock, large, digest))) == 1
        assert bench.stored(large) == large.data
        assert bench.counted("bug") == 0


def test_killed_between_store_and_catalogue_no_byte_goes_again(
    bench: Bench, dock: ScriptedDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, manifest)
    with monkeypatch.context() as patch:
        kill_at(patch, blobs.Blobs, "adopt", after=True)
        with pytest.raises(Killed):
            bench.transfer(dock, FOOTAGE, manifest.digest)

    bench.start()
    bench.until(lambda: bool(bench.receipts(bench.said)))  # it reads back by itself: no `fin` needed

    assert ranges(bench, bench.said)[0] == [(0, len(FOOTAGE.data))]
    assert bench.stored(FOOTAGE) == FOOTAGE.data


def test_a_sync_that_fails_credits_nothing_though_the_next_succeeds(
    bench: Bench, dock: ScriptedDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "I/O error")

    file_id, _ = begin(bench, dock)
    bench.file(dock, file_id, 0, FOOTAGE.data[:HALF])
    with monkeypatch.context() as patch:
        patch.setattr(blobs.Blobs, "sync", fail)
        assert bench.statuses(bench.tick(0.05)) == ["error"]
    assert bench.answers(bench.tick(0.05)) == []
    bench.file(dock, file_id, HALF, FOOTAGE.data[HALF:])
    assert ranges(bench, bench.tick(0.05)) == [[(HALF, len(FOOTAGE.data))]]


class Killed(BaseException):
    """The process is gone: nothing after it runs, no handler sees it."""


POINTS: list[tuple[Any, str]] = [
    (blobs.Blobs, "create"),
    (kept, "add"),
    (blobs.Blobs, "write"),
    (blobs.Blobs, "sync"),
    (kept, "note_ranges"),
    (blobs.Blobs, "adopt"),
    (recordings, "set_stored"),
    (kept, "end"),
    (blobs.Blobs, "drop"),
    (receipting.Receipting, "_sign"),
    (recordings, "add_receipt"),
    (recordings, "add_manifest"),
    (intake_files.FileIntake, "_complete"),
]


def kill_at(patch: pytest.MonkeyPatch, where: Any, name: str, after: bool) -> Callable[[], bool]:
    """Have the next call of `name` end the process, before or after its work."""
    real = getattr(where, name)
    calls: list[bool] = []

    def killing(*args: Any, **kwargs: Any) -> Any:
        calls.append(True)
        if after:
            real(*args, **kwargs)
        raise Killed

    patch.setattr(where, name, killing)
    return lambda: bool(calls)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "name"), POINTS, ids=[name for _, name in POINTS])
def test_killed_at_any_step_it_ends_with_the_right_bytes_and_one_receipt_e05_e06(
    bench: Bench, dock: ScriptedDock, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, after: bool
) -> None:
    manifest = dock.manifest(FOOTAGE)
    with monkeypatch.context() as patch:
        was_called = kill_at(patch, where, name, after)
        with pytest.raises(Killed):
            bench.manifest(dock, FOOTAGE, manifest)
            bench.transfer(dock, FOOTAGE, manifest.digest, segment=400_000)
        assert was_called()
    bench.start()  # what the dock does after a restart of the platform: everything again

    bench.manifest(dock, FOOTAGE, manifest)
    bench.transfer(dock, FOOTAGE, manifest.digest, segment=300_000)

    assert bench.stored(FOOTAGE) == FOOTAGE.data
    assert list(bench.folder.incoming.iterdir()) == []
    (receipt,) = {r.receipt for r in bench.receipts(bench.said)}
    with database.reading(bench.folder) as connection:
        signed = recordings.receipts(connection, dock.name, FOOTAGE.recording)
    assert [one.receipt for one in signed] == [receipt]
