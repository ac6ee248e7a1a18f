"""Codes held to the lens at the head of a run: QR codes on its first pictures, as they are.

- Looked for on key frames of the first `search_s` seconds (codes.py): those that the inspection itself
  decoded where it knew that a run may begin here, else on a decoding of their own.
- Where a key frame shows a code that cannot be read (a thumb over it, too slanted), the pictures up to the
  next key frame are tried too.
- What a code means is not decided here: the daemon verifies (trust.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, BinaryIO

from transcoder.codes import CodeSearch, Luma, can_read, look
from transcoder.decoding import leave_out
from transcoder.errors import CannotRead, Unreadable
from transcoder.facts import StreamFacts
from transcoder.findings import rounded
from transcoder.media import MEDIA_ERRORS, decoded, open_media, open_regular, packets_of
from transcoder.pictures import luma_of
from transcoder.recording import Inspected
from transcoder.report import Card

_MOST = 8  # codes of a run
_MOST_BETWEEN = 150  # pictures tried between two key frames


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


def _codes(recording: Inspected, stream: StreamFacts, seconds: float) -> Iterator[tuple[float, str]]:
    zero_s = recording.timeline.start_s if recording.timeline else 0.0
    search = recording.codes
    if search is not None and search.seconds < seconds:
        search = None
    if search is not None and not search.unread:
        yield from ((at_s, text) for at_s, text in search.read if at_s <= seconds)
        return
    with suppress(CannotRead, Unreadable, *MEDIA_ERRORS), open_regular(recording.item.path) as file:
        if search is None:
            search = _searched(file, stream, zero_s, seconds)
        yield from ((at_s, text) for at_s, text in search.read if at_s <= seconds)
        for start in search.unread:
            yield from _between(file, stream, zero_s, seconds, start)


def _searched(file: BinaryIO, stream: StreamFacts, zero_s: float, seconds: float) -> CodeSearch:
    search = CodeSearch(seconds)
    with open_media(file) as container:
        live = container.streams[stream.index]
        context = _prepared(live)
        leave_out(container, stream, keys_only=True)
        context.skip_frame = "NONKEY"
        with suppress(*MEDIA_ERRORS):
            for packet in packets_of(container, live):
                at_s = _time_s(packet.pts, stream, zero_s)
                if at_s is not None and at_s > seconds:
                    break
                if packet.size and packet.is_keyframe and search.wants(packet.pts, at_s):
                    _take(context, packet, search)
        _take(context, None, search)
    return search


def _take(context: Any, packet: Any, search: CodeSearch) -> None:
    for frame in decoded(context, packet):
        search.take(frame.pts, luma_of(frame)[0])


def _between(
    file: BinaryIO, stream: StreamFacts, zero_s: float, seconds: float, start: int
) -> Iterator[tuple[float, str]]:
    """The codes of the first picture that shows any, from the key frame at `start` to the next one."""
    for pts, luma in islice(_pictures(file, stream, zero_s, seconds, start), _MOST_BETWEEN):
        shown = look(luma)
        yield from ((pts * float(stream.time_base) - zero_s, text) for text in shown.texts)
        if shown.texts:
            break


def _pictures(
    file: BinaryIO, stream: StreamFacts, zero_s: float, seconds: float, start: int
) -> Iterator[tuple[int, Luma]]:
    """All pictures with their stamps from the key frame at `start` to the next one."""
    with open_media(file) as container:
        live = container.streams[stream.index]
        context = _prepared(live)
        leave_out(container, stream, keys_only=False)
        container.seek(start, stream=live)
        for packet in packets_of(container, live):
            at_s = _time_s(packet.pts, stream, zero_s)
            late = at_s is not None and at_s > seconds
            if late or (packet.is_keyframe and packet.pts not in (None, start)):
                break
            if packet.size:
                yield from _shown(context, packet)
        yield from _shown(context, None)


def _prepared(live: Any) -> Any:
    context: Any = live.codec_context
    context.thread_count = 1
    context.options = {"skip_loop_filter": "all"}  # a tenth of the time, and codes are read all the same
    return context


def _time_s(pts: int | None, stream: StreamFacts, zero_s: float) -> float | None:
    return None if pts is None else pts * float(stream.time_base) - zero_s


def _shown(context: Any, packet: Any) -> Iterator[tuple[int, Luma]]:
    for frame in decoded(context, packet):
        if frame.pts is not None:
            yield frame.pts, luma_of(frame)[0]
