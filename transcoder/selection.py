"""What of a shift is missing from what arrived (article 15(5)): deletions, and files left behind.  Pure.

- A number missing where nothing was recorded for longer than files may be apart: a recording may have been
  deleted there.
- A file that was listed on the card and did not arrive is named with the reason.
- Deleted directory entries of footage count for the shift that they lie in or within `shift_break_s` of;
  without a time, for it too.  Names and sizes only: nothing is undeleted.
- Evidence, and no finding: what the profile calls the camera's housekeeping; empty entries; what arrived
  before it was deleted (same name and size); with loop recording whatever is older than all that is there.
- Lost clusters belong to no file and to no time: said once, of the docking's last shift.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from transcoder.camera import CameraFacts, Deleted, Seen
from transcoder.clocks import Noted
from transcoder.findings import rounded
from transcoder.report import MediaKind

_FOOTAGE: frozenset[MediaKind | None] = frozenset({"video", "audio", "photo"})
_NAMED = 20  # in the evidence of one finding


@dataclass(frozen=True)
class Arrived:
    """One item: `ended_at` None where its length is not known."""

    index: int
    name: str
    size_bytes: int | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Missing:
    """A number missing between two items, and how long nothing was recorded there."""

    before: int
    after: int
    numbers: tuple[str, ...]
    seconds: float | None


@dataclass(frozen=True)
class Window:
    """From when to when something belongs to a shift; None: nobody knows, so all may."""

    since: datetime | None
    until: datetime | None

    def holds(self, at: datetime | None) -> bool:
        """What has no time may belong to it too."""
        if at is None or self.since is None or self.until is None:
            return True
        return self.since <= at <= self.until


def window_of(arrived: Sequence[Arrived], break_s: float) -> Window:
    """The shift, and `break_s` on either side."""
    starts = [a.started_at for a in arrived if a.started_at is not None]
    ends = [end for a in arrived if (end := a.ended_at or a.started_at) is not None]
    if not starts:
        return Window(None, None)
    slack = timedelta(seconds=break_s)
    return Window(min(starts) - slack, max(ends) + slack)


def judge_selection(
    arrived: Sequence[Arrived],
    missing: Sequence[Missing],
    facts: CameraFacts,
    window: Window,
    gap_s: float,
    loop: bool,
) -> list[Noted]:
    """Findings on the recordings of one shift, in order of recording (at least one)."""
    noted = [_hole(one, gap_s) for one in missing if one.seconds is not None and one.seconds > gap_s]
    noted += _left(arrived, facts.seen, window)
    noted += _deleted(arrived, facts, window, loop)
    if facts.lost_bytes:
        evidence = {"lost_bytes": facts.lost_bytes}
        size = f"{facts.lost_bytes / 1e6:.1f}"
        noted.append(
            Noted(arrived[-1].index, "continuity.selection/lost", {"evidence": evidence, "megabytes": size})
        )
    return noted


def _hole(one: Missing, gap_s: float) -> Noted:
    evidence = {
        "before": one.before,
        "after": one.after,
        "missing": list(one.numbers),
        "seconds": rounded(one.seconds),
    }
    values = {"value": one.seconds, "threshold": gap_s, "evidence": evidence}
    return Noted(one.after, "continuity.selection/hole", {**values, "numbers": ", ".join(one.numbers[:3])})


def _left(arrived: Sequence[Arrived], seen: Sequence[Seen], window: Window) -> list[Noted]:
    """Files of the shift that were on the card and are not here, on the item that comes after them."""
    noted = []
    for one in seen:
        at = one.named_at or one.modified_at
        if one.arrived or one.kind not in _FOOTAGE or not window.holds(at):
            continue
        evidence = {"name": one.name, "size_bytes": one.size_bytes, "reason": one.reason}
        noted.append(
            Noted(
                _place(arrived, at),
                "continuity.selection/left",
                {"evidence": evidence, "name": one.name},
            )
        )
    return noted


def _deleted(arrived: Sequence[Arrived], facts: CameraFacts, window: Window, loop: bool) -> list[Noted]:
    first = min((a.started_at for a in arrived if a.started_at is not None), default=None)
    kept = {(_base(a.name), a.size_bytes) for a in arrived}
    kept |= {(_base(s.name), s.size_bytes) for s in facts.seen if s.arrived}
    rests = {(name[1:], size) for name, size in kept}
    counted: list[Deleted] = []
    ordinary = 0
    for one in facts.deleted:
        at = one.named_at or one.modified_at
        if one.kind not in _FOOTAGE or not window.holds(at):
            continue
        older = loop and at is not None and first is not None and at < first
        if one.housekeeping or not one.size_bytes or older or _is_kept(one, kept, rests):
            ordinary += 1
        else:
            counted.append(one)
    if not counted:
        return []
    counted.sort(key=lambda one: (_text(one.named_at or one.modified_at), one.name, one.size_bytes))
    evidence = {
        "deleted": [
            {
                "name": one.name,
                "size_bytes": one.size_bytes,
                "modified_at": _text(one.modified_at) or None,
            }
            for one in counted[:_NAMED]
        ],
        "count": len(counted),
        "ordinary": ordinary,
    }
    size = sum(one.size_bytes for one in counted)
    at = counted[0].named_at or counted[0].modified_at
    values = {"value": float(len(counted)), "evidence": evidence}
    return [
        Noted(
            _place(arrived, at),
            "continuity.selection/deleted",
            {**values, "name": counted[0].name, "megabytes": f"{size / 1e6:.1f}"},
        )
    ]


def _is_kept(one: Deleted, kept: Set[tuple[str, int | None]], rests: Set[tuple[str, int | None]]) -> bool:
    """Whether a deleted entry is a file that is here: its folder may have been renamed, a letter be lost."""
    name = _base(one.name)
    return (name[1:], one.size_bytes) in rests if one.first_lost else (name, one.size_bytes) in kept


def _base(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _place(arrived: Sequence[Arrived], at: datetime | None) -> int:
    """The first item that began after `at`; the last where none did."""
    later = (a.index for a in arrived if at is not None and a.started_at is not None and a.started_at > at)
    return next(later, arrived[-1].index)


def _text(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()
