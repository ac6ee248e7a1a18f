"""Synthetic media for this package's tests, made with PyAV: small, real, and cut or damaged on purpose."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.bitstream
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.rig.camera_marks import sign_as_camera

RATE_HZ = 16_000

Sound = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class Movie:
    """What to make; `times_s` are the pictures' stamps, else `fps` for `seconds`."""

    seconds: float = 6.0
    fps: int = 25
    codec: str = "libx264"
    gop: int = 25
    b_frames: int = 0
    sound: bool = True
    audio_codec: str = "aac"
    audio: Sound | None = None  # float, 16 kHz mono, in place of a tone
    faststart: bool = False
    times_s: tuple[float, ...] | None = None
    creation: str | None = None
    x264: str = ""
    camera: bool = True  # bears a camera's marks, else FFmpeg's


def make(path: Path, movie: Movie = Movie(), container: str | None = None) -> Path:
    """Write a movie with a moving, noisy picture and a tone."""
    options = {"movflags": "faststart"} if movie.faststart else {}
    with av.open(str(path), "w", format=container, options=options) as out:
        if movie.creation:
            out.metadata["creation_time"] = movie.creation
        video = out.add_stream(movie.codec, rate=movie.fps)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        video.time_base = Fraction(1, 1000)
        video.codec_context.time_base = Fraction(1, 1000)
        if movie.codec == "libx264":
            video.gop_size = movie.gop
            video.codec_context.max_b_frames = movie.b_frames
            video.options = {"preset": "veryfast", "x264-params": f"threads=1:{movie.x264}".rstrip(":")}
        elif movie.codec == "mjpeg":
            video.pix_fmt = "yuvj420p"
        audio = out.add_stream(movie.audio_codec, rate=RATE_HZ, layout="mono") if movie.sound else None
        assert audio is None or isinstance(audio, AudioStream)
        count = int(movie.seconds * movie.fps)
        times = movie.times_s or tuple(i / movie.fps for i in range(count))
        _write(out, video, audio, times, movie)
    return sign_as_camera(path) if movie.camera else path


def _write(
    out: OutputContainer,
    video: VideoStream,
    audio: AudioStream | None,
    times: tuple[float, ...],
    movie: Movie,
) -> None:
    sound = movie.audio if movie.audio is not None else _tone(movie.seconds)
    done = 0
    ground = np.random.default_rng(1).integers(0, 60, (96, 160, 3), dtype=np.uint8)
    for i, at in enumerate(times):
        picture = ground.copy()
        picture[:, (i * 3) % 140 : (i * 3) % 140 + 20] = 220
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=video.pix_fmt)
        frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
        out.mux(video.encode(frame))
        if audio is not None:
            done = _sound_until(out, audio, sound, done, int(at * RATE_HZ))
    out.mux(video.encode(None))
    if audio is not None:
        _sound_until(out, audio, sound, done, len(sound))
        out.mux(audio.encode(None))


def _sound_until(out: OutputContainer, audio: AudioStream, sound: Sound, done: int, until: int) -> int:
    while done < min(until, len(sound)):
        piece = sound[done : done + 1024]
        samples = (np.clip(piece, -1, 1) * 32767).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, done, Fraction(1, RATE_HZ)
        out.mux(audio.encode(frame))
        done += len(piece)
    return done


def _tone(seconds: float) -> NDArray[np.float64]:
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tone: NDArray[np.float64] = 0.2 * np.sin(2 * np.pi * 440 * at)
    return tone


def rewrap(
    source: Path, target: Path, options: dict[str, str], metadata: dict[str, str] | None = None
) -> Path:
    """Copy all packets as they are into a file that is written with other options, and bears `metadata`."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        new.metadata.update(metadata or {})
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    return target


def remux(
    source: Path,
    target: Path,
    keep: Callable[[float], bool],
    container: str | None = None,
    *,
    camera: bool = True,
) -> Path:
    """Copy packets whose time satisfies `keep`, stamps unchanged: a gap as a cutter leaves it."""
    with av.open(str(source)) as old, av.open(str(target), "w", format=container) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        annex_b = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", old.streams.video[0])
        for packet in _converted(old, annex_b if target.suffix == ".avi" else None):
            if packet.size and keep(_at_s(packet)):
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    return sign_as_camera(target) if camera else target


def _at_s(packet: "Packet[Any]") -> float:
    assert packet.pts is not None and packet.time_base is not None
    return float(packet.pts * packet.time_base)


def _converted(
    old: InputContainer, annex_b: av.bitstream.BitStreamFilterContext | None
) -> Iterator["Packet[Any]"]:
    for packet in old.demux():
        if annex_b is not None and packet.stream.type == "video" and packet.size:
            yield from annex_b.filter(packet)
        else:
            yield packet


def packets(path: Path, kind: str) -> list[tuple[float, int, int, bool]]:
    """(pts in seconds, byte offset or -1, size, key) of one kind's packets."""
    with av.open(str(path)) as media:
        stream = next(s for s in media.streams if s.type == kind)
        return [
            (_at_s(p), -1 if p.pos is None else p.pos, p.size, p.is_keyframe)
            for p in media.demux(stream)
            if p.size
        ]


def damage(path: Path, start: int, end: int, filling: bytes | None = None) -> None:
    """Overwrite bytes [start, end): with zeros, or with `filling` over and over."""
    size = end - start
    data = bytes(size) if filling is None else (filling * (size // len(filling) + 1))[:size]
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def decode_sound(path: Path) -> NDArray[np.float32]:
    """A file's sound as float, 16 kHz mono."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    pieces = []
    with av.open(str(path)) as media:
        for frame in [*media.decode(audio=0), None]:
            pieces += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    sound: NDArray[np.float32] = np.concatenate(pieces).astype(np.float32) / np.float32(32768)
    return sound


def shared(*parts: str) -> Path | None:
    """A place in the shared data beside the checkout; None where there is none."""
    named = os.environ.get("BODYDOCK_SHARED")
    root = Path(named) if named else Path(__file__).resolve().parents[2].parent / "shared"
    place = root.joinpath(*parts)
    return place if place.exists() else None


def facts() -> list[dict[str, Any]]:
    """The facts of the shared media; empty where they are absent."""
    listing = shared("data", "media", "facts.jsonl")
    return [json.loads(line) for line in listing.read_text().splitlines()] if listing else []
