"""When a recording began, from what says so: the container, the name, the file system's time.

- The name gives the start, the file system's time the end.  The container's creation time is the start in
  some cameras and the end in others (Android writes it when the file is finished), and some stamp local time
  as UTC: it is read in the way that fits the name, else the file system's time, else as start in UTC.
- exFAT without an offset gives local time as UTC (B05): the file system's time is read in the way that fits.
- The most trusted source that is plausible leads, unless the two others agree against it; others that agree
  within the tolerance narrow it and are named.  Those that disagree are left out here (what their
  disagreement means: `clocks.py`).
- Times before 2000, or on a day on which clocks that were never set begin (C19, C20), say nothing about when;
  they still say how files of one camera lie to each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transcoder.report import TimeSpan
from transcoder.request import InspectItem, JoinRules, TimeSource

_YEARS = range(1900, 2200)  # arithmetic near year 1 and 9999 overflows
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_CONTAINER_RESOLUTION_S = 1.0
# A day's local midnight may be up to 14 h before that of UTC; a shift after it lasts at most so long.
_FACTORY_BEFORE = timedelta(hours=14)
_FACTORY_AFTER = timedelta(hours=36)
# Footage that is docked within two months of such a day was rather made at New Year.
_FRESH = timedelta(days=60)


@dataclass(frozen=True)
class Span:
    earliest: datetime
    latest: datetime

    @property
    def middle(self) -> datetime:
        return self.earliest + (self.latest - self.earliest) / 2

    def moved(self, seconds: float) -> "Span":
        by = timedelta(seconds=seconds)
        return Span(self.earliest + by, self.latest + by)

    def agrees(self, other: "Span", tolerance_s: float) -> bool:
        slack = timedelta(seconds=tolerance_s)
        return self.earliest - slack <= other.latest and other.earliest - slack <= self.latest


@dataclass(frozen=True)
class Readings:
    """A recording's start as each source tells it.

    `unset`: sources whose clock was never set.  `local_as_utc_s`: how far each source was moved because it is
    local time stamped as UTC.  `container_is`: which end of the recording the container tells.
    """

    spans: Mapping[TimeSource, Span]
    unset: frozenset[TimeSource] = frozenset()
    local_as_utc_s: Mapping[TimeSource, float] | None = None
    container_is: str = "start"
    container_else: Span | None = None  # if it told the other end

    @property
    def trusted(self) -> dict[TimeSource, Span]:
        return {source: span for source, span in self.spans.items() if source not in self.unset}

    def with_container(self, span: Span) -> "Readings":
        return replace(self, spans={**self.spans, "container": span})

    def turned(self) -> "Readings":
        """The container read as the other end of the recording, where that is possible."""
        if self.container_else is None or "container" not in self.spans:
            return self
        which = "start" if self.container_is == "end" else "end"
        other = self.spans["container"]
        return replace(self.with_container(self.container_else), container_is=which, container_else=other)


def started_at(
    item: InspectItem, created_at: datetime | None, duration_s: float | None, rules: JoinRules
) -> TimeSpan | None:
    """The span in which the recording began; None when nothing plausible says it."""
    return start_of(read_times(item, created_at, duration_s, rules), rules)


def start_of(readings: Readings, rules: JoinRules) -> TimeSpan | None:
    """The span that the trusted sources agree on, the leading one first; None without any."""
    trusted = readings.trusted
    order = leading(trusted, rules.time_order, rules.time_tolerance_s)
    if not order:
        return None
    (first, best), *others = [(source, trusted[source]) for source in order]
    sources: list[str] = [first]
    for source, span in others:
        if span.agrees(best, rules.time_tolerance_s):
            sources.append(source)
            earliest, latest = max(best.earliest, span.earliest), min(best.latest, span.latest)
            if earliest <= latest:
                best = Span(earliest, latest)
    return TimeSpan(earliest=best.earliest, latest=best.latest, **{"from": tuple(sources)})


def leading(
    spans: Mapping[TimeSource, Span], order: Sequence[TimeSource], tolerance_s: float
) -> list[TimeSource]:
    """The sources that there are, most trusted first; one that two others agree against comes last."""
    known = [source for source in order if source in spans]
    if len(known) > 2:
        first, second, third = known[:3]
        alone = not any(spans[first].agrees(spans[other], tolerance_s) for other in (second, third))
        if alone and spans[second].agrees(spans[third], tolerance_s):
            return [second, third, first]
    return known


def read_times(
    item: InspectItem,
    created_at: datetime | None,
    duration_s: float | None,
    rules: JoinRules,
    docked_at: datetime | None = None,
) -> Readings:
    """What each source says of the start, each read in the way that fits the others."""
    created_at, named_at, modified_at = (
        stamp if stamp is not None and stamp.year in _YEARS else None
        for stamp in (created_at, item.named_at, item.modified_at)
    )
    spans: dict[TimeSource, Span] = {}
    unset: set[TimeSource] = set()
    moved: dict[TimeSource, float] = {}
    name = _from(named_at, rules.named_resolution_s) if named_at is not None else None
    if name is not None:
        spans["name"] = name
    ended = _ended(modified_at, duration_s, rules)
    container_is = "start"
    container_else: Span | None = None
    if created_at is not None:
        raw = _from(created_at, _CONTAINER_RESOLUTION_S)
        span, container_is, by = _read_container(raw, duration_s, name, ended, rules)
        spans["container"] = span
        if duration_s and rules.container_time == "either":
            container_else = _rounded(span.moved(-duration_s if container_is == "start" else duration_s))
        if by:
            moved["container"] = by
    if ended is not None:
        spans["mtime"], by = _read_ended(ended, spans.get("name") or spans.get("container"), rules)
        if by:
            moved["mtime"] = by
    stamps: dict[TimeSource, datetime | None] = {
        "container": created_at,
        "name": named_at,
        "mtime": modified_at,
    }
    for source in spans:
        stamp = stamps[source]
        if stamp is not None and is_unset(stamp, rules, docked_at):
            unset.add(source)
    return Readings(spans, frozenset(unset), moved, container_is, container_else)


def is_unset(moment: datetime, rules: JoinRules, docked_at: datetime | None = None) -> bool:
    """Whether a clock that says this was never set."""
    if moment < _OLDEST:
        return True
    if docked_at is not None and moment > docked_at - _FRESH:
        return False
    for text in rules.factory_dates:
        day = date.fromisoformat(text)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if start - _FACTORY_BEFORE <= moment < start + _FACTORY_AFTER:
            return True
    return False


def zone_offset_s(moment: datetime, rules: JoinRules) -> float:
    """Seconds that the camera's zone is ahead of UTC; 0 where it is not known."""
    if rules.time_zone is None:
        return 0.0
    try:
        offset = moment.astimezone(ZoneInfo(rules.time_zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return 0.0
    return offset.total_seconds() if offset else 0.0


def _read_container(
    raw: Span, duration_s: float | None, name: Span | None, ended: Span | None, rules: JoinRules
) -> tuple[Span, str, float]:
    ways = list(_container_ways(raw, duration_s, rules))
    for witness in (name, ended):
        if witness is None:
            continue
        for span, which, by in ways:
            if span.agrees(witness, rules.time_tolerance_s):
                return span, which, by
    return ways[0]


def _container_ways(
    raw: Span, duration_s: float | None, rules: JoinRules
) -> Iterator[tuple[Span, str, float]]:
    local = -zone_offset_s(raw.earliest, rules)
    for by in (0.0, local) if local else (0.0,):
        if rules.container_time != "end" or duration_s is None:
            yield raw.moved(by), "start", by
        if rules.container_time != "start" and duration_s is not None:
            yield _rounded(raw.moved(by - duration_s)), "end", by


def _ended(modified_at: datetime | None, duration_s: float | None, rules: JoinRules) -> Span | None:
    if modified_at is None or duration_s is None:
        return None
    end = modified_at - timedelta(seconds=duration_s)
    slack = timedelta(seconds=rules.modified_resolution_s)
    return Span(_whole(end - slack), _whole(end + slack))


def _read_ended(ended: Span, known: Span | None, rules: JoinRules) -> tuple[Span, float]:
    local = -zone_offset_s(ended.earliest, rules)
    if known is None or not local or ended.agrees(known, rules.time_tolerance_s):
        return ended, 0.0
    there = ended.moved(local)
    return (there, local) if there.agrees(known, rules.time_tolerance_s) else (ended, 0.0)


def _from(moment: datetime, resolution_s: float) -> Span:
    start = _whole(moment.astimezone(UTC))
    return Span(start, start + timedelta(seconds=resolution_s))


def _rounded(span: Span) -> Span:
    return Span(_whole(span.earliest), _whole(span.latest))


def _whole(moment: datetime) -> datetime:
    """To the millisecond: a report carries no more."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
