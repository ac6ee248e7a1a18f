"""One camera's files side by side: their order, their clocks, their numbers, what is missing (article 15(5)).

- Files named one by one are judged each by itself: nothing is said of what lies between them.
- Lenses that film the same (front, rear) are followed each by itself: one does not overlap the other.
- A camera's files are cut into shifts where longer than `shift_break_s` nothing was recorded; numbers and
  clocks are compared within one.
- Chapters that all carry the time of their recording's beginning are laid end to end.
- Where most containers tell one end of their recording, all are read so.
- Where the file system's time is all that is known and files would have been finished faster than they last,
  they were copied, and that time says nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from transcoder.clocks import Dated, Judged, Noted, against_dock, judge_clocks
from transcoder.counting import blocks_of
from transcoder.filed import Filed, counting_of
from transcoder.numbering import counts, judge_numbers
from transcoder.report import TimeSpan
from transcoder.request import InspectRequest, JoinRules
from transcoder.rules import RuleSet
from transcoder.runs import Segment
from transcoder.selection import Arrived, judge_selection, window_of
from transcoder.times import Readings, Span, start_of

_CLOCK = "continuity.clock"


@dataclass(frozen=True)
class Shift:
    """What `look_across` found: the segments for the runs, and findings by recording."""

    segments: tuple[Segment, ...]
    noted: tuple[Noted, ...]
    started_at: tuple[TimeSpan | None, ...]  # of every item


def look_across(files: Sequence[Filed], request: InspectRequest, rules: RuleSet) -> Shift:
    """Judge the files of a request side by side; `files` are all items, in the request's order."""
    join = request.join
    limit_s = rules.threshold_of(_CLOCK, "constant_offset_s") or 0.0
    files = _laid(_without_copied_times(_read_alike(files, request.one_shift), rules), join)
    if request.one_shift:
        groups = [shift for view in _views(files) for shift in _shifts(view, join, rules.runs.shift_break_s)]
    else:
        groups = [[file.dated()] for file in files]
    by_index = {file.index: file for file in files}
    noted: list[Noted] = []
    segments: list[Segment] = []
    epoch = 0
    for number, group in enumerate(groups):
        judged = judge_clocks(group, limit_s, join.time_tolerance_s)
        noted += judged.noted
        found = _segments(group, judged, by_index, epoch if request.one_shift else 0)
        segments += found
        epoch += 1 + max(judged.epochs, default=0)
        if request.one_shift:
            last = number == len(groups) - 1
            noted += _selection(group, found, by_index, request, rules, last)
    if groups and request.one_shift:
        dock = against_dock(groups[0][0].index, request.camera.clock, limit_s)
        noted += [dock] if dock is not None else []
    starts = tuple(start_of(file.readings, join) for file in files)
    return Shift(tuple(segments), tuple(noted), starts)


def _views(files: Sequence[Filed]) -> list[list[Filed]]:
    """The files of each lens; all of them together where names tell of one at most."""
    names = list(dict.fromkeys(file.item.view for file in files if file.item.view is not None))
    if len(names) < 2:
        return [list(files)]
    # What bears no view (photographs, sound) goes with the first.
    return [[file for file in files if (file.item.view or names[0]) == name] for name in names]


def _read_alike(files: Sequence[Filed], one_camera: bool) -> list[Filed]:
    """The containers of one camera tell the same end of a recording: the one that fits most of them."""
    ends = [file.readings.container_is for file in files if file.readings.container_else is not None]
    for which in ("start", "end"):
        if one_camera and ends.count(which) * 2 > len(ends):
            return [
                f if f.readings.container_is == which else replace(f, readings=f.readings.turned())
                for f in files
            ]
    return list(files)


def _without_copied_times(files: Sequence[Filed], rules: RuleSet) -> list[Filed]:
    only = [
        (file, file.readings.spans["mtime"])
        for file in files
        if file.kind == "video" and set(file.readings.spans) == {"mtime"} and file.duration_s is not None
    ]
    ends = sorted(
        (span.middle.timestamp() + (file.duration_s or 0.0), file.duration_s or 0.0) for file, span in only
    )
    pairs = list(pairwise(ends))
    too_fast = sum(b - a < length - rules.runs.split_overlap_s for (a, _), (b, length) in pairs)
    if not pairs or too_fast * 2 <= len(pairs):
        return list(files)
    nothing = Readings({})
    return [replace(f, readings=nothing) if set(f.readings.spans) == {"mtime"} else f for f in files]


def _laid(files: Sequence[Filed], join: JoinRules) -> list[Filed]:
    """Chapters whose container says when the first one began are moved to where they lie."""
    if not join.chaptered:
        return list(files)
    moved: dict[int, Filed] = {}
    for chapters in _takes(files):
        first, done = chapters[0], chapters[0].duration_s
        start = first.readings.spans.get("container")
        for chapter in chapters[1:]:
            span = chapter.readings.spans.get("container")
            if start is None or span is None or done is None:
                break
            if span.agrees(start, join.time_tolerance_s):
                readings = chapter.readings.with_container(_after(start, done))
                moved[chapter.index] = replace(chapter, readings=readings)
            done = None if chapter.duration_s is None else done + chapter.duration_s
    return [moved.get(file.index, file) for file in files]


def _after(start: Span, seconds: float) -> Span:
    return start.moved(round(seconds, 3))


