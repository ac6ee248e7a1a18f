"""What anybody can cause at will: counters, log lines, quarantine and rows stay bounded (S2)."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from center.catalogue import database, evidence, troubles
from center.quiet import EVERY_S, MAX_KINDS, Quiet
from center.reading import status
from center.settings import Limits
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock

FOOTAGE = Footage(os.urandom(1000))


def test_made_up_topics_make_one_counter(bench: Bench, dock: ScriptedDock) -> None:
    for n in range(300):
        bench.hear(dock.topics.up(f"made-up-{n}"), b"x")
        bench.hear(dock.topics.up(f"made-up-{n}/more"), b"x")
        bench.hear(f"bodydock/1/site-1/nobody-{n}/up/events", b"x")
        bench.hear(f"bodydock/1/site-1/{'x' * 40}-{n}/up/events", b"x")
    counted = bench.counters()
    assert len(counted) <= 4, counted
    assert counted["refused.other.topic"] == 600


def test_a_flood_of_refusals_is_logged_once_and_then_summed_up(
    bench: Bench, dock: ScriptedDock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="center")
    for n in range(500):
        bench.hear(dock.topics.up("events"), b"garbage %d" % n)
    assert len(caplog.records) == 1
    bench.tick(EVERY_S + 1)
    assert len(caplog.records) == 2
    assert "499 more" in caplog.records[1].getMessage()
    bench.hear(dock.topics.up(f"manifests/{FOOTAGE.recording}"), b"x")
    assert len(caplog.records) == 3, "another kind is said at once"


def test_kinds_of_log_lines_are_bounded_and_forgotten() -> None:
    now = [0.0]
    lines: list[str] = []
    logger = logging.Logger("test")
    logger.addHandler(_To(lines))
    quiet = Quiet(logger, lambda: now[0])
    for n in range(3 * MAX_KINDS):
        quiet.say(f"kind {n}", logging.INFO, "x")
    assert len(lines) == MAX_KINDS + 1
    now[0] = EVERY_S
    quiet.tick()
    assert len(lines) == MAX_KINDS + 2
    now[0] = 3 * EVERY_S
    quiet.tick()
    assert quiet._held == {}


class _To(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def kept(bench: Bench, dock: str) -> list[tuple[str, bool]]:
    """Return what is in quarantine of a dock: the bytes, and whether its key signed them."""
    with database.reading(bench.folder) as connection:
        rows = connection.execute("SELECT raw, signed FROM quarantine WHERE dock = ? ORDER BY id", (dock,))
        return [(bytes(row["raw"]).decode(), bool(row["signed"])) for row in rows]


def test_a_flood_keeps_how_it_began_and_how_it_goes_on_and_pushes_out_nothing_signed(tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=0, quarantine_items=10)
    with Bench(tmp_path / "center", limits) as bench:
        dock, other = bench.enrol("dock-1"), bench.enrol("dock-2")
        bench.hear(other.topics.up("events"), b"other")
        for n in range(50):
            bench.hear(dock.topics.up("events"), b"garbage %d" % n)
        # The dock itself signs two first revisions: evidence, and it has a share of its own.
        bench.manifest(dock, FOOTAGE, dock.manifest(FOOTAGE))
        conflict = dock.manifest(FOOTAGE, run="1" * 32)
        bench.manifest(dock, FOOTAGE, conflict)
        # What it signed for another place is evidence too.
        strayed = dock.manifest(FOOTAGE)
        bench.hear(dock.topics.up("manifests/" + "a" * 26), strayed.raw)
        for n in range(50, 100):
            bench.hear(dock.topics.up("events"), b"garbage %d" % n)

        unsigned = [text for text, signed in kept(bench, "dock-1") if not signed]
        assert unsigned == [f"garbage {n}" for n in (0, 1, 2, 3, 4, 95, 96, 97, 98, 99)]
        signed = [text for text, by_key in kept(bench, "dock-1") if by_key]
        assert signed[0] == conflict.raw.decode()
        assert strayed.raw.decode() in signed
        assert kept(bench, "dock-2") == [("other", False)]
        bench.office.flush_counters()
        assert [one["name"] for one in standing(bench)] == ["evidence_dropped"]


def test_quarantine_is_bounded_by_bytes_too(tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=0, quarantine_items=100, quarantine_bytes=10_000)
    with Bench(tmp_path / "center", limits) as bench:
        dock = bench.enrol("dock-1")
        for n in range(30):
            bench.hear(dock.topics.up("events"), b"%04d" % n + bytes(996))
        bench.hear(dock.topics.up("events"), bytes(6000))
        found = [text[:4] for text, _ in kept(bench, "dock-1")]
        assert found == ["0000", "0001", "0002", "0003", "0004", "0025", "0026", "0027", "0028", "0029"]


def test_what_is_there_already_takes_no_room(bench: Bench, dock: ScriptedDock) -> None:
    item = evidence.Evidence("dock-1", "t", "c", "r", b"raw")
    with database.writing(bench.office.connection) as connection:
        for _ in range(3):
            assert evidence.keep(connection, item, Limits(), datetime.now(UTC)) == evidence.Kept(True)
    assert len(kept(bench, "dock-1")) == 1


def standing(bench: Bench) -> list[dict[str, object]]:
    with database.reading(bench.folder) as connection:
        return [dict(row) for row in troubles.listed(connection)]


def forge(bench: Bench, dock: ScriptedDock, attempt: int = 1) -> None:
    """Have a whole file of other bytes arrive under the dock's name."""
    manifest = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, manifest)
    file_id = dock.file_id(FOOTAGE, attempt)
    bench.file(dock, file_id, "init", dock.init(FOOTAGE, manifest.digest, attempt).to_bytes())
    bench.file(dock, file_id, 0, bytes(len(FOOTAGE.data)))
    bench.file(dock, file_id, "fin", dock.fin().to_bytes())
    bench.until(lambda: not bench.receiver._files.busy)


