"""The edge to PyAV: open a file safely, copy out what it says, close it.

- Only regular files: a FIFO makes FFmpeg hang for ever.
- The file is opened by us and handed on as /proc/self/fd/N: its name can choose no demuxer, no protocol
  and no image pattern, and it cannot be swapped in between.
- A few kinds of files are seen with some bytes laid over (seen.py); their names still choose nothing.
- Demuxers that fetch other files (playlists, concat) are not on the list.
- The index is trusted for a plain finished MP4 or MOV only; everything else is demuxed.
"""

import errno
import os
import stat
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import av.container
import av.error
import numpy as np

from transcoder import reading
from transcoder.claims import claimed_samples
from transcoder.errors import Unreadable
from transcoder.facts import NO_TIME, MediaFacts, Samples, StreamFacts, StreamKind
from transcoder.sample_tables import SampleTable, read_tables
from transcoder.seen import seen
from transcoder.sizes import with_size
from transcoder.structure import Structure, read_structure

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,wav,w64,aiff,mp3,aac,amr,amrnb,amrwb,"
    "flac,ogg,h264,hevc,m4v,mjpeg,jpeg_pipe,png_pipe,bmp_pipe,webp_pipe,mpegvideo,h263,dv,caf,au,vvc,ivf"
)
PHOTO_FORMATS = {"jpeg_pipe", "png_pipe", "bmp_pipe", "webp_pipe"}
_MAX_PIXELS = 128 << 20  # what opening may decode; what an inspection may is the request's
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: a cover makes no sound file a video
_MAX_EXTRADATA_BYTES = 64 << 10
_MAX_TAG = 1000
_EDGE = 256  # entries at either end of FFmpeg's index that a table read straight is compared with
_ERRORS = (av.error.FFmpegError, ValueError, OSError, EOFError, UnicodeError)
_SURROUNDINGS = {os.strerror(number) for number in reading.SURROUNDINGS}
MEDIA_ERRORS: tuple[type[Exception], ...] = _ERRORS

# PyAV's own log callback takes the interpreter's lock in whatever thread decodes: closing a decoder then
# waits for a thread that waits for us.  FFmpeg's callback, told to be silent, waits for nobody.
av.logging.restore_default_callback()
av.logging.set_libav_level(av.logging.PANIC)


class TooManyPackets(Exception):
    """A file with more packets than the request allows."""


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, never following a link.

    Raises Unreadable when it is a link, a FIFO or a device; CannotRead when it cannot be had.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket, or a device of nothing
            raise Unreadable("not a regular file") from error
        raise reading.cannot_read(error) from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Unreadable("not a regular file")
        yield file


@contextmanager
def open_media(file: BinaryIO) -> Iterator[av.container.InputContainer]:
    """Open an open regular file as media, and close it whatever happens.

    Raises Unreadable when FFmpeg recognises nothing in it, CannotRead when its bytes cannot be had.
    """
    # The last is for decoders: opening alone may decode a picture to learn its format.
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(_MAX_PIXELS)}
    arguments: dict[str, Any] = {"options": options}
    if int(av.__version__.split(".")[0]) < 19:  # 19 dropped the argument and replaces by itself
        arguments["metadata_errors"] = "replace"
    view = seen(file)
    source: Any = view.file if view.repaired else f"file:/proc/self/fd/{file.fileno()}"
    container = _opened(file, source, arguments)
    try:
        yield cast(av.container.InputContainer, container)
    finally:
        container.close()


def _opened(file: BinaryIO, source: Any, arguments: dict[str, Any], *, again: bool = True) -> Any:
    try:
        return av.open(source, mode="r", **arguments)
    except _ERRORS as error:
        if not reading.of_surroundings(error):
            raise Unreadable(_reason(error)) from error
        reading.confirm(file)
        if not again:  # FFmpeg's own word for bad content, then
            raise Unreadable(_reason(error)) from error
    if hasattr(source, "seek"):
        source.seek(0)
    return _opened(file, source, arguments, again=False)


def packets_of(container: Any, streams: Any = None) -> Iterator[Any]:
    """The packets of a container's streams (None: all), empty ones last.

    After the last packet PyAV flushes each stream and trips over those that began in mid-file: the end.
    """
    packets = container.demux() if streams is None else container.demux(streams)
    try:
        yield from packets
    except IndexError:
        return


