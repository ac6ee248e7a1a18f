"""The sound of one file for pictures: levels of every stretch, levels close up, where someone speaks.

- One pass over the sound track, block by block: memory stays flat whatever the length.
- An error in one packet ends nothing; the deadline does, and what was measured until then is kept.
- Speech is what the notice check itself listens to (the speech extra's voice activity); without the extra
  nobody says where speech is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcoder.drawing.measured import CLOSE_COLUMNS, COLUMNS, Level, Levels
from transcoder.loudness import SoundMeter
from transcoder.media import MEDIA_ERRORS, decoded, open_media, packets_of
from transcoder.sound import RATE_HZ, PlacedSound
from transcoder.speech import utterances_in

_BLOCK_S = 60.0
_REST_S = 1.0  # a shorter end of a block is left to the next


@dataclass(frozen=True)
class Heard:
    """Levels by column and by window; speech in seconds, None where nobody listened."""

    levels: Levels
    close: tuple[Levels, ...]
    speech: tuple[tuple[float, float], ...] | None
    until_s: float | None  # where the deadline came; None: never


class Columns:
    """Peaks and mean squares of even stretches of time."""

    def __init__(self, start_s: float, end_s: float, count: int) -> None:
        self._start_s = start_s
        self._step_s = max(1e-6, (end_s - start_s) / count)
        self._count = count
        self._peak = np.zeros(count)
        self._square = np.zeros(count)
        self._rows = np.zeros(count)

    def add(self, times_s: NDArray[np.float64], peaks: Any, rms: Any) -> None:
        """Add measured rows."""
        places = np.floor((times_s - self._start_s) / self._step_s)
        inside = (places >= 0) & (places < self._count)
        at = places[inside].astype(np.int64)
        np.maximum.at(self._peak, at, peaks[inside])
        np.add.at(self._square, at, np.square(rms[inside], dtype=np.float64))
        np.add.at(self._rows, at, 1.0)

    def levels(self) -> Levels:
        """What was measured; a column without rows between two measured neighbours takes the one before."""
        made: list[Level | None] = []
        for place in range(self._count):
            rows = self._rows[place]
            if rows:
                rms = float(np.sqrt(self._square[place] / rows))
                made.append(Level(float(self._peak[place]), rms))
            else:
                made.append(None)
        return tuple(_bridged(made, max(1, round(0.1 / self._step_s))))


def _bridged(made: list[Level | None], most: int) -> list[Level | None]:
    """Columns finer than the meter's rows leave holes that are none of the sound's."""
    filled = list(made)
    hole = most + 1
    for place, one in enumerate(made):
        hole = 0 if one is not None else hole + 1
        if 0 < hole <= most:
            filled[place] = filled[place - 1]
    return filled


def hear(
    file: BinaryIO,
    stream: int,
    zero_s: float,
    duration_s: float,
    windows: Sequence[tuple[float, float]],
    deadline: float,
) -> Heard:
    """Measure one sound track.  Raises Unreadable."""
    every = [Columns(0.0, duration_s, COLUMNS), *(Columns(a, b, CLOSE_COLUMNS) for a, b in windows)]
    voices = _Voices()
    until_s: float | None = None
    with open_media(file) as container:
        live: Any = container.streams[stream]
        live.codec_context.thread_count = 1
        placed = PlacedSound(zero_s)
        meter = SoundMeter(zero_s, spectrum=False)
        begun_s = 0.0
        with suppress(*MEDIA_ERRORS):
            for packet in packets_of(container, live):
                if time.monotonic() > deadline:
                    until_s = placed.at_s
                    break
                for frame in decoded(live.codec_context, packet):
                    meter.add(frame)
                    for at_s, samples in placed.pieces(frame):
                        voices.add(at_s, samples)
                if placed.at_s - begun_s >= _BLOCK_S or placed.at_s < begun_s:
                    _pour(meter, every)
                    meter, begun_s = SoundMeter(zero_s, spectrum=False), placed.at_s
        _pour(meter, every)
    voices.end()
    levels, *close = (one.levels() for one in every)
    return Heard(levels, tuple(close), voices.found(), until_s)


def _pour(meter: SoundMeter, every: Sequence[Columns]) -> None:
    envelope = meter.envelope()
    for columns in every:
        columns.add(envelope.time_s, envelope.peak, envelope.rms)


class _Voices:
    """Where someone speaks, block by block."""

    def __init__(self) -> None:
        self._pieces: list[NDArray[np.float32]] = []
        self._held = 0
        self._at_s = 0.0
        self._found: list[tuple[float, float]] | None = []

    def add(self, at_s: float, samples: NDArray[np.float32]) -> None:
        if self._found is None:
            return
        if self._held and abs(at_s - self._at_s - self._held / RATE_HZ) > _REST_S:
            self._listen()
        if not self._held:
            self._at_s = at_s
        self._pieces.append(samples)
        self._held += len(samples)
        if self._held >= _BLOCK_S * RATE_HZ:
            self._listen()

    def end(self) -> None:
        if self._held:
            self._listen()

    def _listen(self) -> None:
        audio = np.concatenate(self._pieces)
        self._pieces, self._held = [], 0
        if self._found is None or not len(audio):
            return
        try:
            said = utterances_in(audio)
        except (ImportError, RuntimeError, ValueError):
            self._found = None
            return
        self._found += [(self._at_s + one.start_s, self._at_s + one.end_s) for one in said]

    def found(self) -> tuple[tuple[float, float], ...] | None:
        return None if self._found is None else tuple(self._found)
