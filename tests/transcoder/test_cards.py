"""Codes in the first two minutes of a run: read at a slant, in poor light, moving, small; never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.card_footage import Shown, make_footage
from transcoder import codes, recording
from transcoder.engine import inspect
from transcoder.report import Card, Depth
from transcoder.request import InspectItem, InspectRequest

pytest.importorskip("zxingcpp")
TEXT = "BD1:" + "6VG9:XLW$-5A0" * 18  # as long as a signed card


def cards(path: Path, depth: Depth = Depth.STANDARD) -> tuple[Card, ...]:
    report = inspect(InspectRequest((InspectItem(path),), depth))
    return report.runs[0].cards


@pytest.mark.parametrize(
    "shown",
    [
        Shown(TEXT),
        Shown(TEXT, slant=0.25),
        Shown(TEXT, turned=33),
        Shown(TEXT, light=0.25),
        Shown(TEXT, moves_px=9, smear_px=4, width=0.35),
        Shown(TEXT, slant=0.15, turned=-20, light=0.4),
    ],
    ids=["straight", "slanted", "turned", "poor-light", "moving", "all-of-it"],
)
def test_a_code_is_read(tmp_path: Path, shown: Shown) -> None:
    (card,) = cards(make_footage(tmp_path / "a.mp4", (shown,)))
    assert card.text == TEXT
    assert shown.from_s <= card.at_s < shown.until_s


def test_a_code_of_a_tenth_of_the_pictures_width_is_read(tmp_path: Path) -> None:
    path = make_footage(tmp_path / "a.mp4", (Shown(TEXT, width=0.1),), seconds=2, size=(1920, 1080))
    (card,) = cards(path)
    assert card.text == TEXT


def test_two_codes_have_their_times(tmp_path: Path) -> None:
    shown = (Shown("ONE", 0.5, 1.6), Shown("TWO", 2.4, 3.6))
    first, second = cards(make_footage(tmp_path / "a.mp4", shown))
    assert (first.text, second.text) == ("ONE", "TWO")
    assert first.at_s < 1.6 <= second.at_s


def test_a_code_between_key_frames_is_found_where_one_is_suspected(tmp_path: Path) -> None:
    """On the key frame a thumb lies over it; a moment later it is gone."""
    shown = (Shown(TEXT, 0.0, 0.5, thumb=True), Shown(TEXT, 0.5, 2.0))
    (card,) = cards(make_footage(tmp_path / "a.mp4", shown, gop=60))
    assert card.text == TEXT
    assert card.at_s >= 0.5


def test_no_code_no_card(tmp_path: Path) -> None:
    assert cards(make_footage(tmp_path / "a.mp4", ())) == ()


def test_a_wall_of_codes_is_bounded(tmp_path: Path) -> None:
    shown = tuple(Shown(f"CODE {n}", n / 2, n / 2 + 0.5) for n in range(12))
    assert len(cards(make_footage(tmp_path / "a.mp4", shown, seconds=6, gop=7))) == 8


def test_a_fast_inspection_looks_at_no_picture(tmp_path: Path) -> None:
    assert cards(make_footage(tmp_path / "a.mp4", (Shown(TEXT),)), Depth.FAST) == ()


@pytest.fixture(scope="module")
def two_cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One as recording begins, and one that is held up for 4 s late."""
    shown = (Shown("ONE", 0.5, 1.6), Shown("TWO", 23.2, 27.3))
    return make_footage(tmp_path_factory.mktemp("cards") / "a.mp4", shown, seconds=29.0, size=(480, 270))


def test_a_card_held_up_late_is_read_and_not_every_key_frame_is_looked_at(
    two_cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counted(luma: codes.Luma) -> codes.Shown:
        looked.append(luma.size)
        return look(luma)

    look = codes.look
    monkeypatch.setattr(codes, "look", counted)
    assert [card.text for card in cards(two_cards)] == ["ONE", "TWO"]
    assert 21 <= len(looked) <= 24  # of 29


def test_cards_are_the_same_by_whichever_decoding(two_cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_the_pass = cards(two_cards)
    assert cards(two_cards, Depth.DEEP) == by_the_pass
    monkeypatch.setattr(recording, "_may_begin_a_run", lambda *_: False)
    assert cards(two_cards) == by_the_pass and len(by_the_pass) == 2
