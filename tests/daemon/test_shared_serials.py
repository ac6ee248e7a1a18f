"""Cameras that cannot be told apart by what they say: whose their footage is, is then a person's to say."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from daemon import shared_serials
from daemon.board import SlotBoard, SlotView
from daemon.registries import load_registries
from daemon.tagging import Registries, TagFacts, tag
from dock.docking import Camera, Docking
from dock.slots import Slot
from tests.daemon.conftest import Dock
from tests.daemon.making import Card, tools_of
from uplink.messages.registry import CameraRow

AT = datetime(2026, 11, 4, 8, 30, tzinfo=UTC)
UNNAMED = TagFacts(serial="0001", name_officer=None, started_at=AT)


def view(slot: int, serial: str) -> SlotView:
    camera = Camera(serial, "usb", "", "", "generic")
    return SlotView(slot, phase="done", docking=Docking("d", Slot(slot, ()), camera, AT))


def test_a_shared_serial_binds_nobody_and_what_the_registry_says_is_offered_k06() -> None:
    row = CameraRow(camera="0001", officer="J1")
    bound = tag(UNNAMED, None, Registries(cameras=(row,)))
    assert bound.officer is not None
    shared = tag(UNNAMED, None, Registries(cameras=(row,), shared_serials=frozenset({"0001"})))
    assert shared.officer is None
    assert [(claim.field, claim.source, claim.value) for claim in shared.conflicts] == [
        ("officer", "binding", "J1"),
    ]
    named = UNNAMED.__class__(
        serial="0001", name_officer="J2", started_at=AT
    )  # the name says it all the same
    said = tag(named, None, Registries(cameras=(row,), shared_serials=frozenset({"0001"}))).officer
    assert said is not None
    assert (said.officer, said.by) == ("J2", "name")


def test_two_slots_that_show_one_serial_are_seen() -> None:
    board = SlotBoard([(1, ""), (2, ""), (3, "")], lambda _: None)
    assert shared_serials.in_two_slots(board.views()) == {}
    assert shared_serials.in_two_slots([view(1, "A"), view(2, "B")]) == {}
    assert shared_serials.in_two_slots([view(1, "A"), view(2, "B"), view(3, "A")]) == {"A": [1, 3]}


def test_cameras_read_at_the_same_time_with_one_serial_are_noted_for_ever_b04(
    dock: Dock, tmp_path: Path
) -> None:
    first, second = Card(tmp_path / "1"), Card(tmp_path / "2")
    for number, card in enumerate((first, second)):
        card.write(f"{number}.mp4", os.urandom(5000))
    second.device = first.device.__class__(**{**first.device.__dict__, "node": "/dev/other"})
    tools = tools_of(dock)
    both = threading.Barrier(2, timeout=20)
    begin = tools.ledger.begin

    def begin_both(*args: object, **more: object) -> None:
        begin(*args, **more)  # type: ignore[arg-type]
        both.wait()  # neither is closed before the other has begun

    tools.ledger.begin = begin_both  # type: ignore[method-assign]

    def work(slot: int, card: Card) -> None:
        try:
            card.job(tools, slot).run()
        finally:
            dock.store.release()

    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(work, slot, card) for slot, card in ((1, first), (2, second))]:
            job.result(timeout=30)
    assert load_registries(dock.store).shared_serials == {"CAM1"}


def test_one_camera_after_the_other_in_the_same_slot_is_no_sharing(dock: Dock, tmp_path: Path) -> None:
    for number in (1, 2):
        card = Card(tmp_path / str(number), diskseq=number)
        card.write(f"{number}.mp4", os.urandom(5000))
        card.job(tools_of(dock), number).run()
    assert load_registries(dock.store).shared_serials == frozenset()


def test_what_the_slots_show_is_noted_once(dock: Dock) -> None:
    for _ in range(2):
        shared_serials.note(dock.store, {"A": [1, 3]}, dock.custody.clock)
    assert shared_serials.noted(dock.store) == {"A"}
