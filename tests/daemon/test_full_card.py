"""A card that is nearly full: the slot says so when the camera may be taken, and an alarm stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.board import SlotBoard
from daemon.ingest.fullness import full_card
from dock.source import CardSpace
from tests.daemon.conftest import Dock, listing
from tests.daemon.making import Card, tools_of

FILES = listing({b"a.mp4": 60, b"b.mp4": 38}).files


@pytest.mark.parametrize(
    ("spaces", "loop", "free_share"),
    [
        ([CardSpace(2, 100)], False, 0.02),
        ([CardSpace(5, 100)], False, None),
        ([CardSpace(0, 1), CardSpace(50, 99)], False, None),
        ([CardSpace(2, 100)], True, None),  # it overwrites what nobody locked
        ([CardSpace(2, 10_000)], True, 0.01),
        ([], False, None),
        ([CardSpace(0, 0)], False, None),
    ],
)
def test_how_full_a_card_is_a15(spaces: list[CardSpace], loop: bool, free_share: float | None) -> None:
    found = full_card(spaces, FILES, 0.05, loop=loop)
    assert (found and found.free_share) == free_share


def test_a_nearly_full_card_is_said_when_the_camera_may_be_taken_a15(dock: Dock, tmp_path: Path) -> None:
    card = Card(tmp_path / "camera")
    card.write("a.mp4", b"a" * 3000).chmod(0o444)  # locked
    card.space = CardSpace(30, 1000)
    board = SlotBoard([(1, "")], lambda view: None)
    card.dock_in(dock, tools_of(dock, board=board, card_free_share=0.05))
    (view,) = board.views()
    assert (view.phase, view.safe_to_take, view.card_full) == ("done", True, True)
    assert "存储卡将满（剩余3%" in view.text["zh"]
    assert "nearly full (3 % free" in view.text["en"]
    card.replug()
    card.space = CardSpace(300, 1000)
    card.dock_in(dock, tools_of(dock, board=board, card_free_share=0.05))
    (view,) = board.views()
    assert (view.card_full, view.text["en"]) == (False, "done, safe to take")
