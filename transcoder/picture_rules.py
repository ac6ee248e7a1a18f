"""What rows of picture measures show: black, dark, covered, frozen, still and blurred stretches.  Pure.

Articles 14, 15(3), 15(5); known fault C25.  How long is too long is the rule set's; what is what, is here:

- *Black* is black without noise.  Black with a sensor's noise in it is *dark*: said, no fault.
- *Covered*: nearly all structure goes in an instant and it is darker than before; a recording without
  structure from end to end is a night, not a hand.
- *Frozen*: pictures repeat exactly.  Encoders make a still scene repeat too, but never at key frames, where
  noise comes anew; so key frames in a frozen stretch are alike, or, where a stretch has no two of them, it
  starts and ends in mid-movement.  What repeats without that is *still*: said, no fault.
- *Blurred*: plenty of contrast, none of it sharp.  Movement blurs for moments, not for half a minute.
"""

from collections.abc import Sequence

import numpy as np

from transcoder.pictures import Floats, Pictures
from transcoder.stretches import Mask, Stretch, runs_of, span_of, without

_BLACK_SHARE = 0.98  # of the pixels, as ffmpeg's blackdetect
_BLACK_MEAN = 8.0
_FLAT = 0.75  # spread of black without noise
_STRUCTURE = 6.0  # detail of a scene that a covered lens can be told from
_USUAL_SHARE = 0.7  # of the time
_LONGEST_HELD_S = 10.0
_COVERED_SHARE = 0.22  # of the recording's usual detail
_UNCOVERED_SHARE = 0.5
_DARKER = 0.75  # of the usual brightness
_SUDDEN_S = 1.5
_SAME = 0.45  # mean difference of repeated pictures: encoders go on refining them
_STILL = 0.3  # as ffmpeg's freezedetect (0.001 of the range), rounded up
_PUMP = 6.0  # a key frame draws the same picture anew
_EXACT = 0.02
_NEARLY = 0.15  # a frozen picture under an encoder of constant rate, which goes on refining it
_ANEW = 0.2  # the same, as a share of the usual difference of key frames
_KEYS_ALIKE = 0.6  # the weakest noise tried (0.7 of 255) gave 0.8
_JUMP = 1.5  # what a freeze ends with, against the movement after it
_MOVING = 1.0
_AROUND = 10
_BLURRED = 0.09  # slopes give 0.048, edges 0.143 (pictures.py)
_BLUR_DETAIL = 5.0


def find_stretches(pictures: Pictures, end_s: float) -> list[Stretch]:
    """All stretches of any length, earliest first; `end_s` is where the picture ends."""
    if not len(pictures):
        return []
    black, covered = _either(
        _spans(pictures, end_s, "picture.black", _is_black(pictures), bridge=1), _covered(pictures, end_s)
    )
    dark = _spans(pictures, end_s, "picture.black/dark", pictures.dark >= _BLACK_SHARE, bridge=1)
    unlit = black + covered
    frozen = without(_repeating(pictures, end_s), unlit)
    blurred = without(
        _spans(pictures, end_s, "picture.blurred", _is_blurred(pictures), bridge=_rows_in(pictures, 1.0)),
        unlit,
    )
    found = black + covered + without(dark, unlit) + frozen + blurred
    return sorted(found, key=lambda one: (one.start_s, one.key))


def _rows_in(p: Pictures, seconds: float) -> int:
    steps = np.diff(p.time_s)
    return max(1, int(seconds / max(1e-3, float(np.median(steps))))) if len(steps) else 1


def _either(black: list[Stretch], covered: list[Stretch]) -> tuple[list[Stretch], list[Stretch]]:
    """Where both are seen, the one that most of it is."""
    kept = []
    for one in covered:
        inside = [other for other in black if other.overlaps(one)]
        shared = sum(min(o.end_s, one.end_s) - max(o.start_s, one.start_s) for o in inside)
        if shared < 0.5 * one.length_s:
            kept.append(one)
            black = [other for other in black if other not in inside]
    return black, kept


def _spans(pictures: Pictures, end_s: float, key: str, mask: Mask, *, bridge: int) -> list[Stretch]:
    measure = "dark_seconds" if key.endswith("/dark") else "seconds"
    found = []
    for run in runs_of(mask, bridge=bridge):
        start, end = span_of(pictures.time_s, end_s, run)
        rows = slice(*run)
        evidence = {"brightness": _mean(pictures.mean[rows]), "spread": _mean(pictures.spread[rows])}
        if key == "picture.blurred":
            evidence = {"sharpness": _mean(pictures.sharp[rows]), "contrast": _mean(pictures.detail[rows])}
        found.append(Stretch(key, start, end, measure, {**evidence, **_edges(pictures, run)}))
    return found


def _mean(values: Floats) -> float:
    return round(float(np.nanmean(values)), 3)


def _edges(pictures: Pictures, run: tuple[int, int]) -> dict[str, object]:
    """How well the pictures looked at place the two ends: seconds between the rows on either side."""
    times = pictures.time_s
    first, after = run
    before = float(times[first] - times[first - 1]) if first else 0.0
    behind = float(times[after] - times[after - 1]) if after < len(times) else 0.0
    return {"start_within_s": round(before, 3), "end_within_s": round(behind, 3)}


def _is_black(p: Pictures) -> Mask:
    black: Mask = (p.dark >= _BLACK_SHARE) & (p.mean <= _BLACK_MEAN) & (p.spread < _FLAT)
    return black


