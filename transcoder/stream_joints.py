"""Joints inside a file that its stamps run over smoothly (article 15(5); `continuity.timestamps`).  Pure.

Cutting without encoding anew joins two pieces at a key picture.  What can show it there:

- `short_group`: cameras start a group of pictures every so many pictures; one in the middle is shorter.  An
  encoder also starts a group early where the scene changes, so alone it says little.
- `idr_number`: H.264 numbers its IDR pictures (idr_pic_id); many encoders alternate or count on.  Where that
  order, kept all along, breaks, a key picture is missing or foreign: enough alone.
- `picture_step`, `sound_step`: in a track of even steps, one that is not.

A joint is *sure enough to look at* by its numbering, or where two signs meet at one key picture; two odd
steps alone only where steps are even everywhere else: a camera that stalls stretches both tracks, again and
again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from transcoder.timeline import Seconds

_FEWEST_GROUPS = 5
_RHYTHM_SHARE = 0.7
_FEWEST_IDS = 6
_ORDER_SHARE = 0.79
_ODD_SHARE = 0.02
_NEAR_INTERVALS = 2.5
_FEW_ODD = 4
_ONE_JOINT_S = 0.5


@dataclass(frozen=True)
class Joint:
    """A key picture at which something breaks; `sample` is its place in file order."""

    sample: int
    at_s: float
    signs: tuple[str, ...]
    lonely: bool  # the odd steps are the only ones

    @property
    def is_strong(self) -> bool:
        if "idr_number" in self.signs:
            return True
        return len(self.signs) > 1 and ("short_group" in self.signs or self.lonely)


def short_groups(keys: Sequence[int], times: Seconds) -> list[int]:
    """Key samples that end a group shorter than the file's rhythm, in pictures and in time.

    None where there is no rhythm.  A group that only lacks pictures, their time left open, is not shorter.
    """
    lengths = np.diff(np.asarray(keys, dtype=np.int64)).tolist()
    if len(lengths) < _FEWEST_GROUPS:
        return []
    usual, count = Counter(lengths).most_common(1)[0]
    if count < _RHYTHM_SHARE * len(lengths) or usual < 2:
        return []
    spans = np.diff(times[np.asarray(keys)])
    usual_s = float(np.median(spans[np.asarray(lengths) == usual]))
    half_s = 0.5 * usual_s / usual
    return [keys[i + 1] for i, n in enumerate(lengths) if n < usual and spans[i] < usual_s - half_s]


def broken_numbers(ids: Sequence[tuple[int, int]]) -> list[int]:
    """IDR samples at which the order of idr_pic_id, kept all along, breaks; -1: nobody could read it."""
    if len(ids) < _FEWEST_IDS:
        return []
    pairs = [(a, b, at) for (_, a), (at, b) in pairwise(ids) if a >= 0 and b >= 0]
    if not pairs:
        return []
    counting = [b == a + 1 or (b == 0 and a > 1) for a, b, _ in pairs]
    alternating = [a != b and {a, b} <= {0, 1} for a, b, _ in pairs]
    for kept in (alternating, counting):
        if sum(kept) >= _ORDER_SHARE * len(kept):
            return [at for follows, (_, _, at) in zip(kept, pairs, strict=True) if not follows]
    return []


def odd_steps(times: Seconds, tick_s: float) -> Seconds:
    """The times (sorted) at which a track of even steps makes a step that is not; empty where steps vary."""
    steps = np.diff(times)
    if len(steps) < 20:
        return np.empty(0)
    usual = float(np.median(steps))
    odd = np.abs(steps - usual) > max(0.1 * usual, 2.1 * tick_s)
    if np.count_nonzero(odd) > max(2, _ODD_SHARE * len(steps)):
        return np.empty(0)
    return np.asarray(times[1:][odd], dtype=np.float64)


def find_joints(
    keys: Sequence[int],
    times: Seconds,
    ids: Sequence[tuple[int, int]],
    picture_odd: Seconds,
    sound_odd: Seconds,
    interval_s: float,
    sound_interval_s: float,
) -> list[Joint]:
    """All joints, earliest first.  `keys`: key samples in file order, `times`: seconds of every sample."""
    short, broken = set(short_groups(keys, times)), set(broken_numbers(ids))
    near_s = _NEAR_INTERVALS * max(interval_s, sound_interval_s)
    lonely = max(len(picture_odd), len(sound_odd)) <= _FEW_ODD
    joints: list[Joint] = []
    for key in keys[1:]:
        at = float(times[key])
        signs = [
            name
            for name, there in (
                ("short_group", key in short),
                ("idr_number", key in broken),
                ("picture_step", _near(picture_odd, at, near_s)),
                ("sound_step", _near(sound_odd, at, near_s)),
            )
            if there
        ]
        if signs and signs not in (["picture_step"], ["sound_step"]) and not np.isnan(at):
            _append(joints, Joint(key, at, tuple(signs), lonely))
    return joints


def _append(joints: list[Joint], joint: Joint) -> None:
    """Of joints so near that they share an odd step the one with more signs stays."""
    if joints and joint.at_s - joints[-1].at_s <= _ONE_JOINT_S:
        if len(joint.signs) > len(joints[-1].signs):
            joints[-1] = joint
        return
    joints.append(joint)


def _near(times: Seconds, at: float, within_s: float) -> bool:
    return bool(len(times)) and bool(np.min(np.abs(times - at)) <= within_s)
