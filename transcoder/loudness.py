"""How loud the sound is: one row of plain numbers for each 50 ms, at its true place in time.

- All channels count: it is silent where every channel stands still.
- Digital silence is samples that do not move: G.711 decodes silence to a constant 8, not to 0.
- Bands of the spectrum, for a step in the background, are measured at depth `deep` only.
- A stamp that differs from where the samples stand by more than 0.1 s is a gap; less is rounding.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.tones import PhaseJump, ToneWatch

BLOCK_S = 0.05
BANDS = 6
_BAND_EDGES_HZ = (60.0, 200.0, 500.0, 1000.0, 2000.0, 3400.0, 7000.0)
_JITTER_S = 0.1
_CLIPPED = 0.975  # A-law ends at 0.984, mu-law at 0.980
_GATHER_S = 1.0
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8", "s64": "i8"}
_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "flt": 1.0, "dbl": 1.0, "s64": 2.0**63}
Floats = NDArray[np.float32]
_NONE: Floats = np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Envelope:
    """Measures of sound in order of time; levels are shares of full scale."""

    time_s: NDArray[np.float64]  # from the recording's start
    rms: Floats  # of all channels, what is constant taken off
    peak: Floats  # largest sample, as it stands
    swing: Floats  # largest peak to peak of a channel
    clipped: Floats  # share of samples at full scale
    bands: NDArray[np.float16]  # decibels, one row of BANDS each; no rows where not measured
    errors: int  # packets that did not decode
    phase_jumps: tuple[PhaseJump, ...] = ()  # of steady tones, where the spectrum is measured

    def __len__(self) -> int:
        return len(self.time_s)


class SoundMeter:
    """Takes decoded frames in order and keeps their rows."""

    def __init__(self, zero_s: float, *, spectrum: bool) -> None:
        """`zero_s`: the container time that counts as zero."""
        self.errors = 0
        self._zero_s = zero_s
        self._spectrum = spectrum
        self._columns = {name: array("f") for name in ("rms", "peak", "swing", "clipped")}
        self._times = array("d")
        self._bands = bytearray()
        self._tones = ToneWatch() if spectrum else None
        self._pieces: list[tuple[Any, int]] = []  # planes of frames with how many samples they hold
        self._rest: Floats = _NONE  # of the block that the frames before began
        self._held = 0  # samples of both
        self._kind: tuple[str, int, int] = ("", 0, 0)  # format, channels, rate
        self._at_s: float | None = None  # where the held pieces begin

    def add(self, frame: Any) -> None:
        """Measure one frame."""
        rate, count, planes = frame.sample_rate, frame.samples, frame.planes
        kind = (frame.format.name, frame.layout.nb_channels, rate)
        if kind != self._kind:
            self._measure(everything=True)
            self._kind = kind
        if rate <= 0 or not count:
            return
        stamp_s = frame.time
        if stamp_s is not None and isfinite(stamp_s):  # of frames without a time base it is NaN
            stamp_s -= self._zero_s
            if self._at_s is None or abs(stamp_s - self._at_s - self._held / rate) > _JITTER_S:
                self._measure(everything=True)
                self._at_s = stamp_s
        self._at_s = self._at_s or 0.0
        self._pieces.append((planes, count))
        self._held += count
        if self._held >= _GATHER_S * rate:
            self._measure(everything=False)

    def _measure(self, *, everything: bool) -> None:
        name, channels, rate = self._kind
        size = max(1, round(rate * BLOCK_S))
        count = self._held // size if self._held else 0
        if count:
            pieces = [samples_of(name, channels, self._pieces)] if self._pieces else []
            held = np.concatenate([self._rest, *pieces], axis=1) if self._rest.size else pieces[0]
            blocks = held[:, : count * size].reshape(channels, count, size)
            self._keep(blocks, rate, size)
            self._at_s = (self._at_s or 0.0) + count * size / rate
            self._pieces, self._rest = [], held[:, count * size :].copy()
            self._held = self._rest.shape[1]
        if everything:
            self._pieces, self._rest, self._held = [], _NONE, 0

    def _keep(self, blocks: Floats, rate: int, size: int) -> None:
        high, low = blocks.max(axis=2), blocks.min(axis=2)
        still = blocks - blocks.mean(axis=2, keepdims=True)
        count = blocks.shape[1]
        self._times.extend(((self._at_s or 0.0) + np.arange(count) * (size / rate)).tolist())
        rows = {
            "rms": np.sqrt(np.einsum("cbs,cbs->b", still, still) / (blocks.shape[0] * size)),
            "peak": np.maximum(high, -low).max(axis=0),
            "swing": (high - low).max(axis=0),
            "clipped": np.zeros(count),
        }
        if float(rows["peak"].max()) >= _CLIPPED:
            rows["clipped"] = (np.abs(blocks) >= _CLIPPED).mean(axis=(0, 2))
        for name, values in rows.items():
            self._columns[name].frombytes(np.ascontiguousarray(values, dtype=np.float32).tobytes())
        if self._spectrum:
            self._bands += _bands(still.mean(axis=0), rate).tobytes()
        if self._tones is not None:
            self._tones.add(blocks.mean(axis=0).reshape(-1), rate, self._at_s or 0.0)

    def envelope(self) -> Envelope:
        """All rows so far, as views: nothing can be added after."""
        self._measure(everything=True)
        return Envelope(
            time_s=np.frombuffer(self._times, dtype=np.float64),
            **{name: np.frombuffer(column, dtype=np.float32) for name, column in self._columns.items()},
            bands=np.frombuffer(self._bands, dtype=np.float16).reshape(-1, BANDS),
            errors=self.errors,
            phase_jumps=() if self._tones is None else tuple(self._tones.jumps()),
        )


def samples_of(name: str, channels: int, frames: Sequence[tuple[Any, int]]) -> Floats:
    """Frames' samples as float32, full scale 1, one row a channel; `frames`: (planes, samples in them).

    All at once, and straight from the decoder's memory: a frame is short, and taking one is what costs.
    """
    kind = name.removesuffix("p")
    if name != kind:
        rows = [
            np.concatenate([np.frombuffer(planes[channel], _TYPES[kind], count) for planes, count in frames])
            for channel in range(channels)
        ]
        values = rows[0][None] if channels == 1 else np.stack(rows)
    else:
        pieces = [np.frombuffer(planes[0], _TYPES[kind], count * channels) for planes, count in frames]
        values = np.concatenate(pieces).reshape(-1, channels).T
    full = _FULL_SCALE[kind]
    samples: Floats = values.astype(np.float32, copy=False)
    if kind == "u8":
        samples = samples - np.float32(full)
    return samples if full == 1.0 else samples * np.float32(1.0 / full)


def _bands(blocks: Floats, rate: int) -> NDArray[np.float16]:
    """Decibels of each block in each band, floor -120."""
    size = blocks.shape[1]
    window = np.hanning(size).astype(np.float32)
    power = np.abs(np.fft.rfft(blocks * window, axis=1)) ** 2 / (size * float(window @ window))
    edges = np.searchsorted(np.fft.rfftfreq(size, 1.0 / rate), _BAND_EDGES_HZ)
    sums = [power[:, a:b].sum(axis=1) if b > a else np.zeros(len(blocks)) for a, b in pairwise(edges)]
    decibels: NDArray[np.float16] = (10 * np.log10(np.stack(sums, axis=1) + 1e-12)).astype(np.float16)
    return decibels
