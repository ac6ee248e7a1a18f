"""The joint between two files of a run, in the standard's own metric (GA/T 947: maximum recording interval).

- How long it is, by what is known: seconds with the least and the most that the evidence allows, and which
  evidence; None where nothing measures it (chapters that carry one time).  Negative: they overlap.
- It is reported and not judged by itself: times of whole seconds can neither show nor deny 0.04 s.
- Picture and sound at the joint (`Edge`) may say that the two belong together, or that they do not; they are
  there where the ends were decoded.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from transcoder.findings import rounded
from transcoder.report import Joint
from transcoder.runs import Link

GRID = (16, 9)  # of brightness that a picture is compared by
_SAME_STEPS = 12.0  # mean difference of brightness (of 255) in which noise and a moving camera stay
_OTHER_STEPS = 30.0
_OTHER_LIKENESS = 0.3  # correlation of two unrelated pictures
_OTHER_ROOM_DB = 20.0  # a microphone's own gain control changes less within a moment


@dataclass(frozen=True)
class Edge:
    """What one end of a file looks and sounds like.

    `picture`: brightness of the first or last frame on `GRID`, row by row.  `room_db`: level of the quiet
    parts of its first or last second, in dBFS.  None where it was not decoded.
    """

    picture: bytes | None = None
    room_db: float | None = None


def across(before: Edge | None, after: Edge | None) -> bool | None:
    """Whether picture and sound go on across a joint; None where they do not tell."""
    if before is None or after is None:
        return None
    said = [_picture_goes_on(before.picture, after.picture), _room_goes_on(before.room_db, after.room_db)]
    if False in said:
        return False
    return True if True in said else None


def _picture_goes_on(before: bytes | None, after: bytes | None) -> bool | None:
    if before is None or after is None or len(before) != len(after):
        return None
    a, b = (np.frombuffer(picture, np.uint8).astype(np.float64) for picture in (before, after))
    apart = float(np.abs(a - b).mean())
    if apart <= _SAME_STEPS:
        return True
    spread = float(a.std() * b.std())
    likeness = float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread else 0.0
    return False if apart >= _OTHER_STEPS and likeness < _OTHER_LIKENESS else None


def _room_goes_on(before_db: float | None, after_db: float | None) -> bool | None:
    """Two rooms may be equally quiet, and somebody may speak all the time: only much apart says something."""
    if before_db is None or after_db is None:
        return None
    return False if abs(before_db - after_db) > _OTHER_ROOM_DB else None


def joint(link: Link, metric_s: float, before: Edge | None = None, after: Edge | None = None) -> Joint:
    """The report's joint of two segments that a run joins."""
    between = link.between
    goes_on = across(before, after)
    if between is None:
        rest: dict[str, Any] = {"from": ("chapter",), "goes_on": goes_on}
        return Joint(before=link.before, after=link.after, **rest)
    within: bool | None = None
    if between.least_s > metric_s:
        within = False
    elif between.most_s <= metric_s:
        within = True
    return Joint(
        before=link.before,
        after=link.after,
        seconds=rounded(between.seconds),
        least_s=rounded(between.least_s),
        most_s=rounded(between.most_s),
        **{"from": between.sources},
        metric_s=metric_s,
        within_metric=within,
        goes_on=goes_on,
    )
