"""What a slot shows without a camera to pull, and ports at which cameras leave again and again."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.ingest import unstable as unstable_module
from daemon.ingest.unstable import CALM_S, TOGETHER_S, TRIES, WINDOW_S, Removals
from dock.detect import Gone, NoMedium, UsbGone, UsbPresent
from dock.usb import UsbDevice
from tests.daemon.conftest import Dock
from tests.daemon.test_daemon_slotkeeper import CONTENT, WAIT_S, Keeping, until


@pytest.fixture
def keeping(dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeping]:
    made = Keeping(dock, tmp_path, monkeypatch)
    yield made
    made.stop.set()
    made.hold.set()
    made.keeper._join()


def usb(*interfaces: str, port: int = 1, node: str = "/dev/bus/usb/001/007") -> UsbDevice:
    return UsbDevice(node, "/sys/x", f"usb-0:{port}", "2c7a", "0b01", "CAM1", interfaces)


def test_a_wrong_usb_mode_is_said_once_and_nothing_is_tried_a13(
    keeping: Keeping, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            keeping.keeper._turn([UsbPresent(usb("060101"))])
    assert keeping.phase() == "wrong_mode"
    assert "照相机" in keeping.board.views()[0].text["zh"]
    assert not keeping.board.views()[0].safe_to_take
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert len([view for view in keeping.told if view.phase == "wrong_mode"]) == 1
    keeping.keeper._turn([UsbGone("/dev/bus/usb/001/007")])
    assert keeping.phase() == "empty"
    assert (keeping.entered, keeping.states) == ([], {})


@pytest.mark.parametrize(("interfaces", "zh"), [(("ff0000",), "仅充电"), ((), "仅充电")])
def test_a_device_without_storage_is_a_wrong_mode_too_a13(
    keeping: Keeping, interfaces: tuple[str, ...], zh: str
) -> None:
    keeping.keeper._turn([UsbPresent(usb(*interfaces))])
    assert (keeping.phase(), zh in keeping.board.views()[0].text["zh"]) == ("wrong_mode", True)


def test_a_scanner_or_what_is_in_no_slot_shows_nothing(keeping: Keeping) -> None:
    keeping.keeper._turn([UsbPresent(usb("030101")), UsbPresent(usb("060101", port=9, node="/dev/other"))])
    assert keeping.phase() == "empty"


def test_a_camera_without_a_disk_is_waited_for_and_picked_up_a14(keeping: Keeping) -> None:
    card = keeping.card("A", a=CONTENT)
    empty = dataclasses.replace(card.device, size_bytes=0, fs_type="")
    keeping.keeper._turn([UsbPresent(usb("080650")), NoMedium(empty)])
    assert (keeping.phase(), keeping.board.views()[0].error) == ("expected", None)
    keeping.keeper._turn([Gone(empty.node, 7)])  # the medium came: the old state of the node ends
    keeping.plug(card)
    until(lambda: keeping.phase() == "done")
    assert keeping.board.views()[0].safe_to_take
    keeping.leave(card)
    keeping.keeper._turn([NoMedium(empty)])  # the card was taken out, the reader stays
    assert keeping.phase() == "expected"
    keeping.keeper._turn([Gone(empty.node, 8), UsbGone("/dev/bus/usb/001/007")])
    assert keeping.phase() == "empty"


def test_an_empty_slot_of_a_reader_hides_nothing_of_the_full_one(keeping: Keeping) -> None:
    card = keeping.card("A", a=CONTENT)
    empty = dataclasses.replace(card.device, size_bytes=0, fs_type="", node="/dev/empty")
    keeping.keeper._turn([NoMedium(empty)])
    keeping.plug(card)
    until(lambda: keeping.phase() == "done")
    assert keeping.board.views()[0].safe_to_take


def test_a_camera_that_leaves_again_and_again_in_mid_copy_is_waited_for_b12(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unstable_module, "CALM_S", 0.5)
    card = keeping.card("A", a=CONTENT)
    slow = keeping.slow(card)
    for _ in range(TRIES):
        slow.reached.clear()
        keeping.plug(card)
        assert slow.reached.wait(WAIT_S)
        keeping.leave(card)
        card.replug()
    slow.reached.clear()
    slow.go_on.set()
    entered = len(keeping.entered)
    keeping.plug(card)
    until(lambda: keeping.phase() == "error")
    assert "不稳定" in keeping.board.views()[0].text["zh"]
    assert len(keeping.entered) == entered  # nothing is read while it has to prove itself
    until(lambda: keeping.phase() == "done")
    keeping.leave(card)
    card.replug()
    keeping.plug(card)
    until(lambda: keeping.phase() == "done")  # a complete docking forgot it
    assert not any(view.phase == "error" for view in keeping.told[-6:])


def test_a_hub_that_dies_is_said_and_cameras_are_told_from_a_loose_cable_b14(
    keeping: Keeping, caplog: pytest.LogCaptureFixture
) -> None:
    cards = [keeping.card(serial, port, x=CONTENT) for serial, port in (("A", 1), ("B", 2))]
    slow = keeping.slow(*cards)
    keeping.plug(*cards)
    until(lambda: set(keeping.states) == {"A", "B"})
    assert slow.reached.wait(WAIT_S)
    with caplog.at_level(logging.ERROR):
        keeping.leave(*cards)
    assert keeping.states == {"A": "removed", "B": "removed"}
    assert "2 cameras left at once" in caplog.text


def test_early_removals_are_counted_within_a_window_and_by_place_b12() -> None:
    removals = Removals()
    here, there = (1, "A"), (2, "A")
    for number in range(TRIES):
        assert removals.calm_s(here, 0.0) == 0.0
        removals.left_early(here, number * 10.0)
    assert removals.calm_s(here, 30.0) == CALM_S
    assert removals.calm_s(there, 30.0) == 0.0
    assert removals.calm_s(here, WINDOW_S + 1) == 0.0
    removals.left_early(here, 40.0)
    removals.was_complete(here)
    assert removals.calm_s(here, 41.0) == 0.0


def test_how_many_left_together_b14() -> None:
    removals = Removals()
    assert removals.left_early((1, "A"), 0.0) == 1
    assert removals.left_early((2, "B"), 0.1) == 2
    assert removals.left_early((3, "C"), 0.2) == 3
    assert removals.left_early((1, "A"), 0.3 + TOGETHER_S) == 1
