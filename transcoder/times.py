"""When a recording began, from what says so: the container, the name, the file system's time.

- The container's creation time and the name give the start; the file system's time gives the end.
- The most trusted source that is plausible leads; others that agree within the tolerance narrow it and are
  named.  Those that disagree are left out here (what their disagreement means: continuity.clock).
- Times before 2000 are clocks that were never set, and say nothing about when.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from transcoder.report import TimeSpan
from transcoder.request import InspectItem, JoinRules, TimeSource

_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_CONTAINER_RESOLUTION_S = 1.0


@dataclass(frozen=True)
class Span:
    earliest: datetime
    latest: datetime


def started_at(
    item: InspectItem, created_at: datetime | None, duration_s: float | None, rules: JoinRules
) -> TimeSpan | None:
    """The span in which the recording began; None when nothing plausible says it."""
    spans = _spans(item, created_at, duration_s, rules)
    known = [(source, spans[source]) for source in rules.time_order if source in spans]
    if not known:
        return None
    (first, best), *others = known
    sources: list[str] = [first]
    tolerance = timedelta(seconds=rules.time_tolerance_s)
    for source, span in others:
        if span.earliest - tolerance <= best.latest and best.earliest <= span.latest + tolerance:
            sources.append(source)
            earliest, latest = max(best.earliest, span.earliest), min(best.latest, span.latest)
            if earliest <= latest:
                best = Span(earliest, latest)
    return TimeSpan(earliest=best.earliest, latest=best.latest, **{"from": tuple(sources)})


def _spans(
    item: InspectItem, created_at: datetime | None, duration_s: float | None, rules: JoinRules
) -> dict[TimeSource, Span]:
    spans: dict[TimeSource, Span] = {}
    if created_at is not None and created_at >= _OLDEST:
        spans["container"] = _from(created_at, _CONTAINER_RESOLUTION_S)
    if item.named_at is not None and item.named_at >= _OLDEST:
        spans["name"] = _from(item.named_at, rules.named_resolution_s)
    if item.modified_at is not None and item.modified_at >= _OLDEST and duration_s is not None:
        end = item.modified_at - timedelta(seconds=duration_s)
        slack = timedelta(seconds=rules.modified_resolution_s)
        spans["mtime"] = Span(_whole(end - slack), _whole(end + slack))
    return spans


def _from(moment: datetime, resolution_s: float) -> Span:
    start = _whole(moment.astimezone(UTC))
    return Span(start, start + timedelta(seconds=resolution_s))


def _whole(moment: datetime) -> datetime:
    """To the millisecond: a report carries no more."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
