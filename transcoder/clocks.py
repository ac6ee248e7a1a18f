"""Clocks that disagree (article 15(3), known faults C04, C19, C20): name, container, file time, neighbours.

- Local time stamped as UTC, and whole quarter hours between two sources: said (info).
- The same difference in every file, or one that grows evenly: said above `constant_offset_s` (drift: as
  seconds a day).  Media that run short or long against the clock by one factor are drift, no loss between
  files.
- A difference in single files of a shift, or in a file alone beyond `constant_offset_s`: clocks that cannot
  be reconciled, a person looks.
- A file system's time tells nothing where it is later without any order: files were copied.  It is a witness
  where at least half of the files agree with it; then one that does not was changed, or the clock was set in
  it.  A file that was finished before it began is always said.
- By sequence, a file that lies before its predecessor: one file is out of place, or the clock was set between
  the two, and nobody knows what lies between.
- Nothing is corrected: the report keeps what each source says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from transcoder.camera import CameraClock
from transcoder.findings import rounded
from transcoder.report import MediaKind
from transcoder.request import TimeSource
from transcoder.times import Readings, Span, leading

_OF_FILE = frozenset({"unset", "zone", "inside", "file_time", "early_end", "older", "newer"})
STEP_S = 30.0  # beyond it two sources of one file differ for a reason
_AGREE_S = 5.0  # as JoinRules.time_tolerance_s
_CLOSE_S, _CLOSE_STEP_S, _ENOUGH = 2.0, 10.0, 4
_QUARTER_S = 900.0
_FARTHEST_ZONE_S = 14 * 3600.0
_DAY_S = 86_400.0
_SOURCES: tuple[TimeSource, ...] = ("container", "name", "mtime")
# A camera that loses pictures or runs off its crystal; beyond that it is gaps.
_RATES = (0.7, 1.35)
_COPIED_S = 600.0  # files of a shorter time that were copied together are all late by the same
_LEAST_RATE = 0.02  # where only the distance of the files says it
_LEAST_OWN_RATE = 0.002  # where each file's own beginning and end say it
_RATE_SPREAD = 0.005
_JOINED_S = 2.0  # less than that is no gap anyway
_SURE_S = 5.0  # where nothing but the distance says it
_STAMP_S = 1.5  # what names of whole seconds and FAT's steps of two add to it


@dataclass(frozen=True)
class Dated:
    """One file of a shift, in order of recording; `numbered`: that order is by sequence numbers."""

    index: int
    kind: MediaKind | None
    readings: Readings
    duration_s: float | None
    numbered: bool = False
    follows: int | None = None  # the file whose next chapter it is

    @property
    def start(self) -> Span | None:
        """Its start by the leading source, on whatever clock."""
        spans = self.readings.trusted or self.readings.spans
        order = leading(spans, _SOURCES, _AGREE_S)
        return spans[order[0]] if order else None

    @property
    def unset(self) -> bool:
        """Whether no source with a set clock tells its start."""
        return bool(self.readings.spans) and not self.readings.trusted


@dataclass(frozen=True)
class Noted:
    """A finding to make: on which recording, its key, and the arguments of `FindingList.add`."""

    recording: int
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of_file(self) -> bool:
        """Whether it is about this one file, whatever lies beside it."""
        return self.key.partition("/")[2] in _OF_FILE


@dataclass(frozen=True)
class Judged:
    """`epochs`: one for each file, in order; `rate`: seconds of the clock for a second of media."""

    noted: tuple[Noted, ...]
    epochs: tuple[int, ...]
    rate: float = 1.0


def judge_clocks(files: Sequence[Dated], limit_s: float, tolerance_s: float) -> Judged:
    """Judge the clocks of files in the order of their recording.  `limit_s`: the rules' constant_offset_s."""
    noted = [note for file in files for note in _of_its_own(file, limit_s)]
    steps = list(_steps(files, tolerance_s))
    epochs = _epochs(files, steps)
    rate, by = _rate(files, epochs)
    if rate != 1.0 and files:
        noted.append(_rate_note(files, rate, by))
    noted += _against_name(files, limit_s)
    noted += _against_file_time(files, rate, limit_s)
    said = {note.recording for note in noted if note.key != "continuity.clock/zone"}
    noted += [step.note for step in steps if step.note is not None and step.note.recording not in said]
    return Judged(tuple(sorted(noted, key=lambda n: (n.recording, n.key))), epochs, rate)


