"""Codes held to the lens at the head of a run: QR codes on its first pictures, as they are.

- Looked for on the key frames of the first `search_s` seconds.  Where a key frame shows a code that cannot be
  read (a thumb over it, too slanted), the pictures up to the next key frame are tried too.
- What a code means is not decided here: the daemon verifies (trust.md).
- A code is hostile text: cut at a length, counted up to a number, never interpreted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from transcoder.errors import CannotRead, Unreadable
from transcoder.facts import StreamFacts
from transcoder.findings import rounded
from transcoder.media import MEDIA_ERRORS, decoded, open_media, open_regular, packets_of
from transcoder.pictures import luma_of
from transcoder.recording import Inspected
from transcoder.report import Card

_MOST = 8  # codes of a run
_MAX_TEXT = 1024
_MOST_BETWEEN = 150  # pictures tried between two key frames
_UNREAD_AT_MOST = 20  # key frames after which pictures between are tried: a wall of posters ends somewhere
Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """What one picture shows: texts that were read, and whether something looks like a code and was not."""

    texts: tuple[str, ...]
    suspected: bool


def find_cards(run: Sequence[Inspected], search_s: float) -> tuple[Card, ...]:
    """The codes of a run's first `search_s` seconds, each once, at the time it was first seen.

    Empty where the extra `pictures` is not installed.
    """
    if not can_read():
        return ()
    found: dict[str, float] = {}
    offset_s = 0.0
    for recording in run:
        stream = recording.media.main("video") if recording.media else None
        if stream is not None and stream.decodable and recording.finished:
            for at_s, text in _codes(recording, stream, search_s - offset_s):
                if len(found) < _MOST:
                    found.setdefault(text, offset_s + at_s)
        if recording.duration_s is None:
            break  # nobody knows where the next one begins
        offset_s += recording.duration_s
        if offset_s >= search_s:
            break
    return tuple(Card(at_s=rounded(at_s) or 0.0, text=text) for text, at_s in found.items())


def can_read() -> bool:
    """Whether the reader of codes is installed."""
    try:
        import zxingcpp  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def look(luma: Luma) -> Seen:
    """Read the codes of one picture: rows of brightness."""
    import zxingcpp

    results = zxingcpp.read_barcodes(
        luma, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode), return_errors=True
    )
    texts = tuple(r.text[:_MAX_TEXT] for r in results if r.valid and r.text)
    return Seen(texts, any(not r.valid for r in results))


def _codes(recording: Inspected, stream: StreamFacts, seconds: float) -> Iterator[tuple[float, str]]:
    zero_s = recording.timeline.start_s if recording.timeline else 0.0
    with suppress(CannotRead, Unreadable, *MEDIA_ERRORS), open_regular(recording.item.path) as file:
        yield from _read(file, stream, zero_s, seconds)


def _read(file: BinaryIO, stream: StreamFacts, zero_s: float, seconds: float) -> Iterator[tuple[float, str]]:
    unread: list[int] = []
    for pts, luma in _pictures(file, stream, zero_s, seconds, keys_only=True):
        seen = look(luma)
        yield from ((pts * float(stream.time_base) - zero_s, text) for text in seen.texts)
        if seen.suspected and not seen.texts and len(unread) < _UNREAD_AT_MOST:
            unread.append(pts)
    for start in unread:
        between = _pictures(file, stream, zero_s, seconds, keys_only=False, start=start)
        for pts, luma in islice(between, _MOST_BETWEEN):
            seen = look(luma)
            yield from ((pts * float(stream.time_base) - zero_s, text) for text in seen.texts)
            if seen.texts:
                break


def _pictures(
    file: BinaryIO,
    stream: StreamFacts,
    zero_s: float,
    seconds: float,
    *,
    keys_only: bool,
    start: int | None = None,
) -> Iterator[tuple[int, Luma]]:
    """Pictures with their time in ticks: key frames, or all from the key frame at `start` to the next one."""
    with open_media(file) as container:
        live = container.streams[stream.index]
        context: Any = live.codec_context
        context.thread_count = 1
        context.options = {"skip_loop_filter": "all"}  # a tenth of the time, and codes are read all the same
        if keys_only:
            context.skip_frame = "NONKEY"
        if start is not None:
            container.seek(start, stream=live)
        for packet in packets_of(container, live):
            late = packet.pts is not None and packet.pts * float(stream.time_base) - zero_s > seconds
            if late or (start is not None and packet.is_keyframe and packet.pts not in (None, start)):
                break
            if packet.size and (packet.is_keyframe or not keys_only):
                yield from _decoded(context, packet)
        yield from _decoded(context, None)


def _decoded(context: Any, packet: Any) -> Iterator[tuple[int, Luma]]:
    for frame in decoded(context, packet):
        if frame.pts is not None:
            yield frame.pts, luma_of(frame)[0]
