"""What the microphone hears: one channel of 16-bit sound made by numpy, the same for the same numbers.

- A sound has a floor (never digital silence unless something is wrong), a place's noise, and speech.
- Speech is real recordings (`../data/speech`, `../shared/data/speech`): a missing one is `SpeechMissing`.
- Every stretch is made from its own second of the scene, so that a take may begin anywhere.
"""

import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
FULL_SCALE = 32767.0
REPO = Path(__file__).parents[2]


class SpeechMissing(Exception):
    """A speech recording that is not on this machine."""


@dataclass(frozen=True)
class Spoken:
    """One clip of speech, `name` as in labels.jsonl without suffix, at `at_s` of the recording."""

    name: str
    at_s: float
    level: float = 0.35


@dataclass(frozen=True)
class Sound:
    """`kind` is a key of `PLACES`; `floor_db` the microphone's own noise against full scale."""

    kind: str = "street"
    seed: int = 1
    floor_db: float = -58.0
    speech: tuple[Spoken, ...] = ()


@dataclass(frozen=True)
class SoundEffect:
    """Something that happens to the sound in [start_s, end_s): a key of `SOUND_EFFECTS`, or
    `removed`."""

    kind: str
    start_s: float
    end_s: float
    strength: float = 1.0


def speech_path(name: str) -> Path:
    """Where the clip is; raises SpeechMissing."""
    shared = os.environ.get("BODYDOCK_SHARED")
    places = [
        REPO / "tests/data/speech",
        (Path(shared) if shared else REPO.parent / "shared") / "data/speech",
    ]
    for place in places:
        if (place / f"{name}.flac").is_file():
            return place / f"{name}.flac"
    raise SpeechMissing(f"speech {name}.flac is in neither {places[0]} nor {places[1]}")


