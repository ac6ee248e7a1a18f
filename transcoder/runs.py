"""Joining recordings into runs.

A run is what continuous recording joins: the notice is owed once a run (article 15(1)), and what separates
two runs is a finding on the later one (article 15(5)).

- Video segments are compared in order of their clock's epoch, start, sequence number, then as given.
- Where the clock was set between two segments another epoch begins: nobody knows what lies between
  (clocks.py).
- What lies between two is measured by the sources that both have, the leading one first, so that a source
  that is off by the same amount in both does no harm; others that agree with it narrow it.
- Two join when what lies between them, somewhere within that uncertainty, is at most `split_gap_s` and
  overlaps by at most `split_overlap_s`; a profile may say what its cameras lose between their pieces.
- A chapter joins the chapter before it unless a gap is certain.
- Segments whose start or length nobody knows are runs of their own, and make no gap.
- A break beyond `shift_break_s` starts another shift: no finding between.
- An audio note is a run of its own; a photograph is in none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from transcoder.report import MediaKind, TimeSpan
from transcoder.request import TimeSource
from transcoder.rules import RunRules
from transcoder.times import Span

_AGREE_S = 5.0  # measurements of one joint by two sources that differ by no more agree
_ORDER: tuple[TimeSource, ...] = ("container", "name", "mtime")


@dataclass(frozen=True)
class Segment:
    """One file's place on the camera's timeline; `index` is its place in the report.

    `duration_s` is on the camera's clock.  `spans`: its start by each source.  `follows`: the segment whose
    next chapter it is.  `unset`: its clock was never set, so it lies somewhere.
    """

    index: int
    kind: MediaKind
    started_at: TimeSpan | None
    duration_s: float | None
    sequence: int | None = None
    spans: Mapping[TimeSource, Span] = field(default_factory=dict)
    epoch: int = 0
    follows: int | None = None
    unset: bool = False


@dataclass(frozen=True)
class Between:
    """What lies between two segments, in seconds; negative is an overlap.  `sources`: what says so."""

    before: int
    after: int
    least_s: float
    most_s: float
    sources: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The middle of what the evidence allows."""
        return (self.least_s + self.most_s) / 2


@dataclass(frozen=True)
class Link:
    """Two segments that join; `between` is None where no time says how closely."""

    before: int
    after: int
    between: Between | None


@dataclass(frozen=True)
class Run:
    """Segments in order; `since` is what separates the run from the one before, None where nobody knows."""

    segments: tuple[Segment, ...]
    since: Between | None = None
    links: tuple[Link, ...] = ()

    @property
    def first(self) -> Segment:
        return self.segments[0]

    @property
    def duration_s(self) -> float | None:
        """Summed lengths, None when one is unknown."""
        lengths = [segment.duration_s for segment in self.segments]
        return None if None in lengths else sum(length for length in lengths if length is not None)


def join_runs(
    segments: Sequence[Segment], rules: RunRules, split_tolerance_s: float | None = None
) -> list[Run]:
    """The runs of one camera, video by start, then the notes as given.

    `split_tolerance_s` is what the profile says its cameras lose between two pieces, in place of the rules'.
    """
    gap_s = rules.split_gap_s if split_tolerance_s is None else split_tolerance_s
    runs: list[Run] = []
    for segment in ordered([s for s in segments if s.kind == "video"]):
        last = runs[-1].segments[-1] if runs else None
        between = between_segments(last, segment) if last else None
        if last is not None and _joins(last, segment, between, gap_s, rules.split_overlap_s):
            run = runs[-1]
            link = Link(last.index, segment.index, between)
            runs[-1] = Run((*run.segments, segment), run.since, (*run.links, link))
        else:
            far = between is not None and between.seconds > rules.shift_break_s
            unset = last is not None and (last.unset or segment.unset)
            runs.append(Run((segment,), None if far or unset else between))
    return runs + [Run((s,)) for s in segments if s.kind == "audio"]


def ordered(segments: Sequence[Segment]) -> list[Segment]:
    """Segments in the order in which they were recorded, as far as that is known."""
    return sorted(segments, key=_order)


def _order(segment: Segment) -> tuple[bool, int, float, int, int]:
    start = segment.started_at
    moment: datetime | None = start.earliest if start else None
    stamp = moment.timestamp() if moment else 0.0
    return start is None, segment.epoch, stamp, segment.sequence or 0, segment.index


def between_segments(before: Segment, after: Segment) -> Between | None:
    """What lies between the end of one segment and the start of the next; None where nothing says it."""
    if before.duration_s is None or before.epoch != after.epoch:
        return None
    common = [source for source in _leading(before) if source in before.spans and source in after.spans]
    if not common:
        return _between_starts(before, after)
    (first, *others) = common
    least, most = _measured(before.spans[first], after.spans[first], before.duration_s)
    sources: list[str] = [first]
    for source in others:
        if not all(s.spans[source].agrees(s.spans[first], _AGREE_S) for s in (before, after)):
            continue  # times of copying lie close to each other as well
        low, high = _measured(before.spans[source], after.spans[source], before.duration_s)
        if low - _AGREE_S <= most and least - _AGREE_S <= high:
            sources.append(source)
            if max(low, least) <= min(high, most):
                least, most = max(low, least), min(high, most)
    return Between(before.index, after.index, least, most, tuple(sources))


def _leading(segment: Segment) -> tuple[TimeSource, ...]:
    """The sources, those that the segment's own start rests on first."""
    led = segment.started_at.from_ if segment.started_at else ()
    return tuple(sorted(_ORDER, key=lambda s: (led.index(s) if s in led else len(_ORDER), _ORDER.index(s))))


def _measured(before: Span, after: Span, duration_s: float) -> tuple[float, float]:
    least = (after.earliest - before.latest).total_seconds() - duration_s
    most = (after.latest - before.earliest).total_seconds() - duration_s
    return least, most


def _between_starts(before: Segment, after: Segment) -> Between | None:
    if before.started_at is None or after.started_at is None or before.duration_s is None:
        return None
    spans = [Span(s.started_at.earliest, s.started_at.latest) for s in (before, after) if s.started_at]
    least, most = _measured(spans[0], spans[1], before.duration_s)
    sources = {*before.started_at.from_, *after.started_at.from_}
    return Between(before.index, after.index, least, most, tuple(s for s in _ORDER if s in sources))


def _joins(before: Segment, after: Segment, between: Between | None, gap_s: float, overlap_s: float) -> bool:
    if after.follows is not None and after.follows == before.index:
        return between is None or between.least_s <= gap_s
    if between is None:
        return False
    return between.least_s <= gap_s and between.most_s >= -overlap_s
