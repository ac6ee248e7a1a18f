"""A take: what one camera records from the button on to the button off, and making it.

- The recording's time 0 is `offset_s` of the scene, so that files of one shift continue each other.
- `pauses`: at `at_s` of the recording the camera stops for `length_s`; the time goes on.
- `foreign` stretches come from another scene (and encoder), as pasted in by somebody.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.corpus.cameras import Camera, Encoder
from tests.corpus.lens import Effect
from tests.corpus.scenes import Overlay, Painter, Picture, Scene
from tests.corpus.sounds import Sound, SoundEffect, hear
from tests.corpus.streams import Track, Unit, Words, encode_audio, encode_video, write


@dataclass(frozen=True)
class Foreign:
    """[start_s, end_s) shows `scene` from its own `offset_s` on, encoded by `encoder` (None: the camera's);
    `sound` None: the sound goes on as it was."""

    start_s: float
    end_s: float
    scene: Scene
    offset_s: float = 300.0
    sound: Sound | None = None
    encoder: Encoder | None = None


@dataclass(frozen=True)
class Take:
    camera: Camera
    seconds: float = 20.0
    started_at: datetime = datetime(2026, 3, 1, tzinfo=UTC)
    scene: Scene = field(default_factory=Scene)
    sound: Sound = field(default_factory=Sound)
    effects: tuple[Effect, ...] = ()
    sound_effects: tuple[SoundEffect, ...] = ()
    pauses: tuple[tuple[float, float], ...] = ()
    foreign: tuple[Foreign, ...] = ()
    offset_s: float = 0.0
    clock: bool = False
    clock_jumps: tuple[tuple[float, float], ...] = ()
    sound_ends_s: float | None = None
    picture_ends_s: float | None = None
    rhythm: str = "steady"
    signed: bool = False
    video_bits: Encoder | None = None

    def but(self, **changes: object) -> "Take":
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.seconds)


def _frame_times(take: Take) -> list[tuple[Fraction, bool]]:
    """(time, key frame due) of every picture, in the recording's own time."""
    step = Fraction(1, take.camera.fps)
    end = Fraction(str(take.picture_ends_s or take.seconds))
    times: list[tuple[Fraction, bool]] = []
    rng = np.random.default_rng((take.scene.seed, 31))
    t, resumed = Fraction(0), True
    pauses = sorted(take.pauses)
    while t < end:
        if pauses and t >= Fraction(str(pauses[0][0])):
            t += Fraction(str(pauses.pop(0)[1]))
            resumed = True
            continue
        cut_here = any(
            abs(float(t) - edge) < float(step) / 2 for f in take.foreign for edge in (f.start_s, f.end_s)
        )
        times.append((t, resumed or cut_here))
        resumed = False
        if take.rhythm == "jitter":
            t += Fraction(int(rng.integers(7, 44)), 1000)
        elif take.rhythm == "slows":
            t += step if t < end / 4 else step * 3
        elif take.rhythm == "phone":
            t += step * Fraction(int(rng.choice([1, 1, 1, 2, 3]))) + Fraction(int(rng.integers(0, 6)), 1000)
        else:
            t += step
    return times


def _video(take: Take) -> Track:
    camera = take.camera
    base = take.video_bits or camera.video
    assert base is not None
    times = _frame_times(take)
    overlay = Overlay(int(take.started_at.timestamp()), take.clock_jumps) if take.clock else None
    painter = Painter(take.scene, camera.width, camera.height, camera.fps, take.effects)
    parts: list[tuple[Encoder, list[tuple[Fraction, bool]], Foreign | None]] = []
    for time, key in times:
        inside = next((f for f in take.foreign if f.start_s - 1e-6 <= time < f.end_s - 1e-6), None)
        if not parts or parts[-1][2] is not inside:
            parts.append(((inside.encoder if inside else None) or base, [], inside))
        parts[-1][1].append((time, key))
    made = [
        encode_video(_pictures(take, slots, inside, painter, overlay), encoder, camera, signed=take.signed)
        for encoder, slots, inside in parts
    ]
    lag = max(_lag(track) for track in made)
    stamped = zip(made, parts, strict=True)
    return made[0].with_units(
        [unit for track, (_, slots, _) in stamped for unit in _stamped(track, slots, lag)]
    )


def _pictures(
    take: Take,
    slots: list[tuple[Fraction, bool]],
    inside: Foreign | None,
    painter: Painter,
    overlay: Overlay | None,
) -> Iterator[tuple[Picture, bool]]:
    camera = take.camera
    other = Painter(inside.scene, camera.width, camera.height, camera.fps) if inside else None
    for time, key in slots:
        at = float(time)
        if other is not None and inside is not None:
            yield other.frame(inside.offset_s + at - inside.start_s, overlay, at), key
        else:
            yield painter.frame(take.offset_s + at, overlay, at), key


def _lag(track: Track) -> int:
    """By how many pictures decoding runs ahead of showing."""
    return -min(int(unit.dts_s * track.rate) for unit in track.units)


def _stamped(track: Track, slots: list[tuple[Fraction, bool]], most: int) -> list[Unit]:
    """The encoder counts pictures; give each its own time.  Decoding times are the sorted times moved back,
    in all parts of a file by the same (`most` pictures), or a part would be decoded before the one before."""
    step = Fraction(1, track.rate)
    times = [time for time, _ in slots]
    lag = _lag(track)
    units = []
    for unit in track.units:
        shown, decoded = int(unit.pts_s / step), int(unit.dts_s / step)
        at = times[min(decoded + lag, len(times) - 1)] - most * step
        length = times[shown + 1] - times[shown] if shown + 1 < len(times) else step
        units.append(Unit(unit.data, times[shown], at, min(length, 2 * step), unit.key))
    return units


def _audio(take: Take) -> Track:
    camera = take.camera
    end = take.sound_ends_s or take.seconds
    samples = hear(take.sound, take.sound_effects, take.offset_s, end, camera.audio_rate_hz)
    for foreign in take.foreign:
        if foreign.sound is not None:
            other = hear(
                foreign.sound, (), foreign.offset_s, foreign.end_s - foreign.start_s, camera.audio_rate_hz
            )
            begin = round(foreign.start_s * camera.audio_rate_hz)
            samples[begin : begin + len(other)] = other[: max(0, len(samples) - begin)]
    track = encode_audio(samples, camera)
    for at_s, length_s in sorted(take.pauses):  # what was said in a pause was not recorded
        track = track.with_units([u for u in track.units if not at_s <= u.pts_s < at_s + length_s])
    return track


def tracks(take: Take) -> list[Track]:
    """The streams of the take, as the camera's encoders gave them."""
    made = [_video(take)] if take.camera.video is not None else []
    return made + ([_audio(take)] if take.camera.audio is not None else [])


def words_of(take: Take) -> Words:
    return Words(take.started_at if take.camera.says_time else None)


def record(path: Path, take: Take) -> None:
    """Write the take as its camera would."""
    write(path, tracks(take), take.camera, words_of(take))
