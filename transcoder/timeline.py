"""Where samples stand in time: lengths, gaps, steps back, ends.  Pure arithmetic on copied numbers.

Rules (articles 15(3) and 15(5); traps: field-facts.md, known faults C03, C09, C10, C11, C14):

- Gaps are judged on *sorted* presentation times, or on decoding times where only an index was read: in file
  order a perfect stream with B-frames steps back at every one of them.
- Samples that an edit list hides, and encoder priming, take no part.
- A gap is measured against the local interval, the larger of the medians before and after it, so that a
  change of frame rate is no gap.  What is missing is the step less one local interval.
- Samples that lie beyond the end of the file are not there: what the index says of them is no length.
- Lengths are the span of the packets.  A stated length is used only to end the last sample, and only when it
  is near the span; raw streams carry no times and get no length.
- A start above zero is no fault, nor is picture and sound starting apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcoder.facts import NO_TIME, Flags, MediaFacts, Samples, StreamFacts, Ticks

_WINDOW = 8  # intervals looked at on either side of a gap
_MAX_OVERLAP = 1.5  # sound packets that last longer than the step to the next carry no true stamps
_MIN_REPEATS = 3  # fewer samples at one instant are rounding
Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """One stream's place in time; seconds on the container's own clock."""

    stream: int
    kind: str
    times: Seconds  # of its visible samples, sorted
    start_s: float
    end_s: float
    interval_s: float  # median
    missing_samples: int  # promised by the index, beyond the end of the file
    stated_end_s: float | None  # where the index says it ends


@dataclass(frozen=True)
class Gap:
    """A stretch without samples; seconds from the recording's start."""

    kinds: tuple[str, ...]
    start_s: float
    end_s: float
    missing_s: float
    times_local_interval: float


@dataclass(frozen=True)
class Step:
    """Stamps that step back or stand still; seconds from the recording's start."""

    kind: str
    at_s: float
    back_s: float
    count: int


@dataclass(frozen=True)
class Timeline:
    """All tracks of one recording; `start_s` is the container time that counts as zero."""

    tracks: tuple[Track, ...]
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def track(self, kind: str) -> Track | None:
        """The longest-filled track of a kind."""
        of_kind = [track for track in self.tracks if track.kind == kind]
        return max(of_kind, key=lambda track: len(track.times), default=None)

    def truncated_to_s(self) -> float | None:
        """Seconds that the index promises and the file does not hold; None when it holds all."""
        cut = [track for track in self.tracks if track.missing_samples and track.stated_end_s is not None]
        ends = [track.stated_end_s - self.start_s for track in cut if track.stated_end_s is not None]
        return max(ends, default=None)


def timeline_of(media: MediaFacts) -> Timeline | None:
    """The timeline of picture and sound; None when nothing in the file carries a time."""
    tracks = [_track(stream, media) for stream in media.streams if stream.kind in ("video", "audio")]
    timed = [track for track in tracks if track is not None]
    if not timed or _is_raw(media):
        return None
    return Timeline(tuple(timed), min(t.start_s for t in timed), max(t.end_s for t in timed))


def _is_raw(media: MediaFacts) -> bool:
    return media.container in ("h264", "hevc", "m4v", "mpegvideo", "h263", "vvc", "mjpeg")


def present(samples: Samples, size_bytes: int) -> Flags:
    """Which samples lie wholly inside the file."""
    inside: Flags = (samples.pos < 0) | (samples.pos + samples.size <= size_bytes)
    return inside


def _track(stream: StreamFacts, media: MediaFacts) -> Track | None:
    samples = stream.samples
    inside = present(samples, media.size_bytes)
    visible = samples.where(~samples.discard)
    here = samples.where(inside & ~samples.discard)
    stamps = _stamps(here)
    if not len(stamps) or not stream.time_base:
        return None
    base = float(stream.time_base)
    times: Seconds = np.sort(stamps).astype(np.float64) * base
    shift = 0.0
    if media.from_index and stream.start_ticks is not None:  # an index knows decoding times only
        shift = stream.start_ticks * base - float(_stamps(visible).min()) * base
        times += shift
    interval = _interval(times)
    lasts = np.median(here.duration) * base
    if stream.kind == "audio" and lasts > _MAX_OVERLAP * interval > 0:
        # Sound of variable bit rate in AVI: stamps count chunks, not samples.  Lay the chunks end to end.
        laid = np.concatenate(([0.0], np.cumsum(here.duration[:-1]).astype(np.float64) * base))
        times = np.add(times[0], laid, dtype=np.float64)
        interval = _interval(times)
    missing = int(np.count_nonzero(~inside))
    stated = None
    if stream.duration_ticks:
        stated = float(times[0]) + stream.duration_ticks * base
    last = _last_duration(here, base, interval)
    end = float(times[-1]) + (last or interval)
    if media.from_index and not missing and stated is not None and _near(stated, end, interval):
        end = stated
    return Track(stream.index, stream.kind, times, float(times[0]), end, interval, missing, stated)


def _interval(times: Seconds) -> float:
    steps = np.diff(times)
    return float(np.median(steps[steps > 0])) if np.any(steps > 0) else 0.0


