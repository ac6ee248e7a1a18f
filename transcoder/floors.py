"""Where the background is exchanged from one moment to the next.  Pure.  Article 15(5).

Laying other sound in, or cutting to another place, exchanges the background whole: between two blocks of
50 ms, in most bands, from one level that lasts to another one.

- What is compared is the *floor*, the quiet parts of three seconds before and after; and the step counts only
  in bands that are even and at their floor right up to the moment, and from it on: a voice, music, a door, a
  machine that runs up are between the two for a while.
- A single machine that is switched on adds to a band or two.  Told are steps in most bands.
- Where somebody speaks over the moment nothing is told: the end of what was laid in may tell, or nothing.
- Clipped sound has no floor to speak of: beside it nothing is told.
- Digital silence on one side is a microphone that was switched off, and told of as that.
"""

import numpy as np
from numpy.typing import NDArray

from transcoder.loudness import BLOCK_S, Envelope
from transcoder.stretches import Stretch

_SIDE = 60  # blocks
_NEAR = 3
_FLOOR_SHARE = 0.15
_AT_FLOOR_DB = 3.0
_EVEN = 8  # blocks on either side that are even: no voice
_EVEN_DB = 2.0
_AT_ONCE = 0.6  # of the step lies between two blocks
_STEP_DB, _FAR_DB = 3.5, 8.0
_BANDS_AT_ONCE, _BANDS_STEPPED = 4, 3
_DEAD_DB = -100.0
_CLIPPED = 0.02  # of a side's samples
_APART_S = 1.0
Rows = NDArray[np.float32]


def find_exchanges(sound: Envelope) -> list[Stretch]:
    """Moments at which the background is exchanged, in order of time."""
    if len(sound.bands) < 2 * _SIDE + 2 or len(sound.bands) != len(sound.time_s):
        return []
    found: list[tuple[float, Stretch]] = []
    for at in _likely(sound.bands):
        if max(sound.clipped[at - _SIDE : at].mean(), sound.clipped[at : at + _SIDE].mean()) > _CLIPPED:
            continue
        told = _judge(sound.bands[at - _SIDE : at + _SIDE].astype(np.float32))
        span_s = float(sound.time_s[at + _SIDE - 1] - sound.time_s[at - _SIDE])
        if told is None or span_s > 2 * _SIDE * BLOCK_S * 1.05:  # a gap within
            continue
        moment = float(sound.time_s[at])
        stretch = Stretch("sound.cut/background", moment, moment, "seconds", told[1])
        if found and moment - found[-1][1].start_s <= _APART_S:
            found[-1] = max(found[-1], (told[0], stretch), key=lambda one: one[0])
        else:
            found.append((told[0], stretch))
    return [stretch for _, stretch in found]


def _likely(bands: NDArray[np.float16]) -> list[int]:
    """Blocks at which some band steps far, in pieces so that memory does not grow with the recording."""
    found: list[int] = []
    piece = 20_000
    for start in range(_SIDE, len(bands) - _SIDE, piece):
        end = min(start + piece, len(bands) - _SIDE)
        part = bands[start - _NEAR : end + _NEAR].astype(np.float32)
        sums = np.concatenate([np.zeros((1, part.shape[1]), np.float32), np.cumsum(part, axis=0)])
        means = (sums[_NEAR:] - sums[:-_NEAR]) / _NEAR
        steps = np.abs(means[_NEAR:] - means[:-_NEAR]).max(axis=1)
        found += (start + np.flatnonzero(steps[: end - start] >= _FAR_DB)).tolist()
    return found


def _judge(around: Rows) -> tuple[float, dict[str, object]] | None:
    before, after = around[:_SIDE], around[_SIDE:]
    low, high = (np.quantile(side, _FLOOR_SHARE, axis=0) for side in (before, after))
    if min(float(low.max()), float(high.max())) < _DEAD_DB:
        return None
    step = high - low
    counts = np.abs(np.median(before[-_NEAR:], axis=0) - low) <= _AT_FLOOR_DB
    counts &= np.abs(np.median(after[:_NEAR], axis=0) - high) <= _AT_FLOOR_DB
    counts &= np.abs(after[0] - before[-1]) >= _AT_ONCE * np.abs(step)
    counts &= (_unrest(before[-_EVEN:]) <= _EVEN_DB) & (_unrest(after[:_EVEN]) <= _EVEN_DB)
    sizes = np.abs(step[counts])
    stepped = int((sizes >= _STEP_DB).sum())
    if len(sizes) < _BANDS_AT_ONCE or stepped < _BANDS_STEPPED or float(sizes.max()) < _FAR_DB:
        return None
    by_band = [round(float(value), 1) for value in step]
    return float(sizes.sum()), {"step_db": by_band, "bands": stepped}


def _unrest(side: Rows) -> NDArray[np.float32]:
    middle = np.median(np.abs(side - np.median(side, axis=0)), axis=0)
    return np.asarray(middle, dtype=np.float32)
