"""Which key frames a first look settles, and what it says of them.  Pure but for the decoder behind it.

A part says what the whole says where both were seen last: a picture whose part has about the detail, the
light and the sharpness that the part of the last whole picture had, and that is not the same picture again,
has the whole's measures in that proportion.  All else is decoded whole: what is dark, covered, out of focus
or repeated, what has nothing to see in its upper part, what changed, and in any case a picture now and then.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from transcoder.glimpses import Glimpses, Part, rows_of_part
from transcoder.pictures import Bytes, Grid, Measures, PictureMeter, difference, luma_of

_WHOLE_EVERY_S = 60.0
_STRUCTURE = 6.0  # detail of a whole picture that anything can be told by
_PART_STRUCTURE = 3.0
_DARK = 0.9
_LEAST, _MOST = 0.5, 2.0  # of the detail of the last whole picture's part
_LIGHT_LEAST, _LIGHT_MOST = 0.6, 1.6
_SHARP_LEAST, _SHARP_MOST = 0.7, 1.5
_SHARP = 0.11  # well above what is out of focus (picture_rules.py: 0.09)
_NEW = 1.0  # change of a part that is no repeated picture: frozen ones gave up to 0.6


@dataclass(frozen=True)
class _Look:
    points: Bytes
    measures: Measures


class FirstLooks:
    """Looks at the key frames of one stream, each in part or whole, and hands their rows to a meter."""

    def __init__(self, glimpses: Glimpses, meter: PictureMeter) -> None:
        self._glimpses = glimpses
        self._meter = meter
        self._grids: dict[tuple[int, ...], Grid] = {}
        self._last: _Look | None = None
        self._last_whole = False
        self._whole: tuple[_Look, Measures] | None = None
        self._whole_at_s = -math.inf

    @property
    def usable(self) -> bool:
        return self._glimpses.usable

    def settles(self, packet: Any, at_s: float) -> bool:
        """Whether a first look at this key frame does, and its row is with the meter."""
        if self._whole is None or not 0 <= at_s - self._whole_at_s < _WHOLE_EVERY_S or packet.is_discard:
            return False
        part = self._glimpses.look(packet)
        if part is None:
            return False
        look = self._look(part)
        change = self._change(look, part.scale)
        measures = estimated(look.measures, change, *self._whole_measures())
        if measures is None:
            return False
        self._meter.add_estimate(measures, at_s, change)
        self._last, self._last_whole = look, False
        return True

    def add(self, frame: Any, at_s: float) -> None:
        """Take a key frame that was decoded whole."""
        plane, floor, scale = luma_of(frame)
        look = self._look(Part(plane[: rows_of_part(plane.shape[0])], floor, scale))
        change = None if self._last is None or self._last_whole else self._change(look, scale)
        measures = self._meter.add(frame, at_s, spot=True, change=change)
        self._last, self._last_whole = look, True
        self._whole, self._whole_at_s = (look, measures), at_s

    def _whole_measures(self) -> tuple[Measures, Measures]:
        assert self._whole is not None
        return self._whole[0].measures, self._whole[1]

    def _look(self, part: Part) -> _Look:
        shape = part.rows.shape
        if shape not in self._grids:
            self._grids = {shape: Grid(shape)}
        grid = self._grids[shape]
        points = grid.points(part.rows)
        return _Look(points, grid.measure(points, part.rows, part.floor, part.scale))

    def _change(self, look: _Look, scale: float) -> float:
        if self._last is None or self._last.points.shape != look.points.shape:
            return float("nan")
        return difference(look.points, self._last.points, scale)[0]


def estimated(part: Measures, change: float, whole_part: Measures, whole: Measures) -> Measures | None:
    """A picture's measures by its part, given the last whole picture's and its part's; None: look at all.

    `change`: of the part, to that of the key frame before.
    """
    if not change >= _NEW or not whole.detail >= _STRUCTURE or not whole_part.detail >= _PART_STRUCTURE:
        return None
    if max(part.dark, whole_part.dark, whole.dark) > _DARK or not whole_part.sharp > 0:
        return None
    detail = part.detail / whole_part.detail
    light = (part.mean + 1.0) / (whole_part.mean + 1.0)
    sharp = part.sharp / whole_part.sharp
    alike = _LEAST <= detail <= _MOST and _LIGHT_LEAST <= light <= _LIGHT_MOST and sharp >= _SHARP_LEAST
    if not alike or not whole.sharp * min(sharp, _SHARP_MOST) >= _SHARP:
        return None
    return replace(
        whole,
        mean=whole.mean * light,
        dark=min(1.0, max(0.0, whole.dark + part.dark - whole_part.dark)),
        detail=whole.detail * detail,
        sharp=whole.sharp * min(sharp, _SHARP_MOST),
    )
