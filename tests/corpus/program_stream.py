"""MPEG program streams as recorders write them, with a stream map (FFmpeg's own muxer writes none, and
without it H.264 in a program stream opens as sound: field-facts.md).

- ISO/IEC 13818-1 2.5.3 (pack header), 2.5.3.5 (system header), 2.5.4 (program stream map), 2.4.3.6 (PES).
- One pack before every picture, system header and map before every key frame; PES of at most 60,000 bytes.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

PsUnit = tuple[bytes, Fraction, Fraction, bool]
STREAM_TYPES = {"libx264": 0x1B, "libx265": 0x24, "mpeg4": 0x10, "mp2": 0x03, "aac": 0x0F, "pcm_alaw": 0x90}
STREAM_IDS = {"video": 0xE0, "audio": 0xC0}
PES_BYTES = 60_000
HEAD_START_S = Fraction(1)  # stamps of real recorders do not begin at zero
MUX_RATE = 20_000


def _stamp(prefix: int, ticks: int) -> bytes:
    ticks &= (1 << 33) - 1
    return bytes(
        [
            prefix << 4 | (ticks >> 30 & 7) << 1 | 1,
            ticks >> 22 & 255,
            (ticks >> 15 & 127) << 1 | 1,
            ticks >> 7 & 255,
            (ticks & 127) << 1 | 1,
        ]
    )


def _pack(ticks: int) -> bytes:
    scr = ticks & ((1 << 33) - 1)
    bits = 0b01 << 46 | (scr >> 30 & 7) << 43 | 1 << 42 | (scr >> 15 & 0x7FFF) << 27 | 1 << 26
    bits |= (scr & 0x7FFF) << 11 | 1 << 10 | 0 << 1 | 1
    return b"\x00\x00\x01\xba" + bits.to_bytes(6, "big") + (MUX_RATE << 2 | 3).to_bytes(3, "big") + b"\xf8"


def _system_header() -> bytes:
    body = (1 << 23 | MUX_RATE << 1 | 1).to_bytes(3, "big") + b"\x04\xe1\x7f"
    body += b"\xe0\xe0\xe8" + b"\xc0\xc0\x20"
    return b"\x00\x00\x01\xbb" + len(body).to_bytes(2, "big") + body


def _crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def _stream_map(kinds: Sequence[tuple[str, str]]) -> bytes:
    entries = b"".join(bytes([STREAM_TYPES[codec], STREAM_IDS[kind], 0, 0]) for kind, codec in kinds)
    body = b"\xe0\xff" + b"\x00\x00" + len(entries).to_bytes(2, "big") + entries
    whole = b"\x00\x00\x01\xbc" + (len(body) + 4).to_bytes(2, "big") + body
    return whole + _crc(whole).to_bytes(4, "big")


def _pes(stream_id: int, data: bytes, pts: int, dts: int) -> bytes:
    out = []
    for begin in range(0, len(data), PES_BYTES):
        part = data[begin : begin + PES_BYTES]
        if begin:
            head = b"\x80\x00\x00"
        elif pts == dts:
            head = b"\x80\x80\x05" + _stamp(2, pts)
        else:
            head = b"\x80\xc0\x0a" + _stamp(3, pts) + _stamp(1, dts)
        out.append(
            b"\x00\x00\x01" + bytes([stream_id]) + (len(head) + len(part)).to_bytes(2, "big") + head + part
        )
    return b"".join(out)


def write_program_stream(path: Path, tracks: Sequence[tuple[str, str, Sequence[PsUnit]]]) -> None:
    """Write (kind, codec, units) as a program stream; a unit is (data, pts, dts, key), times in seconds."""
    kinds = [(kind, codec) for kind, codec, _ in tracks]
    queue = sorted(
        (unit[2], index, number)
        for index, (_, _, units) in enumerate(tracks)
        for number, unit in enumerate(units)
    )
    head = _system_header() + _stream_map(kinds)
    with path.open("wb") as file:
        for dts_s, index, number in queue:
            kind, _, units = tracks[index]
            data, pts_s, _, key = units[number]
            pts, dts = (round((stamp + HEAD_START_S) * 90_000) for stamp in (pts_s, dts_s))
            if kind == "video":
                file.write(_pack(max(0, dts - 9000)) + (head if key else b""))
            file.write(_pes(STREAM_IDS[kind], data, pts, dts))
        file.write(b"\x00\x00\x01\xb9")
