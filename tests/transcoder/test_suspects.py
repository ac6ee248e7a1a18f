"""Where a standard inspection looks closer: where it has to, and no further."""

import numpy as np
import pytest
from numpy.typing import NDArray

from transcoder.pictures import PRINT_SIZE, Pictures
from transcoder.stretches import Stretch
from transcoder.suspects import Window, unproven

STILL = Stretch("picture.frozen/still", 10.0, 30.0, "still_seconds")
FROZEN = Stretch("picture.frozen", 40.0, 50.0)


def _rows(times: NDArray[np.float64], change: float, key: bool) -> Pictures:
    def column(value: float) -> NDArray[np.float32]:
        return np.full(len(times), value, dtype=np.float32)

    marks = np.full(len(times), key)
    return Pictures(
        time_s=times,
        key=marks,
        spot=marks,
        mean=column(100),
        spread=column(40),
        dark=column(0),
        change=column(change),
        moved=column(0),
        detail=column(20),
        sharp=column(0.14),
        key_change=column(change),
        spot_change=column(change),
        print_rows=np.zeros(0, dtype=np.int64),
        prints=np.zeros((0, PRINT_SIZE), dtype=np.uint16),
    )


def _spots(change: float) -> Pictures:
    return _rows(np.arange(0.0, 60.0, 2.0), change, key=True)


@pytest.mark.parametrize(
    ("anew", "between", "proven"),
    [(3.5, 0.2, True), (3.5, 0.04, False), (1.2, 0.2, False), (0.0, 0.0, False)],
    ids=["noise", "refined", "drawn-alike", "frozen"],
)
def test_a_still_scene_is_proven_by_what_moves_behind_two_key_frames(
    anew: float, between: float, proven: bool
) -> None:
    looked: list[Window] = []

    def look(window: Window) -> Pictures:
        looked.append(window)
        return _rows(np.arange(window.start_s, window.end_s, 1 / 30), between, key=False)

    left = unproven(_spots(anew), [STILL, FROZEN], look)
    assert left == ([FROZEN] if proven else [STILL, FROZEN])
    assert sum(w.end_s - w.start_s for w in looked) <= 1.0
    assert [w.start_s for w in looked] == ([10.0, 26.0] if proven else [10.0] if anew > 2 else [])


def test_a_freeze_at_one_end_of_a_still_scene_is_looked_at() -> None:
    def look(window: Window) -> Pictures:
        moves = 0.3 if window.start_s < 20.0 else 0.0
        return _rows(np.arange(window.start_s, window.end_s, 1 / 30), moves, key=False)

    assert unproven(_spots(3.5), [STILL], look) == [STILL]


def test_nothing_to_see_proves_nothing() -> None:
    assert unproven(_spots(3.5), [STILL], lambda _window: None) == [STILL]
