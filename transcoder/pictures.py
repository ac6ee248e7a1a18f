"""What decoded pictures look like: one row of plain numbers each, and nothing of the picture itself.

- Brightness is measured on a grid of single pixels (128 x 72): cheap, and unlike an average it keeps the
  sensor's noise, which is what tells a still scene from a frozen picture (known fault C25).
- Detail and sharpness come from a few whole rows, since a grid has no neighbours.
- Brightness counts from black: 0 to 255 whatever the range of the coded values.
- `change` is against the picture before, `key_change` of key frames against the key frame before, and
  `spot_change` of spots (key frames that a standard inspection looks at) against the spot before: a deep
  inspection can tell what the standard one saw.
- Rows are bounded: 46 bytes a picture, prints for every picture of a few hours, then for every second one.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID_WIDTH, GRID_HEIGHT = 128, 72
PRINT_WIDTH, PRINT_HEIGHT = 8, 4
PRINT_SIZE = PRINT_WIDTH * PRINT_HEIGHT
BLACK_LEVEL = 25.5  # a tenth of the range, as ffmpeg's blackdetect counts black pixels
_ROWS = 12
_MOVED = 1  # coded steps that a pixel may differ by and be the same
_PRINT_SCALE = 64.0  # steps of a print for one step of brightness
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
_MAX_PRINTS = 300_000
_COLUMNS = (
    "mean",
    "spread",
    "dark",
    "change",
    "moved",
    "detail",
    "sharp",
    "key_change",
    "spot_change",
)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Measures in order of presentation; shares are 0 to 1, brightness 0 to 255, NaN where not measured."""

    time_s: NDArray[np.float64]  # from the recording's start
    key: NDArray[np.bool_]
    spot: NDArray[np.bool_]  # a key frame that a standard inspection looks at
    mean: Floats
    spread: Floats  # standard deviation over the grid
    dark: Floats  # share of pixels below a tenth of the range
    change: Floats  # mean difference to the picture before
    moved: Floats  # share of pixels that differ from the picture before by more than one coded step
    detail: Floats  # contrast over a sixtieth of the width, noise taken off
    sharp: Floats  # share of it that is there within a few pixels: 3/63 of a slope, 1/7 of sharp edges
    key_change: Floats  # of key frames, to the key frame before
    spot_change: Floats  # of spots, to the spot before
    print_rows: NDArray[np.int64]  # which rows have a print
    prints: NDArray[np.uint16]  # their block means, for finding the same picture again

    def __len__(self) -> int:
        return len(self.time_s)

    def where(self, keep: NDArray[np.bool_]) -> "Pictures":
        """The rows that `keep` marks."""
        rows = {name: getattr(self, name)[keep] for name in _ROWS_OF}
        return Pictures(**rows, **_NO_PRINTS)

    def as_spots(self) -> "Pictures":
        """The spot pictures, each compared with the spot before."""
        rows = self.where(self.spot)
        unknown = np.full(len(rows), np.nan, dtype=np.float32)
        return replace(rows, change=rows.spot_change, moved=unknown, key_change=rows.spot_change)


_NO_PRINTS: dict[str, Any] = {
    "print_rows": np.zeros(0, dtype=np.int64),
    "prints": np.zeros((0, PRINT_SIZE), dtype=np.uint16),
}
_ROWS_OF = ("time_s", "key", "spot", *_COLUMNS)


def looked_closer(spots: Pictures, closer: Sequence[Pictures]) -> Pictures:
    """Spots with all pictures of some windows between them, in order of time, without prints.

    A spot inside a window keeps its row, but for what is against the picture before.
    """
    if not closer:
        return spots
    more = {name: np.concatenate([getattr(part, name) for part in closer]) for name in _ROWS_OF}
    times, first = np.unique(np.round(more["time_s"], 6), return_index=True)
    more = {name: column[first] for name, column in more.items()}
    columns = {name: getattr(spots, name).copy() for name in _ROWS_OF}
    own = np.round(columns["time_s"], 6)
    at = np.minimum(np.searchsorted(times, own), len(times) - 1)
    known = (times[at] == own) & ~np.isnan(more["change"][at])
    for name in ("change", "moved"):
        columns[name] = np.where(known, more[name][at], columns[name])
    new = ~np.isin(times, own)
    columns = {name: np.concatenate([column, more[name][new]]) for name, column in columns.items()}
    order = np.argsort(columns["time_s"], kind="stable")
    return Pictures(**{name: column[order] for name, column in columns.items()}, **_NO_PRINTS)