def _takes(files: Sequence[Filed]) -> Iterator[list[Filed]]:
    by_number: dict[int, list[Filed]] = {}
    for file in files:
        if file.kind == "video" and file.item.named_sequence is not None:
            by_number.setdefault(file.item.named_sequence // 100, []).append(file)
    for chapters in by_number.values():
        chapters.sort(key=lambda file: (file.item.named_sequence or 0, file.index))
        yield chapters


def _shifts(files: Sequence[Filed], join: JoinRules, break_s: float) -> Iterator[list[Dated]]:
    """The files in order of recording, cut at breaks; what has no number is put where its time says."""
    counted = [f for f in files if f.item.named_sequence is not None and counts(f.kind, join)]
    numbered = len(counted) > 1 and all(f.item.named_sequence is not None for f in files if f.kind == "video")
    follows = _chapter_before(files) if join.chaptered else {}
    if numbered:
        by_index = {file.index: file for file in files}
        order = [
            by_index[n.index].dated(True, follows.get(n.index))
            for block in blocks_of([file.numbered() for file in counted], counting_of(join), break_s)
            for n in block
        ]
        inside = {file.index for file in counted}
        others = [file.dated() for file in files if file.index not in inside]
    else:
        order, others = [], [file.dated(follows=follows.get(file.index)) for file in files]
    for one in sorted(others, key=_by_time):
        order.insert(_where(order, one), one)
    shift: list[Dated] = []
    for one in order:
        if shift and _is_break(shift, one, break_s):
            yield shift
            shift = []
        shift.append(one)
    if shift:
        yield shift


def _by_time(one: Dated) -> tuple[bool, float, int]:
    return one.start is None, one.start.earliest.timestamp() if one.start else 0.0, one.index


def _where(order: Sequence[Dated], one: Dated) -> int:
    """Behind the last one that began no later."""
    if one.start is None:
        return len(order)
    for at in range(len(order), 0, -1):
        start = order[at - 1].start
        if start is not None and start.earliest <= one.start.earliest:
            return at
    return 0


def _is_break(shift: Sequence[Dated], one: Dated, break_s: float) -> bool:
    """Whether it began long after all of the shift: a file that is out of place makes no break behind it."""
    ends = [f.start.latest.timestamp() + (f.duration_s or 0.0) for f in shift if f.start is not None]
    if not ends or one.start is None:
        return False
    return one.start.earliest.timestamp() - max(ends) > break_s


def _chapter_before(files: Sequence[Filed]) -> dict[int, int]:
    found: dict[int, int] = {}
    for chapters in _takes(files):
        for before, after in pairwise(chapters):
            if (after.item.named_sequence or 0) - (before.item.named_sequence or 0) == 1:
                found[after.index] = before.index
    return found


def _segments(
    group: Sequence[Dated], judged: Judged, files: dict[int, Filed], first_epoch: int
) -> list[Segment]:
    found = []
    for one, epoch in zip(group, judged.epochs, strict=True):
        file = files[one.index]
        if one.kind not in ("video", "audio") or not file.takes_part:
            continue
        length = None if one.duration_s is None else one.duration_s * judged.rate
        found.append(
            Segment(
                index=one.index,
                kind=one.kind,
                started_at=_somewhere(one.start, file.readings),
                duration_s=length,
                sequence=file.item.named_sequence,
                spans=one.readings.spans,
                epoch=first_epoch + epoch,
                follows=one.follows,
                unset=one.unset,
            )
        )
    return found


def _somewhere(start: Span | None, readings: Readings) -> TimeSpan | None:
    """Where a segment lies on its camera's clock, be that set or not."""
    if start is None:
        return None
    source = next(s for s, span in readings.spans.items() if span == start)
    return TimeSpan(earliest=start.earliest, latest=start.latest, **{"from": (source,)})


def _selection(
    group: Sequence[Dated],
    segments: Sequence[Segment],
    files: Mapping[int, Filed],
    request: InspectRequest,
    rules: RuleSet,
    last: bool,
) -> list[Noted]:
    """Numbers and what is missing of one shift; lost clusters are said of the last one."""
    join, limits = request.join, rules.runs
    arrived = [_arrived(files[one.index], one) for one in group]
    window = window_of(arrived, limits.shift_break_s)
    others = [one for one in request.camera.seen if window.holds(one.named_at or one.modified_at)]
    seen = [one.sequence for one in others if one.sequence is not None] + _of_other_views(group, files)
    noted, missing = judge_numbers(group, segments, files, seen, join, limits.shift_break_s)
    gap_s = limits.split_gap_s if join.split_tolerance_s is None else join.split_tolerance_s
    facts = request.camera if last else replace(request.camera, lost_bytes=None)
    return noted + judge_selection(arrived, missing, facts, window, gap_s, join.loop)


def _of_other_views(group: Sequence[Dated], files: Mapping[int, Filed]) -> list[int]:
    """The numbers of other lenses: one that did not film each time is no gap."""
    here = {files[one.index].item.view for one in group}
    items = [
        file.item for file in files.values() if file.item.view is not None and file.item.view not in here
    ]
    return [item.named_sequence for item in items if item.named_sequence is not None]


def _arrived(file: Filed, one: Dated) -> Arrived:
    start = None if one.unset or one.start is None else one.start.earliest
    end = (
        one.start.moved(one.duration_s).latest if start is not None and one.start and one.duration_s else None
    )
    return Arrived(file.index, file.item.display_name, file.item.size_bytes, start, end)
