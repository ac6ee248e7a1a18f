"""What a refusal says of a recording's line of revisions: pure (trust.md, Copies of a dock).

The platform answers a revision that does not fit with `current`, the newest that it holds.  It was signed by
this dock; whether this store knows it is another matter.

- On our line, and the refused one is older: the platform has more than was sent again.  Nothing follows.
- On our line, and it lacks what comes after: all after it is sent.
- Unknown, but a revision of ours names it as the one before: a part of our line that was forgotten.
- Anything else: the platform's line and ours parted.  The two are united on top of `current`; what of ours
  is not shown to be before `current` is put aside, not lost.
- An answer about a revision that was put aside is late, or repeated by somebody: nothing follows.  So every
  uniting needs a revision of the line as it is now, and the number of them ends with what the platform holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Link:
    """A revision, its digest and the digest of the one before."""

    revision: int
    manifest: str
    prev: str | None


class Answer(Enum):
    """What follows from a refusal with `current`."""

    NOTHING = "nothing"
    SEND = "send"  # everything after `current`
    UNITE = "unite"


@dataclass(frozen=True)
class Judged:
    """`adopt`: `current` belongs to our line and is not in it."""

    answer: Answer
    adopt: bool = False


def judge(line: Sequence[Link], refused: str, current: Link, *, conflict: bool) -> Judged:
    """Return what follows.  `conflict`: the refusal's code, else it is `later`, `missing`."""
    known = any(link.manifest == current.manifest for link in line)
    adopt = not known and any(_follows(link, current) for link in line)
    about = next((link for link in line if link.manifest == refused), None)
    if about is None:
        return Judged(Answer.NOTHING)
    if not known and not adopt:
        return Judged(Answer.UNITE)
    if about.revision <= current.revision:
        return Judged(Answer.NOTHING, adopt)
    if conflict and not _follows(about, current):
        return Judged(Answer.UNITE, adopt)
    return Judged(Answer.NOTHING if conflict else Answer.SEND, adopt)


def put_aside(line: Sequence[Link], current: Link, receipted: Collection[str]) -> list[int]:
    """Return which revisions of ours are not shown to be before `current`.

    `receipted`: digests of those that the platform gave a receipt for: they, and all before them, were on
    its line.
    """
    by_revision = {link.revision: link for link in line}
    shown = {current.revision}
    link: Link | None = current
    while link is not None:
        before = by_revision.get(link.revision - 1)
        link = before if before is not None and before.manifest == link.prev else None
        if link is not None:
            shown.add(link.revision)
    contradicted = by_revision.get(current.revision - 1)
    last = max((link.revision for link in line if link.manifest in receipted), default=0)
    for revision in by_revision:
        other = contradicted is not None and revision == contradicted.revision
        if revision < current.revision and revision <= last and not other:
            shown.add(revision)
    return sorted(
        revision
        for revision, link in by_revision.items()
        if revision not in shown or (revision == current.revision and link.manifest != current.manifest)
    )


def _follows(link: Link, current: Link) -> bool:
    return link.revision == current.revision + 1 and link.prev == current.manifest