def decoded(context: Any, packet: Any) -> list[Any]:
    """Return the frames of a packet (None or an empty one: what is held back); of a damaged one none."""
    try:
        return list(context.decode(packet if packet is not None and packet.size else None))
    except _ERRORS:
        return []


def read_facts(file: BinaryIO, max_packets: int) -> MediaFacts:
    """Copy out all that the index and the packets' headers say.

    Raises Unreadable, CannotRead, or TooManyPackets.
    """
    facts = _read_facts(file, max_packets)
    if facts.stopped in _SURROUNDINGS:  # the disk's fault, or FFmpeg's word for bad content: that comes again
        reading.confirm(file)
        return _read_facts(file, max_packets)
    return facts


def _read_facts(file: BinaryIO, max_packets: int) -> MediaFacts:
    size_bytes = os.fstat(file.fileno()).st_size
    view = seen(file).file
    structure = read_structure(view, size_bytes)
    if structure.family == "mp4":
        claimed = claimed_samples(view, size_bytes, max_packets)
        if claimed > max_packets:
            raise TooManyPackets(claimed)
    try:
        with open_media(file) as container:
            from_index = structure.plain_mp4 and container.format.name.startswith("mov,")
            stopped = None
            late: tuple[int, ...] = ()
            as_decoded: set[int] = set()
            if from_index:
                plain = read_tables(view, size_bytes, max_packets)
                tables = {s.index: _from_index(s, max_packets, plain.get(s.id)) for s in container.streams}
                as_decoded = {s.index for s in container.streams if s.id in plain and plain[s.id].as_decoded}
            else:
                tables, stopped, late = _demux(container, max_packets)
            return MediaFacts(
                container=container.format.name,
                size_bytes=size_bytes,
                structure=structure,
                streams=tuple(
                    with_size(file, _stream(s, tables[s.index], as_decoded=s.index in as_decoded))
                    for s in container.streams
                ),
                created_at=_created_at(container.metadata),
                from_index=from_index,
                stopped=stopped,
                late_streams=late,
                tags={str(key): str(value) for key, value in container.metadata.items()},
            )
    except Unreadable as error:
        raise Unreadable(_explain(str(error), structure)) from error


def _explain(reason: str, structure: Structure) -> str:
    if structure.family == "other" and reason == "Invalid argument":  # refused by the list of demuxers
        return "not a media file of any kind known here"
    if structure.family == "mp4" and structure.has_index is False:
        return f"no index (moov) in it: the recording was never finished, or is only a part ({reason})"
    return reason


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _from_index(stream: Any, max_packets: int, table: SampleTable | None) -> Samples:
    entries = stream.index_entries
    count = len(entries)
    if count > max_packets:
        raise TooManyPackets(count)
    if table is not None and len(table) == count and count > 2 * _EDGE:
        made = _from_table(entries, table)
        if made is not None:
            return made
    rows = np.fromiter(
        ((e.timestamp, e.pos, e.size, e.is_keyframe, e.is_discard) for e in entries),
        dtype=[("dts", "i8"), ("pos", "i8"), ("size", "i8"), ("key", "?"), ("discard", "?")],
        count=count,
    )
    unknown = np.full(count, NO_TIME, dtype=np.int64)
    return Samples(
        rows["dts"].copy(),
        unknown,
        unknown,
        rows["pos"].copy(),
        rows["size"].copy(),
        rows["key"].copy(),
        rows["discard"].copy(),
        np.zeros(count, dtype=np.bool_),
    )


def _from_table(entries: Any, table: SampleTable) -> Samples | None:
    """The table's numbers where FFmpeg's agree with them at both ends, and hide nothing in between."""
    count = len(table)
    first = entries[0].timestamp
    discard = np.zeros(count, dtype=np.bool_)
    for place in (*range(_EDGE), *range(count - _EDGE, count)):
        entry = entries[place]
        if not table.agrees(place, entry.timestamp, first, entry.pos, entry.size, entry.is_keyframe):
            return None
        discard[place] = entry.is_discard
    if discard[_EDGE - 1] or discard[count - _EDGE]:
        return None
    unknown = np.full(count, NO_TIME, dtype=np.int64)
    no = np.zeros(count, dtype=np.bool_)
    times = table.times + (first - int(table.times[0]))
    return Samples(times, unknown, unknown, table.positions, table.sizes, table.keys, discard, no)


