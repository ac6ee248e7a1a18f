"""What a movie header says of its tracks beyond what FFmpeg passes on (ISO/IEC 14496-12, 8.3 to 8.6).

- Edit lists, and how long the media under them are; sample descriptions and where they change.
- Every table is read in part only: at most 1 MiB of each, counts are never believed beyond that.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from transcoder.boxes import Box, boxes, read_body, walk

_MAX_TABLE_BYTES = 1 << 20
_MAX_TRACKS = 64
_FIRST_SAMPLES = 64


@dataclass(frozen=True)
class Edit:
    """One entry of an edit list: `start` in ticks of the media (-1: empty), `duration` of the movie."""

    duration: int
    start: int


@dataclass(frozen=True)
class MovieTrack:
    """One trak; times in ticks of `timescale`, edits' durations in ticks of the movie's."""

    handler: str
    timescale: int
    media_ticks: int  # the sum of its samples' durations
    first_shown_ticks: int  # the earliest presentation time of its first samples
    edits: tuple[Edit, ...]
    descriptions: tuple[str, ...]  # sample entries' codes
    description_changes: tuple[int, ...]  # chunks (from 1) from which another sample description holds


@dataclass(frozen=True)
class Movie:
    timescale: int
    tracks: tuple[MovieTrack, ...]


def read_movie(file: BinaryIO, size_bytes: int) -> Movie | None:
    """The movie header of an MP4, MOV or 3GP; None where there is none, or it lies beyond the end."""
    moov = next((box for box in boxes(file, 0, size_bytes) if box.kind == b"moov"), None)
    if moov is None or moov.end > size_bytes:
        return None
    timescale = 0
    tracks: list[MovieTrack] = []
    for box in boxes(file, moov.body, moov.end):
        if box.kind == b"mvhd":
            timescale = _timescale(read_body(file, box, 32))
        elif box.kind == b"trak" and len(tracks) < _MAX_TRACKS:
            tracks.append(_track(file, box))
    return Movie(timescale, tuple(tracks)) if timescale else None


def _timescale(body: bytes) -> int:
    at = 20 if body[:1] == b"\1" else 12
    return int.from_bytes(body[at : at + 4], "big") if len(body) >= at + 4 else 0


def _track(file: BinaryIO, trak: Box) -> MovieTrack:
    found: dict[bytes, Box] = {}
    for path in walk(file, trak):
        found.setdefault(path[-1].kind, path[-1])

    def body(kind: bytes) -> bytes:
        box = found.get(kind)
        return read_body(file, box, _MAX_TABLE_BYTES) if box is not None and box.end <= trak.end else b""

    return MovieTrack(
        handler=body(b"hdlr")[8:12].decode("latin-1"),
        timescale=_timescale(body(b"mdhd")),
        media_ticks=sum(count * delta for count, delta in _rows(body(b"stts"), ">II")),
        first_shown_ticks=_first_shown(body(b"stts"), body(b"ctts")),
        edits=tuple(_edits(body(b"elst"))),
        descriptions=tuple(_descriptions(file, found.get(b"stsd"), trak)),
        description_changes=_changes(body(b"stsc")),
    )


def _rows(body: bytes, form: str) -> list[tuple[int, ...]]:
    """The rows of a table: version and flags, a count, then rows of the same form."""
    size = struct.calcsize(form)
    count = min(int.from_bytes(body[4:8], "big"), max(0, len(body) - 8) // size)
    return list(struct.iter_unpack(form, body[8 : 8 + count * size]))


def _first_shown(stts: bytes, ctts: bytes) -> int:
    if not ctts:
        return 0
    deltas = _repeated(_rows(stts, ">II"))
    offsets = _repeated(_rows(ctts, ">Ii" if ctts[:1] == b"\1" else ">II"))
    at, first = 0, None
    for delta, offset in zip(deltas, offsets, strict=False):
        shown = at + offset
        first = shown if first is None else min(first, shown)
        at += delta
    return first or 0


def _repeated(rows: list[tuple[int, ...]]) -> Iterator[int]:
    given = 0
    for count, value in rows:
        for _ in range(min(count, _FIRST_SAMPLES - given)):
            yield value
            given += 1
        if given >= _FIRST_SAMPLES:
            return


def _edits(body: bytes) -> Iterator[Edit]:
    long = body[:1] == b"\1"
    for duration, start, _rate in _rows(body, ">QqI" if long else ">IiI"):
        yield Edit(duration, start)


def _descriptions(file: BinaryIO, stsd: Box | None, trak: Box) -> Iterator[str]:
    if stsd is None:
        return
    for entry in boxes(file, stsd.body + 8, min(stsd.end, trak.end), limit=_MAX_TRACKS):
        yield entry.kind.decode("latin-1")


def _changes(stsc: bytes) -> tuple[int, ...]:
    changes: list[int] = []
    last = None
    for chunk, _samples, description in _rows(stsc, ">III"):
        if last is not None and description != last and len(changes) < 100:
            changes.append(chunk)
        last = description
    return tuple(changes)
