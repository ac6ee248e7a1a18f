"""All pictures of some windows of a file: where key frames do not suffice for a standard inspection."""

from contextlib import ExitStack
from typing import Any, BinaryIO, Self

from transcoder.decoding import leave_out, prepare, time_s
from transcoder.facts import StreamFacts
from transcoder.media import MEDIA_ERRORS, decoded, open_media, packets_of
from transcoder.pictures import PictureMeter, Pictures
from transcoder.timeline import Timeline


class CloserLooks:
    """All pictures of some windows of a file, which is opened at the first one; a context manager."""

    def __init__(
        self, file: BinaryIO, video: StreamFacts | None, max_pixels: int, timeline: Timeline
    ) -> None:
        self._file = file
        self._video = video
        self._max_pixels = max_pixels
        self._zero_s = timeline.start_s
        self._opened = ExitStack()
        self._container: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def between(self, start_s: float, end_s: float) -> Pictures | None:
        """All pictures from the key frame at or before `start_s` up to `end_s`; None when there are none."""
        video = self._video
        if video is None:
            return None
        meter = PictureMeter()
        live = self._live(video)
        seek_to = (start_s + self._zero_s + 1e-3) / float(video.time_base)
        try:
            self._container.seek(int(seek_to), stream=live)
            for packet in packets_of(self._container, live):
                if self._is_past(packet, live.time_base, end_s):
                    break
                self._measure(live, packet, meter, start_s, end_s)
            self._measure(live, None, meter, start_s, end_s)  # what a decoder that reorders still holds
        except MEDIA_ERRORS:
            pass  # what is damaged has been reported by the pass
        return meter.pictures() if len(meter) else None

    def _is_past(self, packet: Any, base: Any, end_s: float) -> bool:
        """Whether nothing from here on is shown before `end_s`: nothing is shown before it is decoded."""
        at = time_s(packet, base, self._zero_s)
        if at is None or at <= end_s:
            return False
        decoded_at_s = at if packet.dts is None else float(packet.dts * base) - self._zero_s
        return bool(packet.is_keyframe) or (packet.dts is not None and decoded_at_s > end_s)

    def _measure(self, live: Any, packet: Any, meter: PictureMeter, start_s: float, end_s: float) -> None:
        for frame in decoded(live.codec_context, packet):
            at = time_s(frame, live.time_base, self._zero_s)
            if at is not None and start_s - 1e-3 <= at <= end_s:
                meter.add(frame, at, spot=False)

    def _live(self, video: StreamFacts) -> Any:
        if self._container is None:
            self._container = self._opened.enter_context(open_media(self._file))
            leave_out(self._container, video, keys_only=False)
            prepare(self._container.streams[video.index], self._max_pixels, threads=1)
        return self._container.streams[video.index]
