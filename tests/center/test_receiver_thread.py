"""A recording's way through the receiver: manifest, bytes, receipts for each revision."""

from __future__ import annotations

import hashlib
import json
import os

from center.catalogue import database, recordings
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock

FOOTAGE = Footage(os.urandom(1_234_567))
EMPTY = Footage(b"")


def test_manifest_bytes_and_receipt(bench: Bench, dock: ScriptedDock) -> None:
    bench.event(dock, dock.enrolled())
    manifest = dock.manifest(FOOTAGE)
    assert bench.manifest(dock, FOOTAGE, manifest) == []  # no receipt before the bytes

    said = bench.transfer(dock, FOOTAGE, manifest.digest)

    assert bench.statuses(said)[-2:] == ["verifying", "complete"]
    (receipt,) = bench.receipts(said)
    assert (receipt.manifest, receipt.revision) == (manifest.digest, 1)
    assert (receipt.sha256, receipt.size, receipt.dock_key) == (
        FOOTAGE.sha256,
        len(FOOTAGE.data),
        dock.key.key_id,
    )
    assert receipt.stored.verified_by_reading
    assert bench.stored(FOOTAGE) == FOOTAGE.data
    assert list(bench.folder.incoming.iterdir()) == []


def test_a_later_revision_gets_its_own_receipt_and_no_bytes_travel(bench: Bench, dock: ScriptedDock) -> None:
    first = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, first)
    (one,) = bench.receipts(bench.transfer(dock, FOOTAGE, first.digest))

    second = dock.manifest(FOOTAGE, 2, first.digest)
    said = bench.manifest(dock, FOOTAGE, second)

    (two,) = bench.receipts(said)
    assert (two.revision, two.manifest, two.supersedes) == (2, second.digest, one.receipt)
    assert two.receipt != one.receipt
    assert bench.answers(said) == []


def test_the_receipt_is_for_the_newest_manifest_held_when_the_bytes_are(
    bench: Bench, dock: ScriptedDock
) -> None:
    first = dock.manifest(FOOTAGE)
    second = dock.manifest(FOOTAGE, 2, first.digest)
    bench.manifest(dock, FOOTAGE, first)
    bench.manifest(dock, FOOTAGE, second)
    receipts = bench.receipts(bench.transfer(dock, FOOTAGE, first.digest))
    assert [receipt.revision for receipt in receipts] == [2]


def test_asked_again_the_same_receipt_is_given_again_k08(bench: Bench, dock: ScriptedDock) -> None:
    manifest = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, manifest)
    (receipt,) = bench.receipts(bench.transfer(dock, FOOTAGE, manifest.digest))
    file_id = dock.file_id(FOOTAGE)

    by_manifest = bench.manifest(dock, FOOTAGE, manifest)
    fin = dock.fin()
    by_fin = bench.file(dock, file_id, "fin", fin.to_bytes())
    init = dock.init(FOOTAGE, manifest.digest)
    by_init = bench.file(dock, file_id, "init", init.to_bytes())

    for said in (by_manifest, by_fin, by_init):
        assert bench.receipts(said) == [receipt]
    assert [a.nonce for a in bench.answers(by_fin + by_init)] == [fin.nonce, init.nonce]
    assert bench.statuses(by_fin + by_init) == ["complete", "complete"]


def test_an_empty_file_is_init_and_fin(bench: Bench, dock: ScriptedDock) -> None:
    manifest = dock.manifest(EMPTY)
    bench.manifest(dock, EMPTY, manifest)
    assert [r.size for r in bench.receipts(bench.transfer(dock, EMPTY, manifest.digest))] == [0]
    assert bench.stored(EMPTY) == b""


