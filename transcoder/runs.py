"""Joining recordings into runs.

A run is what continuous recording joins: the notice is owed once a run (article 15(1)), and what separates
two runs is a finding on the later one (article 15(5)).

- Video segments are compared in order of start, then sequence number, then as given.
- Two join when what lies between them, somewhere within the uncertainty of their times, is at most
  `split_gap_s` and overlaps by at most `split_overlap_s`.
- Segments whose start or length nobody knows are runs of their own, and make no gap.
- A break beyond `shift_break_s` starts another shift: no finding between.
- An audio note is a run of its own; a photograph is in none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from transcoder.report import MediaKind, TimeSpan
from transcoder.rules import RunRules


@dataclass(frozen=True)
class Segment:
    """One file's place on the camera's timeline; `index` is its place in the report."""

    index: int
    kind: MediaKind
    started_at: TimeSpan | None
    duration_s: float | None
    sequence: int | None = None


@dataclass(frozen=True)
class Between:
    """What lies between two segments, in seconds; negative is an overlap."""

    before: int
    after: int
    least_s: float
    most_s: float

    @property
    def seconds(self) -> float:
        """The middle of what the evidence allows."""
        return (self.least_s + self.most_s) / 2


@dataclass(frozen=True)
class Run:
    """Segments in order; `since` is what separates the run from the one before, None where nobody knows."""

    segments: tuple[Segment, ...]
    since: Between | None = None

    @property
    def first(self) -> Segment:
        return self.segments[0]

    @property
    def duration_s(self) -> float | None:
        """Summed lengths, None when one is unknown."""
        lengths = [segment.duration_s for segment in self.segments]
        return None if None in lengths else sum(length for length in lengths if length is not None)


def join_runs(segments: Sequence[Segment], rules: RunRules) -> list[Run]:
    """The runs of one camera, video by start, then the notes as given."""
    video = sorted((s for s in segments if s.kind == "video"), key=_order)
    runs: list[Run] = []
    for segment in video:
        between = _between(runs[-1].segments[-1], segment) if runs else None
        if between is not None and _joins(between, rules):
            runs[-1] = Run((*runs[-1].segments, segment), runs[-1].since)
        else:
            far = between is not None and between.seconds > rules.shift_break_s
            runs.append(Run((segment,), None if far else between))
    return runs + [Run((s,)) for s in segments if s.kind == "audio"]


def _order(segment: Segment) -> tuple[bool, float, int, int]:
    start = segment.started_at
    moment: datetime | None = start.earliest if start else None
    stamp = moment.timestamp() if moment else 0.0
    return start is None, stamp, segment.sequence or 0, segment.index


def _between(before: Segment, after: Segment) -> Between | None:
    if before.started_at is None or after.started_at is None or before.duration_s is None:
        return None
    least = (after.started_at.earliest - before.started_at.latest).total_seconds() - before.duration_s
    most = (after.started_at.latest - before.started_at.earliest).total_seconds() - before.duration_s
    return Between(before.index, after.index, least, most)


def _joins(between: Between, rules: RunRules) -> bool:
    return between.least_s <= rules.split_gap_s and between.most_s >= -rules.split_overlap_s
