"""Where pictures do not follow from each other: pure.  Article 15(5).

- A *jump*: from one picture to the next, at an ordinary step of the stamps, the view changes far more than at
  any picture around.  Views are compared with brightness and contrast taken out: a lamp switched on is none.
- No jump is looked for at night, over a gap, or at the ends of black, covered or frozen stretches.
- *Inserted*: between two jumps the picture is unlike what is before and after, and those are alike.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transcoder.pictures import Pictures
from transcoder.stretches import Stretch

_AROUND_S = 0.8
_RATIO = 3.0  # to the largest change around
_LEAST_CHANGE = 0.08  # of views with contrast 1
_LIT = 4.0  # spread below which a picture has no view
_NIGHT = 0.95  # share of dark pixels: what is left is a clock or a lamp
_ODD_STEP = 1.8
_PART_BLOCKS = 12  # of 32
_REPEATED = 0.02
_HIDDEN_SHARE = 0.2
_SIDE_S = 4.0
_LONGEST_INSERT_S = 300.0
_ALIKE_SHARE = 0.9
_RESUMED_SHARE = 0.5
_MOST = 50
Views = NDArray[np.float32]


def find_jumps(pictures: Pictures) -> list[int]:
    """Rows (of the pictures with prints) that a jump leads to."""
    if len(pictures.print_rows) < 20:
        return []
    views, lit = _views(pictures)
    times = pictures.time_s[pictures.print_rows]
    # Without the blocks that changed most: a clock burnt in changes too, and somebody who steps aside.
    squares = np.sort((views[1:] - views[:-1]) ** 2, axis=1)[:, :-_PART_BLOCKS]
    change = np.concatenate(([0.0], np.sqrt(np.mean(squares, axis=1))))
    steps = np.diff(times)
    step_s = max(1e-3, float(np.median(steps)))
    reach = max(2, round(_AROUND_S / step_s))
    found = []
    for row in np.flatnonzero(change >= _LEAST_CHANGE).tolist():
        around = np.concatenate((change[max(0, row - reach) : row], change[row + 1 : row + 1 + reach]))
        near = slice(max(0, row - reach), row + reach)
        if len(around) < reach or change[row] < _RATIO * float(around.max()):
            continue
        if steps[row - 1] > _ODD_STEP * step_s or not lit[near].all():
            continue
        if _hangs(pictures, row) or _hidden(pictures, row):
            continue
        found.append(row)
    return found[:_MOST]


def _views(pictures: Pictures) -> tuple[Views, NDArray[np.bool_]]:
    views = pictures.prints.astype(np.float32) / np.float32(64.0)
    views -= views.mean(axis=1, keepdims=True)
    contrast = views.std(axis=1, keepdims=True)
    rows = pictures.print_rows
    lit = (pictures.spread[rows] >= _LIT) & (pictures.dark[rows] < _NIGHT)
    return views / np.maximum(contrast, 1.0), lit & (contrast[:, 0] > 1.0)


def _hangs(pictures: Pictures, row: int) -> bool:
    """Whether the picture before came twice: a recorder that hangs for a moment jumps when it goes on."""
    at = int(pictures.print_rows[row])
    return bool(np.any(pictures.change[max(1, at - 3) : at] <= _REPEATED))


def _hidden(pictures: Pictures, row: int) -> bool:
    """Whether one side has next to nothing to see: a hand that passes the lens."""
    at = int(pictures.print_rows[row])
    sides = sorted((float(pictures.detail[at - 1]), float(pictures.detail[at])))
    return sides[0] < _HIDDEN_SHARE * sides[1]


def judge_jumps(pictures: Pictures) -> list[Stretch]:
    """Jumps and insertions as stretches, in order of time."""
    rows = find_jumps(pictures)
    times = pictures.time_s[pictures.print_rows]
    views, _ = _views(pictures) if rows else (np.zeros((0, 0), np.float32), None)
    found: list[Stretch] = []
    taken: set[int] = set()
    for first, second in pairwise(rows):
        if first in taken or times[second] - times[first] > _LONGEST_INSERT_S:
            continue
        looks = [_look(pictures, span) for span in _spans(times, first, second)]
        outer, left, right = (_apart(looks[a], looks[b]) for a, b in ((0, 2), (0, 1), (1, 2)))
        resumes, jump = _resumes(views, first, second)
        if outer <= _ALIKE_SHARE * min(left, right) or resumes <= _RESUMED_SHARE * jump:
            evidence = {"outside_differs": round(outer, 3), "inside_differs": round(min(left, right), 3)}
            evidence |= {"resumes_within": round(resumes, 3), "jump": round(jump, 3)}
            found.append(
                Stretch("origin.inserted", float(times[first]), float(times[second]), "seconds", evidence)
            )
            taken |= {first, second}
    for row in rows:
        if row not in taken:
            at = float(times[row])
            found.append(Stretch("continuity.timestamps/jump", at, at, "seconds", {}))
    return sorted(found, key=lambda one: one.start_s)


def _resumes(views: Views, first: int, second: int) -> tuple[float, float]:
    """How far the view after the second jump is from that before the first, and the smaller of the jumps."""

    def apart(a: int, b: int) -> float:
        return float(np.sqrt(np.mean((views[a] - views[b]) ** 2)))

    return apart(first - 1, second), min(apart(first - 1, first), apart(second - 1, second))


def _spans(times: NDArray[np.float64], first: int, second: int) -> list[slice]:
    start, end = float(times[first]), float(times[second])
    return [
        slice(int(np.searchsorted(times, start - _SIDE_S)), first),
        slice(first, second),
        slice(second, int(np.searchsorted(times, end + _SIDE_S))),
    ]


def _look(pictures: Pictures, span: slice) -> NDArray[np.float64]:
    """What a camera and a place make of pictures: brightness, contrast, detail, sharpness."""
    rows = pictures.print_rows[span]
    parts = (
        np.log(pictures.mean[rows] + 4.0),
        np.log(pictures.spread[rows] + 1.0),
        np.log(pictures.detail[rows] + 1.0),
        np.log(np.nan_to_num(pictures.sharp[rows]) + 0.02),
    )
    view = pictures.prints[span].astype(np.float64).mean(axis=0) / 64.0 / 60.0
    return np.concatenate([[2.0 * float(np.median(part)) for part in parts], view / np.sqrt(len(view) / 4)])


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.sum((a - b) ** 2)))