def test_equal_bytes_of_two_cameras_and_two_docks_are_all_recordings_and_all_travel_a16(
    bench: Bench, dock: ScriptedDock
) -> None:
    other = bench.enrol("dock-2")
    twin = Footage(FOOTAGE.data, serial="CAM0002")
    for sender, footage in ((dock, FOOTAGE), (dock, twin), (other, FOOTAGE)):
        manifest = sender.manifest(footage)
        assert bench.manifest(sender, footage, manifest) == []
        init = sender.init(footage, manifest.digest)
        said = bench.file(sender, sender.file_id(footage), "init", init.to_bytes())
        assert [(a.status, a.ranges) for a in bench.answers(said)] == [("ranges", [])]
        assert len(bench.receipts(bench.transfer(sender, footage, manifest.digest))) == 1
    with database.reading(bench.folder) as connection:
        assert len(recordings.every(connection)) == 3
    assert [path for path in bench.folder.store.rglob("*") if path.is_file()] == [
        bench.folder.store / FOOTAGE.sha256[:2] / FOOTAGE.sha256[2:4] / FOOTAGE.sha256
    ]


def test_a_report_beside_has_to_come_before_the_receipt(bench: Bench, dock: ScriptedDock) -> None:
    report = json.dumps({"schema": "bodydock.report/1", "padding": "x" * 40_000}).encode()
    digest = hashlib.sha256(report).hexdigest()
    named = {"depth": "fast", "verdict": "unchecked", "sha256": digest, "size": len(report)}
    manifest = dock.manifest(FOOTAGE, report=named)
    bench.manifest(dock, FOOTAGE, manifest)
    assert bench.receipts(bench.transfer(dock, FOOTAGE, manifest.digest)) == []

    wrong = bench.hear(dock.topics.up(f"reports/{digest}"), report[:-1])
    right = bench.hear(dock.topics.up(f"reports/{digest}"), report)

    assert (bench.receipts(wrong), bench.counted("refused.reports.report")) == ([], 1)
    assert len(bench.receipts(right)) == 1


def test_a_report_before_its_manifest_is_kept(bench: Bench, dock: ScriptedDock) -> None:
    report = b"{}"
    digest = hashlib.sha256(report).hexdigest()
    bench.hear(dock.topics.up(f"reports/{digest}"), report)
    named = {"depth": "fast", "verdict": "unchecked", "sha256": digest, "size": 2}
    manifest = dock.manifest(FOOTAGE, report=named)
    bench.manifest(dock, FOOTAGE, manifest)
    assert len(bench.receipts(bench.transfer(dock, FOOTAGE, manifest.digest))) == 1


def test_heads_are_signed_retained_and_grouped(bench: Bench, dock: ScriptedDock) -> None:
    assert bench.receiver.connected()[0].retain
    assert bench.heads(bench.receiver.connected())[0].at is None
    bench.tick(1.0)
    bench.event(dock, dock.enrolled())
    bench.event(dock, dock.event("attached"))
    first = bench.tick()
    bench.event(dock, dock.event("listed"))
    too_soon, later = bench.tick(0.05), bench.tick(0.06)

    assert [head.at.n for head in bench.heads(first) if head.at] == [1]
    assert bench.heads(too_soon) == []
    assert [head.at for head in bench.heads(later)] == [dock.head]
    assert all(out.retain for out in first + later)


def test_a_dock_enrolled_while_the_center_runs_is_told_its_head(bench: Bench) -> None:
    bench.tick(2.0)
    bench.enrol("dock-9")
    bench.tick(2.0)
    assert [head.dock for head in bench.heads(bench.tick(1.0))] == ["dock-9"]


def test_bytes_that_the_store_lost_are_not_receipted_again(bench: Bench, dock: ScriptedDock) -> None:
    first = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, first)
    bench.transfer(dock, FOOTAGE, first.digest)
    (bench.folder.store / FOOTAGE.sha256[:2] / FOOTAGE.sha256[2:4] / FOOTAGE.sha256).unlink()

    second = dock.manifest(FOOTAGE, 2, first.digest)
    assert bench.receipts(bench.manifest(dock, FOOTAGE, second)) == []

    assert bench.counted("store.lost") == 1
    again = bench.file(dock, dock.file_id(FOOTAGE), "init", dock.init(FOOTAGE, second.digest).to_bytes())
    assert bench.statuses(again) == ["conflict"], "the id is used up"
    said = bench.transfer(dock, FOOTAGE, second.digest, attempt=2)
    assert [receipt.revision for receipt in bench.receipts(said)] == [2]
