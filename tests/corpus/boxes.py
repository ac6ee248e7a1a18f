"""Changing finished MP4 and MOV files byte by byte (ISO/IEC 14496-12).

- A box is size (4 bytes), type (4), payload; containers hold boxes.  Only what is needed is taken apart.
- Changes keep every size unless said: nothing after the changed box moves.
- `with_edits` makes `moov` longer, so it is for files whose `moov` comes last.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"udta"}
EPOCH_1904 = datetime(1904, 1, 1, tzinfo=UTC)


def boxes(
    data: bytes | bytearray, start: int = 0, end: int | None = None, inside: bytes = b""
) -> Iterator[tuple[bytes, int, int]]:
    """Yield (path such as b"moov/trak/tkhd", start, end) of every box, outer ones first."""
    at, stop = start, len(data) if end is None else end
    while at + 8 <= stop:
        size = struct.unpack_from(">I", data, at)[0]
        kind = bytes(data[at + 4 : at + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size < 8:
            return
        path = inside + b"/" + kind if inside else kind
        yield path, at, min(at + size, stop)
        if kind in HOLDERS:
            yield from boxes(data, at + head, min(at + size, stop), path)
        at += size


def find(data: bytes | bytearray, path: bytes) -> list[tuple[int, int]]:
    return [(start, end) for name, start, end in boxes(data) if name == path]


def moov_span(path: Path) -> tuple[int, int]:
    """Where the index is in the file."""
    return find(path.read_bytes(), b"moov")[0]


def set_creation(path: Path, seconds_1904: int, *, modified: int | None = None) -> None:
    """Set the creation time of the file and its tracks to raw seconds since 1904."""
    data = bytearray(path.read_bytes())
    for name in (b"moov/mvhd", b"moov/trak/tkhd", b"moov/trak/mdia/mdhd"):
        for start, _ in find(data, name):
            assert data[start + 8] == 0
            struct.pack_into(
                ">II", data, start + 12, seconds_1904, seconds_1904 if modified is None else modified
            )
    path.write_bytes(data)


def since_1904(moment: datetime) -> int:
    return int((moment - EPOCH_1904).total_seconds())


def rotate(path: Path, degrees: int) -> None:
    """Set the display matrix of every picture track, as a camera worn sideways does."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    data = bytearray(path.read_bytes())
    for _, end in find(data, b"moov/trak/tkhd"):
        if struct.unpack_from(">I", data, end - 8)[0]:  # sound has no width
            one = 65536
            struct.pack_into(
                ">9i",
                data,
                end - 44,
                cosine * one,
                sine * one,
                0,
                -sine * one,
                cosine * one,
                0,
                0,
                0,
                1 << 30,
            )
    path.write_bytes(data)


def with_edits(path: Path, keep: list[tuple[float, float]]) -> None:
    """Show only the stretches `keep` (seconds of media) of every track; `moov` must be last."""
    data = bytearray(path.read_bytes())
    moov_start, moov_end = find(data, b"moov")[0]
    assert moov_end == len(data), "the index is not at the end"
    scale = struct.unpack_from(">I", data, find(data, b"moov/mvhd")[0][0] + 20)[0]
    shown = round(sum(end - start for start, end in keep) * scale)
    struct.pack_into(">I", data, find(data, b"moov/mvhd")[0][0] + 24, shown)
    for index in reversed(range(len(find(data, b"moov/trak")))):
        track_start, track_end = find(data, b"moov/trak")[index]
        media_scale = next(
            struct.unpack_from(">I", data, s + 20)[0]
            for s, e in find(data, b"moov/trak/mdia/mdhd")
            if track_start < s < track_end
        )
        entries = b"".join(
            struct.pack(">IiI", round((end - start) * scale), round(start * media_scale), 65536)
            for start, end in keep
        )
        elst = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(keep)) + entries
        edts = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
        old = [(s, e) for s, e in find(data, b"moov/trak/edts") if track_start < s < track_end]
        start, end = old[0] if old else (find(data, b"moov/trak/tkhd")[index][1],) * 2
        data[start:end] = edts
        grown = len(edts) - (end - start)
        for at in (track_start, moov_start):
            struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + grown)
        head = find(data, b"moov/trak/tkhd")[index][0]
        struct.pack_into(">I", data, head + 28, shown)
    path.write_bytes(data)


def declare_samples(path: Path, count: int) -> None:
    """Say that the sizes table has `count` samples, which it has not."""
    data = bytearray(path.read_bytes())
    for start, _ in find(data, b"moov/trak/mdia/minf/stbl/stsz"):
        struct.pack_into(">I", data, start + 16, count)
    path.write_bytes(data)


def _grow(data: bytearray, position: int, by: int) -> None:
    """Add `by` to the sizes of all boxes that hold the byte at `position`; the outermost ends the file."""
    holders = [(start, end) for _, start, end in boxes(data) if start < position < end]
    assert holders[0][1] == len(data), "the index is not at the end"
    for start, _ in holders:
        struct.pack_into(">I", data, start, struct.unpack_from(">I", data, start)[0] + by)


def add_user_data(path: Path, kind: bytes, text: str) -> None:
    """Add a QuickTime user data text (such as \\xa9swr, the software) to a file whose `moov` comes last."""
    data = bytearray(path.read_bytes())
    words = text.encode()
    entry = struct.pack(">I4sHH", 12 + len(words), kind, len(words), 0) + words
    box = struct.pack(">I4s", 8 + len(entry), b"udta") + entry
    start, end = find(data, b"moov")[0]
    _grow(data, start + 4, len(box))
    data[end:end] = box
    path.write_bytes(data)


def repeat_stamps(path: Path, first: int, count: int) -> None:
    """`count` pictures after picture `first` get its stamp (the table of durations says 0); the time lost
    comes after them.  For tracks of one steady rate in files whose `moov` comes last."""
    data = bytearray(path.read_bytes())
    at = b"moov/trak/mdia/minf/stbl/stts"
    video = next(s for s, e in find(data, b"moov/trak") if data.find(b"vmhd", s, e) > 0)
    start, end = next((s, e) for s, e in find(data, at) if s > video)
    total, delta = struct.unpack_from(">II", data, start + 16)
    runs = [(first, delta), (count, 0), (1, delta * (count + 1)), (total - first - count - 1, delta)]
    table = struct.pack(">4sII", b"stts", 0, len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    table = struct.pack(">I", 4 + len(table)) + table
    _grow(data, start, len(table) - (end - start))
    data[start:end] = table
    path.write_bytes(data)
