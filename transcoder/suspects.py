"""Where a standard inspection looks closer than its key frames: pure.

- At both ends of whatever key frames show, and once inside of what looks frozen: between two key frames.
- At stretches in which the bytes of the frames between change for a while: fewer, as black and frozen
  pictures need them; more, as of a hand before the lens, only where no key frame shows it.
- What looks still is mostly a scene that is: a moment behind its first and its last key frame tells, for
  what is frozen does not move there.  Only where it does not are its ends looked at.
- All of it is bounded: a share of the recording, most telling first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from transcoder.facts import StreamFacts
from transcoder.pictures import Pictures
from transcoder.stretches import Stretch, runs_of

_STILL = "picture.frozen/still"
_CLOSER = ("picture.black", "picture.covered", "picture.frozen", _STILL)
_PROOF_S = 0.4
_PROOF_PICTURES = 5
_MOVES = 0.08  # tried: frozen up to 0.043 (constant rate, refined), weak noise from 0.145
_DRAWN_ANEW = 2.0  # between key frames; tried: frozen up to 1.5, weak noise from 3.3
_ONWARD_S = 0.6  # how far behind a freeze, to see what it ends with
_SHARE = 0.05
_LEAST_BUDGET_S = 20.0
_WINDOW_S = 0.5
_AROUND = 30  # windows on either side that say what is usual
_FEWER, _MORE = 0.4, 2.5
_USUAL = 70  # percentile around: half of that may be the fault itself
_NEAR_S = 2.7  # tried: spots no farther apart than 2.8 s showed each covered lens of 3 s and more
_LEAST_WINDOWS, _MOST_WINDOWS = 3, 60


@dataclass(frozen=True)
class Window:
    start_s: float
    end_s: float


def at_edges(spots: Pictures, stretches: Sequence[Stretch], end_s: float) -> list[Window]:
    """Windows between key frames at the ends of what they show."""
    times = spots.time_s
    windows: list[Window] = []
    for one in sorted(stretches, key=lambda one: one.key.endswith("/still")):
        if one.key not in _CLOSER:
            continue
        first = int(np.searchsorted(times, one.start_s - 1e-6))
        after = int(np.searchsorted(times, one.end_s - 1e-6))
        bounds = [(first - 1, first), (after - 1, after)]
        frozen = one.code == "picture.frozen"
        if frozen:
            bounds.append((first, first + 1))
        for a, b in bounds:
            if 0 <= a < len(times):
                ends = float(times[b]) if b < len(times) else end_s
                windows.append(Window(float(times[a]), ends + (_ONWARD_S if frozen else 0.0)))
    return windows


def unproven(
    spots: Pictures, stretches: Sequence[Stretch], look: Callable[[Window], Pictures | None]
) -> list[Stretch]:
    """The stretches without those that look still by key frames and in which pictures move between them."""
    return [one for one in stretches if one.key != _STILL or not _moves_in(spots, one, look)]


def _moves_in(spots: Pictures, one: Stretch, look: Callable[[Window], Pictures | None]) -> bool:
    inside = np.flatnonzero((spots.time_s >= one.start_s - 1e-6) & (spots.time_s < one.end_s - 1e-6))
    if len(inside) < 3 or not float(np.median(spots.change[inside[1:]])) > _DRAWN_ANEW:
        return False
    ends = dict.fromkeys(float(spots.time_s[row]) for row in (inside[0], inside[-2]))
    return all(_moves(look(Window(at, at + _PROOF_S))) for at in ends)


def _moves(pictures: Pictures | None) -> bool:
    if pictures is None:
        return False
    change = pictures.change[~pictures.key & ~np.isnan(pictures.change)][1:]  # the first one settles
    return len(change) >= _PROOF_PICTURES and float(np.median(change)) > _MOVES


def by_size(stream: StreamFacts, times: "np.typing.NDArray[np.float64]", spots: Pictures) -> list[Window]:
    """Windows where frames between distant key frames become much smaller or larger for a while.

    `times`: of every sample in file order, from the recording's start, NaN where unknown.
    """
    between = ~stream.samples.key & ~np.isnan(times) & ~stream.samples.discard
    if np.count_nonzero(between) < 3 * _AROUND or len(spots) < 1:
        return []
    slots = np.maximum(0, times[between] / _WINDOW_S).astype(np.int64)
    count = int(slots.max()) + 1
    if count > 10 * len(stream.samples):
        return []  # stamps of nonsense
    frames = np.bincount(slots, minlength=count)
    sizes = np.bincount(slots, weights=stream.samples.size[between], minlength=count) / np.maximum(frames, 1)
    windows = []
    known = frames > 0
    fewer, more = _odd(sizes, known)
    for start, end in [*fewer, *(run for run in more if _shown_by_none(spots, run))]:
        a, b = start * _WINDOW_S, end * _WINDOW_S
        inside = np.count_nonzero((spots.time_s > a + 0.5) & (spots.time_s < b - 0.5))
        if end - start <= _MOST_WINDOWS and inside < 2:  # two would tell by themselves
            windows.append(Window(max(0.0, a - _WINDOW_S), b + _WINDOW_S))
    return windows


def _shown_by_none(spots: Pictures, run: tuple[int, int]) -> bool:
    """Whether a stretch as long as a fault is lies between two spots around this run."""
    first = int(np.searchsorted(spots.time_s, run[0] * _WINDOW_S, side="right"))
    after = int(np.searchsorted(spots.time_s, run[1] * _WINDOW_S))
    times = spots.time_s[max(0, first - 1) : after + 1]
    return len(times) < 2 or float(np.diff(times).max()) > _NEAR_S


def _odd(
    sizes: "np.typing.NDArray[np.float64]", known: "np.typing.NDArray[np.bool_]"
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Runs of windows whose frames need (far fewer, far more) bytes than those around."""
    padded = np.pad(np.where(known, sizes, np.nan), _AROUND, constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    with np.errstate(all="ignore"):
        usual = np.concatenate(
            [
                np.nanpercentile(views[i : i + 4096], (_USUAL, 100 - _USUAL), axis=1)
                for i in range(0, len(views), 4096)
            ],
            axis=1,
        )
        fewer = known & (sizes < _FEWER * usual[0])
        more = known & (sizes > _MORE * usual[1])
    long = [
        [run for run in runs_of(odd, bridge=1) if run[1] - run[0] >= _LEAST_WINDOWS] for odd in (fewer, more)
    ]
    return long[0], long[1]


def within_budget(windows: Sequence[Window], duration_s: float) -> list[Window]:
    """Windows in order, joined where they overlap, as many as the budget pays for in the order given."""
    budget = max(_LEAST_BUDGET_S, _SHARE * duration_s)
    taken: list[Window] = []
    for window in windows:
        length = window.end_s - window.start_s
        if length <= budget and not any(
            w.start_s <= window.start_s and window.end_s <= w.end_s for w in taken
        ):
            taken.append(window)
            budget -= length
    joined: list[Window] = []
    for window in sorted(taken, key=lambda w: (w.start_s, w.end_s)):
        if joined and window.start_s < joined[-1].end_s:
            joined[-1] = Window(joined[-1].start_s, max(joined[-1].end_s, window.end_s))
        else:
            joined.append(window)
    return joined
