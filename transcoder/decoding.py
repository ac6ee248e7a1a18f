"""How a stream is decoded to be measured: what its demuxer leaves out, and how its decoder is set."""

from typing import Any

import av.container
import numpy as np
from av.stream import Discard

from transcoder.facts import StreamFacts

_OFTEN_S = 3.0


def leave_out(
    container: av.container.InputContainer, video: StreamFacts, *, keys_only: bool, sound: int | None = None
) -> None:
    """Let the demuxer leave out what nobody decodes: other streams than `video` and `sound`, and, where only
    key frames are wanted and the index knows them all, the pictures between.

    An index that names few may have forgotten some: then every packet comes, and says what it is.  So it does
    where pictures are not shown as they are decoded: FFmpeg 8 forgets the offsets of what it leaves out, and
    stamps the key frames wrongly.
    """
    for stream in container.streams:
        if stream.index not in (video.index, sound):
            stream.discard = Discard.all
    samples = video.samples
    if keys_only and video.as_decoded and len(samples) and video.time_base:
        span_s = float((int(samples.dts[-1]) - int(samples.dts[0])) * video.time_base)
        if span_s <= _OFTEN_S * np.count_nonzero(samples.key):
            container.streams[video.index].discard = Discard.nonkey


def prepare(live: Any, max_pixels: int, *, threads: int, keys_only: bool = False) -> None:
    """Set a stream's decoder up for measuring: errors are told, and the loop filter is left out."""
    context = live.codec_context
    context.thread_count = threads
    context.thread_type = "FRAME" if threads > 1 else "NONE"
    if keys_only:
        context.skip_frame = "NONKEY"
    context.options = {
        "err_detect": "explode",
        "skip_loop_filter": "all",
        "max_pixels": str(max_pixels),
    }


def time_s(timed: Any, base: Any, zero_s: float) -> float | None:
    """By the stream's own time base: frames that come out at the end carry none."""
    stamp = timed.pts if timed.pts is not None else timed.dts
    return None if stamp is None or not base else float(stamp * base) - zero_s
