"""Streams of packets: encoding a take, and writing packets into a file as a camera's own muxer would.

- Encoders run in one thread with no mark of themselves; the same input gives the same bytes.
- A `Track` is all packets of one stream, in decoding order, times in seconds; surgery is done on tracks.
- Writing is the only place where PyAV's muxers are called, with the camera's words and no FFmpeg mark.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import PictureType
from numpy.typing import NDArray

from tests.corpus.cameras import Camera, Encoder
from tests.corpus.program_stream import write_program_stream
from tests.corpus.scenes import Picture

TICKS = 90_000
CHUNK = 1024
SIGNATURES = {"matroska": (b"Lavf", b"DSJ7"), "mov": (b"FFMP", b"\0\0\0\0")}


@dataclass(frozen=True)
class Unit:
    """One packet: when it is shown and decoded, and for how long (seconds)."""

    data: bytes
    pts_s: Fraction
    dts_s: Fraction
    duration_s: Fraction
    key: bool = True


@dataclass(frozen=True)
class Track:
    """One stream; `rate` is pictures or samples a second, `encoder` what made its pictures."""

    kind: str
    codec: str
    units: tuple[Unit, ...]
    encoder: Encoder | None = None
    size: tuple[int, int] = (0, 0)
    rate: int = 0

    def with_units(self, units: Sequence[Unit]) -> "Track":
        return replace(self, units=tuple(units))

    @property
    def end_s(self) -> Fraction:
        return max((unit.pts_s + unit.duration_s for unit in self.units), default=Fraction(0))


@dataclass(frozen=True)
class Words:
    """What the file says about itself besides sound and picture; `marks`: tags an editor would write."""

    created_at: datetime | None = None
    marks: tuple[tuple[str, str], ...] = ()
    names_muxer: bool = False


def configure_video(
    context: av.VideoCodecContext, encoder: Encoder, camera: Camera, size: tuple[int, int]
) -> None:
    """Everything that decides an encoder's bytes: used by what encodes and by the muxer's own copy, so that
    the parameter sets in the file's head are those of the packets."""
    context.width, context.height = size
    context.time_base = Fraction(1, camera.fps)
    context.framerate = Fraction(camera.fps)
    context.pix_fmt = camera.pixel_format
    context.thread_count = 1
    context.gop_size = encoder.gop
    context.flags |= Flags.bitexact
    options = dict(encoder.options)
    if encoder.codec == "libx264":
        params = [
            f"threads=1:scenecut=0:keyint={encoder.gop}:min-keyint={encoder.gop}:bframes={encoder.b_frames}"
        ]
        if encoder.bit_rate:
            rate = encoder.bit_rate // 1000
            params.append(f"vbv-maxrate={rate}:vbv-bufsize={rate}:nal-hrd=cbr")
        options |= {"preset": "veryfast", "forced-idr": "1"}
        options["x264-params"] = ":".join([*params, options.get("x264-params", "")]).rstrip(":")
    elif encoder.codec == "libx265":
        params = [
            f"pools=none:frame-threads=1:info=0:scenecut=0:keyint={encoder.gop}:bframes={encoder.b_frames}"
        ]
        options |= {"preset": "ultrafast", "forced-idr": "1"}
        options["x265-params"] = ":".join([*params, "log-level=none:repeat-headers=1"])
    else:
        options |= {"qmin": str(encoder.quality), "qmax": str(encoder.quality), "sc_threshold": "1000000000"}
    if encoder.bit_rate:
        context.bit_rate = encoder.bit_rate
    elif encoder.codec in {"libx264", "libx265"}:
        options["crf"] = str(encoder.quality)
    context.options = options


