"""Stretches of time in which something holds, from rows of measures.  Pure.

A row holds until the next one, the last one until the end; but not over a gap, where nothing was recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_LONGEST_STEP = 8.0  # against the step before: a longer one is a gap, and told of as that
Mask = NDArray[np.bool_]
Times = NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """Something seen or heard from `start_s` to `end_s`, in seconds from the recording's start.

    `key` is a finding's code with its variant; `measure` names what of it the rules weigh.
    """

    key: str
    start_s: float
    end_s: float
    measure: str = "seconds"
    evidence: Mapping[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.key.split("/", maxsplit=1)[0]

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    def overlaps(self, other: "Stretch") -> bool:
        return self.start_s < other.end_s and other.start_s < self.end_s


def runs_of(mask: Mask, *, bridge: int = 0) -> list[tuple[int, int]]:
    """[first, last + 1) of the runs of true; breaks of up to `bridge` rows inside a run count as true."""
    padded = np.concatenate(([False], mask, [False])).astype(np.int8)
    steps = np.diff(padded)
    runs: list[tuple[int, int]] = []
    for start, end in zip(
        np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True
    ):
        if runs and start - runs[-1][1] <= bridge:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def span_of(times: Times, end_s: float, run: tuple[int, int]) -> tuple[float, float]:
    """Seconds that the rows of a run hold."""
    first, after = run
    last = float(times[after - 1])
    ends = float(times[after]) if after < len(times) else max(end_s, last)
    if after >= 2:
        ends = min(ends, last + _LONGEST_STEP * float(times[after - 1] - times[after - 2]))
    return max(0.0, float(times[first])), ends


def without(stretches: list[Stretch], others: list[Stretch]) -> list[Stretch]:
    """Those that touch none of the others."""
    return [one for one in stretches if not any(one.overlaps(other) for other in others)]