def against_dock(first: int, clock: CameraClock | None, limit_s: float) -> Noted | None:
    """The camera's offset as measured at plug-in, where it is certainly more than `limit_s`."""
    if clock is None:
        return None
    ahead = clock.least_s if clock.least_s is not None and clock.least_s > limit_s else None
    behind = clock.most_s if clock.most_s is not None and clock.most_s < -limit_s else None
    offset = ahead if ahead is not None else behind
    if offset is None:
        return None
    evidence = {
        "least_s": rounded(clock.least_s),
        "most_s": rounded(clock.most_s),
        "from": clock.basis,
        "measured_at": clock.measured_at.isoformat(),
    }
    key = "continuity.clock/ahead" if offset > 0 else "continuity.clock/behind"
    return Noted(first, key, _said(abs(offset), limit_s, evidence))


def _said(value_s: float, limit_s: float, evidence: Mapping[str, object]) -> dict[str, Any]:
    return {
        "value": value_s,
        "threshold": limit_s,
        "measured": {"constant_offset_s": value_s},
        "evidence": evidence,
    }


def _stamps(file: Dated) -> dict[str, object]:
    return {source: span.earliest.isoformat() for source, span in sorted(file.readings.spans.items())}


def _of_its_own(file: Dated, limit_s: float) -> Iterator[Noted]:
    """What one file says alone: a clock that was never set, local time stamped as UTC."""
    unset = file.readings.unset - {"mtime"} or (file.readings.unset if file.unset else frozenset())
    if unset:
        evidence = {"unset": sorted(unset), **_stamps(file)}
        yield Noted(file.index, "continuity.clock/unset", {"evidence": evidence})
    moved = (file.readings.local_as_utc_s or {}).get("container")
    if moved:
        evidence = {**_stamps(file), "local_as_utc_s": rounded(-moved)}
        yield Noted(
            file.index,
            "continuity.clock/zone",
            {**_said(abs(moved), limit_s, evidence), "hours": _hours(-moved)},
        )


def _difference(file: Dated, source: TimeSource, other: TimeSource) -> float | None:
    """Seconds by which `source` is later than `other`; None unless both were set."""
    trusted = file.readings.trusted
    if source not in trusted or other not in trusted:
        return None
    return (trusted[source].middle - trusted[other].middle).total_seconds()


def _quarter(seconds: float) -> float:
    """The time zone that would explain a difference; 0 where none does."""
    nearest = round(seconds / _QUARTER_S) * _QUARTER_S
    fits = abs(seconds - nearest) <= STEP_S and abs(nearest) <= _FARTHEST_ZONE_S
    return nearest if fits else 0.0


def _against_name(files: Sequence[Dated], limit_s: float) -> list[Noted]:
    """The name against the clock inside."""
    known = [(f, d) for f in files if (d := _difference(f, "container", "name")) is not None]
    noted = []
    rest = []
    zones = [_quarter(d) for _, d in known]
    for (file, difference), zone in zip(known, zones, strict=True):
        # One file alone that is whole hours off was rather changed than set to another zone.
        if zone and zones.count(zone) * 2 >= len(zones):
            values = _said(abs(zone), limit_s, {**_stamps(file), "apart_s": rounded(difference)})
            noted.append(Noted(file.index, "continuity.clock/zone", {**values, "hours": _hours(zone)}))
        else:
            rest.append((file, difference))
    return noted + _odd_ones(rest, limit_s, "continuity.clock/inside", "name", _step_s(rest))


def _step_s(rest: Sequence[tuple[Dated, float]]) -> float:
    """From where on a difference is odd: less where all but few agree to the second."""
    values = [difference for _, difference in rest]
    close = [d for d in values if abs(d - median(values)) <= _CLOSE_S]
    return _CLOSE_STEP_S if len(values) >= _ENOUGH and len(close) * 2 >= len(values) else STEP_S


def _odd_ones(
    rest: Sequence[tuple[Dated, float]], limit_s: float, key: str, than: str, step_s: float = STEP_S
) -> list[Noted]:
    """Constant and evenly growing differences are said; of others those that leave the majority."""
    if not rest:
        return []
    values = [difference for _, difference in rest]
    usual = median(values)
    if len(rest) == 1:
        return [_odd(*rest[0], key, limit_s, than)] if abs(usual) > limit_s else []
    near = [d for d in values if abs(d - usual) <= step_s]
    if len(near) == len(values):
        if abs(usual) <= limit_s:
            return []
        evidence = {"against": than, "apart_s": rounded(usual)}
        return [Noted(rest[0][0].index, "continuity.clock/constant", _said(abs(usual), limit_s, evidence))]
    if (drift := _drift(rest)) is not None:
        evidence = {"against": than, "seconds_a_day": rounded(drift)}
        return [Noted(rest[0][0].index, "continuity.clock/drift", _said(abs(drift), limit_s, evidence))]
    if len(near) * 2 < len(values):  # no majority: all of them are against each other
        usual = 0.0
    return [_odd(f, d, key, step_s, than) for f, d in rest if abs(d - usual) > step_s]


