"""What a head of the platform means: pure (trust.md, Copies of a dock; A platform that forgot).

- A head that is an own event, or the `after` of a `restarted` of our own, is ours.
- One that stands before the newest head that was ours: the platform forgot; everything newest goes again.
- A *live* one that is neither: this dock was restored.  One `restarted` a run; a second foreign head in the
  same run: there is a copy of this dock, and it stops sending.
- A foreign head counts once it stood still for a moment: events of before the restore may still be on their
  way through the broker, and move it.
- A head that names a key which this dock never had: it was rolled in a life that this store forgot.  What is
  signed with the key of before counts nowhere: nothing is sent, and no `restarted` is committed under it.
- A retained head starts nothing but sending.
- Beside the platform's head (a branch it has to be told of) what is sent starts *with* the last head that was
  ours, so that there is always something that the platform answers.  In a chain that was restored before,
  that is the one from before the first restore: whatever life a foreign head is of, it came after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SETTLED_S = 1.0

Place = tuple[int, int]  # (place of the epoch, n); what an epoch starts after stands at n = -1
NOTHING: Place = (-1, -1)  # the platform holds nothing of this dock


class Meaning(Enum):
    """What a live head says of this dock and the platform."""

    OURS = "ours"
    FORGOT = "forgot"
    UNSETTLED = "unsettled"  # foreign, but not for long enough
    RESTORED = "restored"
    COPIED = "copied"
    KEY_GONE = "key_gone"  # the platform knows this dock by a key that this store knows nothing of


@dataclass(frozen=True)
class Stand:
    """Where a head stands.  `own`: the place of this very event in our chain.

    `after`: the place before the epoch whose `restarted` names it.  Both None: it is foreign.
    `seen`: the newest head that was ours, of this platform; `common`: as it was before the first restore.
    """

    own: Place | None
    after: Place | None
    seen: Place | None
    common: Place | None = None

    @property
    def place(self) -> Place | None:
        return self.own if self.own is not None else self.after


class From(Enum):
    """Where sending starts."""

    HEAD = "head"  # after the head
    COMMON = "common"  # with the last head that is surely common: the head is on another line
    FIRST = "first"  # with the first event: what the platform still has is not known


def meaning(stand: Stand, settled: bool, restarted: bool) -> Meaning:
    """Return what a live head means.

    `settled`: it has stood still.  `restarted`: this run has committed its `restarted` already.
    """
    if stand.place is not None:
        forgot = stand.seen is not None and stand.place < stand.seen
        return Meaning.FORGOT if forgot else Meaning.OURS
    if not settled:
        return Meaning.UNSETTLED
    return Meaning.COPIED if restarted else Meaning.RESTORED


def start(stand: Stand) -> From:
    """Return where sending starts with this head, live or retained."""
    if stand.own is not None:
        return From.HEAD
    forgot = stand.after is not None and stand.seen is not None and stand.after < stand.seen
    if stand.after == NOTHING or forgot:
        return From.FIRST
    return From.COMMON if stand.common is not None else From.FIRST


class Suspicion:
    """Since when the same foreign head stands."""

    def __init__(self) -> None:
        self._head: str | None = None
        self._since_s = 0.0

    def settled(self, head: str, now_s: float) -> bool:
        """Note a foreign head; return whether it has stood still for long enough."""
        if head != self._head:
            self._head, self._since_s = head, now_s
        return now_s - self._since_s >= SETTLED_S

    def over(self) -> None:
        self._head = None
