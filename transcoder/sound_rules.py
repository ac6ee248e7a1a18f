"""What rows of sound measures show: silent and clipped stretches.  Pure.  Article 15(3).

- *Silent* is digital silence: samples that do not move.  A quiet room moves them; it is *quiet*: said at
  depth `deep`, no fault.
- Silence at the head, with sound after it, is a pre-record buffer, as long as the profile says, or else as
  long as any camera's.
- A recording silent from end to end had no pre-record buffer but a dead microphone.
"""

import numpy as np

from transcoder.loudness import BLOCK_S, Envelope
from transcoder.stretches import Stretch, runs_of, span_of

_STILL = 8 / 32768  # peak to peak: the last bits, and what a codec makes of them (a dead input in AAC: 4)
_QUIET = 0.001  # peak, as ffmpeg's silencedetect (-60 dB)
_LONGEST_PRE_RECORD_S = 120.0
_HEAD_S = 0.5  # sound that starts later than this has no silent head
_CLIPPED_SHARE = 0.01
_CLIPPED_WINDOW = round(1.0 / BLOCK_S)
_LEAST_CLIPPED_S = 1.0


def find_stretches(sound: Envelope, end_s: float, pre_record_s: float | None) -> list[Stretch]:
    """Stretches of any length, earliest first."""
    still = _below(sound, end_s, "sound.silent", sound.swing <= _STILL, "seconds")
    silent = still[1:] if still and _is_buffer(sound, still[0], pre_record_s) else still
    quiet = _below(sound, end_s, "sound.silent/quiet", sound.peak < _QUIET, "quiet_seconds")
    quiet = [one for one in quiet if not any(one.overlaps(other) for other in still)]
    return sorted(silent + quiet + _clipped(sound, end_s), key=lambda one: (one.start_s, one.key))


def _below(
    sound: Envelope, end_s: float, key: str, mask: "np.typing.NDArray[np.bool_]", measure: str
) -> list[Stretch]:
    found = []
    for run in runs_of(mask, bridge=1):
        start, end = span_of(sound.time_s, end_s, run)
        peak = float(sound.peak[slice(*run)].max())
        found.append(Stretch(key, start, end, measure, {"peak": round(peak, 6)}))
    return found


def _is_buffer(sound: Envelope, head: Stretch, pre_record_s: float | None) -> bool:
    """Whether a silent head is what a camera kept before its button was pressed."""
    longest = _LONGEST_PRE_RECORD_S if pre_record_s is None else pre_record_s + 1.0
    at_start = head.start_s <= max(_HEAD_S, float(sound.time_s[0]))
    return at_start and head.length_s <= longest and head.end_s < float(sound.time_s[-1])


def _clipped(sound: Envelope, end_s: float) -> list[Stretch]:
    if not np.any(sound.clipped):
        return []
    width = min(_CLIPPED_WINDOW, len(sound))  # of shorter sound "same" would make more rows than there are
    window = np.ones(width) / width
    share = np.convolve(sound.clipped, window, mode="same")
    found = []
    for run in runs_of(share >= _CLIPPED_SHARE, bridge=_CLIPPED_WINDOW):
        start, end = span_of(sound.time_s, end_s, run)
        if end - start >= _LEAST_CLIPPED_S:
            most = round(float(sound.clipped[slice(*run)].max()), 3)
            found.append(Stretch("sound.clipped", start, end, "seconds", {"clipped_share": most}))
    return found