class _Table:
    """Growing columns of one stream's packets."""

    def __init__(self) -> None:
        self.numbers = tuple(array("q") for _ in range(5))
        self.flags = tuple(array("b") for _ in range(3))

    def add(self, packet: Any) -> None:
        none = NO_TIME
        values = (
            none if packet.dts is None else packet.dts,
            none if packet.pts is None else packet.pts,
            packet.duration or 0,
            -1 if packet.pos is None else packet.pos,
            packet.size,
        )
        for column, value in zip(self.numbers, values, strict=True):
            column.append(value)
        for column, flag in zip(
            self.flags, (packet.is_keyframe, packet.is_discard, packet.is_corrupt), strict=True
        ):
            column.append(flag)

    def samples(self) -> Samples:
        dts, pts, duration, pos, size = (np.array(column, dtype=np.int64) for column in self.numbers)
        key, discard, corrupt = (np.array(column, dtype=np.bool_) for column in self.flags)
        return Samples(dts, pts, duration, pos, size, key, discard, corrupt)


def _demux(
    container: av.container.InputContainer, max_packets: int
) -> tuple[dict[int, Samples], str | None, tuple[int, ...]]:
    tables = {stream.index: _Table() for stream in container.streams}
    stopped = None
    late: set[int] = set()
    count = 0
    try:
        for packet in packets_of(container):
            if not packet.size:  # PyAV's flush
                continue
            if packet.stream_index in tables:
                tables[packet.stream_index].add(packet)
                count += 1
                if count > max_packets:
                    raise TooManyPackets(count)
            else:
                late.add(packet.stream_index)
    except _ERRORS as error:
        stopped = _reason(error)
    return {index: table.samples() for index, table in tables.items()}, stopped, tuple(sorted(late))


def _stream(stream: Any, samples: Samples, *, as_decoded: bool) -> StreamFacts:
    context = stream.codec_context  # None where the sample description is missing
    codec = context.name if context is not None else None
    facts = StreamFacts(
        index=stream.index,
        kind=_kind(stream),
        id=int(stream.id or 0),
        codec=codec,
        decodable=codec is not None and _has_decoder(context),
        time_base=Fraction(stream.time_base or 0),
        samples=samples,
        start_ticks=stream.start_time,
        duration_ticks=stream.duration,
        as_decoded=as_decoded,
    )
    extra: dict[str, Any] = {
        "extradata": bytes(getattr(context, "extradata", None) or b"")[:_MAX_EXTRADATA_BYTES],
        "tags": {str(key): str(value)[:_MAX_TAG] for key, value in stream.metadata.items()},
    }
    if context is not None and stream.type == "video":
        rate = stream.average_rate
        extra |= {
            "width": context.width or None,
            "height": context.height or None,
            "frame_rate": round(float(rate), 3) if rate else None,
        }
    elif context is not None and stream.type == "audio":
        extra |= {
            "sample_rate": context.sample_rate or None,
            "channels": context.channels or None,
            "samples_per_packet": getattr(context, "frame_size", None) or None,
        }
    return StreamFacts(**{**facts.__dict__, **extra})


def _kind(stream: Any) -> StreamKind:
    if stream.type == "video":
        attached = bool(int(stream.disposition) & _ATTACHED_PICTURE)
        return "picture" if attached else "video"
    return cast(StreamKind, stream.type) if stream.type in ("audio", "subtitle") else "data"


def _has_decoder(context: Any) -> bool:
    with suppress(Exception):
        return bool(av.codec.Codec(context.name, "r"))
    return False


def _created_at(tags: Any) -> datetime | None:
    """The container's creation time as stated; None when absent, malformed or the zero of 1904."""
    text = tags.get("creation_time")
    if not text:
        return None
    try:
        stated = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return stated if stated.tzinfo else stated.replace(tzinfo=UTC)
