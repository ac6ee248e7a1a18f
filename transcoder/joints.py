"""The joint between two files of a run, in the standard's own metric (GA/T 947: maximum recording interval).

- How long it is, by what is known: seconds with the least and the most that the evidence allows, and which
  evidence; None where nothing measures it (chapters that carry one time).  Negative: they overlap.
- It is reported and not judged by itself: times of whole seconds can neither show nor deny 0.04 s.
- Picture and sound at the joint (`Edge`) may say that the two belong together, or that they do not; they are
  there where the ends were decoded.
"""

from dataclasses import dataclass
from typing import Any

from transcoder.findings import rounded
from transcoder.report import Joint
from transcoder.runs import Link

_SAME_PICTURE_BITS = 12  # of 64: sensor noise and a moving hand change fewer
_OTHER_PICTURE_BITS = 24  # two unrelated pictures differ in about 32
_SAME_ROOM_DB = 6.0


@dataclass(frozen=True)
class Edge:
    """What one end of a file looks and sounds like.

    `picture`: a 64-bit difference hash of the first or last frame; `room_db`: level of the quiet parts of its
    first or last second, in dBFS.  None where it was not decoded.
    """

    picture: int | None = None
    room_db: float | None = None


def across(before: Edge | None, after: Edge | None) -> bool | None:
    """Whether picture and sound go on across a joint; None where they do not tell."""
    if before is None or after is None:
        return None
    said: list[bool | None] = []
    if before.picture is not None and after.picture is not None:
        apart = (before.picture ^ after.picture).bit_count()
        said.append(True if apart <= _SAME_PICTURE_BITS else False if apart >= _OTHER_PICTURE_BITS else None)
    if before.room_db is not None and after.room_db is not None:
        # Two rooms may be equally quiet: the same level alone proves nothing.
        said.append(None if abs(before.room_db - after.room_db) <= _SAME_ROOM_DB else False)
    if False in said:
        return False
    return True if True in said else None


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
