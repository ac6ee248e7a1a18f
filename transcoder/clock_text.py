"""The clock that a camera burns into the picture, read where its profile says it stands.  Article 15(5).

No font is known beforehand, and none is needed: in the cell of the seconds' last digit the ten digits come
one after another, a second each; so a dozen seconds show what they look like, and the moment at which the
tens change shows which of them is the nought.  With these the other cells are read.

- A reading counts where every cell is plainly one digit and they make a time that there is.
- *Jump*: what the clock tells, less the recording's own time, steps between readings that agree among
  themselves before and after.  A clock that is a little fast or slow does not step; what cannot be read is
  left out.
- Where the clock cannot be learnt (too short, covered, another layout than the profile says) nothing is told.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from transcoder.request import ClockBox
from transcoder.stretches import Stretch

EVERY_S = 0.5
_LEARN_S = 90.0
_WINDOW_S = 11.0
_CELL = (14, 10)  # rows and columns that a cell is looked at by
_SURE = 0.72  # correlation with what a digit looks like
_MARGIN = 0.06  # to the next best
_LEARNT_SHARE = 0.7  # of all looks have to be one of the digits learnt
_STEP_S = 2.5
_AGREE_S = 1.6
_RUN = 4  # readings that agree
_FIELDS = "YMDhms"
Cells = NDArray[np.float32]


class ClockReader:
    """Takes pictures in order and keeps what the clock told; some bytes for each second."""

    def __init__(self, box: ClockBox) -> None:
        self._box = box
        self._places = [n for n, letter in enumerate(box.layout) if letter in _FIELDS]
        self._last_s = -1.0
        self._looks: list[tuple[float, Cells]] = []
        self._digits: Cells | None = None
        self._given_up = len([1 for letter in box.layout if letter == "s"]) != 2
        self._told: list[tuple[float, float]] = []  # when, what the clock told; seconds

    def is_due(self, at_s: float) -> bool:
        """Whether the picture of that time is to be looked at."""
        return not self._given_up and not 0 <= at_s - self._last_s < EVERY_S - 1e-3

    def add(self, luma: NDArray[np.uint8], at_s: float) -> None:
        """Look at a picture's brightness."""
        if not self.is_due(at_s):
            return
        cells = self._cells(luma)
        if cells is None:
            return
        self._last_s = at_s
        if self._digits is not None:
            self._read(at_s, cells)
            return
        self._looks.append((at_s, cells))
        if at_s - self._looks[0][0] >= _LEARN_S:
            self._learn()

    def jumps(self) -> list[Stretch]:
        """Where the clock steps, in order of time."""
        if self._digits is None and not self._given_up:
            self._learn()
        return find_steps(self._told)

    def _cells(self, luma: NDArray[np.uint8]) -> Cells | None:
        """Each digit's cell, on a grid of its own, without its mean and with spread one."""
        width, box = luma.shape[1], self._box
        count = len(box.layout)
        rows = (np.linspace(box.top, box.bottom, _CELL[0] * 2 + 1)[1::2] * width).astype(np.int64)
        columns = np.linspace(box.left, box.right, count * _CELL[1] * 2 + 1)[1::2] * width
        if rows[-1] >= luma.shape[0] or columns[-1] >= width:
            return None
        area = luma[rows][:, columns.astype(np.int64)].astype(np.float32)
        cells = area.reshape(_CELL[0], count, _CELL[1]).transpose(1, 0, 2)[self._places]
        flat: Cells = cells.reshape(len(self._places), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        return np.asarray(
            flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1.0), dtype=np.float32
        )

    def _learn(self) -> None:
        looks, self._looks = self._looks, []
        self._digits = learn_digits(looks, self._fields())
        self._given_up = self._digits is None
        if self._digits is not None:
            for at_s, cells in looks:
                self._read(at_s, cells)

    def _fields(self) -> str:
        return "".join(letter for letter in self._box.layout if letter in _FIELDS)

    def _read(self, at_s: float, cells: Cells) -> None:
        assert self._digits is not None
        told = told_by(read_cells(cells, self._digits), self._fields())
        if told is not None:
            self._told.append((at_s, told))


