"""`center verify`: chains, sums, revisions, receipts and stored bytes, each flaw at its place."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from center.verifying import Checked, Verifier
from daemon.cli.center import center_group
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock

ONE, TWO = Footage(b"1" * 1000, b"1.mp4"), Footage(b"2" * 2000, b"2.mp4")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path / "center") as made:
        yield made


@pytest.fixture
def docks(bench: Bench) -> tuple[ScriptedDock, ScriptedDock]:
    """Two docks that brought the same two recordings."""
    return fill(bench, "dock-1"), fill(bench, "dock-2")


def fill(bench: Bench, name: str) -> ScriptedDock:
    dock = bench.enrol(name)
    bench.event(dock, dock.enrolled())
    docking = {"docking": "ab" * 16}
    sizes = [len(ONE.data), len(TWO.data)]
    total = {"count": 2, "bytes": sum(sizes)}
    bench.event(dock, dock.event("listed", {**docking, **total, "listing": "ab" * 32}))
    for index, footage in enumerate((ONE, TWO)):
        stored = {
            **docking,
            "index": index,
            "path_b64": "",
            "size": len(footage.data),
            "sha256": footage.sha256,
            "zero_bytes": 0,
        }
        bench.event(dock, dock.event("stored", stored, recording=footage.recording))
    none = {"count": 0, "bytes": 0}
    closed = {**docking, "listed": total, "stored": total, "already_stored": none, "explained": []}
    bench.event(dock, dock.event("closed", closed))
    for footage in (ONE, TWO):
        manifest = dock.manifest(footage)
        bench.manifest(dock, footage, manifest)
        bench.transfer(dock, footage, manifest.digest)
        committed = {"manifest": manifest.digest, "revision": 1, "by": "none"}
        bench.event(dock, dock.event("tagged", committed, recording=footage.recording))
    return dock


def checked(bench: Bench, *, deep: bool = True) -> Checked:
    return Verifier(bench.folder, deep=deep).every_dock()


def flaws(found: Checked) -> set[tuple[str, str]]:
    return {(flaw.place, flaw.code) for flaw in found.flaws}


def test_what_nobody_touched_holds(bench: Bench, docks: object) -> None:
    found = checked(bench)
    assert (found.flaws, found.notes) == ([], [])
    assert found.counts == {
        "docks": 2,
        "events": 14,
        "dockings": 2,
        "recordings": 4,
        "manifests": 4,
        "receipts": 4,
        "blobs": 2,
        "bytes": 3000,
    }


@pytest.mark.parametrize(
    ("sql", "place", "code"),
    [
        ("DELETE FROM events WHERE n = 2 AND dock = 'dock-1'", "event 3 of", "gap"),
        ("UPDATE events SET raw = (SELECT raw FROM events WHERE n = 3) WHERE n = 2", "event 2 of", "column"),
        ("UPDATE events SET line = 'merged' WHERE n = 6", "head", "head"),
        ("DELETE FROM manifests", "recording ", "missing"),
        ("UPDATE recordings SET sha256 = 'ab' || substr(sha256, 3)", "recording ", "facts"),
        ("UPDATE receipts SET raw = CAST(raw || 'x' AS BLOB)", "recording ", "receipt.json"),
        ("UPDATE recordings SET stored_at = NULL", "recording ", "unstored"),
    ],
)
def test_a_change_in_the_catalogue_is_found_where_it_is(
    bench: Bench, docks: object, sql: str, place: str, code: str
) -> None:
    connection = sqlite3.connect(bench.folder.catalogue)
    assert connection.execute(sql).rowcount >= 1
    connection.commit()
    connection.close()
    found = flaws(checked(bench))
    assert any(at.startswith(f"dock dock-1, {place}") and code == what for at, what in found), found


def test_a_stored_file_that_changed_is_a_flaw_of_every_dock_that_brought_it(
    bench: Bench, docks: object
) -> None:
    bench.folder.blob(ONE.sha256).write_bytes(b"x" * len(ONE.data))
    assert flaws(checked(bench, deep=False)) == set()
    assert flaws(checked(bench)) == {
        (f"dock {name}, recording {ONE.recording}", "blob") for name in ("dock-1", "dock-2")
    }
    bench.folder.blob(TWO.sha256).unlink()
    assert len(flaws(checked(bench, deep=False))) == 2


def test_a_docking_that_the_docks_own_events_contradict(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    total, none = {"count": 1, "bytes": 10}, {"count": 0, "bytes": 0}
    bench.event(dock, dock.event("listed", {"docking": "ab" * 16, **total, "listing": "ab" * 32}))
    closed = {
        "docking": "ab" * 16,
        "listed": total,
        "stored": total,
        "already_stored": none,
        "explained": [],
    }
    bench.event(dock, dock.event("closed", closed))
    found = checked(bench)
    assert [(flaw.code, "the events say 0, 0" in flaw.text) for flaw in found.flaws] == [("sum", True)]


def test_a_revision_on_its_way_is_a_note(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    committed = {"manifest": "ab" * 32, "revision": 1, "by": "none"}
    bench.event(dock, dock.event("tagged", committed, recording=ONE.recording))
    found = checked(bench)
    assert found.flaws == []
    assert len(found.notes) == 1


def test_the_command_says_so_by_its_status(bench: Bench, docks: object) -> None:
    words = ["verify", "--folder", str(bench.folder.root)]
    result = CliRunner().invoke(center_group, words)
    assert (result.exit_code, "all of it holds" in result.output) == (0, True)
    bench.folder.blob(ONE.sha256).unlink()
    result = CliRunner().invoke(center_group, [*words, "dock-1", "--json"])
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert [flaw["code"] for flaw in answer["flaws"]] == ["blob"]
