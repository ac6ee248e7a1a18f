"""What the numbers of one shift say: missing ones, and ones that were used twice (article 15(5)).

- Where a profile says that photographs and notes count together with the video, all are one row; where it
  says that they do not, each kind is a row; where nobody knows, the video is, and a number that any other
  file bears is not missing.
- A number that another file of the camera bears, of this time, is not missing: an earlier docking brought it,
  or it was listed and did not arrive (which `selection.py` says).
"""

from collections.abc import Iterator, Mapping, Sequence

from transcoder.clocks import Dated, Noted
from transcoder.counting import Hole, Reused, blocks_of, holes, reused
from transcoder.filed import Filed, counting_of
from transcoder.report import MediaKind
from transcoder.request import JoinRules
from transcoder.runs import Segment, between_segments
from transcoder.selection import Missing

_KINDS: tuple[MediaKind, ...] = ("video", "audio", "photo")


def counts(kind: MediaKind | None, join: JoinRules) -> bool:
    """Whether a file's number tells where it stands among the video."""
    return kind == "video" or (join.counter == "shared" and kind is not None)


def judge_numbers(
    group: Sequence[Dated],
    segments: Sequence[Segment],
    files: Mapping[int, Filed],
    seen: Sequence[int],
    join: JoinRules,
    break_s: float,
) -> tuple[list[Noted], list[Missing]]:
    """Findings of one shift, and the numbers missing in it; `seen`: sequences of other files of its time."""
    counting = counting_of(join)
    by_index = {segment.index: segment for segment in segments}
    noted: list[Noted] = []
    missing: list[Missing] = []
    for row, others in _rows(group, files, join):
        for block in blocks_of([file.numbered() for file in row], counting, break_s):
            for hole in holes(block, [*seen, *others], counting):
                noted.append(_missing_note(hole))
                seconds = _seconds(by_index.get(hole.before), by_index.get(hole.after))
                missing.append(Missing(hole.before, hole.after, hole.missing, seconds))
            noted += [_reused_note(twice) for twice in reused(block, counting)]
    return noted, missing


def _rows(
    group: Sequence[Dated], files: Mapping[int, Filed], join: JoinRules
) -> Iterator[tuple[list[Filed], list[int]]]:
    """The files that count together, and the numbers of the others that may have counted with them."""
    members = [files[one.index] for one in group]
    numbered = [file for file in members if file.item.named_sequence is not None]
    if any(file.kind == "video" and file.item.named_sequence is None for file in members):
        return
    if join.counter == "shared":
        yield [file for file in numbered if file.kind is not None], []
    elif join.counter == "separate":
        for kind in _KINDS:
            yield [file for file in numbered if file.kind == kind], []
    else:
        video = [file for file in numbered if file.kind == "video"]
        yield video, [file.item.named_sequence or 0 for file in numbered if file.kind != "video"]


def _missing_note(hole: Hole) -> Noted:
    evidence = {"before": hole.before, "after": hole.after, "missing": list(hole.missing)}
    numbers = ", ".join(hole.missing[:3]) + ("…" if hole.count > 3 else "")
    values = {"value": float(hole.count), "evidence": evidence, "numbers": numbers}
    return Noted(hole.after, "continuity.sequence/missing", values)


def _reused_note(twice: Reused) -> Noted:
    evidence = {"first": twice.first, "again": twice.again, "number": twice.number}
    values = {"evidence": evidence, "number": twice.number}
    return Noted(twice.again, "continuity.sequence/reused", values)


def _seconds(before: Segment | None, after: Segment | None) -> float | None:
    """How long nothing was recorded between two files; None where that is not known."""
    if before is None or after is None or before.unset or after.unset:
        return None
    between = between_segments(before, after)
    return None if between is None else between.seconds
