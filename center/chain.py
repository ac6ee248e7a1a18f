"""Whether an event joins a dock's chain (trust.md, Signing and the chain; Copies of a dock).

- `n` has no gaps and `prev` is the digest of event n-1 of the same epoch.
- Event 0 of the first epoch is `enrolled`; event 0 of a later one is `restarted` (or `enrolled` anew)
  with the parents `after` and `branch`: it joins if the platform's head is either.
- A branch that was not sent yet is waited for a while (it is sent first), counted from the last event of
  it that came; a parent that nobody holds any more is recorded as *lost* and never waited for.
- An id that is enrolled in place of a lost one names the old one's head: held is held, whosever it is.
- An event whose parent is held but is not the head opens (or goes on with) a branch: kept, and
  receipts are held back until a `restarted` names it.
- Where the `run` of a `restarted` that goes on from a head which is not its own branch had already signed
  on the main line, the dock is `cloned`: a restored dock is another run, so two go on side by side.  (Sent
  again to a platform that forgot, a `restarted` follows on its own branch: that is no clone.)
- An event that comes too early is not kept: the dock sends again from the head (mqtt.md, Timers).
- The same event again changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from uplink.errors import Refused
from uplink.messages.base import ChainPoint
from uplink.messages.custody import CustodyEvent, Enrolled, Restarted

BRANCH_WAIT_S = 20.0  # twice the dock's first repeat


class Line(Enum):
    """Where a held event stands."""

    MAIN = "main"
    BRANCH = "branch"  # beside the main line, no `restarted` has named it yet
    MERGED = "merged"  # was a branch; a `restarted` or a person named it


@dataclass(frozen=True)
class Held:
    """An event that the platform holds."""

    at: ChainPoint
    line: Line


class Chain(Protocol):
    """What is held of one dock's chain."""

    def head(self) -> ChainPoint | None: ...

    def find(self, digest: str) -> Held | None: ...

    def elsewhere(self, digest: str) -> bool:
        """Return whether it is an event of another dock."""

    def main_has_run(self, run: str) -> bool: ...

    def is_tip(self, digest: str) -> bool:
        """Return whether no held event has `digest` for its parent."""


class Outcome(Enum):
    KNOWN = "known"
    JOINS = "joins"  # becomes the head
    BRANCHES = "branches"
    EARLY = "early"
    BROKEN = "broken"


@dataclass(frozen=True)
class Decision:
    """What to do with an event.

    `merges`: the tip of a branch that this event names.  `lost`: parents that nobody holds.
    """

    outcome: Outcome
    reason: str = ""
    merges: str | None = None
    lost: tuple[ChainPoint, ...] = ()
    cloned: bool = False


@dataclass(frozen=True)
class Parents:
    """The two parents of an epoch's event 0."""

    after: ChainPoint | None
    branch: ChainPoint | None


def parents(event: CustodyEvent) -> Parents | None:
    """Return the parents that event 0 names, None for other events.

    Raises Refused (`chain`: a wrong kind as event 0; `shape`).
    """
    if event.n > 0:
        return None
    match event.kind:
        case "enrolled":
            return Parents(Enrolled.parse(data_bytes(event)).after, None)
        case "restarted":
            restarted = Restarted.parse(data_bytes(event))
            return Parents(restarted.after, restarted.branch)
    raise Refused("chain", f"event 0 of an epoch is enrolled or restarted, not {event.kind}")


def data_bytes(event: CustodyEvent) -> bytes:
    """Return an event's data as JSON, for its own shape to parse (`custody.DATA`)."""
    return json.dumps(event.data).encode()


def decide(event: CustodyEvent, digest: str, chain: Chain, waited_s: float) -> Decision:
    """Return what becomes of `event`.  `waited_s`: since it was first seen and came too early.

    Raises Refused as `parents` does.
    """
    if chain.find(digest) is not None:
        return Decision(Outcome.KNOWN)
    named = parents(event)
    if named is None:
        return _next_of_epoch(event, chain)
    return _first_of_epoch(event, named, chain, waited_s)


def _next_of_epoch(event: CustodyEvent, chain: Chain) -> Decision:
    head = chain.head()
    parent = chain.find(event.prev or "")
    if parent is None:
        if head is not None and head.epoch == event.epoch and event.n == head.n + 1:
            return Decision(Outcome.BROKEN, f"event {event.n} follows on another event {head.n}")
        return Decision(Outcome.EARLY, f"event {event.n}: the one before it has not come")
    if parent.at.epoch != event.epoch or parent.at.n + 1 != event.n:
        return Decision(
            Outcome.BROKEN, f"event {event.n} names event {parent.at.n} of epoch {parent.at.epoch[:8]}"
        )
    if parent.at == head:
        return Decision(Outcome.JOINS)
    return Decision(Outcome.BRANCHES, f"event {parent.at.n} has another successor on the main line")


def _first_of_epoch(event: CustodyEvent, named: Parents, chain: Chain, waited_s: float) -> Decision:
    head = chain.head()
    lost = tuple(
        p
        for p in (named.after, named.branch)
        if p is not None
        and chain.find(p.head) is None
        and not (event.kind == "enrolled" and chain.elsewhere(p.head))
    )
    if head is None:
        return Decision(Outcome.JOINS, lost=lost)
    if head not in (named.after, named.branch):
        return Decision(Outcome.BRANCHES, "an epoch that starts beside the head")
    if named.branch in lost and waited_s < BRANCH_WAIT_S:
        return Decision(Outcome.EARLY, "the branch it names has not come")
    merges = _side_named(named, chain)
    beside = event.kind == "restarted" and head == named.after != named.branch
    cloned = beside and chain.main_has_run(event.run)
    return Decision(Outcome.JOINS, merges=merges, lost=lost, cloned=cloned)


def _side_named(named: Parents, chain: Chain) -> str | None:
    """Return the tip of an open branch that is one of the parents (the other is the head)."""
    for point in (named.branch, named.after):
        side = chain.find(point.head) if point is not None else None
        if side is not None and side.line is Line.BRANCH and chain.is_tip(side.at.head):
            return side.at.head
    return None