def _covered(p: Pictures, end_s: float) -> list[Stretch]:
    usual = _usual_detail(p)
    if usual < _STRUCTURE:
        return []
    open_ = p.detail >= _UNCOVERED_SHARE * usual
    light = float(np.median(p.mean[open_]))
    hidden = (p.detail < _COVERED_SHARE * usual) & (p.mean < _DARKER * light)
    found = []
    for run in runs_of(hidden, bridge=2):
        if _sudden(p, open_, run):
            start, end = span_of(p.time_s, end_s, run)
            rows = slice(*run)
            evidence = {
                "contrast": _mean(p.detail[rows]),
                "usual_contrast": round(usual, 3),
                "brightness": _mean(p.mean[rows]),
                "usual_brightness": round(light, 3),
            }
            found.append(Stretch("picture.covered", start, end, "seconds", {**evidence, **_edges(p, run)}))
    return found


def _usual_detail(p: Pictures) -> float:
    """The detail it has for most of its time: where pictures were looked at closer counts for no more."""
    lit = (p.dark < _BLACK_SHARE) & ~np.isnan(p.detail)
    if not lit.any():
        return 0.0
    held_s = np.clip(np.diff(p.time_s, append=p.time_s[-1]), 1e-3, _LONGEST_HELD_S)[lit]
    return float(np.quantile(p.detail[lit], _USUAL_SHARE, weights=held_s, method="inverted_cdf"))


def _sudden(p: Pictures, open_: Mask, run: tuple[int, int]) -> bool:
    """Whether one end comes at once: night falls slowly, a hand does not."""
    first, after = run
    before = np.flatnonzero(open_[:first])
    behind = np.flatnonzero(open_[after:])
    limit = _SUDDEN_S
    if len(before) and p.time_s[first] - p.time_s[before[-1]] <= max(limit, _step(p, first)):
        return True
    if not len(behind):
        return False
    at = after + int(behind[0])
    return bool(p.time_s[at] - p.time_s[after - 1] <= max(limit, _step(p, after)))


def _step(p: Pictures, row: int) -> float:
    return float(p.time_s[row] - p.time_s[row - 1]) if 0 < row < len(p) else 0.0


def _repeating(p: Pictures, end_s: float) -> list[Stretch]:
    """Frozen and still stretches."""
    frozen = [_stretch(p, end_s, run, "") for run in _repeats(p, _SAME) if _is_frozen(p, *run)]
    still = [_stretch(p, end_s, run, "/still") for run in _repeats(p, _STILL)]
    return frozen + without(still, frozen)


def _repeats(p: Pictures, limit: float) -> list[tuple[int, int]]:
    """Runs of rows that show what the row before them did."""
    change = np.nan_to_num(p.change, nan=np.inf)
    same = change <= limit
    # A key frame draws the same picture anew, a little different: told by what is usual between key frames.
    usual = float(np.nanpercentile(p.key_change, 80)) if not np.isnan(p.key_change).all() else 0.0
    anew = p.key | np.concatenate(([False], p.key[:-1]))  # and the one after it, which settles
    same |= anew & (change <= min(_PUMP, _ANEW * usual))
    pump = p.key & ~same & (change <= _PUMP)
    same |= pump & np.concatenate(([True], same[:-1])) & np.concatenate((same[1:], [True]))
    return runs_of(same)


def _stretch(p: Pictures, end_s: float, run: tuple[int, int], variant: str) -> Stretch:
    first, after = run
    shown = (max(0, first - 1), after)  # what is repeated is the picture before
    start, end = span_of(p.time_s, end_s, shown)
    evidence = {
        "pictures": after - first,
        "change": _mean(p.change[first:after]),
        "key_frames": int(p.key[first:after].sum()),
        **_edges(p, shown),
    }
    return Stretch(
        f"picture.frozen{variant}", start, end, "still_seconds" if variant else "seconds", evidence
    )


def _is_frozen(p: Pictures, first: int, after: int) -> bool:
    between = p.change[first:after][~p.key[first:after]]
    exact = not len(between) or float(np.median(between)) <= _EXACT
    keys = np.flatnonzero(p.key[max(0, first - 1) : after]) + max(0, first - 1)
    alike = p.key_change[keys[1:]]  # each against one that is in the stretch as well
    alike = alike[~np.isnan(alike)]
    if exact and len(alike) and float(np.median(alike)) <= _KEYS_ALIKE:
        return True
    nearly = len(between) >= _AROUND // 2 and float(np.median(between)) <= _NEARLY
    return nearly and _in_movement(p, first, after)


def _in_movement(p: Pictures, first: int, after: int) -> bool:
    """Whether it starts and ends at once in mid-movement, the end a jump over what was missed."""
    before = p.change[max(0, first - _AROUND) : first]
    behind = p.change[after + 1 : after + 1 + _AROUND]
    if len(before) < 3 or len(behind) < 3 or np.isnan(behind).any():
        return False
    moved = float(np.nanmedian(before))
    onward = float(np.median(behind))
    jump = float(p.change[after])
    return moved >= _MOVING and jump >= max(_JUMP * onward, 2 * _MOVING)


def _is_blurred(p: Pictures) -> Mask:
    blurred: Mask = (p.detail >= _BLUR_DETAIL) & (p.sharp < _BLURRED)
    return blurred


def reconciled(standard: Sequence[Stretch], deep: Sequence[Stretch]) -> tuple[list[Stretch], list[Stretch]]:
    """What of a standard inspection's stretches deep looking bears out, replaced by its own, and what not.

    Returns (deep's stretches, refuted ones of standard).
    """
    refuted = [
        one for one in standard if not any(one.key == other.key and one.overlaps(other) for other in deep)
    ]
    return list(deep), refuted
