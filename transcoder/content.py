"""What only the bytes show: hash, stretches of zeros, key frames.  The standard part but for listening.

- Zeros count where no valid data can be zero: inside samples of codecs that never write 4 KiB of zeros
  (H.264 and H.265 forbid three zero bytes in a row; silence in PCM *is* zeros), and, where no index says
  where samples lie, in long runs of them in streams that know no padding.  In Matroska also where time is
  missing across them: zeros are no element, and a demuxer skips to the next cluster.
- A key frame inside a reported stretch of zeros is not reported again.
- A failed key frame spoils the picture until the next one.
"""

import math
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from transcoder.facts import MediaFacts, StreamFacts
from transcoder.findings import FindingList
from transcoder.keyframes import Failure, KeyFrameCheck, check_key_frames
from transcoder.scan import Scan
from transcoder.timeline import Timeline, sample_times, times_of_bytes
from transcoder.watching import Seen

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
_ONE_DAMAGE_S = 1.0
_SKIPPED_INTERVALS = 4.0
ByteRange = tuple[int, int]


def check_zeros(
    media: MediaFacts, timeline: Timeline | None, scan: Scan, found: FindingList
) -> list[ByteRange]:
    """Report the stretches of zeros that are lost content; returns them."""
    lost = [r for r in scan.zero_ranges if _is_lost(media, r) or _is_skipped(media, timeline, r)]
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


def _is_skipped(media: MediaFacts, timeline: Timeline | None, zeros: ByteRange) -> bool:
    """Whether a demuxer went over these zeros and lost time by it: a reserve for later costs none."""
    stream = media.main("video") or media.main("audio")
    track = (
        next((t for t in timeline.tracks if stream and t.stream == stream.index), None) if timeline else None
    )
    if media.structure.family != "matroska" or stream is None or track is None:
        return False
    order = np.argsort(stream.samples.pos, kind="stable")
    after = int(np.searchsorted(stream.samples.pos[order], zeros[0]))
    if not 0 < after < len(order):
        return False
    times = sample_times(stream, track, media)[order]
    return bool(times[after] - times[after - 1] > _SKIPPED_INTERVALS * track.interval_s)


def _last_sample_byte(media: MediaFacts) -> int:
    return max(
        (int((s.samples.pos + s.samples.size).max()) for s in media.streams if len(s.samples)), default=0
    )


def check_photo(file: BinaryIO, media: MediaFacts, found: FindingList) -> KeyFrameCheck | None:
    """Decode a photograph; None when there is nothing to decode."""
    stream = media.main("video")
    if stream is None or not stream.decodable or media.structure.encrypted:
        return None
    check = check_key_frames(file, stream)
    if check.failed or not check.decoded:
        found.add("file.unreadable/photo", evidence={"failed": check.failed})
    return check


def check_decoded(
    seen: Seen,
    media: MediaFacts,
    timeline: Timeline | None,
    found: FindingList,
    *,
    lost: Sequence[ByteRange] = (),
) -> None:
    """Report the pictures that did not decode."""
    stream, check = media.main("video"), seen.keys
    if stream is None or check is None:
        return
    if check.stopped is not None:
        found.add("file.partial/stopped", reason=check.stopped)
    elsewhere = [f for f in check.failures if not _inside(f, lost)]
    if elsewhere and timeline is not None:
        _report_failures(media, timeline, stream, elsewhere, found)
    elif elsewhere:
        found.add("file.partial/picture", reason=elsewhere[0].reason, evidence={"failed": check.failed})
    others = [f for f in seen.failures if not _inside(f, lost)]
    if others:
        _report_others(media, timeline, stream, others, found)


def _report_others(
    media: MediaFacts,
    timeline: Timeline | None,
    stream: StreamFacts,
    failures: Sequence[Failure],
    found: FindingList,
) -> None:
    """Pictures between key frames that do not decode, those within a second of each other as one."""
    track = next((t for t in timeline.tracks if t.stream == stream.index), None) if timeline else None
    if timeline is None or track is None or any(f.pos is None for f in failures):
        found.add("file.partial/picture", reason=failures[0].reason, evidence={"failed": len(failures)})
        return
    known = [finding for finding in found.findings if finding.code == "file.partial"]
    stamps = dict(zip(stream.samples.pos.tolist(), sample_times(stream, track, media).tolist(), strict=True))

    def at_s(failure: Failure) -> float:
        known_s = float(failure.pts * stream.time_base) if failure.pts is not None else None
        return (stamps.get(failure.pos or 0, 0.0) if known_s is None else known_s) - timeline.start_s

    timed = [(at, f) for f in failures if not math.isnan(at := at_s(f))]
    if len(timed) < len(failures):
        lost = len(failures) - len(timed)
        found.add("file.partial/picture", reason=failures[0].reason, evidence={"failed": lost})
    groups: list[list[tuple[float, Failure]]] = []
    for at, failure in sorted(timed, key=lambda pair: pair[0]):
        if any((f.start_s or 0.0) <= at < (f.end_s or 0.0) for f in known):
            continue  # follows from the key frame before
        if groups and at - groups[-1][-1][0] <= _ONE_DAMAGE_S:
            groups[-1].append((at, failure))
        else:
            groups.append([(at, failure)])
    for group in groups:
        positions = [(f.pos or 0, (f.pos or 0) + f.size) for _, f in group]
        found.add(
            "file.partial/frames",
            start_s=group[0][0],
            end_s=group[-1][0] + track.interval_s,
            value=float(len(group)),
            count=len(group),
            evidence={
                "bytes": [min(p for p, _ in positions), max(e for _, e in positions)],
                "reason": group[0][1].reason,
            },
        )


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
