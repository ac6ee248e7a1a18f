"""Stamps that run smoothly over something that is not there (article 15(5); `continuity.timestamps`).

- Pictures missing by the bitstream's own count (losses.py) are a finding where the stamps do not show the
  hole: an open hole is for `continuity.gap_in_file` and its thresholds.
- Joints at key pictures (stream_joints.py); one sign alone is said as `info`, and not at all where the
  encoder says that it starts groups at scene changes.
- A sound whose samples and stamps run at different paces (pace.py).
- Nothing is concluded from the last pictures of a file, which may lack those that they were to be shown
  after, nor from where bytes are known to be lost.
"""

import math
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from transcoder.facts import MediaFacts, StreamFacts
from transcoder.findings import FindingList, rounded
from transcoder.heads import Heads
from transcoder.losses import Hole
from transcoder.pace import ALLOWED_S, pace_of
from transcoder.report import Severity
from transcoder.stream_joints import Joint, find_joints, odd_steps
from transcoder.timeline import Seconds, Timeline, Track, sample_times
from transcoder.transport import Jump, count_packets

_CODE = "continuity.timestamps"
_REORDER = 16
_CLUSTER_S = 2.0
_MAX_PLACES = 20
ByteRange = tuple[int, int]


def check_smoothed(
    media: MediaFacts,
    timeline: Timeline | None,
    heads: Sequence[Heads],
    lost: Sequence[ByteRange],
    found: FindingList,
) -> None:
    """All that stamps and bitstream say differently."""
    by_stream = {one.stream: one for one in heads}
    video = media.main("video")
    if video is not None:
        one = by_stream.get(video.index)
        _check_video(media, timeline, video, one, lost, found)
    if timeline is not None:
        _check_pace(media, timeline, found)


def _check_video(
    media: MediaFacts,
    timeline: Timeline | None,
    stream: StreamFacts,
    heads: Heads | None,
    lost: Sequence[ByteRange],
    found: FindingList,
) -> None:
    count = len(stream.samples)
    holes = [h for h in (heads.holes if heads else ()) if max(h.before, h.after) < count - _REORDER]
    holes = [h for h in holes if not _touches(stream, h, lost)]
    track = next((t for t in timeline.tracks if t.stream == stream.index), None) if timeline else None
    if timeline is None or track is None:
        if holes:
            _report_holes(holes, None, None, found)
        return
    times = sample_times(stream, track, media) - timeline.start_s
    shown = np.asarray(track.times - timeline.start_s)
    smooth = [h for h in holes if not _is_open(h, times, shown, track.interval_s)]
    for cluster in _clusters(smooth, times):
        starts = [float(min(times[h.before], times[h.after])) for h in cluster]
        ends = [float(max(times[h.before], times[h.after])) for h in cluster]
        _report_holes(cluster, min(starts), max(ends), found)
    if not any(f.code in ("continuity.truncated", "origin.edit_list") for f in found.findings):
        _check_joints(timeline, track, stream, heads, times, found)


def _touches(stream: StreamFacts, hole: Hole, lost: Sequence[ByteRange]) -> bool:
    samples = stream.samples
    first, last = sorted((hole.before, hole.after))
    start, end = int(samples.pos[first]), int(samples.pos[last] + samples.size[last])
    return start >= 0 and any(start < b and end > a for a, b in lost)


def _is_open(hole: Hole, times: Seconds, shown: Seconds, interval_s: float) -> bool:
    """Do the stamps near a hole show at least half of what is missing?"""
    ends = [float(times[at]) for at in (hole.before, hole.after)]
    if any(math.isnan(end) for end in ends) or interval_s <= 0:
        return True
    low, high = min(ends) - 4.5 * interval_s, max(ends) + 4.5 * interval_s
    near = shown[np.searchsorted(shown, low) : np.searchsorted(shown, high) + 1]
    excess = np.diff(near) - interval_s
    return float(np.sum(excess[excess > 0.5 * interval_s])) >= 0.5 * hole.missing * interval_s


def _clusters(holes: Sequence[Hole], times: Seconds) -> list[list[Hole]]:
    clusters: list[list[Hole]] = []
    for hole in sorted(holes, key=lambda h: float(times[h.after])):
        if clusters and float(times[hole.after]) - float(times[clusters[-1][-1].after]) <= _CLUSTER_S:
            clusters[-1].append(hole)
        else:
            clusters.append([hole])
    return clusters


def _report_holes(
    holes: Sequence[Hole], start_s: float | None, end_s: float | None, found: FindingList
) -> None:
    missing = sum(hole.missing for hole in holes)
    found.add(
        f"{_CODE}/missing" if start_s is not None else f"{_CODE}/missing_untimed",
        start_s=None if start_s is None else max(0.0, start_s),
        end_s=end_s,
        value=float(missing),
        count=missing,
        evidence={
            "pictures_missing": missing,
            "by": "the bitstream's own count",
            "places": [
                {"after_sample": h.before, "before_sample": h.after, "missing": h.missing}
                for h in holes[:_MAX_PLACES]
            ],
        },
    )