def test_forged_bytes_are_a_trouble_that_names_the_topic_and_fades_b4(
    bench: Bench, dock: ScriptedDock, caplog: pytest.LogCaptureFixture
) -> None:
    for attempt in (1, 2):
        forge(bench, dock, attempt)
    bench.tick(2.0)
    with bench.folder.locked("run"):  # as the receiver that runs
        (one,) = status(bench.folder, datetime.now(UTC))["troubles"]
    assert (one["name"], one["dock"], one["times"], one["severity"]) == (
        "forged_bytes",
        "dock-1",
        2,
        "critical",
    )
    assert dock.topics.up(f"file/{dock.file_id(FOOTAGE, 2)}") in one["detail"]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert dock.topics.up(f"file/{dock.file_id(FOOTAGE)}/#") in said[0]
    bench.office.now = lambda: datetime.now(UTC) + timedelta(days=2)
    bench.tick(100.0)
    assert standing(bench) == []


def test_rows_of_used_up_attempts_go_when_the_bytes_are_stored(bench: Bench, dock: ScriptedDock) -> None:
    manifest = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, manifest)
    for attempt in range(1, 9):
        init = dock.init(FOOTAGE, manifest.digest, attempt)
        bench.file(dock, dock.file_id(FOOTAGE, attempt), "init", init.to_bytes())
    assert len(bench.receipts(bench.transfer(dock, FOOTAGE, manifest.digest, attempt=9))) == 1
    with database.reading(bench.folder) as connection:
        rows = connection.execute("SELECT attempt, state FROM transfers").fetchall()
    assert [tuple(row) for row in rows] == [(9, "done")]
    again = bench.file(dock, dock.file_id(FOOTAGE, 3), "fin", dock.fin().to_bytes())
    assert bench.statuses(again) == ["unknown"]


def test_of_too_many_transfers_one_that_holds_bytes_goes_last_b4(tmp_path: Path) -> None:
    with Bench(tmp_path / "center", Limits(reserve_bytes=0, open_transfers=2)) as bench:
        dock = bench.enrol("dock-1")
        footages = [Footage(os.urandom(1000), b"%d" % n) for n in range(6)]
        for n, footage in enumerate(footages):
            manifest = dock.manifest(footage)
            bench.manifest(dock, footage, manifest)
            init = dock.init(footage, manifest.digest)
            said = bench.file(dock, dock.file_id(footage), "init", init.to_bytes())
            assert bench.statuses(said) == ["ranges"]
            if n == 0:
                bench.file(dock, dock.file_id(footage), 0, footage.data[:500])
            bench.tick(1.0)
        said = bench.file(dock, dock.file_id(footages[0]), "fin", dock.fin().to_bytes())
        assert [(a.status, a.ranges) for a in bench.answers(said)] == [("missing", [(0, 500)])]


def test_a_bug_that_others_can_cause_floods_no_log(
    bench: Bench, dock: ScriptedDock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(bench.receiver), "_route", fail)
    for _ in range(20):
        bench.hear(dock.topics.up("events"), b"{}")
    assert bench.counted("bug") == 20
    (record,) = caplog.records
    assert record.exc_info is not None