@dataclass(frozen=True, eq=False, slots=True)
class Measures:
    """What one picture shows by itself; the columns of `Pictures` say what each means."""

    mean: float
    spread: float
    dark: float
    detail: float
    sharp: float
    blocks: NDArray[np.uint16]  # its print


class PictureMeter:
    """Takes decoded frames in order and keeps their rows."""

    def __init__(self) -> None:
        self._times = array("d")
        self._keys = array("b")
        self._spots = array("b")
        self._columns = {name: array("f") for name in _COLUMNS}
        self._in_order = tuple(self._columns.values())
        self._prints = bytearray()
        self._print_every = 1
        self._before: Bytes | None = None
        self._key_before: Bytes | None = None
        self._spot_before: Bytes | None = None
        self._grids: dict[tuple[object, ...], Grid] = {}

    def __len__(self) -> int:
        return len(self._times)

    def add(self, frame: Any, time_s: float, *, spot: bool, change: float | None = None) -> Measures:
        """Measure one frame; `change`: what is known of it where the key frame before was not seen whole."""
        plane, floor, scale = luma_of(frame)
        grid = self._grid_for(plane)
        points = grid.points(plane)
        counted = grid.measure(points, plane, floor, scale)
        apart, moved = difference(points, self._before, scale)
        key_change = spot_change = float("nan")
        key = bool(frame.key_frame)
        if key:
            key_change, _ = difference(points, self._key_before, scale)
            self._key_before = points
        if spot:
            spot_change, _ = difference(points, self._spot_before, scale)
            self._spot_before = points
        self._before = points
        if change is not None:
            apart = key_change = spot_change = change
            moved = float("nan")
        self._append(counted, time_s, (key, spot), (apart, moved, key_change, spot_change))
        return counted

    def add_estimate(self, measures: Measures, time_s: float, change: float) -> None:
        """Take what is known of a key frame of which not all was decoded."""
        self._before = self._key_before = self._spot_before = None
        self._append(measures, time_s, (True, True), (change, float("nan"), change, change))

    def _append(
        self,
        measures: Measures,
        time_s: float,
        marks: tuple[bool, bool],
        changes: tuple[float, float, float, float],
    ) -> None:
        self._times.append(time_s)
        self._keys.append(marks[0])
        self._spots.append(marks[1])
        m = measures
        change, moved, key_change, spot_change = changes
        row = (m.mean, m.spread, m.dark, change, moved, m.detail, m.sharp, key_change, spot_change)
        for column, value in zip(self._in_order, row, strict=True):
            column.append(value)
        if (len(self._times) - 1) % self._print_every == 0:
            self._prints += m.blocks.tobytes()
            if len(self._prints) > _MAX_PRINTS * PRINT_SIZE * 2:
                self._thin_out()

    def _thin_out(self) -> None:
        kept = np.frombuffer(bytes(self._prints), dtype=np.uint16).reshape(-1, PRINT_SIZE)[::2]
        self._prints = bytearray(kept.tobytes())
        self._print_every *= 2

    def _grid_for(self, plane: Bytes) -> "Grid":
        if plane.shape not in self._grids:
            self._grids = {plane.shape: Grid(plane.shape)}
            self._before = self._key_before = self._spot_before = None
        return self._grids[plane.shape]

    def pictures(self) -> Pictures:
        """All rows so far, as views: nothing can be added after."""
        prints = np.frombuffer(self._prints, dtype=np.uint16).reshape(-1, PRINT_SIZE)
        columns = {name: np.frombuffer(column, dtype=np.float32) for name, column in self._columns.items()}
        return Pictures(
            time_s=np.frombuffer(self._times, dtype=np.float64),
            key=np.frombuffer(self._keys, dtype=np.bool_),
            spot=np.frombuffer(self._spots, dtype=np.bool_),
            print_rows=np.arange(len(prints)) * self._print_every,
            prints=prints,
            **columns,
        )


