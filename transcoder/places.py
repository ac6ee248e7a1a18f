"""Where a recording was made, and whether two places are one (article 15(5)).  Pure.

Sources, each with its own accuracy: GPMF telemetry, an ISO 6709 text in the header, EXIF, NMEA 0183
sentences.

- Two places are compared by the great circle (haversine): different where they are further apart than
  `SAME_PLACE_M` whatever their errors, the same within it where their errors together are no larger than
  that, unknown else.
- A fix without stated accuracy is taken as good to `USUAL_ACCURACY_M`.
- A track's last fix speaks for the end of its recording only if it is not stale; likewise the first.
  A single place in a header speaks for the whole file: more was never written.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transcoder.request import Place

SAME_PLACE_M = 100.0
USUAL_ACCURACY_M = 20.0
MAX_FIXES = 600
_STALE_S = 60.0
_EARTH_M = 6_371_000.0
_ISO6709 = re.compile(r"([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)(?:[+-]\d+(?:\.\d+)?)?(?:CRS[^/]*)?/?")
_NMEA = re.compile(r"\$(?:G[PNLAB]|BD)(RMC|GGA),([^*\r\n]{10,100})(?:\*([0-9A-Fa-f]{2}))?")


@dataclass(frozen=True)
class Fix:
    """A place at a time of the recording; degrees, metres, seconds from its start."""

    at_s: float
    lat: float
    lon: float
    accuracy_m: float | None = None


def thinned(fixes: Iterable[Fix]) -> list[Fix]:
    """At most `MAX_FIXES`, evenly spread, the first and the last among them."""
    every = list(fixes)
    if len(every) <= MAX_FIXES:
        return every
    step = (len(every) - 1) / (MAX_FIXES - 1)
    return [every[round(i * step)] for i in range(MAX_FIXES)]


def fix_of(at_s: float, lat: float, lon: float, accuracy_m: float | None = None) -> Fix | None:
    """A fix of what can be one: inside the globe, and not the 0, 0 of a receiver that has none."""
    if not (math.isfinite(lat) and math.isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
        return None
    if abs(lat) < 1e-6 and abs(lon) < 1e-6:
        return None
    return Fix(
        round(at_s, 3), round(lat, 6), round(lon, 6), None if accuracy_m is None else round(accuracy_m, 1)
    )


def parse_iso6709(text: str, accuracy_m: float | None = None) -> Fix | None:
    """A place as ISO 6709 writes it (+40.6892-074.0445/, or degrees with minutes and seconds)."""
    found = _ISO6709.match(text.strip())
    if found is None:
        return None
    lat, lon = _degrees(found[1], 2), _degrees(found[2], 3)
    return fix_of(0.0, lat, lon, accuracy_m)


def _degrees(text: str, digits: int) -> float:
    sign, number = (-1 if text[0] == "-" else 1), text[1:]
    whole, _, rest = number.partition(".")
    if len(whole) == digits + 2:  # DDMM.mm
        return sign * (int(whole[:digits]) + float(f"{whole[digits:]}.{rest or 0}") / 60)
    if len(whole) == digits + 4:  # DDMMSS.ss
        minutes, seconds = int(whole[digits : digits + 2]), float(f"{whole[digits + 2 :]}.{rest or 0}")
        return sign * (int(whole[:digits]) + minutes / 60 + seconds / 3600)
    return sign * float(number)


def parse_nmea(text: str, at_s: float) -> Iterator[Fix]:
    """Fixes of the RMC and GGA sentences in a text; a wrong checksum or a void fix is none."""
    for kind, body, checksum in _NMEA.findall(text):
        fields = body.split(",")
        if checksum and not _sums_to(text, kind, body, checksum):
            continue
        if kind == "RMC" and len(fields) >= 6 and fields[1] == "A":
            lat, north, lon, east = fields[2:6]
            accuracy = None
        elif kind == "GGA" and len(fields) >= 8 and fields[5] not in ("", "0"):
            lat, north, lon, east = fields[1:5]
            accuracy = _number(fields[7])
            accuracy = None if accuracy is None else accuracy * 5
        else:
            continue
        fix = _nmea_fix(at_s, lat, north, lon, east, accuracy)
        if fix is not None:
            yield fix


def _sums_to(text: str, kind: str, body: str, checksum: str) -> bool:
    start = text.find(f"{kind},{body}") - 2
    total = 0
    for character in text[start : start + 2] + f"{kind},{body}":
        total ^= ord(character) & 0xFF
    return total == int(checksum, 16)


def _nmea_fix(at_s: float, lat: str, north: str, lon: str, east: str, accuracy: float | None) -> Fix | None:
    latitude, longitude = _number(lat), _number(lon)
    if latitude is None or longitude is None or north not in ("N", "S") or east not in ("E", "W"):
        return None
    degrees = [value // 100 + value % 100 / 60 for value in (latitude, longitude)]
    return fix_of(
        at_s,
        -degrees[0] if north == "S" else degrees[0],
        -degrees[1] if east == "W" else degrees[1],
        accuracy,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def distance_m(a: Fix, b: Fix) -> float:
    """The great circle between two fixes."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    east = math.radians(b.lon - a.lon)
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(east / 2) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(h)))


@dataclass(frozen=True)
class Compared:
    """How the end of one recording and the start of the next lie; metres."""

    place: Place
    distance_m: float
    accuracy_m: float


def compare(
    before: tuple[Fix, ...], before_duration_s: float | None, after: tuple[Fix, ...]
) -> Compared | None:
    """Compare the last place of one recording with the first of the next; None where one has none."""
    if not before or not after:
        return None
    a, b = before[-1], after[0]
    metres = distance_m(a, b)
    slack = sum(fix.accuracy_m if fix.accuracy_m is not None else USUAL_ACCURACY_M for fix in (a, b))
    place: Place = "unknown"
    stale = (len(before) > 1 and (before_duration_s or 0.0) - a.at_s > _STALE_S) or b.at_s > _STALE_S
    if metres - slack > SAME_PLACE_M:
        place = "unknown" if stale else "different"
    elif metres <= SAME_PLACE_M and slack <= SAME_PLACE_M and not stale:
        place = "same"
    return Compared(place, round(metres, 1), round(slack, 1))
