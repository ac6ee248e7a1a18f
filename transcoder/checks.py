"""What the index and the packets' headers alone show: the fast part of an inspection.

- A gap, a step back, an end that picture and sound do not share: `timeline.py` measures, the rules weigh.
- A file is cut when its index, or its own structure, promises bytes that are not there.
- Encrypted samples decode to garbage without an error: such a file is unreadable however well it opens.
- Tracks of data (timecode, telemetry) are described and never a fault; an announced picture or sound that
  has no decoder is.
- An empty track beside a filled one of its kind is described, no more.
"""

from transcoder.facts import MediaFacts, StreamFacts
from transcoder.findings import FindingList, rounded
from transcoder.media import PHOTO_FORMATS
from transcoder.report import MediaKind, StreamInfo
from transcoder.request import InspectItem
from transcoder.sentences import WHAT
from transcoder.timeline import Timeline, end_difference_s, find_gaps, find_steps, present


def kind_of(media: MediaFacts, item: InspectItem) -> MediaKind | None:
    """What the file is: a moving picture is video whatever the name says, else as claimed, else as found."""
    if media.container in PHOTO_FORMATS:
        return "photo"
    if any(stream.width for stream in media.of_kind("video") if len(stream.samples)):
        return "video"
    if item.kind is not None:
        return item.kind
    if any(stream.width for stream in media.of_kind("video")):
        return "video"
    return "audio" if media.of_kind("audio") else None


def describe(stream: StreamFacts, timeline: Timeline | None, tag: str | None = None) -> StreamInfo:
    """A stream as the report lists it."""
    track = next((t for t in timeline.tracks if t.stream == stream.index), None) if timeline else None
    zero = timeline.start_s if timeline else 0.0
    return StreamInfo(
        kind=stream.kind,
        codec=stream.codec,
        tag=tag,
        width=stream.width,
        height=stream.height,
        frame_rate=stream.frame_rate,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        packets=len(stream.samples),
        start_s=rounded(track.start_s - zero) if track else None,
        duration_s=rounded(track.end_s - track.start_s) if track else None,
    )


def check_streams(media: MediaFacts, kind: MediaKind | None, found: FindingList) -> None:
    """Is there anything to see and hear, and can it be?"""
    if kind is None or not any(media.of_kind(k) for k in ("video", "audio")):
        found.add("file.unreadable/no_media", evidence={"streams": [s.kind for s in media.streams]})
        return
    if media.structure.encrypted:
        found.add("file.unreadable/encrypted")
    if media.main("video") is None and (kind == "video" or media.of_kind("video")):
        found.add("file.partial/no_picture")
    for stream in media.streams:
        if stream.kind in ("video", "audio") and len(stream.samples) and not stream.decodable:
            zh, en = WHAT[stream.kind]
            found.add(
                "file.partial/no_decoder",
                what_zh=zh,
                what_en=en.lower().removeprefix("the "),
                codec=stream.codec or "?",
                evidence={"stream": stream.index, "codec": stream.codec},
            )


def check_end(media: MediaFacts, timeline: Timeline | None, found: FindingList) -> None:
    """Does the file hold what its index and its structure promise?"""
    if _cut_by_index(media, timeline, found):
        return
    structure = media.structure
    if structure.claimed_end is not None and structure.claimed_end > media.size_bytes:
        lacking = structure.claimed_end - media.size_bytes
        evidence = {"size_bytes": media.size_bytes, "claimed_bytes": structure.claimed_end}
        end = timeline.duration_s if timeline else None
        found.add("continuity.truncated/claimed", start_s=end, value=lacking, evidence=evidence)
    elif structure.family == "riff" and structure.has_index is False:
        found.add("continuity.truncated/no_index", evidence={"index": "none"})
    elif structure.cut_packet:
        rest = media.size_bytes % 188
        end = timeline.duration_s if timeline else None
        found.add("continuity.truncated/packet", start_s=end, evidence={"last_packet_bytes": rest})
    elif media.stopped is not None:
        end = timeline.duration_s if timeline else None
        read_to = max(
            (int((s.samples.pos + s.samples.size).max()) for s in media.streams if len(s.samples)), default=0
        )
        rest_of_it = {"bytes": [read_to, media.size_bytes]}
        found.add("file.partial/stopped", start_s=end, reason=media.stopped, evidence=rest_of_it)
    elif not any(len(s.samples) for s in media.streams if s.kind in ("video", "audio")):
        found.add("continuity.truncated/empty")


def _cut_by_index(media: MediaFacts, timeline: Timeline | None, found: FindingList) -> bool:
    promised = sum(len(s.samples) for s in media.streams)
    here = sum(int(present(s.samples, media.size_bytes).sum()) for s in media.streams)
    if here == promised:
        return False
    ends = [int((s.samples.pos + s.samples.size).max()) for s in media.streams if len(s.samples)]
    evidence = {
        "size_bytes": media.size_bytes,
        "indexed_bytes": max(ends),
        "samples_indexed": promised,
        "samples_present": here,
    }
    stated = timeline.truncated_to_s() if timeline else None
    if timeline is None or stated is None:
        found.add("continuity.truncated/empty", evidence=evidence)
    else:
        start = min((t.end_s for t in timeline.tracks if t.missing_samples), default=timeline.end_s)
        start -= timeline.start_s
        found.add(
            "continuity.truncated/index",
            start_s=start,
            end_s=stated,
            value=max(0.0, stated - start),
            evidence=evidence,
        )
    return True


def check_timeline(media: MediaFacts, timeline: Timeline, found: FindingList) -> None:
    """Gaps, steps back, and ends that differ."""
    least = found.rules.threshold_of("continuity.gap_in_file", "seconds") or 0.0
    for gap in find_gaps(timeline, least):
        zh, en = WHAT["both" if len(gap.kinds) > 1 else gap.kinds[0]]
        found.add(
            "continuity.gap_in_file",
            start_s=gap.start_s,
            end_s=gap.end_s,
            value=gap.missing_s,
            threshold=least,
            measured={"seconds": gap.missing_s, "times_local_interval": gap.times_local_interval},
            what_zh=zh,
            what_en=en,
            evidence={
                "streams": sorted(gap.kinds),
                "times_local_interval": rounded(gap.times_local_interval, 1),
            },
        )
    for step in find_steps(media, timeline):
        zh, en = WHAT[step.kind]
        variant = "back" if step.back_s else "repeat"
        found.add(
            f"continuity.timestamps/{variant}",
            start_s=step.at_s,
            value=step.back_s,
            count=step.count,
            what_zh=zh,
            what_en=en,
            evidence={"stream": step.kind, "count": step.count},
        )
    _check_ends(timeline, found)


def _check_ends(timeline: Timeline, found: FindingList) -> None:
    apart = end_difference_s(timeline)
    video, audio = timeline.track("video"), timeline.track("audio")
    if apart is None or video is None or audio is None or video.missing_samples or audio.missing_samples:
        return  # of a cut file it is the cut that ends them
    found.add(
        "continuity.stream_end",
        start_s=min(video.end_s, audio.end_s) - timeline.start_s,
        end_s=max(video.end_s, audio.end_s) - timeline.start_s,
        value=apart,
        threshold=found.rules.threshold_of("continuity.stream_end", "seconds"),
        measured={"seconds": apart},
        evidence={
            "video_end_s": rounded(video.end_s - timeline.start_s),
            "audio_end_s": rounded(audio.end_s - timeline.start_s),
        },
    )
