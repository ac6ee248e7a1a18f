"""What only the bytes show: hash, stretches of zeros, key frames.  The standard part but for listening.

- Zeros count where no valid data can be zero: inside samples of codecs that never write 4 KiB of zeros
  (H.264 and H.265 forbid three zero bytes in a row; silence in PCM *is* zeros), and, where no index says
  where samples lie, in long runs of them in streams that know no padding.
- A key frame inside a reported stretch of zeros is not reported again.
- A failed key frame spoils the picture until the next one.
"""

from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np

from transcoder.facts import MediaFacts, StreamFacts
from transcoder.findings import FindingList
from transcoder.keyframes import Failure, KeyFrameCheck, check_key_frames
from transcoder.media import MAX_PHOTO_PIXELS, MAX_PICTURE_PIXELS
from transcoder.report import MediaKind
from transcoder.scan import Scan
from transcoder.timeline import Timeline, sample_times, times_of_bytes

_NEVER_ZERO = {
    "h264",
    "hevc",
    "vvc",
    "av1",
    "mjpeg",
    "mpeg4",
    "aac",
    "mp3",
    "mp3float",
    "amrnb",
    "amrwb",
    "opus",
}
_UNPADDED = {"mpegts", "mpeg", "flv", "h264", "hevc"}
_LONG_RUN_BYTES = 64 << 10
ByteRange = tuple[int, int]


def check_zeros(
    media: MediaFacts, timeline: Timeline | None, scan: Scan, found: FindingList
) -> list[ByteRange]:
    """Report the stretches of zeros that are lost content; returns them."""
    lost = [r for r in scan.zero_ranges if _is_lost(media, r)]
    spans = times_of_bytes(media, timeline, lost) if timeline else [None] * len(lost)
    last_byte = _last_sample_byte(media)
    for (start, end), span in zip(lost, spans, strict=True):
        evidence = {"bytes": [start, end]}
        if span is None:
            found.add("file.partial/zeros_untimed", bytes=end - start, value=end - start, evidence=evidence)
            continue
        begins, ends = span
        size = end - start
        found.add("file.partial/zeros", start_s=begins, end_s=ends, value=size, bytes=size, evidence=evidence)
        if end >= last_byte:
            found.add(
                "continuity.truncated/zeros",
                start_s=begins,
                end_s=ends,
                value=ends - begins,
                evidence=evidence,
            )
    return lost


def _is_lost(media: MediaFacts, zeros: ByteRange) -> bool:
    start, end = zeros
    for stream in media.streams:
        if stream.kind in ("video", "audio") and stream.codec in _NEVER_ZERO:
            samples = stream.samples
            touched = (samples.pos >= 0) & (samples.pos < end) & (samples.pos + samples.size > start)
            if np.any(touched):
                return True
    tail_of_no_index = not media.from_index and end >= media.size_bytes and media.container != "wav"
    return end - start >= _LONG_RUN_BYTES and (media.container in _UNPADDED or tail_of_no_index)


def _last_sample_byte(media: MediaFacts) -> int:
    return max(
        (int((s.samples.pos + s.samples.size).max()) for s in media.streams if len(s.samples)), default=0
    )


def check_pictures(
    file: BinaryIO,
    media: MediaFacts,
    timeline: Timeline | None,
    kind: MediaKind | None,
    found: FindingList,
    *,
    lost: Sequence[ByteRange] = (),
    progress: Callable[[int], None] | None = None,
) -> KeyFrameCheck | None:
    """Decode the key frames of the main picture and report those that fail; None when there is none."""
    stream = media.main("video")
    if stream is None or not stream.decodable or media.structure.encrypted:
        return None
    pixels = (stream.width or 0) * (stream.height or 0)
    if pixels > (MAX_PHOTO_PIXELS if kind == "photo" else MAX_PICTURE_PIXELS):
        found.add(
            "file.limits",
            reason=f"pictures of {stream.width}x{stream.height} are too large to be decoded",
            reason_zh=f"画面尺寸 {stream.width}x{stream.height} 过大，未解码",
            evidence={"limit": "picture_size", "width": stream.width, "height": stream.height},
        )
        return None
    check = check_key_frames(file, stream, progress)
    if kind == "photo":
        if check.failed or not check.decoded:
            found.add("file.unreadable/photo", evidence={"failed": check.failed})
        return check
    if check.stopped is not None:
        found.add("file.partial/stopped", reason=check.stopped)
    elsewhere = [f for f in check.failures if not _inside(f, lost)]
    if elsewhere and timeline is not None:
        _report_failures(media, timeline, stream, elsewhere, found)
    elif elsewhere:
        found.add("file.partial/picture", reason=elsewhere[0].reason, evidence={"failed": check.failed})
    return check


def _inside(failure: Failure, lost: Sequence[ByteRange]) -> bool:
    if failure.pos is None:
        return False
    return any(failure.pos < end and failure.pos + failure.size > start for start, end in lost)


def _report_failures(
    media: MediaFacts,
    timeline: Timeline,
    stream: StreamFacts,
    failures: Sequence[Failure],
    found: FindingList,
) -> None:
    track = next((t for t in timeline.tracks if t.stream == stream.index), None)
    unplaced = [f for f in failures if f.pos is None]
    if track is None or unplaced:
        found.add("file.partial/picture", reason=failures[0].reason, evidence={"failed": len(failures)})
        return
    failed = {failure.pos: failure for failure in failures if failure.pos is not None}
    # FFmpeg's parser also takes intra pictures for key frames that the index does not list.
    keys = np.flatnonzero(stream.samples.key | np.isin(stream.samples.pos, list(failed)))
    times = sample_times(stream, track, media)[keys] - timeline.start_s
    group: list[Failure] = []
    start = 0.0
    for pos, at in zip(stream.samples.pos[keys].tolist(), times.tolist(), strict=True):
        if pos in failed:
            start = start if group else at
            group.append(failed[pos])
        elif group:
            _report_group(group, start, at, found)
            group = []
    if group:
        _report_group(group, start, timeline.duration_s, found)


def _report_group(group: Sequence[Failure], start_s: float, end_s: float, found: FindingList) -> None:
    first, last = group[0], group[-1]
    found.add(
        "file.partial/key_frame",
        start_s=max(0.0, start_s),
        end_s=end_s,
        value=float(len(group)),
        count=len(group),
        evidence={
            "bytes": [first.pos, (last.pos or 0) + last.size],
            "reason": first.reason,
        },
    )
