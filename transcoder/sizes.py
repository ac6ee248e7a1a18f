"""The size of a picture as its own headers write it, where FFmpeg refuses to say one.

FFmpeg names no size for pictures that it holds to be impossible (16384 x 16384 is one): without this they
would be called damaged, and a limit is no damage.
"""

import os
from dataclasses import replace
from typing import BinaryIO

from transcoder import h264, h265
from transcoder.bits import OutOfBits
from transcoder.facts import StreamFacts
from transcoder.nal import length_size_of, units, units_of_extradata
from transcoder.parameters import frame_header_at

_HEAD_BYTES = 4096


def with_size(file: BinaryIO, stream: StreamFacts) -> StreamFacts:
    """The stream with its size filled in, where it has none and its headers say one."""
    if stream.kind != "video" or stream.width or not len(stream.samples):
        return stream
    pos = max(0, int(stream.samples.pos[0]))
    size = _size(stream, os.pread(file.fileno(), _HEAD_BYTES, pos))
    return replace(stream, width=size[0], height=size[1]) if size else stream


def _size(stream: StreamFacts, head: bytes) -> tuple[int, int] | None:
    if stream.codec == "mjpeg":
        start = max(0, head.find(b"\xff\xd8"))
        at = frame_header_at(head[start:])
        if at is None:
            return None
        at += start
        return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
    if stream.codec not in ("h264", "hevc"):
        return None
    length_size = length_size_of(stream.extradata, stream.codec)
    for unit in [*units_of_extradata(stream.extradata, stream.codec), *units(head, length_size)]:
        try:
            if stream.codec == "h264" and unit[0] & 31 == h264.SPS:
                a = h264.parse_sps(unit)
                return a.width, a.height
            if stream.codec == "hevc" and unit[0] >> 1 & 63 == h265.SPS:
                b = h265.parse_sps(unit)
                return b.width, b.height
        except (OutOfBits, IndexError):
            continue
    return None
