"""What happens to files on cards: cut short, zeroed, damaged in places; and photographs with EXIF.

- Positions are bytes; `offset_at` says where the data of a time is, as the demuxer tells.
"""

import struct
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.corpus.lens import Effect
from tests.corpus.scenes import Painter, Scene


def keep_share(path: Path, share: float) -> None:
    """Cut the file off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def keep_bytes(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:count])


def fill(path: Path, start: int, end: int, *, noise_seed: int | None = None) -> None:
    """Overwrite bytes with zeros, or with noise."""
    data = bytearray(path.read_bytes())
    size = end - start
    data[start:end] = bytes(size) if noise_seed is None else np.random.default_rng(noise_seed).bytes(size)
    path.write_bytes(data)


def offset_at(path: Path, at_s: float) -> int:
    """Where the first picture shown at `at_s` or later is stored."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = None
        for packet in container.demux(stream):
            if packet.pts is None or packet.pos is None or packet.pos < 0:
                continue
            seconds = float(packet.pts * packet.time_base)
            first = seconds if first is None else first
            if seconds - first >= at_s - 1e-6:
                return int(packet.pos)
    raise ValueError(f"{path.name}: no picture at {at_s} s")


def key_frames(path: Path) -> list[tuple[float, int, int]]:
    """(time, position, size) of every key frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (float(p.pts * p.time_base), int(p.pos), p.size)
            for p in container.demux(stream)
            if p.pts is not None and p.is_keyframe and p.pos is not None
        ]


def _exif(taken_at: datetime, zone: timedelta) -> bytes:
    """An APP1 segment: make, model and DateTimeOriginal in the camera's local time (Exif 2.3)."""
    local = (taken_at + zone).strftime("%Y:%m:%d %H:%M:%S").encode() + b"\x00"
    make, model = b"DSJ\x00\x00\x00\x00\x00", b"B7-2026\x00"
    ifd0_at, exif_at = 8, 8 + 2 + 12 * 4 + 4
    data_at = exif_at + 2 + 12 * 1 + 4
    entries = [
        (0x010F, 2, len(make), data_at),
        (0x0110, 2, len(model), data_at + 8),
        (0x0132, 2, 20, data_at + 16),
        (0x8769, 4, 1, exif_at),
    ]
    body = struct.pack("<2sHI", b"II", 42, ifd0_at) + struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    body += struct.pack("<H", 1) + struct.pack("<HHII", 0x9003, 2, 20, data_at + 16) + struct.pack("<I", 0)
    body += make + model + local
    payload = b"Exif\x00\x00" + body
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def photograph(
    path: Path,
    scene: Scene,
    width: int,
    height: int,
    taken_at: datetime,
    *,
    exif: bool = True,
    effects: tuple[Effect, ...] = (),
) -> None:
    """A JPEG of the scene, with EXIF."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.thread_count = 1
    context.flags |= av.codec.context.Flags.bitexact
    picture = Painter(scene, width, height, 25, effects).frame(3.0)
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p").reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    data = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    segment = _exif(taken_at, timedelta(hours=8)) if exif else b""
    path.write_bytes(data[:2] + segment + data[2:])


def declare_picture_size(path: Path, width: int, height: int) -> None:
    """Change the size a JPEG's frame header declares."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    path.write_bytes(data)
