"""Whether the picture was compressed twice: pure.  Article 15(5).

A key frame of an earlier compression differs in quality from the pictures before and after it; compressed
again as an ordinary picture it costs more bytes.  So among the pictures between key frames the sizes rise at
a rhythm that is not that of the key frames now.

- A rhythm that divides the key frames' own is what cameras do by themselves (layers, virtual key frames).
- A clock burnt into a picture that hardly moves costs more each second: that rhythm counts only in movement.
- Compressed again at the rhythm of before, or from pictures that were all key frames, leaves nothing here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHORTEST, _LONGEST = 6, 300
_MOST_PICTURES = 20_000
_AROUND = 6
_LEAST_TIMES = 15
_RISE = 2.5  # robust deviations from the sizes around
_EACH = 2.0
_SHARE = 0.85  # of the pictures at the rhythm
_SCORE = 11.0
_MOST = 6.0
_MOVING = 1.0
_SECOND = 0.06


@dataclass(frozen=True)
class Rhythm:
    """Every `pictures` pictures, from the one numbered `first`; `rise` in robust deviations."""

    pictures: int
    first: int
    times: int
    rise: float
    share: float


def find_rhythm(
    sizes: NDArray[np.int64], key: NDArray[np.bool_], interval_s: float, movement: float
) -> Rhythm | None:
    """The strongest foreign rhythm of sizes in file order; `movement`: median change of the picture."""
    sizes, key = sizes[:_MOST_PICTURES], key[:_MOST_PICTURES]
    keys = np.flatnonzero(key)
    if len(sizes) < _SHORTEST * _LEAST_TIMES or key.mean() > 0.5:
        return None
    own = round(float(np.median(np.diff(keys)))) if len(keys) > 1 else 0
    rise = _rises(sizes, key)
    between = np.where(key, np.nan, rise)  # key frames say nothing here
    best: Rhythm | None = None
    for step in range(_SHORTEST, min(_LONGEST, len(rise) // _LEAST_TIMES) + 1):
        if own and (own % step == 0 or step % own == 0):
            continue
        if abs(step * interval_s - 1.0) < _SECOND and movement < _MOVING:
            continue
        rows = rise[: len(rise) // step * step].reshape(-1, step)
        at = int(np.median(rows, axis=0).argmax())
        there = rows[:, at][~np.isnan(between[: len(rows) * step].reshape(-1, step)[:, at])]
        if not len(there):
            continue
        found = Rhythm(step, at, len(there), float(np.median(there)), float((there > _EACH).mean()))
        if _is_telling(found) and (best is None or _score(found) > _score(best)):
            best = found
    return best


def _rises(sizes: NDArray[np.int64], key: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each size is above those around; 0 for key frames."""
    logs = np.log(np.maximum(sizes, 1).astype(np.float64))
    logs[key] = np.nan
    padded = np.pad(logs, _AROUND, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    with np.errstate(all="ignore"):
        rise = logs - np.nanmedian(around, axis=1)
        scale = 1.4826 * float(np.nanmedian(np.abs(rise))) + 1e-6
    clipped: NDArray[np.float64] = np.clip(np.nan_to_num(rise / scale), -_MOST, _MOST)
    return clipped


def _score(rhythm: Rhythm) -> float:
    return rhythm.rise * math.sqrt(rhythm.times)


def _is_telling(rhythm: Rhythm) -> bool:
    enough = rhythm.times >= _LEAST_TIMES and rhythm.share >= _SHARE
    return enough and rhythm.rise >= _RISE and _score(rhythm) >= _SCORE