def _odd(file: Dated, difference: float, key: str, limit_s: float, than: str) -> Noted:
    evidence = {**_stamps(file), "against": than, "apart_s": rounded(difference)}
    return Noted(file.index, key, {"value": abs(difference), "threshold": limit_s, "evidence": evidence})


def _drift(rest: Sequence[tuple[Dated, float]]) -> float | None:
    """Seconds a day, where the differences lie on one line; None where they do not, or are too few."""
    points = [(f.start.middle.timestamp(), d) for f, d in rest if f.start is not None]
    if len(points) < 4:
        return None
    (t0, d0), (t1, d1) = points[0], points[-1]
    if t1 - t0 < 3600:
        return None
    slope = (d1 - d0) / (t1 - t0)
    if all(abs(d - (d0 + slope * (t - t0))) <= STEP_S / 3 for t, d in points):
        return slope * _DAY_S
    return None


def _against_file_time(files: Sequence[Dated], rate: float, limit_s: float) -> list[Noted]:
    """The file system's time, which is the end, against the start that the others tell."""
    known: list[tuple[Dated, float]] = []
    others: tuple[TimeSource, ...] = ("container", "name")
    for file in files:
        differences = [d for other in others if (d := _difference(file, "mtime", other)) is not None]
        if differences and file.duration_s is not None:
            # Where name and container are against each other, it is with one of them or with none.
            late = [difference - (rate - 1.0) * file.duration_s for difference in differences]
            known.append((file, min(late, key=abs)))
    if not known:
        return []
    zone = _common_zone([difference for _, difference in known])
    known = [(file, difference - zone) for file, difference in known]
    agreeing = [d for _, d in known if abs(d) <= STEP_S]
    if len(known) > 1 and agreeing and len(agreeing) * 2 >= len(known):
        odd = [(file, d) for file, d in known if abs(d) > STEP_S]
        return [_odd(file, d, "continuity.clock/file_time", STEP_S, "start") for file, d in odd]
    usual = median(d for _, d in known)
    if _spread_s([file for file, _ in known]) > _COPIED_S and all(abs(d - usual) <= STEP_S for _, d in known):
        return _odd_ones(known, limit_s, "continuity.clock/file_time", "start")
    early = [(f, d) for f, d in known if d < -STEP_S and not _quarter(d)]
    return [_odd(file, d, "continuity.clock/early_end", STEP_S, "start") for file, d in early]


def _spread_s(files: Sequence[Dated]) -> float:
    starts = [file.start.earliest.timestamp() for file in files if file.start is not None]
    return max(starts) - min(starts) if starts else 0.0


def _common_zone(differences: Sequence[float]) -> float:
    zones = [_quarter(difference) for difference in differences]
    best = max(set(zones), key=lambda zone: (zones.count(zone), zone == 0.0))
    return best if zones.count(best) * 2 >= len(zones) else 0.0


@dataclass(frozen=True)
class _Step:
    """Files `at` and before contradict the order; `alone`: position of the one file that is out of place."""

    at: int
    alone: int | None
    note: Noted | None


def _steps(files: Sequence[Dated], tolerance_s: float) -> Iterator[_Step]:
    """Where a file lies before its predecessor by sequence."""
    for at, (before, after) in enumerate(pairwise(files), 1):
        if not (before.numbered and after.numbered) or after.follows == before.index:
            continue
        back = _back_s(before, after)
        if back is None or back[0] <= tolerance_s:
            continue
        if before.unset or after.unset:
            yield _Step(at, None, None)  # it is said of the file whose clock was never set
            continue
        earlier = files[at - 2] if at >= 2 else None
        later = files[at + 1] if at + 1 < len(files) else None
        evidence = {
            "before": before.index,
            "after": after.index,
            "least_s": rounded(back[0]),
            "most_s": rounded(back[1]),
        }
        values = {"value": back[0], "evidence": evidence}
        if earlier is not None and _goes_on(earlier, after) and not (later and _goes_on(before, later)):
            yield _Step(at, at - 1, Noted(before.index, "continuity.clock/newer", values))
        elif later is not None and _goes_on(before, later):
            yield _Step(at, at, Noted(after.index, "continuity.clock/older", values))
        else:
            yield _Step(at, None, Noted(after.index, "continuity.clock/set", values))


