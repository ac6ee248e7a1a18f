"""Whether a file's picture goes straight on in the next one though the clock denies it.  Article 15(3).

A clock that is set between two pieces of one recording makes a gap, an overlap or another day out of a joint.

- Only files whose numbers follow each other and which no run joins are compared.
- *Straight on*: from the last picture to the first the view changes no more than from picture to picture, and
  far less than within half a second: the camera is moving, and its movement is not interrupted.
- A view that hardly moves says nothing: a camera left on a table looks the same an hour later.
- Where the view only trembles around one place, or jerks at the very joint, nothing is said either.
- First one picture of each side, so that what is plainly another place costs two pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.errors import Unreadable
from transcoder.media import MEDIA_ERRORS, decoded, open_media, open_regular, packets_of
from transcoder.recording import Inspected
from transcoder.runs import Run, Segment
from transcoder.timeline import Track

GRID = (64, 36)
_ELSEWHERE = 40.0  # mean difference of brightness (of 255): a view that moves by a group's length stays below
_SIDE_S = 3.0  # of pictures of each side
_APART_S = 1.5
_STEPS = 2.5  # of the usual step from picture to picture
_FAR = 0.4  # of the change within half a second
_LEAST_FAR = 3.0  # steps of brightness: less is no movement
_MOST_PICTURES = 90
_MOST_PACKETS = 400
_MOST_PAIRS = 60
Views = NDArray[np.float32]


@dataclass(frozen=True)
class Resumed:
    """The later file begins where the earlier one stops; differences in steps of brightness."""

    before: int
    after: int
    across: float
    step: float
    far: float


def unjoined(runs: Sequence[Run]) -> list[tuple[Segment, Segment]]:
    """Pairs of video segments whose numbers follow each other, no number borne twice, that no run joins."""
    segments = [s for run in runs for s in run.segments if s.kind == "video" and s.sequence is not None]
    by_number: dict[int, list[Segment]] = {}
    for segment in segments:
        by_number.setdefault(segment.sequence or 0, []).append(segment)
    joined = {(link.before, link.after) for run in runs for link in run.links}
    pairs = []
    for number in sorted(by_number):
        here, there = by_number[number], by_number.get(number + 1, [])
        if len(here) == len(there) == 1 and (here[0].index, there[0].index) not in joined:
            pairs.append((here[0], there[0]))
    return pairs[:_MOST_PAIRS]


def find_resumed(runs: Sequence[Run], inspected: Sequence[Inspected]) -> list[Resumed]:
    """All places where the picture goes on over what the clock calls a break."""
    found = []
    for before, after in unjoined(runs):
        told = _compare(before.index, after.index, inspected[before.index], inspected[after.index])
        if told is not None:
            found.append(told)
    return found


def _compare(before_at: int, after_at: int, before: Inspected, after: Inspected) -> Resumed | None:
    first = _views(after, last=False, one=True)
    near = _views(before, last=True, one=True)
    if first is None or near is None or float(np.abs(first[0] - near[0]).mean()) > _ELSEWHERE:
        return None
    left, right = _views(before, last=True, one=False), _views(after, last=False, one=False)
    if left is None or right is None:
        return None
    told = straight_on(left, right, _interval_s(before), _interval_s(after))
    return None if told is None else Resumed(before_at, after_at, *told)


def straight_on(
    left: Views, right: Views, left_interval_s: float, right_interval_s: float
) -> tuple[float, float, float] | None:
    """(change across, usual step, change within half a second) where `right` goes on where `left` ends."""
    if min(len(left), len(right)) < 6:
        return None
    across = _apart(left[-1], right[0])
    steps = np.concatenate([_changes(side, 1) for side in (left, right)])
    # Nearest to the joint counts: somebody may stop walking.
    sides = ((left[::-1], left_interval_s), (right, right_interval_s))
    far = min(_within(side, max(2, round(_APART_S / max(interval, 1e-3)))) for side, interval in sides)
    step = float(np.median(steps))
    goes_on = across <= max(_STEPS * step, float(np.quantile(steps, 0.9)))
    if far < _LEAST_FAR or not goes_on or across > _FAR * far:
        return None
    return round(across, 2), round(step, 2), round(far, 2)


def _within(side: Views, by: int) -> float:
    by = min(by, len(side) // 2)
    return float(np.median(_changes(side[: 2 * by], by)))


def _changes(views: Views, by: int) -> NDArray[np.float64]:
    return np.asarray(np.abs(views[by:] - views[:-by]).mean(axis=1), dtype=np.float64)


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).mean())


def _interval_s(one: Inspected) -> float:
    track = one.timeline.track("video") if one.timeline is not None else None
    return track.interval_s if track is not None else 0.04


def _views(of: Inspected, *, last: bool, one: bool) -> Views | None:
    """Grids of brightness of the first or the last pictures; `one`: one picture that is near the joint."""
    track = of.timeline.track("video") if of.timeline is not None else None
    if of.media is None or track is None or not of.finished:
        return None
    most = 1 if one else max(8, min(_MOST_PICTURES, round(_SIDE_S / max(track.interval_s, 1e-3))))
    found: list[NDArray[np.float32]] = []
    try:
        with open_regular(of.item.path) as file, open_media(file) as container:
            for view in _grids(container, track, last=last):
                found.append(view)
                if len(found) == most and (one or not last):
                    break
                del found[:-most]
    except Unreadable:
        return None
    except MEDIA_ERRORS:
        return None
    return np.stack(found) if found else None


def _grids(container: Any, track: Track, *, last: bool) -> Iterator[NDArray[np.float32]]:
    live = container.streams[track.stream]
    live.codec_context.thread_count = 1
    live.codec_context.thread_type = "NONE"
    live.codec_context.options = {"skip_loop_filter": "all"}
    if last and track.end_s - track.start_s > _SIDE_S:
        container.seek(round((track.end_s - _SIDE_S) / float(live.time_base)), stream=live)
    for count, packet in enumerate(packets_of(container, live)):
        if count > _MOST_PACKETS:
            return
        for frame in decoded(live.codec_context, packet):
            grid = frame.reformat(width=GRID[0], height=GRID[1], format="gray", interpolation="AREA")
            yield grid.to_ndarray().astype(np.float32).reshape(-1)