def encode_video(
    pictures: Iterator[tuple[Picture, bool]], encoder: Encoder, camera: Camera, *, signed: bool = False
) -> Track:
    """Encode (picture, is a key frame due) at the camera's rate; `signed`: x264's own mark stays in."""
    context = av.CodecContext.create(encoder.codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    units: list[Unit] = []
    size = (0, 0)
    step = Fraction(1, camera.fps)

    def take(packets: Sequence["av.Packet[Any]"]) -> None:
        for packet in packets:
            data = bytes(packet) if signed else without_signature(bytes(packet))
            assert packet.pts is not None and packet.dts is not None
            units.append(Unit(data, packet.pts * step, packet.dts * step, step, packet.is_keyframe))

    for number, (picture, key_due) in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        if size == (0, 0):
            size = (frame.width, frame.height)
            configure_video(context, encoder, camera, size)
        if camera.pixel_format != "yuv420p":
            frame = frame.reformat(format=camera.pixel_format)
        frame.pts, frame.time_base = number, step
        frame.pict_type = PictureType.I if key_due else PictureType.NONE
        take(context.encode(frame))
    take(context.encode(None))
    return Track("video", encoder.codec, tuple(units), encoder, size, camera.fps)


def encode_audio(samples: NDArray[np.int16], camera: Camera) -> Track:
    """Encode one channel of samples with the camera's sound codec."""
    assert camera.audio is not None
    context = av.CodecContext.create(camera.audio, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = camera.audio_rate_hz
    context.layout = "mono"
    context.format = context.codec.audio_formats[0] if context.codec.audio_formats else av.AudioFormat("s16")
    context.time_base = Fraction(1, camera.audio_rate_hz)
    if not camera.audio.startswith(("pcm", "adpcm")):
        context.bit_rate = camera.audio_bit_rate
    context.flags |= Flags.bitexact
    if camera.format not in {"mpegts", "ps", "adts"}:
        context.flags |= Flags.global_header
    context.open()
    units: list[Unit] = []
    step = Fraction(1, camera.audio_rate_hz)

    def take(packets: Sequence["av.Packet[Any]"]) -> None:
        for packet in packets:
            assert packet.pts is not None
            length = Fraction(packet.duration or 0) * step
            units.append(Unit(bytes(packet), packet.pts * step, packet.pts * step, length))

    for begin in range(0, len(samples), CHUNK):
        frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + CHUNK], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = camera.audio_rate_hz, begin, step
        take(context.encode(frame))
    take(context.encode(None))
    return Track("audio", camera.audio, tuple(units), rate=camera.audio_rate_hz)


def split_nals(data: bytes) -> list[bytes]:
    """The NAL units of Annex B data, without their start codes."""
    parts = data.split(b"\x00\x00\x01")[1:]
    return [part.rstrip(b"\x00") if index < len(parts) - 1 else part for index, part in enumerate(parts)]


def join_nals(nals: Sequence[bytes]) -> bytes:
    return b"".join(b"\x00\x00\x00\x01" + nal for nal in nals)


def without_signature(data: bytes) -> bytes:
    """Annex B H.264 without x264's SEI that names itself."""
    if b"x264 - core" not in data:
        return data
    return join_nals([nal for nal in split_nals(data) if not (nal[0] & 31 == 6 and b"x264 - core" in nal)])


def write(path: Path, tracks: Sequence[Track], camera: Camera, words: Words) -> None:
    """Write the tracks with the camera's muxer, packets ordered by time."""
    if camera.format == "ps":
        write_program_stream(
            path, [(t.kind, t.codec, [(u.data, u.pts_s, u.dts_s, u.key) for u in t.units]) for t in tracks]
        )
        return
    if camera.format == "raw":
        path.write_bytes(b"".join(unit.data for unit in tracks[0].units))
        return
    options = dict(camera.muxing)
    if not words.names_muxer:
        options["fflags"] = "+bitexact"
    if camera.format in {"mp4", "mov"} and not words.names_muxer:
        options.setdefault("brand", "mp42" if camera.format == "mp4" else "qt  ")
    with av.open(str(path), "w", format=camera.format, options=options) as out:
        if words.created_at is not None:
            out.metadata["creation_time"] = words.created_at.astimezone(UTC).strftime(
                "%Y-%m-%dT%H:%M:%S.000000Z"
            )
        if camera.format == "mpegts" and not words.names_muxer:
            out.metadata["service_provider"], out.metadata["service_name"] = "DSJ", "camera"
        for key, value in words.marks:
            out.metadata[key] = value
        streams = [_add_stream(out, track, camera, words) for track in tracks]
        queue = sorted(
            (
                (unit.dts_s, index, number)
                for index, track in enumerate(tracks)
                for number, unit in enumerate(track.units)
            ),
        )
        out.start_encoding()
        for _, index, number in queue:
            unit, track = tracks[index].units[number], tracks[index]
            packet = av.Packet(unit.data)
            packet.stream = streams[index]
            packet.time_base = Fraction(1, TICKS if track.kind == "video" else track.rate)
            packet.pts = round(unit.pts_s / packet.time_base)
            packet.dts = round(unit.dts_s / packet.time_base)
            packet.duration = round(unit.duration_s / packet.time_base)
            packet.is_keyframe = unit.key
            out.mux(packet)
    if not words.names_muxer and camera.format in SIGNATURES:  # these muxers sign even when told not to
        path.write_bytes(path.read_bytes().replace(*SIGNATURES[camera.format]))


def _add_stream(
    out: "av.container.OutputContainer", track: Track, camera: Camera, words: Words
) -> "av.stream.Stream":
    stream: av.stream.Stream
    if track.kind == "video":
        video = out.add_stream(track.codec, rate=track.rate)
        assert isinstance(video, av.VideoStream)
        assert track.encoder is not None
        configure_video(video.codec_context, track.encoder, camera, track.size)
        stream = video
    else:
        audio = out.add_stream(track.codec, rate=track.rate, layout="mono")
        assert isinstance(audio, av.AudioStream)
        if not track.codec.startswith(("pcm", "adpcm")):
            audio.codec_context.bit_rate = camera.audio_bit_rate
        audio.codec_context.flags |= Flags.bitexact
        stream = audio
    if camera.format in {"mp4", "mov", "3gp"} and not words.names_muxer:
        stream.metadata["handler_name"] = (
            "Video Media Handler" if track.kind == "video" else "Sound Media Handler"
        )
    return stream
