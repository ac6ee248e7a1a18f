"""Program streams as recorders write them: H.264 or H.265 and G.711 in packs, with or without a stream map.

ISO/IEC 13818-1, 2.5.3; the private header before the first pack is that of recorders of a large maker.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

PRIVATE_HEADER = b"IMKH" + bytes([1, 1, 0, 0, 2, 0, 1, 0, 1, 0, 0x11, 0x71]) + bytes(24)
H264, H265, ALAW = 0x1B, 0x24, 0x90


@dataclass(frozen=True)
class Unit:
    """One picture or one piece of sound; `at_s` its presentation time."""

    stream_id: int
    at_s: float
    data: bytes
    key: bool = False


def program_stream(units: Sequence[Unit], stream_map: dict[int, int] | None = None) -> bytes:
    """One pack a unit; `stream_map` (stream type by stream id) stands in every pack of a key picture."""
    out = bytearray()
    for unit in units:
        out += _pack(unit.at_s)
        if unit.key:
            out += _system_header()
            if stream_map:
                out += _map(stream_map)
        out += _pes(unit)
    return bytes(out + b"\x00\x00\x01\xb9")


def _pack(at_s: float) -> bytes:
    base = int(at_s * 90_000) & 0x1FFFFFFFF
    head = 0x4 << 44 | (base >> 30 & 7) << 43 | 1 << 42 | (base >> 15 & 0x7FFF) << 27 | 1 << 26
    head |= (base & 0x7FFF) << 11 | 1 << 10 | 1
    return b"\x00\x00\x01\xba" + head.to_bytes(6, "big") + (50_000 << 2 | 3).to_bytes(3, "big") + b"\xf8"


def _system_header() -> bytes:
    return b"\x00\x00\x01\xbb" + bytes.fromhex("000c80c35004e1 7fe0e0d8c0c020")


def _map(streams: dict[int, int]) -> bytes:
    entries = b"".join(bytes([kind, stream, 0, 0]) for stream, kind in streams.items())
    body = b"\xe0\xff\x00\x00" + struct.pack(">H", len(entries)) + entries + b"\x45\xbd\xdc\xf4"
    return b"\x00\x00\x01\xbc" + struct.pack(">H", len(body)) + body


def _pes(unit: Unit) -> bytes:
    out, data, first = bytearray(), unit.data, True
    while data or first:
        piece, data = data[:60_000], data[60_000:]
        header = _stamp(unit.at_s) if first else b""
        flags = b"\x80\x80" if first else b"\x80\x00"
        length = len(piece) + 3 + len(header)
        out += b"\x00\x00\x01" + bytes([unit.stream_id]) + struct.pack(">H", length)
        out += flags + bytes([len(header)]) + header + piece
        first = False
    return bytes(out)


def _stamp(at_s: float) -> bytes:
    pts = int((at_s + 1.0) * 90_000)
    return bytes(
        [
            0x21 | (pts >> 29 & 0xE),
            pts >> 22 & 0xFF,
            1 | (pts >> 14 & 0xFE),
            pts >> 7 & 0xFF,
            1 | (pts << 1 & 0xFE),
        ]
    )
