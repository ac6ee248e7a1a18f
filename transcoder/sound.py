"""The sound at the head of a run, as one array: decoded packet by packet, at its true place in time.

- 16 kHz mono float32, from the run's first frame; what is missing (a late sound track, lost packets, a
  recording without sound) is silence there, so that times stay true.
- An error in one packet ends nothing (known fault C24).
- Digital silence: 20 ms in which the samples do not move.  G.711 decodes silence to a constant 8, not to 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from transcoder import reading
from transcoder.errors import Unreadable
from transcoder.facts import StreamFacts
from transcoder.media import MEDIA_ERRORS, open_media, open_regular, packets_of
from transcoder.recording import Inspected

RATE_HZ = 16_000
_BLOCK = RATE_HZ // 50
_STILL = 2.5 / 32768  # peak to peak, in one block
_JITTER_S = 0.1  # stamps that differ by less from where the samples stand are rounding
Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """The first seconds of a run; `errors` packets did not decode, `decoded_s` seconds did."""

    audio: Audio
    decoded_s: float
    errors: int


def read_head(run: Sequence[Inspected], seconds: float) -> Head:
    """Decode the first `seconds` of a run of recordings."""
    audio = np.zeros(max(0, int(seconds * RATE_HZ)), dtype=np.float32)
    filled, decoded, errors = 0, 0, 0
    offset_s = 0.0
    for recording in run:
        stream = recording.media.main("audio") if recording.media else None
        if stream is not None and stream.decodable:
            tally = _Tally()
            for start_s, samples in _decode(recording, stream, seconds - offset_s, tally):
                start = max(0, round((offset_s + start_s) * RATE_HZ))
                end = min(len(audio), start + len(samples))
                if end > start:
                    audio[start:end] = samples[: end - start]
                    filled = max(filled, end)
            decoded += tally.samples
            errors += tally.errors
        if recording.duration_s is None:
            break  # nobody knows where the next one begins
        offset_s += recording.duration_s
        filled = max(filled, min(len(audio), round(offset_s * RATE_HZ)))
        if offset_s >= seconds:
            break
    return Head(audio[:filled], decoded / RATE_HZ, errors)


def first_sound_s(audio: Audio) -> float | None:
    """Where the first sound is that is not digital silence; None when there is none."""
    count = len(audio) // _BLOCK
    blocks = audio[: count * _BLOCK].reshape(count, _BLOCK)
    moving = np.flatnonzero(np.ptp(blocks, axis=1) > _STILL) if count else np.array([])
    return float(moving[0]) * _BLOCK / RATE_HZ if len(moving) else None


@dataclass
class _Tally:
    samples: int = 0
    errors: int = 0


def _decode(
    recording: Inspected, stream: StreamFacts, seconds: float, tally: _Tally
) -> Iterator[tuple[float, Audio]]:
    """Pieces of sound with their start, in seconds from the recording's start.  Raises CannotRead."""
    zero_s = recording.timeline.start_s if recording.timeline else 0.0
    try:
        with open_regular(recording.item.path) as file, open_media(file) as container:
            live = container.streams[stream.index]
            live.codec_context.thread_count = 1
            yield from _pieces(container, live, zero_s, seconds, tally)
    except Unreadable:
        tally.errors += 1
    except MEDIA_ERRORS as error:
        if reading.of_surroundings(error):  # what a disk did not give was not silent
            with open_regular(recording.item.path) as file:
                reading.confirm(file)
        tally.errors += 1


def _pieces(
    container: Any, live: Any, zero_s: float, seconds: float, tally: _Tally
) -> Iterator[tuple[float, Audio]]:
    place = PlacedSound(zero_s)
    for packet in packets_of(container, live):
        try:
            frames = live.codec_context.decode(packet if packet.size else None)
        except MEDIA_ERRORS:
            tally.errors += 1
            continue
        for frame in frames:
            for piece in place.pieces(frame):
                tally.samples += len(piece[1])
                yield piece
        if place.at_s > seconds or not packet.size:
            return


class PlacedSound:
    """Resamples frames and keeps count of where the next sample belongs."""

    def __init__(self, zero_s: float) -> None:
        self._zero_s = zero_s
        self._resampler: Any = None
        self._shape: tuple[object, ...] = ()
        self.at_s = 0.0

    def pieces(self, frame: Any) -> Iterator[tuple[float, Audio]]:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            self._shape = shape
        if frame.pts is not None and frame.time_base:
            stamp_s = float(frame.pts * frame.time_base) - self._zero_s
            if abs(stamp_s - self.at_s) > _JITTER_S:
                self.at_s = max(0.0, stamp_s)
        frame.pts = None  # the resampler would stretch over gaps by itself
        for resampled in self._resampler.resample(frame):
            samples = resampled.to_ndarray().reshape(-1).astype(np.float32) / 32768
            yield self.at_s, samples
            self.at_s += len(samples) / RATE_HZ