@lru_cache(maxsize=64)
def _clip(name: str, rate_hz: int) -> Samples:
    """The clip at `rate_hz`, peak 1.0."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    pieces = []
    with av.open(str(speech_path(name))) as container:
        for frame in container.decode(audio=0):
            pieces += [out.to_ndarray().reshape(-1) for out in resampler.resample(frame)]
    pieces += [out.to_ndarray().reshape(-1) for out in resampler.resample(None)]
    samples: Samples = np.concatenate(pieces).astype(np.float64)
    return samples / max(1.0, float(np.abs(samples).max()))


def _low_pass(noise: Samples, rate_hz: int, cut_hz: float) -> Samples:
    spectrum = np.fft.rfft(noise)
    hz = np.fft.rfftfreq(len(noise), 1 / rate_hz)
    shaped: Samples = np.fft.irfft(spectrum / (1 + (hz / cut_hz) ** 2), len(noise))
    return shaped / max(1e-9, float(shaped.std()))


def _white(seed: int, second: int, rate_hz: int) -> Samples:
    return np.random.default_rng((seed, 77, second)).standard_normal(rate_hz)


@lru_cache(maxsize=2)
def _noise_bed(seed: int, first: int, last: int, rate_hz: int, cut_hz: float) -> Samples:
    return _low_pass(np.concatenate([_white(seed, s, rate_hz) for s in range(first, last)]), rate_hz, cut_hz)


def _street(t: Samples, bed: Samples, seed: int) -> Samples:
    passing = 0.4 + 0.6 * np.sin(t * 0.31 + seed) ** 8
    steps = np.exp(-((t * 1.9) % 1) * 14) * 0.015
    return bed * 0.02 * passing + steps * bed


def _room(t: Samples, bed: Samples, seed: int) -> Samples:
    return bed * 0.0035 + 0.0012 * np.sin(t * math.tau * 100 + seed)


def _quiet(t: Samples, bed: Samples, seed: int) -> Samples:
    return bed * 0.0002


def _wind(t: Samples, bed: Samples, seed: int) -> Samples:
    return bed * 0.09 * (0.35 + 0.65 * np.sin(t * 0.9 + seed) ** 2)


def _machine(t: Samples, bed: Samples, seed: int) -> Samples:
    heard: Samples = bed * 0.01
    for n in (1, 2, 3, 5, 8):
        heard += 0.03 / n * np.sin(t * math.tau * 49.7 * n + n)
    return heard


def _music(t: Samples, bed: Samples, seed: int) -> Samples:
    doors = ((t - 9) / 3).clip(0.02, 1.0)  # it begins after the notice
    beat = np.exp(-((t * 2.1) % 1) * 9)
    chord = sum(
        np.sin(t * math.tau * 110 * f * (1 + 0.5 * (np.floor(t * 0.52) % 3))) for f in (1.0, 1.26, 1.5, 2.01)
    )
    loud: Samples = (
        np.tanh(1.6 * (0.35 * chord + 0.9 * beat * np.sin(t * math.tau * 61) + 0.25 * bed)) * 0.93 * doors
    )
    return loud


def _crowd(t: Samples, bed: Samples, seed: int) -> Samples:
    babble = sum(
        np.sin(t * math.tau * (130 + 37 * n) + 5 * np.sin(t * (2.1 + n)))
        * np.sin(t * (3.3 + 0.7 * n) + n) ** 2
        for n in range(5)
    )
    heard: Samples = 0.012 * babble + 0.02 * bed
    return heard


PLACES = {
    "street": (_street, 900.0),
    "room": (_room, 1500.0),
    "quiet": (_quiet, 3000.0),
    "wind": (_wind, 160.0),
    "machine": (_machine, 1200.0),
    "music": (_music, 4000.0),
    "crowd": (_crowd, 1800.0),
}


def hear(
    sound: Sound, effects: tuple[SoundEffect, ...], start_s: float, seconds: float, rate_hz: int
) -> NDArray[np.int16]:
    """The microphone's samples for [start_s, start_s + seconds) of the scene; the speech and the effects go
    by the recording's own time (0 at `start_s`)."""
    wanted = round(seconds * rate_hz)
    seconds += sum(effect.strength for effect in effects if effect.kind == "removed")
    count = round(seconds * rate_hz)
    first = math.floor(start_s)
    last = math.ceil(start_s + seconds) + 1
    place, cut_hz = PLACES[sound.kind]
    bed = _noise_bed(sound.seed, first, last, rate_hz, cut_hz)
    skip = round((start_s - first) * rate_hz)
    t = start_s + np.arange(count) / rate_hz
    heard = place(t, bed[skip : skip + count], sound.seed)
    for spoken in sound.speech:
        clip = _clip(spoken.name, rate_hz) * spoken.level
        at = round(spoken.at_s * rate_hz)
        clip = clip[: max(0, count - at)]
        heard[at : at + len(clip)] += clip
    floor = np.random.default_rng((sound.seed, 78, first)).standard_normal(count)
    heard = heard + floor * 10 ** (sound.floor_db / 20)
    for effect in effects:
        part = slice(round(effect.start_s * rate_hz), round(effect.end_s * rate_hz))
        if effect.kind == "removed":  # `strength` seconds are taken out and what follows moves up
            gone = part.start + round(effect.strength * rate_hz)
            heard = np.concatenate([heard[: part.start], heard[gone:]])
            continue
        heard[part] = SOUND_EFFECTS[effect.kind](heard, part, effect, rate_hz)
    samples: NDArray[np.int16] = (heard[:wanted].clip(-1, 1) * FULL_SCALE).round().astype(np.int16)
    return samples


def _silence(heard: Samples, part: slice, effect: SoundEffect, rate_hz: int) -> Samples:
    return np.zeros_like(heard[part])


def _dead(heard: Samples, part: slice, effect: SoundEffect, rate_hz: int) -> Samples:
    """A cable off: nothing but the last bit of the converter."""
    return np.random.default_rng(len(heard)).integers(-1, 2, len(heard[part])) / FULL_SCALE


def _clip_off(heard: Samples, part: slice, effect: SoundEffect, rate_hz: int) -> Samples:
    """Far too much gain: flat tops."""
    return (heard[part] * effect.strength).clip(-0.999, 0.999)


def _other_place(heard: Samples, part: slice, effect: SoundEffect, rate_hz: int) -> Samples:
    """The sound of another place, cut in hard; `strength` is its seed."""
    seconds = len(heard[part]) / rate_hz
    other = hear(Sound("machine", int(effect.strength), -50.0), (), 500.0, seconds, rate_hz)
    return other[: len(heard[part])] / FULL_SCALE


SOUND_EFFECTS = {
    "silence": _silence,
    "dead": _dead,
    "clip": _clip_off,
    "other_place": _other_place,
}
