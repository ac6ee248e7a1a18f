"""Stretches that were there before: pure.  Article 15(5).

- *Copied*: the sizes of coded pictures come again in the same order.  Two seconds of them are no accident,
  unless they hardly differ: constant or still pictures prove nothing.
- *Alike*: every picture of a stretch looks as one did at a fixed distance before, and clearly less like that
  one's neighbours: a still scene looks like itself at every distance.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from transcoder.pictures import Pictures
from transcoder.stretches import Stretch

_WINDOW = 12  # sizes in a row that are looked up together
_DIFFERENT = 7  # so many of them differ
_MULTIPLIER = np.uint64(6364136223846793005)
_MOST_PAIRS = 2_000_000
_LEAST_S = 1.0  # shorter ones are not even listed
_ANCHOR_S = 0.5
_NEAREST_S = 3.0
_ALIKE = 0.8  # root mean square of the differences of block means, in steps of brightness
_OWN_SHARE = 0.5  # against the neighbours of the earlier picture
_NEIGHBOUR_S = 0.2
_CHUNK = 512
_MOST_LAGS = 200


def copied(sizes: NDArray[np.int64], times_s: NDArray[np.float64]) -> list[Stretch]:
    """Stretches of coded pictures that are there twice; sizes and times in file order, from the start."""
    if len(sizes) < 2 * _WINDOW:
        return []
    firsts, lags = _pairs(sizes)
    found: list[Stretch] = []
    for first, lag, count in _runs(firsts, lags):
        after = first + count + _WINDOW - 1
        again = times_s[first + lag : after + lag]
        before = times_s[first:after]
        if np.isnan(again).any() or np.isnan(before).any():
            continue
        step = float(np.median(np.diff(np.sort(again))))
        start, end = float(again.min()), float(again.max()) + step
        evidence = {
            "first_at_s": round(float(before.min()), 3),
            "pictures": after - first,
            "by": "coded sizes",
        }
        if end - start >= _LEAST_S:
            found.append(Stretch("picture.repeated", start, end, "seconds", evidence))
    return _largest(found)


def _pairs(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(where, how much later again) for windows of sizes that come again, nearest first."""
    windows = np.lib.stride_tricks.sliding_window_view(sizes, _WINDOW)
    keys = np.zeros(len(windows), dtype=np.uint64)
    for column in range(_WINDOW):
        keys = keys * _MULTIPLIER + windows[:, column].astype(np.uint64) + np.uint64(1)
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])[:_MOST_PAIRS]
    firsts, lags = order[same], order[same + 1] - order[same]
    telling = np.array(
        [
            lag >= _WINDOW and len(set(windows[at].tolist())) >= _DIFFERENT
            for at, lag in zip(firsts, lags, strict=True)
        ],
        dtype=np.bool_,
    )
    return firsts[telling] if len(firsts) else firsts, lags[telling] if len(lags) else lags


def _runs(firsts: NDArray[np.int64], lags: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """(first, lag, count) of pairs in a row at one lag."""
    order = np.lexsort((firsts, lags))
    at = 0
    firsts, lags = firsts[order], lags[order]
    while at < len(firsts):
        end = at + 1
        while end < len(firsts) and lags[end] == lags[at] and firsts[end] - firsts[end - 1] <= _WINDOW:
            end += 1
        yield int(firsts[at]), int(lags[at]), int(firsts[end - 1] - firsts[at]) + 1
        at = end


def _largest(found: list[Stretch]) -> list[Stretch]:
    """Of those that overlap the longest, in order of time."""
    kept: list[Stretch] = []
    for one in sorted(found, key=lambda s: (-s.length_s, s.start_s)):
        if not any(one.overlaps(other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda s: s.start_s)


def alike(pictures: Pictures) -> list[Stretch]:
    """Stretches in which pictures look as they did before, by their prints."""
    rows = pictures.print_rows
    if len(rows) < 50:
        return []
    times = pictures.time_s[rows]
    prints = pictures.prints.astype(np.float32) / np.float32(64.0)
    step_s = max(1e-3, float(np.median(np.diff(times))))
    every = max(1, round(_ANCHOR_S / step_s))
    votes: dict[int, int] = {}
    for anchor, row in _candidates(prints, every, max(1, round(_NEAREST_S / step_s))):
        votes[row - anchor] = votes.get(row - anchor, 0) + 1
    likely = sorted(votes, key=lambda lag: (-votes[lag], lag))[:_MOST_LAGS]
    beside = max(1, round(_NEIGHBOUR_S / step_s))
    found = [s for lag in likely if votes[lag] >= 2 for s in _at_lag(prints, times, lag, beside, step_s)]
    return _largest(found)


def _candidates(prints: NDArray[np.float32], every: int, nearest: int) -> Iterator[tuple[int, int]]:
    """(anchor, later row) that look alike, the best row of each anchor and chunk."""
    middle = prints - prints.mean(axis=0)
    squares = np.einsum("ij,ij->i", middle, middle)
    anchors = np.arange(0, len(prints), every)
    limit = _ALIKE**2 * prints.shape[1]
    for start in range(0, len(prints), _CHUNK):
        end = min(start + _CHUNK, len(prints))
        before = anchors[anchors + nearest <= start]
        if not len(before):
            continue
        apart = squares[before][:, None] + squares[None, start:end] - 2 * middle[before] @ middle[start:end].T
        best = apart.argmin(axis=1)
        near = np.flatnonzero(apart[np.arange(len(before)), best] <= limit)
        yield from zip(before[near].tolist(), (start + best[near]).tolist(), strict=True)


def _at_lag(
    prints: NDArray[np.float32], times: NDArray[np.float64], lag: int, beside: int, step_s: float
) -> Iterator[Stretch]:
    def apart(by: int) -> NDArray[np.float32]:
        width = len(prints) - lag - beside
        a = prints[beside : beside + width - beside]
        b = prints[beside + lag + by : beside + lag + by + width - beside]
        return np.asarray(np.sqrt(np.mean((a - b) ** 2, axis=1)), dtype=np.float32)

    if len(prints) - lag <= 4 * beside:
        return
    own = apart(0)
    others = np.minimum(apart(-beside), apart(beside))
    smooth = np.ones(2 * beside + 1, dtype=np.float32) / (2 * beside + 1)
    own, others = (np.convolve(values, smooth, mode="same") for values in (own, others))
    same = (own <= _ALIKE) & (own <= _OWN_SHARE * others)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        start = float(times[first + beside + lag])
        end = float(times[min(len(times) - 1, after - 1 + beside + lag)]) + step_s
        if end - start >= _LEAST_S:
            evidence = {
                "first_at_s": round(float(times[first + beside]), 3),
                "pictures": after - first,
                "difference": round(float(own[first:after].mean()), 3),
                "difference_beside": round(float(others[first:after].mean()), 3),
                "by": "looks",
            }
            yield Stretch("picture.repeated", start, end, "seconds", evidence)
