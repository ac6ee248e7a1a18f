"""The union of what two revisions of one recording say: pure (trust.md, Copies of a dock).

- Nothing is lost: cases, holds and marks of both; of two confidentiality marks or reasons of long-term
  keeping the higher one.
- Where both say an officer, place, matter or stage, and not the same, a person's word stands before a
  registry's, else the platform's; the other is shown as a conflict until a person has chosen.
- The deeper report, else the dock's own, whose bytes it has; the times are those of that report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from daemon.tagging import BY_PERSONS, MERGED, pinned
from daemon.tagrules import TagRules
from uplink.messages import Case, Manifest, Tag
from uplink.messages.manifest import Claim, Hold, Officer

_DEPTHS = ("fast", "standard", "deep")
T = TypeVar("T")


@dataclass(frozen=True)
class United:
    """`basis`: whose report and times go on."""

    tag: Tag
    holds: tuple[Hold, ...]
    basis: Manifest


def unite(own: Manifest, current: Manifest, rules: TagRules) -> United:
    """Return the union of our newest revision and the one that the platform holds."""
    ours, theirs = own.tag, current.tag
    officer, claims = _officer(ours.officer, theirs.officer)
    words: dict[str, str | None] = {}
    for field in ("place", "matter", "stage"):
        mine, standing = getattr(ours, field), getattr(theirs, field)
        words[field] = standing or mine
        if mine is not None and standing not in (None, mine):
            claims.append(_claim(field, mine))
    kept = [claim for claim in (*theirs.conflicts, *ours.conflicts) if claim.source == MERGED]
    tag = theirs.model_copy(
        update={
            "officer": officer,
            **words,
            "cases": _cases(ours.cases, theirs.cases),
            "long_term": _higher("long_term", ours.long_term, theirs.long_term, rules),
            "confidential": _higher("confidential", ours.confidential, theirs.confidential, rules),
            "marks": _each_once([*theirs.marks, *ours.marks]),
            "conflicts": _each_once([*kept, *claims]),
        }
    )
    holds = {hold.hold: hold for hold in (*own.holds, *current.holds)}
    return United(
        pinned(tag, theirs, ours), tuple(holds.values()), current if _depth(current) > _depth(own) else own
    )


def _officer(ours: Officer | None, theirs: Officer | None) -> tuple[Officer | None, list[Claim]]:
    if ours is None or theirs is None:
        return theirs or ours, []
    said = ours.by in BY_PERSONS and theirs.by not in BY_PERSONS
    stands, other = (ours, theirs) if said else (theirs, ours)
    same = ours.officer == theirs.officer
    return stands, [] if same else [_claim("officer", other.officer)]


def _cases(ours: Sequence[Case], theirs: Sequence[Case]) -> list[Case]:
    found = {case.case: case for case in theirs}
    for case in ours:
        standing = found.get(case.case)
        if standing is None or (case.by in BY_PERSONS and standing.by not in BY_PERSONS):
            found[case.case] = case
    return list(found.values())


def _higher(field: str, ours: str | None, theirs: str | None, rules: TagRules) -> str | None:
    return ours if rules.rank(field, ours) > rules.rank(field, theirs) else theirs


def _claim(field: str, value: str) -> Claim:
    return Claim(field=field, source=MERGED, value=value)


def _depth(manifest: Manifest) -> int:
    return -1 if manifest.report is None else _DEPTHS.index(manifest.report.depth)


def _each_once(values: Sequence[T]) -> list[T]:
    kept: list[T] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept
