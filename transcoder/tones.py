"""Where a steady tone in the background loses its phase: sound was cut there.  Article 15(5).

Mains, a fan, a machine hum on one note.  Where seconds are taken out of the sound, or other sound is laid in,
the hum goes on at another point of its swing; nothing that sounds does that.

- A tone counts where it stands out of the noise beside it and keeps its strength and its pitch for seconds on
  either side: a voice, an instrument, a motor that changes speed, two tones that beat do not.
- Before and after the place its phase is a straight line; what lies between the two lines there is the jump.
- A cut of whole periods of every tone leaves no jump, and where nothing hums there is nothing to see.
- Sound comes in piece by piece, thinned to `RATE_HZ`, and is judged in overlapping pieces: memory stays flat.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcoder.stretches import Stretch

RATE_HZ = 2000
PIECE_S = 24.0
_OVERLAP_S = 10.0
_JITTER_S = 0.1
_HOP = 50  # samples: 25 ms
_WINDOW_S = 0.4  # over which a tone's strength and phase are taken
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 620.0
_MOST_TONES = 6
_OUT_DB = 17.0  # above the noise beside it, at the resolution of a piece
_SIDE_S = 3.0  # steady for so long before and after
_OFF_S = 0.3  # the window blurs what is nearer
_STEADY = 0.22  # relative deviation of its strength
_STRAIGHT = 0.30  # radians that its phase leaves a line by
_SAME_HZ = 0.06
_JUMP = 1.0  # radians
_SURE = 7.0  # times what the noise makes of it
Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class PhaseJump:
    """A tone that goes on elsewhere in its swing; seconds from the recording's start."""

    at_s: float
    hz: float
    radians: float
    tones: int = 1

    @property
    def stretch(self) -> Stretch:
        """As the moment that it is."""
        evidence = {"hz": self.hz, "radians": self.radians, "tones": self.tones}
        return Stretch("sound.cut/phase", self.at_s, self.at_s, "seconds", evidence)


class ToneWatch:
    """Takes sound (mono, full scale 1) in order and keeps the jumps."""

    def __init__(self) -> None:
        self._held: list[Floats] = []
        self._count = 0
        self._start_s = 0.0
        self._rest = np.empty(0, dtype=np.float32)
        self._shape = 0
        self._ends_s = -1.0
        self._jumps: list[PhaseJump] = []

    def add(self, samples: NDArray[np.float32], rate: int, at_s: float) -> None:
        """Take what begins at `at_s`; after a gap it begins anew."""
        if rate != self._shape or abs(at_s - self._ends_s) > _JITTER_S:
            self._judge()
            self._held, self._count, self._start_s = [], 0, at_s
            self._rest, self._shape = np.empty(0, dtype=np.float32), rate
        self._ends_s = at_s + len(samples) / max(1, rate)
        by = rate // RATE_HZ
        if by < 1:
            return
        joined = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(joined) // by * by
        self._rest = joined[whole:]
        self._held.append(joined[:whole].reshape(-1, by).mean(axis=1).astype(np.float64))
        self._count += whole // by
        if self._count >= PIECE_S * self._thinned_hz:
            self._judge()
            keep = round(_OVERLAP_S * self._thinned_hz)
            piece = np.concatenate(self._held)
            self._start_s += (len(piece) - keep) / self._thinned_hz
            self._held, self._count = [piece[-keep:]], keep

    @property
    def _thinned_hz(self) -> float:
        return self._shape / (self._shape // RATE_HZ)

    def jumps(self) -> list[PhaseJump]:
        """All so far, each once, in order of time."""
        self._judge()
        self._held, self._count = [], 0
        return merged(self._jumps)

    def _judge(self) -> None:
        if self._shape >= RATE_HZ and self._count >= 2 * (_SIDE_S + 1.0) * self._thinned_hz:
            found = phase_jumps(np.concatenate(self._held), self._thinned_hz)
            self._jumps += [
                PhaseJump(one.at_s + self._start_s, one.hz, one.radians, one.tones) for one in found
            ]


def merged(jumps: list[PhaseJump]) -> list[PhaseJump]:
    """Those of one moment as one, the largest; `tones`: how many different ones tell it."""
    groups: list[list[PhaseJump]] = []
    for one in sorted(jumps, key=lambda jump: jump.at_s):
        if groups and one.at_s - groups[-1][-1].at_s <= _WINDOW_S:
            groups[-1].append(one)
        else:
            groups.append([one])
    found = []
    for group in groups:
        best = max(group, key=lambda jump: abs(jump.radians))
        found.append(PhaseJump(best.at_s, best.hz, best.radians, len({round(one.hz) for one in group})))
    return found


def phase_jumps(sound: Floats, rate: float) -> list[PhaseJump]:
    """Jumps within one piece; seconds from its start."""
    found = []
    for hz in _tones(sound, rate):
        tone, beside = _followed(sound, rate, hz), _noise(sound, rate, hz)
        found += _jumps_of(tone, beside, rate, hz)
    return found


def _tones(sound: Floats, rate: float) -> list[float]:
    """The notes that stand out over the whole of it."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    width = rate / len(sound)
    first, last = int(_LOWEST_HZ / width), min(int(_HIGHEST_HZ / width), len(spectrum) - 1)
    around = max(8, int(8.0 / width))
    part = spectrum[first:last]
    if len(part) < 2 * around:
        return []
    beside = np.repeat([np.median(part[at : at + around]) for at in range(0, len(part), around)], around)[
        : len(part)
    ]
    out_db = 10 * np.log10(np.maximum(part, 1e-30) / np.maximum(beside, 1e-30))
    found: list[float] = []
    for _ in range(_MOST_TONES):
        at = int(out_db.argmax())
        if out_db[at] < _OUT_DB:
            break
        found.append((first + at) * width)
        out_db[max(0, at - around // 4) : at + around // 4 + 1] = 0.0
    return found


def _followed(sound: Floats, rate: float, hz: float) -> Complex:
    """The tone's strength and phase against an even swing of `hz`, every `_HOP` samples."""
    turned = sound * np.exp(-2j * math.pi * hz / rate * np.arange(len(sound)))
    window = round(_WINDOW_S * rate / _HOP)
    blocks = turned[: len(turned) // _HOP * _HOP].reshape(-1, _HOP).mean(axis=1)
    shape = np.hanning(window + 2)[1:-1]
    followed: Complex = np.convolve(blocks, shape / shape.sum(), mode="same")
    return followed


def _noise(sound: Floats, rate: float, hz: float) -> float:
    """What the same window makes of the noise beside the tone."""
    levels = [np.abs(_followed(sound, rate, hz + off)) for off in (-17.0, -11.0, 11.0, 17.0)]
    return float(np.median(np.concatenate(levels)))


def _jumps_of(tone: Complex, noise: float, rate: float, hz: float) -> list[PhaseJump]:
    step_s = _HOP / rate
    side, off = round(_SIDE_S / step_s), round(_OFF_S / step_s)
    strength = np.abs(tone)
    turns = np.angle(tone[1:] * tone[:-1].conj())
    # Where it may be: the phase runs unlike its own usual slope, or the strength dips for a moment.
    usual = float(np.median(turns))
    odd = np.abs(np.angle(np.exp(1j * (turns - usual))))
    found: list[PhaseJump] = []
    moved = np.convolve(odd, np.ones(2 * off + 1), mode="same")
    for at in range(side + off, len(tone) - side - off):
        here = moved[at - off : at + off + 1]
        if (
            moved[at] < 0.5 * _JUMP
            or moved[at] < here.max()
            or (found and at * step_s - found[-1].at_s < 1.0)
        ):
            continue
        jump = _jump_at(tone, strength, at, side, off, step_s, noise)
        if jump is not None:
            found.append(PhaseJump(at * step_s, round(hz, 2), jump))
    return found


def _jump_at(
    tone: Complex, strength: Floats, at: int, side: int, off: int, step_s: float, noise: float
) -> float | None:
    before, after = slice(at - off - side, at - off), slice(at + off + 1, at + off + 1 + side)
    levels = [float(np.median(strength[part])) for part in (before, after)]
    if min(levels) < 3.0 * noise or max(levels) > 1.35 * min(levels):
        return None
    if any(
        float(strength[part].std()) > _STEADY * level
        for part, level in zip((before, after), levels, strict=True)
    ):
        return None
    lines = [_line(tone[part], step_s) for part in (before, after)]
    if (
        any(left > _STRAIGHT for _, _, left in lines)
        or abs(lines[0][0] - lines[1][0]) > _SAME_HZ * 2 * math.pi
    ):
        return None
    middle_s = (side / 2 + off + 0.5) * step_s
    ends = lines[0][1] + lines[0][0] * middle_s
    begins = lines[1][1] - lines[1][0] * middle_s
    jump = float(np.angle(np.exp(1j * (begins - ends))))
    unsure = math.hypot(lines[0][2], lines[1][2]) / math.sqrt(side * step_s / _WINDOW_S) * 2.5
    if abs(jump) < max(_JUMP, _SURE * unsure):
        return None
    return round(jump, 2)


def _line(tone: Complex, step_s: float) -> tuple[float, float, float]:
    """(radians a second, phase in the middle, deviation) of the straight line through a phase."""
    phase = np.unwrap(np.angle(tone))
    times = (np.arange(len(phase)) - (len(phase) - 1) / 2) * step_s
    slope = float((times * phase).sum() / (times * times).sum())
    middle = float(phase.mean())
    return slope, middle, float((phase - middle - slope * times).std())
