"""Reading the places of one recording from wherever it says them.

- A track of telemetry comes before a place in the header: it says when.  At most `MAX_FIXES` of its packets
  are read, evenly spread; a packet larger than 256 KiB is none of telemetry.
- Tracks are told by their content (GPMF's DEVC, NMEA's sentences), never by a name.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from transcoder.exif import read_exif
from transcoder.facts import MediaFacts, StreamFacts
from transcoder.gpmf import fix_in, is_gpmf
from transcoder.media import MEDIA_ERRORS, PHOTO_FORMATS, open_media, packets_of
from transcoder.places import MAX_FIXES, Fix, fix_of, parse_iso6709, parse_nmea, thinned
from transcoder.timeline import Timeline

_MAX_PACKET_BYTES = 256 << 10
_MAX_EXIF_BYTES = 256 << 10
_TRIED = 5  # packets of a track that hold no place before it is taken for none


def places_of(file: BinaryIO, media: MediaFacts, timeline: Timeline | None) -> tuple[Fix, ...]:
    """The places of a recording in order of time; empty where it says none."""
    if media.container in PHOTO_FORMATS:
        file.seek(0)
        found = read_exif(file.read(_MAX_EXIF_BYTES)).place
        fix = fix_of(0.0, *found) if found else None
        return (fix,) if fix else ()
    zero = timeline.start_s if timeline else 0.0
    for stream in media.streams:
        if stream.kind in ("data", "subtitle") and len(stream.samples):
            fixes = thinned(_track(file, media, stream, zero))
            if fixes:
                return tuple(fixes)
    return _header(media)


def _header(media: MediaFacts) -> tuple[Fix, ...]:
    tags = {name.lower(): value for name, value in media.tags.items()}
    try:
        accuracy = float(tags.get("com.apple.quicktime.location.accuracy.horizontal", ""))
    except ValueError:
        accuracy = None
    for name in ("com.apple.quicktime.location.iso6709", "location", "location-eng"):
        fix = parse_iso6709(tags.get(name, ""), accuracy)
        if fix is not None:
            return (fix,)
    return ()


def _track(file: BinaryIO, media: MediaFacts, stream: StreamFacts, zero_s: float) -> Iterator[Fix]:
    empty = 0
    for at_s, payload in _payloads(file, media, stream):
        here = list(_fixes(payload, max(0.0, at_s - zero_s)))
        yield from here
        empty = 0 if here or is_gpmf(payload) else empty + 1
        if empty >= _TRIED:
            return


def _fixes(payload: bytes, at_s: float) -> Iterator[Fix]:
    if is_gpmf(payload):
        fix = fix_in(payload, at_s)
        if fix is not None:
            yield fix
    elif b"$" in payload:
        yield from parse_nmea(payload.decode("latin-1"), at_s)


def _payloads(file: BinaryIO, media: MediaFacts, stream: StreamFacts) -> Iterator[tuple[float, bytes]]:
    samples, base = stream.samples, float(stream.time_base)
    wanted = np.unique(np.linspace(0, len(samples) - 1, MAX_FIXES).astype(np.int64))
    if media.from_index:
        table = (column[wanted].tolist() for column in (samples.dts, samples.pos, samples.size))
        for ticks, pos, size in zip(*table, strict=True):
            if pos >= 0 and size <= _MAX_PACKET_BYTES:
                yield ticks * base, os.pread(file.fileno(), size, pos)
        return
    chosen = set(wanted.tolist())
    with open_media(file) as container:
        try:
            packets = (p for p in packets_of(container, container.streams[stream.index]) if p.size)
            for at, packet in enumerate(packets):
                if at in chosen and packet.size <= _MAX_PACKET_BYTES:
                    ticks = packet.pts if packet.pts is not None else packet.dts
                    yield (ticks or 0) * base, bytes(packet)
        except MEDIA_ERRORS:
            return