def _back_s(before: Dated, after: Dated) -> tuple[float, float] | None:
    """By how much `after` begins before `before` began: least, and most if they should have met."""
    mine, other = before.readings.spans, after.readings.spans
    both = [s for s in _SOURCES if s in mine and s in other]
    # A source that its own file's other sources are against tells nothing about the neighbours.
    good = [s for s in both if _is_led_by(before, mine[s]) and _is_led_by(after, other[s])]
    source = next(iter(good or both), None)
    if source is None:
        return None
    a, b = mine[source], other[source]
    slack = 0.0
    if source == "mtime":  # it tells ends, and a copy keeps their order only roughly
        a, b = a.moved(before.duration_s or 0.0), b.moved(after.duration_s or 0.0)
        slack = STEP_S
    least = (a.earliest - b.latest).total_seconds() - slack
    return least, (a.latest - b.earliest).total_seconds() + (before.duration_s or 0.0)


def _is_led_by(file: Dated, span: Span) -> bool:
    return file.start is not None and span.agrees(file.start, _AGREE_S)


def _goes_on(before: Dated, after: Dated) -> bool:
    back = _back_s(before, after)
    return back is not None and back[0] <= 0.0


def _epochs(files: Sequence[Dated], steps: Sequence[_Step]) -> tuple[int, ...]:
    """A new epoch wherever nobody knows what lies between two files; a file out of place is in its own."""
    breaks = {step.at for step in steps}
    for step in steps:
        if step.alone is not None:
            breaks |= {step.alone, step.alone + 1}
    epoch, found = 0, []
    for at in range(len(files)):
        epoch += at in breaks
        found.append(epoch)
    return tuple(found)


def _rate(files: Sequence[Dated], epochs: Sequence[int]) -> tuple[float, str]:
    """Seconds of the clock for one of media, the same in all files; 1.0 where they agree or do not tell."""
    pairs = list(_distances(files, epochs))
    steps = [apart / length for apart, length in pairs]
    shortest = min((f.duration_s for f in files if f.duration_s and f.kind == "video"), default=1.0)
    spread = _RATE_SPREAD + _STAMP_S / shortest
    own = [rate for file in files if (rate := _own_rate(file)) is not None]
    if len(own) >= 2 and 2 * sum(abs(rate - median(own)) <= spread for rate in own) > len(own):
        # Files that end late by one factor: a drift only if the next one begins no sooner, and one just then.
        meeting = [pair for pair, step in zip(pairs, steps, strict=True) if abs(step - median(own)) <= spread]
        usual, least, by = _overall(meeting), _LEAST_OWN_RATE, "file time"
        even = bool(meeting) and min(steps) >= usual - spread and _matters_s(files, usual) > _JOINED_S
    else:
        usual, least, by = _overall(pairs), _LEAST_RATE, "distance of the files"
        even = len(steps) > 1 and all(abs(step - usual) <= spread for step in steps)
        even = even and _matters_s(files, usual) > _SURE_S
    far = abs(usual - 1.0) > least and _RATES[0] < usual < _RATES[1]
    return (usual, by) if even and far else (1.0, "")


def _overall(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(apart for apart, _ in pairs) / sum(length for _, length in pairs) if pairs else 1.0


def _own_rate(file: Dated) -> float | None:
    """(end by the file system - start by the name or the container) / length of the media."""
    other: TimeSource = "container" if "container" in file.readings.trusted else "name"
    difference = _difference(file, "mtime", other)
    if difference is None or not file.duration_s or file.kind != "video":
        return None
    return 1.0 + difference / file.duration_s


def _matters_s(files: Sequence[Dated], rate: float) -> float:
    """What it comes to in the longest file."""
    longest = max((file.duration_s or 0.0 for file in files), default=0.0)
    return abs(rate - 1.0) * longest


def _distances(files: Sequence[Dated], epochs: Sequence[int]) -> Iterator[tuple[float, float]]:
    """From start to start of neighbours, and the length of the first."""
    videos = [(f, e) for f, e in zip(files, epochs, strict=True) if f.kind == "video"]
    for (before, was), (after, now) in pairwise(videos):
        a, b = before.start, after.start
        if was == now and a is not None and b is not None and before.duration_s and after.follows is None:
            yield (b.middle - a.middle).total_seconds(), before.duration_s


def _rate_note(files: Sequence[Dated], rate: float, by: str) -> Noted:
    a_day = abs(1.0 - 1.0 / rate) * _DAY_S
    percent = abs(1.0 - 1.0 / rate) * 100
    key = "continuity.clock/short" if rate > 1 else "continuity.clock/long"
    values = {
        "value": a_day,
        "measured": {"constant_offset_s": a_day},
        "evidence": {"rate": rounded(rate, 5), "from": by, "files": len(files)},
    }
    return Noted(files[0].index, key, {**values, "percent": f"{percent:.1f}"})


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:+g}"
