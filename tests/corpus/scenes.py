"""What the lens sees: pictures made by numpy, the same for the same numbers.

- A picture is planes of 8-bit video (16 is black, 235 white): luma (h, w), two chromas (h/2, w/2).
- Sensor noise is in every picture but those that no sensor made (digital black, a frozen picture).
- Movement is a sum of sines whose rates do not fit each other, so that no stretch repeats by itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tests.corpus.digits import draw_clock
from tests.corpus.lens import BLACK, EFFECTS, WHITE, Effect, Plane

Picture = NDArray[np.uint8]
Point = tuple[float, float]

NOISE_PLANES = 12
NOISE_MARGIN = 48


@dataclass(frozen=True)
class Scene:
    """`kind` is a key of `PATHS`; `noise` the sensor's standard deviation in steps of luma."""

    kind: str = "walk"
    seed: int = 1
    noise: float = 2.5


@dataclass(frozen=True)
class Overlay:
    """The clock that the camera burns in: `epoch_s` at the first frame; from each (at_s, by_s) on it is
    `by_s` further than it should be."""

    epoch_s: int
    jumps: tuple[tuple[float, float], ...] = ()


def _smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> NDArray[np.float64]:
    coarse = rng.normal(size=(height // cell + 2, width // cell + 2))
    rows, columns = np.arange(height) / cell, np.arange(width) / cell
    r, c = rows.astype(int), columns.astype(int)
    fr, fc = (rows - r)[:, None], (columns - c)[None, :]
    top = coarse[r][:, c] * (1 - fc) + coarse[r][:, c + 1] * fc
    bottom = coarse[r + 1][:, c] * (1 - fc) + coarse[r + 1][:, c + 1] * fc
    mixed: NDArray[np.float64] = top * (1 - fr) + bottom * fr
    return mixed


@lru_cache(maxsize=4)
def _world(kind: str, seed: int, width: int, height: int) -> tuple[Plane, Plane, Plane]:
    """A wall of a place, larger than the picture: what the camera looks around in."""
    rng = np.random.default_rng((seed, 11, len(kind)))
    tall, wide = height * 2, width * 3
    luma = np.full((tall, wide), 110.0)
    for cell, amount in LAYERS[kind]:
        luma += amount * _smooth_noise(rng, tall, wide, cell)
    things = 12 if kind in {"wall", "fog"} else 220
    for _ in range(things):
        x, y = int(rng.integers(0, wide)), int(rng.integers(0, tall))
        w, h = int(rng.integers(3, width // 4)), int(rng.integers(3, height // 4))
        if rng.random() < 0.5:  # a thing and its edge
            luma[y : y + h, x : x + w] += rng.normal() * 35
            luma[y : y + h, x : x + 2] -= 40
        else:  # fine lines: shelves, writing, tiles
            luma[y : y + h : 4, x : x + w] += rng.normal() * 30
    if kind in {"wall", "fog"}:
        luma = 150 + (luma - 110) * 0.45
    if kind == "document":
        luma[:] = 205 + 4 * _smooth_noise(rng, tall, wide, 40)
        for y in range(6, tall - 8, 12):
            strokes = rng.random(wide // 2) < 0.45
            luma[y : y + 6] -= np.repeat(strokes, 2)[None, :wide] * rng.uniform(90, 140)
    chroma = [
        128
        + 9 * _smooth_noise(rng, tall // 2, wide // 2, 30)
        + 3 * _smooth_noise(rng, tall // 2, wide // 2, 7)
        for _ in range(2)
    ]
    blue, red = (plane.clip(90, 165).astype(np.int16) for plane in chroma)
    return luma.clip(30, 225).astype(np.int16), blue, red


COARSE = ((60, 22.0), (19, 12.0), (6, 9.0), (2, 5.0))
SOFT = ((90, 16.0), (30, 8.0), (8, 2.0))
LAYERS: dict[str, tuple[tuple[int, float], ...]] = {
    "walk": COARSE,
    "stand": COARSE,
    "table": COARSE,
    "night": COARSE,
    "dusk": COARSE,
    "pan": COARSE,
    "police": COARSE,
    "concert": COARSE,
    "car": COARSE,
    "corridor": COARSE,
    "infrared": COARSE,
    "sun": COARSE,
    "wall": SOFT,
    "fog": SOFT,
    "document": COARSE,
    "storeroom": COARSE,
    "interview": COARSE,
}


def _wander(amount_x: float, amount_y: float, rate: float) -> Callable[[float, int], Point]:
    def position(t: float, seed: int) -> Point:
        p = seed * 0.7
        x = math.sin(t * rate + p) * 0.6 + math.sin(t * rate * 2.7183 + 2 * p) * 0.3
        y = math.sin(t * rate * 1.4142 + 3 * p) * 0.6 + math.sin(t * rate * 3.3166 + p) * 0.3
        return x * amount_x, y * amount_y

    return position


def _step(t: float, seed: int) -> Point:
    x, y = _wander(0.85, 0.5, 0.37)(t, seed)
    return x, y + 0.035 * math.sin(t * 11.1) + 0.02 * math.sin(t * 23.9)


def _pan(t: float, seed: int) -> Point:
    return 0.9 * math.sin(t * 0.9 + seed), 0.08 * math.sin(t * 1.7)


# Where the camera looks, as shares of the room there is (-1..1), by seconds.
PATHS: dict[str, Callable[[float, int], Point]] = {
    "walk": _step,
    "stand": _wander(0.03, 0.03, 0.8),
    "table": lambda _t, _s: (0.0, 0.0),
    "night": _step,
    "dusk": _wander(0.5, 0.3, 0.3),
    "pan": _pan,
    "police": _wander(0.04, 0.04, 0.7),
    "concert": _wander(0.05, 0.05, 0.9),
    "car": _wander(0.015, 0.03, 2.9),
    "corridor": _step,
    "infrared": _wander(0.4, 0.3, 0.3),
    "sun": _step,
    "wall": _wander(0.02, 0.02, 0.8),
    "fog": _step,
    "document": _wander(0.02, 0.02, 0.9),
    "storeroom": _wander(0.3, 0.2, 0.45),
    "interview": _wander(0.005, 0.005, 0.6),
}
PEOPLE = {
    "walk": 2,
    "stand": 2,
    "corridor": 1,
    "night": 1,
    "dusk": 2,
    "police": 2,
    "interview": 1,
    "storeroom": 1,
}
GREY = {"night", "infrared"}


class Painter:
    """Pictures of one scene in one size, with what happens to them."""

    def __init__(
        self, scene: Scene, width: int, height: int, fps: float, effects: tuple[Effect, ...] = ()
    ) -> None:
        self.scene, self.width, self.height, self.fps, self.effects = scene, width, height, fps, effects
        rng = np.random.default_rng((scene.seed, 5))
        shape = (NOISE_PLANES, height + NOISE_MARGIN, width + NOISE_MARGIN)
        self._noise = (rng.standard_normal(shape, dtype=np.float32) * scene.noise).round().astype(np.int16)

    def frame(self, t_s: float, overlay: Overlay | None = None, file_s: float | None = None) -> Picture:
        """The picture at `t_s` of the scene, as one yuv420p array (h * 3 / 2, w); effects and the burnt-in
        clock go by `file_s`, the time in the recording (default: the same)."""
        at_s = t_s if file_s is None else file_s
        for effect in self.effects:
            inside = effect.start_s <= at_s < effect.end_s
            if effect.kind == "freeze" and inside:  # the last picture again and again, to the bit
                t_s -= at_s - effect.start_s
                at_s = effect.start_s
            elif effect.kind == "skip" and at_s >= effect.start_s:  # pictures left out, the rest moved up
                t_s += effect.end_s - effect.start_s
        index = round(t_s * self.fps)
        luma, blue, red = self._look(t_s)
        touched = [e for e in self.effects if e.kind in EFFECTS and e.start_s <= at_s < e.end_s]
        for effect in touched:
            luma, blue, red = EFFECTS[effect.kind](luma, blue, red, effect, at_s)
        if not any(effect.kind == "black" for effect in touched):
            luma = luma + self._grain(index, luma.shape)
            blue = blue + self._grain(index + 7001, blue.shape) // 2
            red = red + self._grain(index + 9001, red.shape) // 2
        luma = luma.clip(BLACK, WHITE)
        if overlay is not None:
            shift = sum(by for jump_at, by in overlay.jumps if at_s >= jump_at)
            draw_clock(luma, overlay.epoch_s + int(at_s + shift + 1e-6))
        halves = np.concatenate([p.clip(16, 240).reshape(-1, self.width) for p in (blue, red)])
        return np.concatenate([luma, halves]).astype(np.uint8)

    def _grain(self, index: int, shape: tuple[int, ...]) -> Plane:
        rng = np.random.default_rng((self.scene.seed, index & 0xFFFFFF))
        plane, dy, dx = rng.integers(0, (NOISE_PLANES, NOISE_MARGIN, NOISE_MARGIN))
        grain: Plane = self._noise[plane, dy : dy + shape[0], dx : dx + shape[1]]
        return grain

    def _look(self, t: float) -> tuple[Plane, Plane, Plane]:
        kind, seed = self.scene.kind, self.scene.seed
        world = _world(kind, seed, self.width, self.height)
        px, py = PATHS[kind](t, seed)
        x = (int((px + 1) / 2 * (self.width * 2 - 2))) & ~1
        y = (int((py + 1) / 2 * (self.height - 2))) & ~1
        luma = world[0][y : y + self.height, x : x + self.width].copy()
        blue, red = (
            p[y // 2 : (y + self.height) // 2, x // 2 : (x + self.width) // 2].copy() for p in world[1:]
        )
        self._people(luma, t)
        light = LIGHTS.get(kind)
        if light is not None:
            luma, blue, red = light(luma, blue, red, t)
        else:
            luma = (luma * (1 + 0.03 * math.sin(t * 0.6 + seed))).astype(np.int16)
        if kind in GREY:
            blue, red = np.full_like(blue, 128), np.full_like(red, 128)
        return luma, blue, red

    def _people(self, luma: Plane, t: float) -> None:
        for number in range(PEOPLE.get(self.scene.kind, 0)):
            phase = self.scene.seed + number * 1.9
            x = int((0.5 + 0.42 * math.sin(t * (0.31 + 0.13 * number) + phase)) * self.width)
            w, h = self.width // 10, self.height // 2
            top = int(self.height * (0.35 + 0.02 * math.sin(t * 5.3 + phase)))
            swing = int(4 * math.sin(t * 6.1 + phase))
            luma[top : top + h, max(0, x) : x + w] = 60 + 50 * number
            luma[top : top + h : 5, max(0, x) : x + w] += 25
            luma[max(0, top - h // 4) : top, max(0, x + w // 4) : x + w * 3 // 4] = 165
            luma[top + h // 3 : top + h // 3 + 8, max(0, x - 10 + swing) : x + w + 10 + swing] = 140


Light = Callable[[Plane, Plane, Plane, float], tuple[Plane, Plane, Plane]]


def _dark(level: float, depth: float, lamps: bool) -> Light:
    def light(luma: Plane, blue: Plane, red: Plane, t: float) -> tuple[Plane, Plane, Plane]:
        luma = (BLACK + level + (luma - 30) * depth).astype(np.int16)
        if lamps:  # far street lamps that pass, small and not bright
            height, width = luma.shape
            for number in range(3):
                x = int((t * 9 + number * width / 3) % width)
                luma[height // 5 : height // 5 + 3, x : x + 3] += 35
        return luma, blue, red

    return light


def _police(luma: Plane, blue: Plane, red: Plane, t: float) -> tuple[Plane, Plane, Plane]:
    on_blue = int(t * 4) % 2 == 0
    flash = 1.0 if (t * 8) % 1 < 0.6 else 0.35
    luma = (BLACK + (luma - 16) * (0.25 + 0.35 * flash)).astype(np.int16)
    tint = int(45 * flash)
    return luma, blue + (tint if on_blue else 0), red + (0 if on_blue else tint)


def _concert(luma: Plane, blue: Plane, red: Plane, t: float) -> tuple[Plane, Plane, Plane]:
    strobe = 0.9 if (t * 3.1) % 1 < 0.15 else 0.22 + 0.1 * math.sin(t * 2.3)
    return (
        (BLACK + (luma - 16) * strobe).astype(np.int16),
        blue + int(25 * math.sin(t)),
        red + int(25 * math.cos(t * 1.3)),
    )


def _corridor(luma: Plane, blue: Plane, red: Plane, t: float) -> tuple[Plane, Plane, Plane]:
    lit = 1.0 if int(t / 6.5) % 2 == 0 else 0.35  # a lamp that goes off and on
    return (BLACK + (luma - 16) * lit).astype(np.int16), blue, red


def _sun(luma: Plane, blue: Plane, red: Plane, t: float) -> tuple[Plane, Plane, Plane]:
    glare = 60 * max(0.0, math.sin(t * 0.5))
    return (luma + glare).astype(np.int16), blue, red


def _car(luma: Plane, blue: Plane, red: Plane, t: float) -> tuple[Plane, Plane, Plane]:
    half = luma.shape[0] // 2  # the road above a dashboard that stands still
    luma[:half] = np.roll(luma[:half], int(t * 83) % luma.shape[1], axis=1)
    return luma, blue, red


LIGHTS: dict[str, Light] = {
    "night": _dark(1.0, 0.06, True),
    "dusk": _dark(6.0, 0.22, False),
    "police": _police,
    "concert": _concert,
    "corridor": _corridor,
    "sun": _sun,
    "car": _car,
}
