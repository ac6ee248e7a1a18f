"""What happens between the scene and the file: black, a covered lens, a soft one.

- An effect changes planes (luma, blue, red) before the sensor's noise; `black` has no sensor behind it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.int16]
BLACK, WHITE = 16, 235


@dataclass(frozen=True)
class Effect:
    """Something that happens to the picture in [start_s, end_s) of the recording; kinds: `EFFECTS` and
    `freeze`, `skip` (both are done to the time, in `Painter.frame`)."""

    kind: str
    start_s: float
    end_s: float
    strength: float = 1.0


Done = tuple[Plane, Plane, Plane]


def _black(luma: Plane, blue: Plane, red: Plane, effect: Effect, _t: float) -> Done:
    """Digital black: no sensor behind it."""
    return np.full_like(luma, BLACK), np.full_like(blue, 128), np.full_like(red, 128)


def _card(luma: Plane, blue: Plane, red: Plane, effect: Effect, _t: float) -> Done:
    """A black card on the lens: the sensor's own noise on nearly nothing, a little light at one side."""
    height, width = luma.shape
    leak = np.linspace(0, 5 * effect.strength, width)[None, :].repeat(height, axis=0)
    return (17 + leak).astype(np.int16), np.full_like(blue, 128), np.full_like(red, 128)


def _hand(luma: Plane, blue: Plane, red: Plane, effect: Effect, t: float) -> Done:
    """A hand, coat or finger over the lens: a soft dark reddish slope without edges that sways a little."""
    height, width = luma.shape
    level = {1: 26, 2: 45, 3: 75}[int(effect.strength)]
    rows = np.linspace(-1, 1, height)[:, None]
    columns = np.linspace(-1, 1, width)[None, :]
    slope = level * (1 + 0.25 * columns * math.cos(t * 0.7) + 0.2 * rows * math.sin(t * 0.5))
    return slope.astype(np.int16), np.full_like(blue, 122), np.full_like(red, 139)


def _box(plane: Plane, radius: int) -> Plane:
    for axis in (0, 1):
        padded = np.pad(
            plane.astype(np.int64),
            [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)],
            mode="edge",
        )
        sums = padded.cumsum(axis=axis)
        ahead = sums.take(range(2 * radius + 1, sums.shape[axis]), axis=axis)
        behind = sums.take(range(sums.shape[axis] - 2 * radius - 1), axis=axis)
        plane = ((ahead - behind) // (2 * radius + 1)).astype(np.int16)
    return plane


def _blur(luma: Plane, blue: Plane, red: Plane, effect: Effect, _t: float) -> Done:
    """Out of focus: two box blurs; strength is the radius as a share of the width, in hundredths."""
    radius = max(2, round(luma.shape[1] * effect.strength / 100))
    return _box(_box(luma, radius), radius), _box(blue, radius // 2), _box(red, radius // 2)


EFFECTS: dict[str, Callable[[Plane, Plane, Plane, Effect, float], Done]] = {
    "black": _black,
    "card": _card,
    "hand": _hand,
    "blur": _blur,
}
