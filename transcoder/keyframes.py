"""Do the key frames decode?  The picture's spot check of a standard inspection.

- Packet by packet with one thread: a decode loop over the container ends at the first error and the rest of a
  damaged file is never seen (known fault C24); decoding threads lose frames after an error.
- Streams without key frames but the first (intra refresh, C17) are no fault: what is there is tried.
- Only plain numbers leave this module.
"""

from dataclasses import dataclass
from typing import Any, BinaryIO

from transcoder.facts import StreamFacts
from transcoder.media import MEDIA_ERRORS, open_media, packets_of

_MAX_FAILURES = 1000


@dataclass(frozen=True)
class Failure:
    """One key frame that did not decode; ticks of the stream's time base, None where unknown."""

    pts: int | None
    pos: int | None
    size: int
    reason: str


@dataclass(frozen=True)
class KeyFrameCheck:
    decoded: int
    failed: int
    failures: tuple[Failure, ...]
    rotation: int | None
    stopped: str | None  # why reading ended early
    in_part: int = 0  # of those decoded: looked at in part


def check_key_frames(file: BinaryIO, stream: StreamFacts) -> KeyFrameCheck:
    """Decode every key frame of one stream.  Raises Unreadable if the file cannot be opened."""
    with open_media(file) as container:
        live = container.streams[stream.index]
        context: Any = live.codec_context
        context.thread_count = 1
        context.thread_type = "NONE"
        context.skip_frame = "NONKEY"
        context.options = {"err_detect": "explode"}
        return _decode(container, live)


def _decode(container: Any, live: Any) -> KeyFrameCheck:
    tally = _Tally()
    stopped = None
    shown = 0
    try:
        for packet in packets_of(container, live):
            if packet.size and packet.is_keyframe:
                tally.feed(live.codec_context, packet)
                shown += not packet.is_discard
    except MEDIA_ERRORS as error:
        stopped = str(error)
    tally.flush(live.codec_context)
    if shown and not tally.decoded and not tally.failed:  # encrypted in ways that raise nothing
        tally.failures.append(Failure(None, None, 0, "no picture came out of any key frame"))
        tally.failed = shown
    return KeyFrameCheck(tally.decoded, tally.failed, tuple(tally.failures), tally.rotation, stopped)


class _Tally:
    def __init__(self) -> None:
        self.decoded = 0
        self.failed = 0
        self.failures: list[Failure] = []
        self.rotation: int | None = None

    def feed(self, context: Any, packet: Any) -> None:
        try:
            self._count(context.decode(packet))
        except MEDIA_ERRORS as error:
            self.failed += 1
            if len(self.failures) < _MAX_FAILURES:
                reason = getattr(error, "strerror", None) or str(error)
                self.failures.append(Failure(packet.pts, packet.pos, packet.size, reason))

    def flush(self, context: Any) -> None:
        try:
            self._count(context.decode(None))
        except MEDIA_ERRORS:
            return  # what a damaged end owed has been counted with its packet

    def _count(self, frames: Any) -> None:
        for frame in frames:
            self.decoded += 1
            if self.rotation is None:
                self.rotation = int(frame.rotation)
