"""What a tag act does to a tag: pure (trust.md, Weakening takes two).

- A tag only adds: an officer, place, matter or stage where there is none; a case beside the others; a
  key-content mark (article 14); a higher confidentiality mark (article 23); a later reason of long-term
  keeping (article 20).
- Saying again what stands changes nothing but whose word it is.
- Where sources disagree and no person has spoken, a person may choose among what they say; what comes with
  a case that a person added is no source: else who adds a case could move the place.
- Taking away is weakening: another officer, place, matter or stage than the one that stands, a lower
  mark, no mark, and anything that `replaces`.  It needs two persons; then what is given stands instead.
- Until then all cases keep the recording; the old tag stays in the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.acts.act import ActRefused
from daemon.tagging import (
    BY_PERSONS,
    MAX_CLAIM,
    MERGED,
    STANDING,
    matter_of,
    open_conflicts,
    pinned,
    place_of,
)
from daemon.tagrules import TagRules
from uplink.messages.command import TagArgs
from uplink.messages.manifest import Case, Officer, Tag

MAX_MARKS = 256
MAX_CASES = 64
_NAMES = {
    "officer": "执法人员",
    "place": "地点",
    "matter": "事项",
    "stage": "环节",
    "cases": "案件",
    "confidential": "保密标记",
    "long_term": "长期保存",
}


@dataclass(frozen=True)
class Amending:
    """`source`: declaration or command.  `by_two`: two persons signed it."""

    source: str
    by_two: bool
    rules: TagRules


def amend(before: Tag, args: TagArgs, how: Amending) -> Tag:
    """Return `before` with what `args` gives; names, findings and conflicts are `tagging.tag`'s.

    Raises ActRefused: `weakening` (names every field that would be taken away), `limits`.
    """
    replaces = args.replaces and how.by_two
    if not replaces and (weak := weakened(before, args, how.rules)):
        named_zh = "、".join(_NAMES[field] for field in weak)
        raise ActRefused(
            "weakening",
            f"标签只能增加；更改或降低（{named_zh}）须由两人签名。",
            f"A tag only adds: changing or lowering {', '.join(weak)} takes two persons"
            " (`bodydock center order tag --replace`, then `center cosign`).",
        )
    changes: dict[str, Any] = _single(before, args, how) | _ranked(before, args, how.rules, replaces)
    changes["cases"] = _cases(before, args, how, replaces)
    marks = [mark.model_dump(mode="json") for mark in args.marks]
    # A person who names the field has chosen between the two lines that were merged.
    changes["conflicts"] = [
        claim
        for claim in before.conflicts
        if claim.source != STANDING and (claim.source != MERGED or getattr(args, claim.field, None) is None)
    ]
    changes["marks"] = [*before.marks, *(mark for mark in marks if mark not in before.marks)]
    if len(changes["marks"]) > MAX_MARKS or len(changes["cases"]) > MAX_CASES:
        raise ActRefused("limits", "标记或案件过多。", f"At most {MAX_MARKS} marks and {MAX_CASES} cases.")
    made = before.model_copy(update=changes)
    # Two persons who take a case away take what came with it.
    return made if replaces and args.cases else pinned(made, before)


def weakened(before: Tag, args: TagArgs, rules: TagRules) -> list[str]:
    """Return the fields that `args` would take something away from."""
    standing = {
        "officer": before.officer.officer if before.officer else None,
        "place": place_of(before),
        "matter": matter_of(before),
        "stage": before.stage,
    }
    offered = _offered(before)
    weak = [
        field
        for field, stands in standing.items()
        if stands is not None
        and (given := getattr(args, field)) is not None
        and given != stands
        and given not in offered.get(field, ())
    ]
    if args.replaces and args.cases and not {case.case for case in before.cases} <= set(args.cases):
        weak.append("cases")
    for field in ("confidential", "long_term"):
        given = getattr(args, field)
        if given is not None and rules.rank(field, _mark(given)) < rules.rank(field, getattr(before, field)):
            weak.append(field)
    return weak


def _offered(before: Tag) -> dict[str, set[str]]:
    """What the sources say of a field that no person has spoken of."""
    offered: dict[str, set[str]] = {}
    added = _brought(before, by_persons=True) - _brought(before, by_persons=False)
    for claim in open_conflicts(before):
        if claim.source == MERGED or (claim.field, claim.value) not in added:
            offered.setdefault(claim.field, set()).add(claim.value)
    return offered


def _brought(tag: Tag, *, by_persons: bool) -> set[tuple[str, str]]:
    """Return the places and matters of the cases that persons added, or of the others."""
    return {
        (field, value[:MAX_CLAIM])
        for case in tag.cases
        if (case.by in BY_PERSONS) is by_persons
        for field, value in (("place", case.place), ("matter", case.matter))
        if value
    }


def _single(before: Tag, args: TagArgs, how: Amending) -> dict[str, Any]:
    changes: dict[str, Any] = {
        field: getattr(args, field)
        for field in ("place", "matter", "stage")
        if getattr(args, field) is not None
    }
    officer = before.officer
    if args.officer is not None:
        if officer is None or officer.officer != args.officer:
            changes["officer"] = Officer(officer=args.officer, by=how.source)
        elif officer.by not in BY_PERSONS:
            changes["officer"] = officer.model_copy(update={"by": how.source})
    return changes


def _ranked(before: Tag, args: TagArgs, rules: TagRules, replaces: bool) -> dict[str, Any]:
    changes = {}
    for field in ("confidential", "long_term"):
        given = getattr(args, field)
        if given is None:
            continue
        higher = rules.rank(field, _mark(given)) > rules.rank(field, getattr(before, field))
        if higher or replaces:
            changes[field] = _mark(given)
    return changes


def _cases(before: Tag, args: TagArgs, how: Amending, replaces: bool) -> list[Case]:
    if replaces and args.cases:
        kept = [case for case in before.cases if case.case in args.cases]
    else:
        kept = list(before.cases)
    held = {case.case for case in kept}
    given = dict.fromkeys(args.cases)  # each once, in order
    said = [
        case.model_copy(update={"by": how.source})
        if case.case in given and case.by not in BY_PERSONS
        else case
        for case in kept
    ]
    return said + [Case(case=name, by=how.source) for name in given if name not in held]


def _mark(given: str) -> str | None:
    return None if given == "none" else given