def _check_joints(
    timeline: Timeline,
    track: Track,
    stream: StreamFacts,
    heads: Heads | None,
    times: Seconds,
    found: FindingList,
) -> None:
    keys = np.flatnonzero(stream.samples.key & ~stream.samples.discard).tolist()
    if len(keys) * 2 > len(stream.samples):  # all pictures are key pictures: no rhythm
        return
    sound = timeline.track("audio")
    zero = timeline.start_s
    joints = find_joints(
        keys,
        times,
        heads.idr_ids if heads else (),
        odd_steps(track.times, float(stream.time_base)) - zero,
        odd_steps(sound.times, 1e-3) - zero if sound else np.empty(0),
        track.interval_s,
        sound.interval_s if sound else 0.0,
    )
    gaps = [(f.start_s or 0.0, f.end_s or 0.0) for f in found.findings if f.code.startswith("continuity.")]
    scene_cuts = any(
        "scenecut=" in t and "scenecut=0" not in t for t in (heads.encoder_texts if heads else ())
    )
    unsaid = [j for j in joints if not any(a - 1.0 <= j.at_s <= b + 1.0 for a, b in gaps)]
    for joint in unsaid:
        if joint.is_strong:
            found.add(
                f"{_CODE}/joint",
                start_s=max(0.0, joint.at_s),
                evidence={"sample": joint.sample, "signs": list(joint.signs)},
            )
    weak = [] if scene_cuts else [joint for joint in unsaid if not joint.is_strong]
    if weak:
        _report_rhythm(weak, found)


def _report_rhythm(joints: Sequence[Joint], found: FindingList) -> None:
    found.add(
        f"{_CODE}/rhythm",
        at_most=Severity.INFO,
        start_s=max(0.0, joints[0].at_s),
        count=len(joints),
        evidence={
            "count": len(joints),
            "places": [
                {"at_s": rounded(j.at_s), "sample": j.sample, "signs": list(j.signs)}
                for j in joints[:_MAX_PLACES]
            ],
        },
    )


def check_transport(
    file: BinaryIO,
    media: MediaFacts,
    timeline: Timeline | None,
    lost: Sequence[ByteRange],
    found: FindingList,
) -> None:
    """Transport packets missing by their own counters (transport.py), where no gap says it already.

    Before that, what is no packet at all; `lost`: zeros that were reported.
    """
    streams = {s.id: s for s in media.streams if s.kind in ("video", "audio") and len(s.samples)}
    counted = count_packets(file, media.size_bytes, frozenset(streams))
    jumps = counted.jumps
    unsaid = [(a, b) for a, b in counted.no_packets if not any(a < end and b > start for start, end in lost)]
    _report_no_packets(unsaid, media, timeline, found)
    gaps = [(f.start_s or 0.0, f.end_s or 0.0) for f in found.findings if f.code == "continuity.gap_in_file"]
    clusters: list[tuple[float | None, list[Jump]]] = []
    for jump in jumps:
        at = _time_of_byte(media, timeline, streams[jump.pid], jump.pos)
        if at is not None and any(a - 1.0 <= at <= b + 1.0 for a, b in gaps):
            continue
        before = clusters[-1][0] if clusters else None
        if clusters and (at is None or (before is not None and at - before <= _CLUSTER_S)):
            clusters[-1][1].append(jump)
        else:
            clusters.append((at, [jump]))
    for at, cluster in clusters:
        missing = sum(jump.missing for jump in cluster)
        found.add(
            f"{_CODE}/packets",
            start_s=at,
            value=float(missing),
            count=missing,
            evidence={
                "packets_missing_at_least": missing,
                "bytes": [cluster[0].pos, cluster[-1].pos],
                "pids": sorted({jump.pid for jump in cluster}),
            },
        )


def _report_no_packets(
    ranges: Sequence[ByteRange], media: MediaFacts, timeline: Timeline | None, found: FindingList
) -> None:
    """Stretches that are no packets, those within a second of each other as one."""
    stream = media.main("video") or media.main("audio")
    groups: list[tuple[float | None, list[ByteRange]]] = []
    for one in ranges:
        at = _time_of_byte(media, timeline, stream, one[0]) if stream is not None else None
        last = groups[-1][0] if groups else None
        if groups and (at is None or (last is not None and at - last <= _CLUSTER_S)):
            groups[-1] = (at, [*groups[-1][1], one])
        else:
            groups.append((at, [one]))
    for at, group in groups:
        size = sum(end - start for start, end in group)
        begins = _time_of_byte(media, timeline, stream, group[0][0]) if stream is not None else None
        found.add(
            "file.partial/no_packets",
            start_s=begins,
            end_s=at,
            value=float(size),
            bytes=size,
            evidence={"bytes": [group[0][0], group[-1][1]], "places": len(group)},
        )


def _time_of_byte(
    media: MediaFacts, timeline: Timeline | None, stream: StreamFacts, pos: int
) -> float | None:
    track = next((t for t in timeline.tracks if t.stream == stream.index), None) if timeline else None
    if timeline is None or track is None:
        return None
    sample = min(int(np.searchsorted(stream.samples.pos, pos)), len(stream.samples) - 1)
    at = float(sample_times(stream, track, media)[sample]) - timeline.start_s
    return None if math.isnan(at) else max(0.0, at)


def _check_pace(media: MediaFacts, timeline: Timeline, found: FindingList) -> None:
    track = timeline.track("audio")
    pace = pace_of(media.streams[track.stream], track) if track is not None else None
    if pace is None or abs(pace.difference_s) <= ALLOWED_S:
        return
    found.add(
        f"{_CODE}/pace",
        value=abs(pace.difference_s),
        threshold=ALLOWED_S,
        evidence={
            "stamped_s": rounded(pace.stamped_s),
            "counted_s": rounded(pace.counted_s),
            "open_gaps_s": rounded(pace.open_s),
        },
    )
