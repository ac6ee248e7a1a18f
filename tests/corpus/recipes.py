"""How an item's file is made: a take by a camera, what was done to it, and what the file says about itself.

- A recipe is data only (its `repr` names it in the cache): everything that decides a byte stands in it.
- Order: take (and others) -> surgery on packets -> written with words -> encoded again -> bytes changed.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.corpus import boxes, damage, surgery
from tests.corpus.cameras import Camera, Encoder
from tests.corpus.lens import Effect
from tests.corpus.scenes import Scene
from tests.corpus.streams import Track, Unit, Words, encode_audio, encode_video, write
from tests.corpus.takes import Take, tracks, words_of

REPO = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    """One function of `SURGERY`, `WITH_OTHER` (gets the other take's tracks) or `ON_FILE`, with arguments."""

    name: str
    args: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Again:
    """Decode everything and encode it once more, as an editor exports."""

    encoder: Encoder
    signed: bool = False


@dataclass(frozen=True)
class Recipe:
    """`words` None: the camera's own; `appended`: takes whose bytes follow in the same file, each written on
    its own, with stamps that begin at the same place of `appended_at_s` (else at 0)."""

    take: Take
    surgery: tuple[Step, ...] = ()
    other: Take | None = None
    words: Words | None = None
    again: Again | None = None
    appended: tuple[Take, ...] = ()
    appended_at_s: tuple[float, ...] = ()
    on_file: tuple[Step, ...] = ()

    def make(self, path: Path) -> None:
        made: Sequence[Track] = tracks(self.take)
        theirs = tracks(self.other) if self.other is not None else []
        for step in self.surgery:
            if step.name in WITH_OTHER:
                made = WITH_OTHER[step.name](made, theirs, *step.args, **dict(step.named))
            else:
                made = SURGERY[step.name](made, *step.args, **dict(step.named))
        words = self.words or words_of(self.take)
        write(path, made, self.take.camera, words)
        if self.again is not None:
            _encode_again(path, self.take.camera, self.again, words)
        for take, at_s in zip_longest(self.appended, self.appended_at_s, fillvalue=0.0):
            assert isinstance(take, Take)
            assert isinstance(at_s, float)
            extra = path.with_name("appended")
            write(extra, surgery.moved_from(tracks(take), 0.0, at_s), take.camera, words_of(take))
            with path.open("ab") as file:
                file.write(extra.read_bytes())
            extra.unlink()
        for step in self.on_file:
            ON_FILE[step.name](path, *step.args, **dict(step.named))


@dataclass(frozen=True)
class Photo:
    """A JPEG."""

    scene: Scene
    taken_at: datetime
    width: int = 640
    height: int = 480
    exif: bool = True
    effects: tuple[Effect, ...] = ()
    on_file: tuple[Step, ...] = ()

    def make(self, path: Path) -> None:
        damage.photograph(
            path, self.scene, self.width, self.height, self.taken_at, exif=self.exif, effects=self.effects
        )
        for step in self.on_file:
            ON_FILE[step.name](path, *step.args, **dict(step.named))


@dataclass(frozen=True)
class Real:
    """A file of tests/data as it is, or with its bytes changed."""

    source: str
    on_file: tuple[Step, ...] = ()

    def make(self, path: Path) -> None:
        shutil.copyfile(REPO / self.source, path)
        for step in self.on_file:
            ON_FILE[step.name](path, *step.args, **dict(step.named))


@dataclass(frozen=True)
class Bytes:
    """No media at all: `size` bytes of noise, or the text."""

    size: int = 0
    seed: int = 0
    text: str = field(default="")

    def make(self, path: Path) -> None:
        path.write_bytes(self.text.encode() or np.random.default_rng(self.seed).bytes(self.size))


AnyRecipe = Recipe | Photo | Real | Bytes


def _encode_again(path: Path, camera: Camera, again: Again, words: Words) -> None:
    with av.open(str(path)) as container:
        pictures = [
            frame.to_ndarray(format="yuv420p").astype(np.uint8) for frame in container.decode(video=0)
        ]
    made = [
        encode_video(((picture, False) for picture in pictures), again.encoder, camera, signed=again.signed)
    ]
    if camera.audio is not None:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=camera.audio_rate_hz)
        pieces = []
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                pieces += [out.to_ndarray().reshape(-1) for out in resampler.resample(frame)]
        made.append(encode_audio(np.concatenate(pieces).astype(np.int16), camera))
    write(path, made, camera, words)


def _zero_time(path: Path, start_s: float, end_s: float, noise_seed: int | None = None) -> None:
    damage.fill(path, damage.offset_at(path, start_s), damage.offset_at(path, end_s), noise_seed=noise_seed)


def _zero_share(path: Path, start: float, end: float) -> None:
    size = path.stat().st_size
    damage.fill(path, int(size * start), int(size * end))


def _damage_key_frames(path: Path, start_s: float, end_s: float) -> None:
    """Noise over the middle of every key frame between the times."""
    for index, (at_s, position, size) in enumerate(damage.key_frames(path)):
        if start_s <= at_s < end_s:
            damage.fill(path, position + size // 4, position + size // 2, noise_seed=index)


def _without_index(path: Path) -> None:
    damage.keep_bytes(path, boxes.moov_span(path)[0])


def _set_created(path: Path, moment: datetime) -> None:
    boxes.set_creation(path, boxes.since_1904(moment))


def _sign_as(path: Path, name: str) -> None:
    """Where FFmpeg's muxer has written its name, write another program's, cut or filled to its length."""
    data = path.read_bytes()
    signed = re.sub(
        rb"Lavf\d+\.\d+\.\d+", lambda found: name.encode().ljust(len(found[0]))[: len(found[0])], data
    )
    assert signed != data, "the muxer left no name"
    path.write_bytes(signed)


def _delayed(made: Sequence[Track], kind: str, by_s: float) -> list[Track]:
    by = Fraction(str(by_s))
    return [
        t.with_units([Unit(u.data, u.pts_s + by, u.dts_s + by, u.duration_s, u.key) for u in t.units])
        if t.kind == kind
        else t
        for t in made
    ]


SURGERY: dict[str, Callable[..., list[Track]]] = {
    "cut": surgery.cut,
    "part": surgery.part,
    "loop": surgery.loop,
    "smoothed_cut": surgery.smoothed_cut,
    "without_pictures": surgery.without_pictures,
    "without_sound": surgery.without_sound,
    "repeated_stamps": surgery.repeated_stamps,
    "moved_from": surgery.moved_from,
    "delayed": _delayed,
}
WITH_OTHER: dict[str, Callable[..., list[Track]]] = {
    "insert": surgery.insert,
    "overwrite": surgery.overwrite,
    "with_sound_of": surgery.with_sound_of,
}
ON_FILE: dict[str, Callable[..., None]] = {
    "keep_share": damage.keep_share,
    "zero_time": _zero_time,
    "zero_share": _zero_share,
    "damage_key_frames": _damage_key_frames,
    "without_index": _without_index,
    "set_created": _set_created,
    "set_created_raw": boxes.set_creation,
    "rotate": boxes.rotate,
    "with_edits": boxes.with_edits,
    "repeat_stamps": boxes.repeat_stamps,
    "declare_samples": boxes.declare_samples,
    "declare_picture_size": damage.declare_picture_size,
    "sign_as": _sign_as,
    "add_user_data": boxes.add_user_data,
}
