"""How loud the sound is: one row of plain numbers for each 50 ms, at its true place in time.

- All channels count: it is silent where every channel stands still.
- Digital silence is samples that do not move: G.711 decodes silence to a constant 8, not to 0.
- Bands of the spectrum, for a step in the background, are measured at depth `deep` only.
- A stamp that differs from where the samples stand by more than 0.1 s is a gap; less is rounding.
"""

from array import array
from dataclasses import dataclass
from itertools import pairwise
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
_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "flt": 1.0, "dbl": 1.0, "s64": 2.0**63}
Floats = NDArray[np.float32]


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
        self._pieces: list[Floats] = []
        self._held = 0
        self._shape: tuple[int, int] = (0, 0)  # channels, rate
        self._at_s: float | None = None  # where the held pieces begin

    def add(self, frame: Any) -> None:
        """Measure one frame."""
        samples = samples_of(frame)
        shape = (samples.shape[0], int(frame.sample_rate))
        if shape != self._shape:
            self._measure(everything=True)
            self._shape = shape
        rate = shape[1]
        if rate <= 0 or not samples.size:
            return
        if frame.pts is not None and frame.time_base:
            stamp_s = float(frame.pts * frame.time_base) - self._zero_s
            if self._at_s is None or abs(stamp_s - self._at_s - self._held / rate) > _JITTER_S:
                self._measure(everything=True)
                self._at_s = stamp_s
        self._at_s = self._at_s or 0.0
        self._pieces.append(samples)
        self._held += samples.shape[1]
        if self._held >= _GATHER_S * rate:
            self._measure(everything=False)

    def _measure(self, *, everything: bool) -> None:
        channels, rate = self._shape
        size = max(1, round(rate * BLOCK_S))
        count = self._held // size if self._held else 0
        if count:
            held = np.concatenate(self._pieces, axis=1)
            blocks = held[:, : count * size].reshape(channels, count, size)
            self._keep(blocks, rate, size)
            rest = held[:, count * size :]
            self._at_s = (self._at_s or 0.0) + count * size / rate
            self._pieces, self._held = [rest.copy()], rest.shape[1]
        if everything:
            self._pieces, self._held = [], 0

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


def samples_of(frame: Any) -> Floats:
    """A frame's samples as float32, full scale 1, one row a channel."""
    values = frame.to_ndarray()
    name = frame.format.name
    if not name.endswith("p"):
        values = values.reshape(-1, len(frame.layout.channels)).T
    full = _FULL_SCALE[name.removesuffix("p")]
    samples: Floats = values.astype(np.float32)
    if name.startswith("u8"):
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
