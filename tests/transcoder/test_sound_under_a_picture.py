"""Sound that was cut or replaced under a picture that runs on; sounds that only seem so."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.transcoder.signal_maker import RATE_HZ, Sound, Take, make, room, walk
from transcoder.engine import inspect
from transcoder.report import Depth, Finding
from transcoder.request import InspectItem, InspectRequest
from transcoder.tones import ToneWatch

SECONDS = 24.0


def _cuts(path: Path) -> list[Finding]:
    report = inspect(InspectRequest((InspectItem(path),), Depth.DEEP))
    return [f for f in report.recordings[0].findings if f.code == "sound.cut"]


def _hum(seconds: float, hz: float = 99.96, level: float = 0.004) -> Sound:
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    hum: Sound = level * np.sin(2 * math.pi * hz * at)
    return hum


def _cut(sound: Sound, at_s: float, gone_s: float) -> Sound:
    at, gone = int(at_s * RATE_HZ), int(gone_s * RATE_HZ)
    return np.concatenate([sound[:at], sound[at + gone :]])


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "mp4"), ("pcm_alaw", "avi"), ("pcm_s16le", "mov")])
def test_seconds_taken_out_of_the_sound_break_the_hum(tmp_path: Path, codec: str, suffix: str) -> None:
    whole = room(SECONDS + 4) + _hum(SECONDS + 4)
    for name, sound, expected in (
        ("cut", _cut(whole, 11.0, 3.137), [pytest.approx(11.0, abs=0.5)]),
        ("whole", whole, []),
    ):
        path = make(
            tmp_path / f"{name}.{suffix}",
            Take(walk(), sound=sound[: int(SECONDS * RATE_HZ)], audio_codec=codec, seconds=SECONDS),
        )
        assert [f.start_s for f in _cuts(path)] == expected


def _watched(sound: Sound) -> list[float]:
    watch = ToneWatch()
    for start in range(0, len(sound), 4000):
        watch.add(sound[start : start + 4000].astype(np.float32), RATE_HZ, start / RATE_HZ)
    return [round(jump.at_s, 1) for jump in watch.jumps()]


def test_a_jump_anywhere_in_a_long_recording_is_told_once() -> None:
    whole = room(200.0, 0.004) + _hum(200.0)
    assert _watched(whole) == []
    assert _watched(_cut(_cut(whole, 131.0, 2.015), 37.0, 1.735)) == [
        pytest.approx(37.0, abs=0.3),
        pytest.approx(131.0 - 1.735, abs=0.3),
    ]


def test_tones_that_break_by_themselves_are_no_cut() -> None:
    at = np.arange(int(40.0 * RATE_HZ)) / RATE_HZ
    noise = room(40.0, 0.003)
    speeding = np.sin(2 * math.pi * np.cumsum(100 + 3 * np.sin(at / 4)) / RATE_HZ)  # a motor
    beating = np.sin(2 * math.pi * 100 * at) + np.sin(2 * math.pi * 100.4 * at)
    struck = np.sin(2 * math.pi * 220 * at + np.floor(at / 5) * 1.7) * np.exp(-(at % 5))  # a string
    switched = np.sin(2 * math.pi * 100 * at) * (at > 20)
    for name, tone in {"motor": speeding, "beat": beating, "string": struck, "switched": switched}.items():
        assert _watched(noise + 0.02 * tone) == [], name
    gap = ToneWatch()
    for start in (0, 30):
        gap.add((noise + _hum(40.0)).astype(np.float32)[: 16 * RATE_HZ], RATE_HZ, start * 1.00123)
    assert gap.jumps() == []


def test_another_background_from_one_moment_to_the_next_is_told(tmp_path: Path) -> None:
    here = room(SECONDS, 0.003)
    other = np.convolve(room(SECONDS, 0.2), np.ones(24) / 24, mode="same")
    replaced = here.copy()
    replaced[9 * RATE_HZ : 16 * RATE_HZ] = other[9 * RATE_HZ : 16 * RATE_HZ]
    path = make(tmp_path / "replaced.mp4", Take(walk(), sound=replaced, seconds=SECONDS))
    assert [f.start_s for f in _cuts(path)] == [pytest.approx(9.0, abs=0.2), pytest.approx(16.0, abs=0.2)]


def test_a_door_a_machine_and_loud_noises_are_no_exchange(tmp_path: Path) -> None:
    at = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ
    street = room(SECONDS, 0.05)
    door = street * np.interp(at, [10.0, 10.25], [1.0, 0.15])  # a door shuts within a quarter of a second
    machine = room(SECONDS, 0.004) + _hum(SECONDS, 50, 0.05) * (at > 9)
    bangs = room(SECONDS, 0.004) + np.random.default_rng(2).normal(0, 0.3, len(at)) * np.exp(-(at % 6) * 12)
    talk = 1 + 9 * np.sin(at * 11) ** 2 * np.sin(at * 2.3) ** 2  # goes on without a pause
    voice = room(SECONDS, 0.004) * np.where(at > 10.0, talk, 1.0)
    sounds = {"door": door, "machine": machine, "bangs": bangs, "voice": voice}
    for name, sound in sounds.items():
        path = make(tmp_path / f"{name}.mp4", Take(walk(), sound=sound, seconds=SECONDS))
        assert _cuts(path) == [], name