def luma_of(frame: Any) -> tuple[Bytes, float, float]:
    """A view of the frame's brightness, with what black is coded as, and what one coded step is worth."""
    name = frame.format.name
    if name not in _PLANAR:
        frame = frame.reformat(width=frame.width, height=frame.height, format="gray")
        name = "gray"
    first = frame.planes[0]
    plane = np.frombuffer(first, np.uint8).reshape(-1, first.line_size)[: frame.height, : frame.width]
    full = name.startswith("yuvj") or name == "gray" or int(frame.color_range) == _FULL_RANGE
    return plane, *((0.0, 1.0) if full else (16.0, 255.0 / 219.0))


def difference(now: Bytes, before: Bytes | None, scale: float) -> tuple[float, float]:
    if before is None:
        return float("nan"), float("nan")
    apart = np.maximum(now, before) - np.minimum(now, before)
    moved = np.count_nonzero(apart > _MOVED)
    return float(apart.sum(dtype=np.int64)) / apart.size * scale, moved / apart.size


class Grid:
    """Where to look in pictures of one size."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = shape
        down, right = max(1, height // GRID_HEIGHT), max(1, width // GRID_WIDTH)
        self._points = (slice(down // 2, None, down), slice(right // 2, None, right))
        self._rows = slice(height // (2 * _ROWS), None, max(1, height // _ROWS))
        self._near = max(1, width // 480)
        self._next, self._far = 2 * self._near, 8 * self._near
        tall = len(range(*self._points[0].indices(height)))
        wide = len(range(*self._points[1].indices(width)))
        self._down = _shares(PRINT_HEIGHT, tall)
        self._right = _shares(PRINT_WIDTH, wide).T.copy()

    def points(self, plane: Bytes) -> Bytes:
        return np.ascontiguousarray(plane[self._points])

    def measure(self, points: Bytes, plane: Bytes, floor: float, scale: float) -> Measures:
        count = points.size
        total = float(points.sum(dtype=np.int64))
        wide = points.astype(np.float32)
        squares = float(np.dot(wide.ravel(), wide.ravel()))
        mean = total / count
        spread = max(0.0, squares / count - mean * mean) ** 0.5
        dark = np.count_nonzero(points <= floor + BLACK_LEVEL / scale) / count
        blocks = self._down @ wide @ self._right
        detail, sharp = self._detail(plane[self._rows].astype(np.float32), scale)
        return Measures(
            max(0.0, (mean - floor) * scale),
            spread * scale,
            dark,
            detail,
            sharp,
            (blocks * _PRINT_SCALE).astype(np.uint16).ravel(),
        )

    def _detail(self, rows: Floats, scale: float) -> tuple[float, float]:
        """Structure functions at three distances: noise is alike at all of them and falls out."""
        if rows.shape[1] <= self._far + 1:
            return float("nan"), float("nan")
        near, next_, far = (_apart(rows, lag) for lag in (self._near, self._next, self._far))
        across = max(0.0, far - near)
        within = max(0.0, next_ - near)
        return across**0.5 * scale, within / across if across > 0 else float("nan")


def _apart(rows: Floats, lag: int) -> float:
    difference = (rows[:, lag:] - rows[:, :-lag]).ravel()
    return float(np.dot(difference, difference)) / max(1, difference.size)


def _shares(parts: int, length: int) -> Floats:
    """A matrix that averages `length` values into `parts` blocks."""
    shares = np.zeros((parts, length), dtype=np.float32)
    edges = [round(i * length / parts) for i in range(parts + 1)]
    for i, (start, end) in enumerate(pairwise(edges)):
        first = min(start, length - 1)
        after = max(end, first + 1)
        shares[i, first:after] = 1.0 / (after - first)
    return shares
