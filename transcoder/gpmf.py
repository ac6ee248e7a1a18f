"""Places in GoPro's telemetry (GPMF: key, type, size, repeat; big-endian; github.com/gopro/gpmf-parser).
Pure.

- `GPS5` holds latitude, longitude, height, two speeds, divided by `SCAL`; `GPSF` says whether there is a fix
  (0: none), `GPSP` the dilution of precision times 100.  `GPS9` of later cameras carries precision and fix in
  each row; `GPRI` is what its drones pass on (a time, then latitude, longitude, height, dilution).
- Only the first row of a payload is taken: a payload lasts about a second.
- Nesting and counts are bounded; what does not fit its parent ends the walk.
"""

import struct
from collections.abc import Iterator

from transcoder.places import Fix, fix_of

_MAX_ITEMS = 2000
_MAX_DEPTH = 4
_METRES_PER_DOP = 5.0


def is_gpmf(payload: bytes) -> bool:
    """Does a payload begin as GPMF?"""
    return payload[:4] == b"DEVC"


def fix_in(payload: bytes, at_s: float) -> Fix | None:
    """The first place in one payload; None where the receiver had no fix."""
    scale: list[float] = []
    has_fix, precision = True, None
    for key, kind, size, repeat, body in _items(payload, 0):
        if key == b"STRM":
            scale, has_fix, precision = [], True, None
        elif key == b"SCAL":
            scale = [float(v) for v in _numbers(kind, body[: size * repeat])]
        elif key == b"GPSF" and len(body) >= 4:
            has_fix = int.from_bytes(body[:4], "big") in (2, 3)
        elif key == b"GPSP" and len(body) >= 2:
            precision = int.from_bytes(body[:2], "big") / 100
        elif key == b"GPS5" and repeat and size == 20 and len(body) >= 20 and has_fix:
            return _fix(struct.unpack(">5i", body[:20]), scale, at_s, precision)
        elif key == b"GPRI" and repeat and size >= 22 and len(body) >= 22:
            raw = struct.unpack(">q3iH", body[:22])
            dilution = raw[4] / scale[4] if len(scale) > 4 and scale[4] else None
            return _fix(raw[1:3], scale[1:3], at_s, dilution)
        elif key == b"GPS9" and repeat and size == 32 and len(body) >= 32:
            row = struct.unpack(">7i2H", body[:32])
            if row[8] in (2, 3):
                dop = row[7] / (scale[7] if len(scale) > 7 and scale[7] else 100)
                return _fix(row, scale, at_s, dop)
    return None


def _fix(row: tuple[int, ...], scale: list[float], at_s: float, precision: float | None) -> Fix | None:
    by = scale if len(scale) > 1 else scale * 2
    if len(by) < 2 or not by[0] or not by[1]:
        return None
    accuracy = None if precision is None else precision * _METRES_PER_DOP
    return fix_of(at_s, row[0] / by[0], row[1] / by[1], accuracy)


def _items(data: bytes, depth: int) -> Iterator[tuple[bytes, int, int, int, bytes]]:
    at = 0
    for _ in range(_MAX_ITEMS):
        if at + 8 > len(data):
            return
        key, kind, size, repeat = struct.unpack(">4sBBH", data[at : at + 8])
        length = size * repeat
        body = data[at + 8 : at + 8 + length]
        if key == b"\0\0\0\0" or len(body) < length:
            return
        yield key, kind, size, repeat, body
        if kind == 0 and depth < _MAX_DEPTH:
            yield from _items(body, depth + 1)
        at += 8 + (length + 3) // 4 * 4


def _numbers(kind: int, body: bytes) -> list[float]:
    form = {ord("s"): "h", ord("S"): "H", ord("l"): "i", ord("L"): "I", ord("f"): "f"}.get(kind)
    if form is None:
        return []
    size = struct.calcsize(form)
    return list(struct.unpack(f">{len(body) // size}{form}", body[: len(body) // size * size]))
