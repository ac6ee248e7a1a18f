"""How large a photograph says it is: read from its header, so that nothing has to be decoded to refuse it.

PNG (ISO 15948), JPEG (T.81, the frame header SOFn), BMP, WebP (RFC 9649, all three kinds); anything else is
unknown here.
"""

import struct
from typing import BinaryIO

_HEAD_BYTES = 64
_MOST_SEGMENTS = 1000
_NO_FRAME = {0xC4, 0xC8, 0xCC}  # tables and extensions within the numbers of SOFn


def announced_pixels(file: BinaryIO) -> tuple[int, int] | None:
    """(width, height) as the header says; None where it does not."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack(">II", head[16:24])
            return width, height
        if head.startswith(b"\xff\xd8"):
            return _jpeg(file)
        if head.startswith(b"BM"):
            width, height = struct.unpack("<ii", head[18:26])
            return abs(width), abs(height)
        if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return _webp(head)
    except struct.error:
        return None
    return None


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        file.seek(at)
        segment = file.read(9)
        if len(segment) < 4 or segment[0] != 0xFF:
            return None
        marker, length = segment[1], struct.unpack(">H", segment[2:4])[0]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack(">HH", segment[5:9])
            return width, height
        else:
            at += 2 + length
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
