"""EXIF of a JPEG (CIPA DC-008, TIFF 6): place, time, program.  Pure, bounded, never raises.

- What is damaged is left out; an offset is followed only inside the segment.
- Places are degrees, minutes, seconds as fractions with a hemisphere; 0/0 is no place.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_ENTRIES = 200
_MAX_XMP_BYTES = 64 << 10
_XMP_PLACE = re.compile(rb"exif:GPS(Latitude|Longitude)[=>]\"?(\d{1,3},\d{1,2}(?:\.\d{1,10})?[NSEW])")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_SOFTWARE, _ORIENTATION, _TAKEN = 0x0131, 0x0112, 0x9003
_LAT_REF, _LAT, _LON_REF, _LON, _ERROR = 1, 2, 3, 4, 0x1F


@dataclass(frozen=True)
class Exif:
    """What a photograph says of itself; `place` is latitude, longitude, and accuracy in metres if stated."""

    software: str = ""
    taken: str = ""
    orientation: int | None = None
    place: tuple[float, float, float | None] | None = None
    xmp: bytes = b""


def read_exif(head: bytes) -> Exif:
    """Read the segments before a JPEG's picture data, from the file's first bytes."""
    tiff, xmp = b"", b""
    for marker, body in _segments(head):
        if marker == 0xE1 and body[:6] == b"Exif\0\0" and not tiff:
            tiff = body[6:]
        elif marker == 0xE1 and body[:28] == b"http://ns.adobe.com/xap/1.0/":
            xmp = body[29:]
    reader = _Tiff(tiff)
    main = reader.entries(reader.u32(4)) if tiff else {}
    details = reader.entries(_int(main.get(_EXIF_IFD)))
    gps = reader.entries(_int(main.get(_GPS_IFD)))
    orientation = main.get(_ORIENTATION)
    return Exif(
        software=_text(main.get(_SOFTWARE)),
        taken=_text(details.get(_TAKEN)),
        orientation=_int(orientation) if orientation else None,
        place=_place(gps) or _xmp_place(xmp),
        xmp=xmp,
    )


def _segments(head: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    for _ in range(100):
        if at + 4 > len(head) or head[at] != 0xFF or head[at + 1] in (0xD9, 0xDA):
            return
        size = int.from_bytes(head[at + 2 : at + 4], "big")
        if size < 2:
            return
        yield head[at + 1], head[at + 4 : at + 2 + size]
        at += 2 + size


class _Tiff:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"

    def u32(self, at: int) -> int:
        piece = self._data[at : at + 4]
        return int(struct.unpack(self._order + "I", piece)[0]) if len(piece) == 4 else 0

    def entries(self, at: int) -> dict[int, object]:
        found: dict[int, object] = {}
        if not 8 <= at < len(self._data) - 2:
            return found
        count = struct.unpack(self._order + "H", self._data[at : at + 2])[0]
        for index in range(min(count, _MAX_ENTRIES)):
            entry = self._data[at + 2 + index * 12 : at + 14 + index * 12]
            if len(entry) < 12:
                break
            tag, kind, number = struct.unpack(self._order + "HHI", entry[:8])
            size = _SIZES.get(kind, 0) * number
            if not 0 < size <= 65536:
                continue
            where = self.u32(at + 10 + index * 12)
            data = entry[8 : 8 + size] if size <= 4 else self._data[where : where + size]
            if len(data) == size:
                found[tag] = self._value(kind, data)
        return found

    def _value(self, kind: int, data: bytes) -> object:
        if kind == 2:
            return data.split(b"\0")[0].decode("utf-8", "replace").strip()
        if kind in (5, 10):
            form = "II" if kind == 5 else "ii"
            return [
                numerator / denominator if denominator else None
                for numerator, denominator in struct.iter_unpack(self._order + form, data)
            ]
        if kind in (3, 4, 9):
            return list(
                struct.unpack(f"{self._order}{len(data) // _SIZES[kind]}{'HIi'[(3, 4, 9).index(kind)]}", data)
            )
        return data


def _int(value: object) -> int:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], int) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _place(gps: dict[int, object]) -> tuple[float, float, float | None] | None:
    latitude = _degrees(gps.get(_LAT), gps.get(_LAT_REF), "S", 90)
    longitude = _degrees(gps.get(_LON), gps.get(_LON_REF), "W", 180)
    if latitude is None or longitude is None:
        return None
    error = gps.get(_ERROR)
    accuracy = error[0] if isinstance(error, list) and error and isinstance(error[0], float) else None
    return latitude, longitude, accuracy


def _xmp_place(xmp: bytes) -> tuple[float, float, float | None] | None:
    """The place as XMP writes EXIF: degrees, minutes with their fraction, hemisphere ("34,22.91611E")."""
    found = dict(_XMP_PLACE.findall(xmp[:_MAX_XMP_BYTES]))
    if len(found) != 2:
        return None
    degrees: list[float] = []
    for name, negative in ((b"Latitude", b"S"), (b"Longitude", b"W")):
        whole, minutes = found[name][:-1].split(b",", maxsplit=1)
        value = int(whole) + float(minutes) / 60
        degrees.append(-value if found[name].endswith(negative) else value)
    return degrees[0], degrees[1], None


def _degrees(value: object, reference: object, negative: str, limit: int) -> float | None:
    if not isinstance(value, list) or len(value) != 3 or not isinstance(reference, str) or not reference:
        return None
    parts = [float(part) if isinstance(part, int | float) else 0.0 for part in value]
    if value[0] is None:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    if not 0 <= degrees <= limit:
        return None
    return -degrees if reference.upper().startswith(negative) else degrees
