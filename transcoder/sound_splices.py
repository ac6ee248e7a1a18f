"""Whether the sound changes where the picture jumps.  Pure.  Article 15(5).

A step of the background alone proves nothing: tried, it also came where somebody began to speak beside a loud
machine, where music began, and at the camera's own voice.  Together with a jump of the picture, at the same
moment, it does.  Sound that was cut under a picture that runs on is not found.
"""

from collections.abc import Sequence

import numpy as np

from transcoder.loudness import Envelope
from transcoder.stretches import Stretch

_SIDE_S = 0.5
_STEP_DB = 4.0
_BANDS = 3  # of six


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