def _stamps(samples: Samples) -> Ticks:
    """Presentation times where most samples have one, else decoding times."""
    known: Ticks = samples.pts[samples.pts != NO_TIME]
    if len(known) * 2 > len(samples):
        return known
    decoding: Ticks = samples.dts[samples.dts != NO_TIME]
    return decoding


def _last_duration(samples: Samples, base: float, interval: float) -> float | None:
    """How long the last sample lasts; None when unknown or out of all proportion."""
    known = np.flatnonzero(samples.pts != NO_TIME)
    if not len(known):
        return None
    last = float(samples.duration[known[np.argmax(samples.pts[known])]]) * base
    return last if 0 < last <= max(1.0, _WINDOW * interval) else None


def _near(stated: float, measured: float, interval: float) -> bool:
    return abs(stated - measured) <= max(1.0, _WINDOW * interval)


def find_gaps(timeline: Timeline, at_least_s: float) -> list[Gap]:
    """Gaps longer than `at_least_s`, earliest first; those that overlap in picture and sound are one."""
    found = [gap for track in timeline.tracks for gap in _gaps(track, timeline.start_s, at_least_s)]
    found.sort(key=lambda gap: (gap.start_s, gap.end_s))
    merged: list[Gap] = []
    for gap in found:
        if merged and gap.start_s < merged[-1].end_s:
            merged[-1] = _merge(merged[-1], gap)
        else:
            merged.append(gap)
    return merged


def _gaps(track: Track, zero_s: float, at_least_s: float) -> Iterator[Gap]:
    steps = np.diff(track.times)
    for i in np.flatnonzero(steps > at_least_s):
        step = float(steps[i])
        sides = [
            side for side in (steps[max(0, i - _WINDOW) : i], steps[i + 1 : i + 1 + _WINDOW]) if len(side)
        ]
        local = max((float(np.median(side)) for side in sides), default=0.0)
        if local <= 0.0 or step - local <= at_least_s:
            continue
        start = float(track.times[i]) + local - zero_s
        end = float(track.times[i + 1]) - zero_s
        yield Gap((track.kind,), start, end, step - local, step / local)


def _merge(a: Gap, b: Gap) -> Gap:
    kinds = a.kinds if set(b.kinds) <= set(a.kinds) else (*a.kinds, *b.kinds)
    return Gap(
        kinds,
        a.start_s,
        max(a.end_s, b.end_s),
        max(a.missing_s, b.missing_s),
        max(a.times_local_interval, b.times_local_interval),
    )


def find_steps(media: MediaFacts, timeline: Timeline) -> list[Step]:
    """Decoding times that step back in file order, and pictures that stand at one instant."""
    steps: list[Step] = []
    for track in timeline.tracks:
        stream = media.streams[track.stream]
        base = float(stream.time_base)
        dts = stream.samples.dts[(stream.samples.dts != NO_TIME) & ~stream.samples.discard]
        back = np.diff(dts) * base
        at = np.flatnonzero(back < -0.5 * max(track.interval_s, base))
        if len(at):
            worst = float(-back[at].min())
            where = float(dts[at[0]]) * base - timeline.start_s
            steps.append(Step(track.kind, max(0.0, where), worst, len(at)))
        still = np.flatnonzero(np.diff(track.times) == 0.0)
        if track.kind == "video" and len(still) >= _MIN_REPEATS:
            steps.append(Step("video", float(track.times[still[0]]) - timeline.start_s, 0.0, len(still)))
    return steps


def end_difference_s(timeline: Timeline) -> float | None:
    """How far apart picture and sound end; None unless there are both."""
    video, audio = timeline.track("video"), timeline.track("audio")
    return None if video is None or audio is None else abs(video.end_s - audio.end_s)


def times_of_bytes(
    media: MediaFacts, timeline: Timeline, ranges: Sequence[tuple[int, int]]
) -> list[tuple[float, float] | None]:
    """For byte ranges [start, end): the seconds of the samples that they touch, None when they touch none."""
    spans: list[tuple[float, float] | None] = []
    tables = [(media.streams[t.stream], t) for t in timeline.tracks]
    for start, end in ranges:
        hits: list[tuple[float, float]] = []
        for stream, track in tables:
            samples = stream.samples
            touched = (samples.pos >= 0) & (samples.pos < end) & (samples.pos + samples.size > start)
            touched &= ~samples.discard
            times = sample_times(stream, track, media)[touched]
            times = times[~np.isnan(times)]
            if len(times):
                hits.append((float(times.min()), float(times.max()) + track.interval_s))
        zero = timeline.start_s
        span = (max(0.0, min(h[0] for h in hits) - zero), max(h[1] for h in hits) - zero) if hits else None
        spans.append(span)
    return spans


def sample_times(stream: StreamFacts, track: Track, media: MediaFacts) -> Seconds:
    """Seconds on the container's clock of every sample in file order; NaN where it carries none."""
    samples = stream.samples
    base = float(stream.time_base)
    stamps = np.where(samples.pts != NO_TIME, samples.pts, samples.dts)
    times: Seconds = np.where(stamps == NO_TIME, np.nan, stamps * base)
    if media.from_index:
        visible = times[~samples.discard]
        times = times + (track.start_s - float(np.nanmin(visible)))
    return times
