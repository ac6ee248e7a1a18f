"""Whether the sound was cut, by itself or where the picture jumps.  Pure.  Article 15(5).

- A step of the spectrum alone proves nothing: tried, it also came where somebody began to speak beside a loud
  machine, where music began, and at the camera's own voice.  Together with a jump of the picture, at the same
  moment, it does.
- Under a picture that runs on: a hum whose phase breaks (tones.py), a background that is exchanged in most
  bands from one block to the next (floors.py).  Beside a stretch of digital silence neither is told again.
- One moment is told once.
"""

from collections.abc import Sequence

import numpy as np

from transcoder.floors import find_exchanges
from transcoder.loudness import Envelope
from transcoder.stretches import Stretch

_SIDE_S = 0.5
_STEP_DB = 4.0
_BANDS = 3  # of six
_ONE_CUT_S = 1.0


def cuts_in(sound: Envelope, jumps_s: Sequence[float], silent: Sequence[Stretch]) -> list[Stretch]:
    """All moments at which the sound was cut, in order of time."""
    alone = [jump.stretch for jump in sound.phase_jumps] + find_exchanges(sound)
    alone = [one for one in alone if not any(_touches(one.start_s, dead) for dead in silent)]
    found: list[Stretch] = []
    for one in [*cuts_at(sound, jumps_s), *alone]:
        if not any(abs(one.start_s - other.start_s) <= _ONE_CUT_S for other in found):
            found.append(one)
    return sorted(found, key=lambda cut: cut.start_s)


def _touches(at_s: float, stretch: Stretch) -> bool:
    return stretch.start_s - _SIDE_S <= at_s <= stretch.end_s + _SIDE_S


def cuts_at(sound: Envelope, jumps_s: Sequence[float]) -> list[Stretch]:
    """The moments of `jumps_s` at which the spectrum steps as well."""
    if not len(sound.bands):
        return []
    found = []
    for at in jumps_s:
        before = sound.bands[(sound.time_s >= at - _SIDE_S) & (sound.time_s < at - 0.05)].astype(np.float32)
        after = sound.bands[(sound.time_s >= at) & (sound.time_s < at + _SIDE_S)].astype(np.float32)
        if len(before) < 4 or len(after) < 4:
            continue
        steps = np.sort(np.abs(np.median(after, axis=0) - np.median(before, axis=0)))
        if steps[-_BANDS] >= _STEP_DB:
            evidence = {"step_db": round(float(steps[-_BANDS]), 1), "bands": int((steps >= _STEP_DB).sum())}
            found.append(Stretch("sound.cut", at, at, "seconds", evidence))
    return found
