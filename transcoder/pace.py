"""Sound whose stamps run at another pace than its samples (article 15(5); `continuity.timestamps`).  Pure.

- A packet of a coded sound holds a fixed number of samples: their count is a clock of its own.  Where the
  stamps' span and the count differ by more than a second, and no open gap explains it, packets were lost or
  added and the stamps smoothed over, or sound and picture drift apart.
- A second is what GA/T 947.2 allows between sound and picture; crystals drift by far less in an hour.
- HE-AAC announces twice the rate that its packets count in: a factor of two says nothing.
"""

from dataclasses import dataclass

import numpy as np

from transcoder.facts import StreamFacts
from transcoder.timeline import Track

ALLOWED_S = 1.0
_PER_PACKET = {
    "aac": 1024,
    "mp2": 1152,
    "mp2float": 1152,
    "amrnb": 160,
    "amrwb": 320,
    "amr_nb": 160,
    "amr_wb": 320,
}
_RATES = {"amrnb": 8000, "amrwb": 16000, "amr_nb": 8000, "amr_wb": 16000}
_OPEN_STEPS = 1.5


@dataclass(frozen=True)
class Pace:
    """Seconds by the stamps and by the samples of a sound; `open_s` of the stamps are open gaps."""

    stamped_s: float
    counted_s: float
    open_s: float

    @property
    def difference_s(self) -> float:
        """How much longer the stamps run than the samples, open gaps left out."""
        return self.stamped_s - self.open_s - self.counted_s


def pace_of(stream: StreamFacts, track: Track) -> Pace | None:
    """The pace of a sound; None where packets hold no fixed number of samples, or a factor is in doubt."""
    per_packet = _per_packet(stream)
    rate = _RATES.get(stream.codec or "", stream.sample_rate or 0)
    if per_packet is None or not rate or len(track.times) < 50 or track.missing_samples:
        return None
    nominal = per_packet / rate
    steps = np.diff(track.times)
    wide = steps[steps > _OPEN_STEPS * max(nominal, float(np.median(steps)))]
    pace = Pace(
        stamped_s=float(track.times[-1] - track.times[0]),
        counted_s=nominal * len(steps),
        open_s=float(np.sum(wide - nominal)),
    )
    ratio = (pace.stamped_s - pace.open_s) / pace.counted_s
    return pace if 0.6 < ratio < 1.6 else None


def _per_packet(stream: StreamFacts) -> int | None:
    codec = stream.codec or ""
    if codec in ("mp3", "mp3float"):
        return 1152 if (stream.sample_rate or 0) >= 32_000 else 576
    return _PER_PACKET.get(codec)
