"""Conservation: bytes listed = stored + already stored + explained, for every docking."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import ValidationError

from daemon.ingest.arriving import Arrived, FileTimes
from daemon.ingest.memory import Memory
from dock.docking import Docking
from dock.listing import CardFile, Reason
from tests.daemon.conftest import Dock, listing
from uplink import envelope
from uplink.ids import recording_id
from uplink.keys import Role
from uplink.messages import CustodyEvent
from uplink.messages.custody import Closed, Listed, RemovedEarly

SHA256 = "ab" * 32


def arrived(docking: Docking, file: CardFile, sha256: str = SHA256) -> Arrived:
    recording = recording_id(docking.camera.serial, file.path, file.size_bytes, sha256)
    return Arrived(
        docking=docking.id,
        index=file.index,
        serial=docking.camera.serial,
        serial_by=docking.camera.serial_by,
        path=file.path,
        kind=file.kind,
        marked=False,
        facts=file.facts,
        times=FileTimes(file.modified_at, None),
        size_bytes=file.size_bytes,
        sha256=sha256,
        zero_bytes=0,
        recording=recording,
        vault=f"{recording[:2]}/{recording}.mp4",
    )


def events(dock: Dock, kind: str) -> list[CustodyEvent]:
    rows = dock.store.rows("SELECT raw FROM events WHERE kind = ? ORDER BY place, n", (kind,))
    return [
        CustodyEvent.parse(envelope.unseal(row["raw"], "event", dock.own_ring, Role.DOCK).payload)
        for row in rows
    ]


def test_listed_is_committed_before_anything_is_stored(dock: Dock) -> None:
    found = listing({b"a.mp4": 10, b"b.mp4": 20}, {b"c": 5})
    docking = dock.begin(found)
    listed = Listed.model_validate(events(dock, "listed")[0].data)
    assert (listed.count, listed.bytes, listed.listing) == (3, 35, found.digest)
    states = dock.ledger.states(docking.id)
    assert [state for state, _ in states.values()] == ["listed", "listed", "explained"]


def test_a_docking_adds_up(dock: Dock) -> None:
    found = listing({b"a.mp4": 10, b"b.mp4": 20, b"c.mp4": 30}, {b"d": 5})
    docking = dock.begin(found)
    first, second, third = found.files
    dock.ledger.store(arrived(docking, first))
    dock.ledger.store(arrived(docking, second))
    dock.ledger.explain(docking.id, third.index, Reason.CHANGED, "test")
    closed = dock.ledger.close(docking.id, removed=False)
    assert (closed.listed.bytes, closed.stored.bytes, closed.already_stored.bytes) == (65, 30, 0)
    assert {(e.reason, e.bytes) for e in closed.explained} == {("changed", 30), ("unreadable", 5)}
    assert Closed.model_validate(events(dock, "closed")[0].data) == closed


def test_a_docking_with_an_open_file_cannot_be_closed_as_complete(dock: Dock) -> None:
    docking = dock.begin(listing({b"a.mp4": 10}))
    with pytest.raises(ValidationError, match="listed are not"):
        dock.ledger.close(docking.id, removed=False)
    assert events(dock, "closed") == []
    row = dock.store.row("SELECT state FROM dockings")
    assert row is not None
    assert row["state"] == "pulling"


def test_a_camera_that_left_early_is_named_with_what_is_missing_b14(dock: Dock) -> None:
    found = listing({b"a.mp4": 10, b"b.mp4": 20})
    docking = dock.begin(found)
    dock.ledger.store(arrived(docking, found.files[0]))
    closed = dock.ledger.close(docking.id, removed=True)
    assert closed.stored.bytes == 10
    assert [(e.reason, e.count, e.bytes) for e in closed.explained] == [("gone", 1, 20)]
    early = RemovedEarly.model_validate(events(dock, "removed_early")[0].data)
    assert early.missing.bytes == 20
    (left,) = Memory(dock.store, dock.vault).left_behind("CAM1", b"b.mp4", 20)
    assert (left["docking"], left["idx"]) == (docking.id, 1)


def test_equal_content_in_two_folders_stays_two_recordings_a02(dock: Dock) -> None:
    found = listing({b"100MEDIA/a.mp4": 10, b"101MEDIA/a.mp4": 10})
    docking = dock.begin(found)
    for file in found.files:
        dock.ledger.store(arrived(docking, file))
    assert dock.store.value("SELECT count(*) FROM recordings") == 2


def test_equal_content_from_two_cameras_stays_two_recordings_a16(dock: Dock) -> None:
    found = listing({b"a.mp4": 0})
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for serial in ("CAM1", "CAM2"):
        docking = dock.begin(found, serial=serial, attachment=serial)
        dock.ledger.store(arrived(docking, found.files[0], empty))
    assert dock.store.value("SELECT count(DISTINCT recording) FROM recordings") == 2


def test_seen_again_is_already_stored_and_no_second_recording(dock: Dock) -> None:
    found = listing({b"a.mp4": 10})
    first = dock.begin(found)
    dock.ledger.store(arrived(first, found.files[0]))
    dock.ledger.close(first.id, removed=False)
    second = dock.begin(found, attachment="b")
    dock.ledger.store_again(arrived(second, found.files[0]))
    closed = dock.ledger.close(second.id, removed=False)
    assert (closed.stored.count, closed.already_stored.bytes) == (0, 10)
    assert dock.store.value("SELECT count(*) FROM recordings") == 1


def test_the_same_stay_is_the_same_docking_after_a_restart(dock: Dock) -> None:
    docking = dock.begin(listing({b"a.mp4": 10}), attachment="boot:7")
    (again,) = dock.ledger.dockings_of(1, "boot:7")
    assert again["docking"] == docking.id
    assert dock.ledger.dockings_of(1, "boot:8") == dock.ledger.dockings_of(2, "boot:7") == []
    assert dataclasses.asdict(docking)["id"] == again["docking"]