def learn_digits(looks: Sequence[tuple[float, Cells]], fields: str) -> Cells | None:
    """What nought to nine look like, a row each; None where the cells do not behave like a clock's."""
    if len(looks) < 2 * _WINDOW_S / EVERY_S * 0.8:
        return None
    times = np.array([at for at, _ in looks])
    cells = np.stack([look for _, look in looks])
    units, tens = cells[:, fields.rindex("s")], cells[:, fields.rindex("s") - 1]
    best: tuple[float, Cells] | None = None
    for start in np.arange(times[0], times[-1] - _WINDOW_S, 3.0):
        inside = (times >= start) & (times < start + _WINDOW_S)
        for phase in (0.0, 0.25, 0.5, 0.75):
            digits = _averaged(times[inside] + phase, units[inside])
            if digits is None:
                continue
            explained = float((_sure(units, digits) >= 0).mean())
            if best is None or explained > best[0]:
                best = (explained, digits)
    if best is None or best[0] < _LEARNT_SHARE:
        return None
    nought = _nought(_sure(units, best[1]), _sure(tens, best[1]))
    return None if nought is None else np.roll(best[1], -nought, axis=0)


def _averaged(times: NDArray[np.float64], units: Cells) -> Cells | None:
    """The mean look of each second of ten, where all ten are there and differ."""
    numbers = np.floor(times).astype(np.int64) % 10
    if len(set(numbers.tolist())) < 10:
        return None
    digits = np.stack([units[numbers == n].mean(axis=0) for n in range(10)])
    digits /= np.maximum(np.linalg.norm(digits, axis=1, keepdims=True), 1e-6)
    alike = digits @ digits.T - 2 * np.eye(10, dtype=np.float32)
    return digits if float(alike.max()) < 1.0 - _MARGIN else None


def _sure(cells: Cells, digits: Cells) -> NDArray[np.int64]:
    """The digit that each cell plainly is, -1 where it is none."""
    alike = cells @ digits.T
    order = np.sort(alike, axis=1)
    plain = (order[:, -1] >= _SURE) & (order[:, -1] - order[:, -2] >= _MARGIN)
    return np.where(plain, alike.argmax(axis=1), -1)


def _nought(units: NDArray[np.int64], tens: NDArray[np.int64]) -> int | None:
    """Which label the seconds bear when their tens change; None where they do not do so alike."""
    seen = [
        int(units[at])
        for at in range(1, len(tens))
        if tens[at] >= 0 and tens[at - 1] >= 0 and tens[at] != tens[at - 1] and units[at] >= 0
    ]
    if not seen:
        return None
    most = max(set(seen), key=seen.count)
    return most if seen.count(most) * 2 > len(seen) else None


def read_cells(cells: Cells, digits: Cells) -> list[int] | None:
    """A digit a cell; None where one is not plain."""
    found = _sure(cells, digits).tolist()
    return None if -1 in found else found


def told_by(digits: Sequence[int] | None, fields: str) -> float | None:
    """Seconds since 1970 (or midnight, where no date is shown) that the digits tell; None for no time."""
    if digits is None:
        return None
    value = dict.fromkeys(_FIELDS, 0)
    for letter, digit in zip(fields, digits, strict=True):
        value[letter] = 10 * value[letter] + digit
    dated = "Y" in fields and "M" in fields and "D" in fields
    year = value["Y"] + (2000 if fields.count("Y") == 2 else 0)
    try:
        date = (year, value["M"], value["D"]) if dated else (1970, 1, 1)
        return datetime(*date, value["h"], value["m"], value["s"], tzinfo=UTC).timestamp()
    except ValueError:
        return None


def find_steps(told: Sequence[tuple[float, float]]) -> list[Stretch]:
    """Where readings that agree among themselves are followed by others that agree on another time."""
    found = []
    runs = [run for run in _runs(told) if len(run) >= _RUN]
    for before, after in pairwise(runs):
        step = (after[0][1] - after[0][0]) - (before[-1][1] - before[-1][0])
        if abs(step) >= _STEP_S:
            evidence: dict[str, object] = {
                "before": _shown(before[-1][1]),
                "after": _shown(after[0][1]),
                "step_s": round(step),
                "readings": [len(before), len(after)],
            }
            key = "origin.clock_text/back" if step < 0 else "origin.clock_text"
            found.append(Stretch(key, before[-1][0], after[0][0], "seconds", evidence))
    return found


def _runs(told: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    group = 0
    groups = []
    for n, (at, clock) in enumerate(told):
        if n and abs((clock - at) - (told[n - 1][1] - told[n - 1][0])) > _AGREE_S:
            group += 1
        groups.append((group, (at, clock)))
    for _, members in groupby(groups, key=lambda one: one[0]):
        yield [reading for _, reading in members]


def _shown(clock_s: float) -> str:
    return datetime.fromtimestamp(clock_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
