"""What a profile leaves out: named, counted, in the chain; footage in disguise is taken (S3)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.dockings import dockings_json
from daemon.status import dock_json, show_json
from dock.listing import digest_of
from tests.daemon.vault_bench import VaultBench, vault_bench
from uplink import envelope
from uplink.messages import CustodyEvent

KARMA = (Path(__file__).resolve().parents[1] / "data/footage/karma.mp4").read_bytes()
RUBBISH = b"MZ" + os.urandom(2 * 1024 * 1024)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VaultBench]:
    with vault_bench(tmp_path) as made:
        yield made


def _event(bench: VaultBench, kind: str) -> dict[str, object]:
    (row,) = bench.store.rows("SELECT raw FROM events WHERE kind = ?", (kind,))
    return CustodyEvent.parse(envelope.peek(row["raw"], "event")).data


@pytest.mark.parametrize("name", ["setup.exe", "desktop.ini", "._x", "RECYCLER/a.bin", "a.lnk", "x.lrv"])
def test_footage_is_taken_whatever_it_is_called_s03(bench: VaultBench, name: str) -> None:
    bench.take_in({"DCIM/20261124_090000.mp4": b"small", name: KARMA})
    row = bench.row(bench.recordings()[name])
    assert row["kind"] == "video"
    assert bench.path(row["recording"]).read_bytes() == KARMA


def test_rubbish_stays_out_and_every_name_is_given_with_its_reason_s03(
    bench: VaultBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    names = ["$RECYCLE.BIN/x", "DCIM/a.thm", "setup.exe"]
    docking = bench.take_in({"DCIM/a.mp4": b"small", "setup.exe": RUBBISH, names[0]: b"x", names[1]: b"t"})
    assert set(bench.recordings()) == {"DCIM/a.mp4"}
    (told,) = dockings_json(bench.store)
    assert told["left_out"] == names
    assert told["explained"]["left_out"]["count"] == 3
    said = [record.getMessage() for record in caplog.records]
    assert any("leaves out 3 files: " + ", ".join(names) in text for text in said)
    assert (
        f"slot {docking.slot.number}: docking {docking.id} closed: 4 files listed, 1 stored, 3 left out"
        in said
    )
    (recording,) = bench.recordings().values()
    assert show_json(bench.store, recording)["left_out"] == names
    assert dock_json(bench.store)["left_out"] == {"dockings": 1, "files": 3}


def test_the_chain_commits_to_every_name_that_was_left_out_s03(bench: VaultBench) -> None:
    """`listed` has a digest over all names, sizes and times; `closed` the sum by reason (trust.md)."""
    bench.take_in({"DCIM/a.mp4": b"small", "DCIM/a.thm": b"thumb"})
    rows = bench.store.rows("SELECT path, size FROM files ORDER BY path")
    assert [bytes(row["path"]) for row in rows] == [b"DCIM/a.mp4", b"DCIM/a.thm"]
    folder = bench.card.path
    entries = [
        (bytes(row["path"]), row["size"], (folder / os.fsdecode(row["path"])).stat().st_mtime_ns)
        for row in rows
    ]
    listed = _event(bench, "listed")
    assert listed["listing"] == digest_of(entries)
    assert listed["listing"] != digest_of(entries[:1])
    assert _event(bench, "closed")["explained"] == [{"count": 1, "bytes": 5, "reason": "left_out"}]
