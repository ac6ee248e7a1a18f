"""Heads of the platform taken: what they mean for this dock's chain is committed (rules: `heads`).

- `restarted` and the order to send every newest manifest again are one transaction: after a kill the head is
  the `after` of our own `restarted`, and nothing but sending is left to do.
- Copied is a matter of this run: the next one looks anew, and may commit one `restarted` of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from daemon.custody import Custody, chain_end
from daemon.lineage.heads import NOTHING, From, Meaning, Place, Stand, Suspicion, meaning, start
from daemon.store import Store, Transaction
from uplink.ids import draw_id
from uplink.keys import Role
from uplink.messages import ChainPoint
from uplink.messages.custody import Restarted

_LOG = logging.getLogger(__name__)
NEVER = "9999"  # sorts after every time: waits for a person


class ChainLine:
    """For the link's one thread; `copied` and `key_gone` may be read by any."""

    def __init__(
        self, store: Store, custody: Custody, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._custody = custody
        self._monotonic = monotonic
        self._suspicion = Suspicion()
        self.copied = False
        self._told_key: str | None = None

    @property
    def key_gone(self) -> bool:
        """Whether the platform knows this dock by a key that it never had (as far as it knows)."""
        told = self._told_key
        return told is not None and self._custody.identity.ring.find(told, Role.DOCK) is None

    def take(self, head: ChainPoint | None, dock_key: str | None = None) -> Meaning:
        """Take a *live* head that was verified, and commit what follows from it.

        `dock_key`: the key by which the platform knows this dock now; None: it does not say.
        """
        news, self._told_key = dock_key != self._told_key, dock_key
        if self.key_gone:
            if news:
                _LOG.error(
                    "the platform knows dock %s by key %s, and this dock never had it: it was restored from"
                    " before its key was rolled, or is a copy.  Nothing is sent (docs/keys.md)",
                    self._custody.identity.dock,
                    (dock_key or "")[:16],
                )
            return Meaning.KEY_GONE
        found = self._stand(head)
        settled = False
        if found.place is not None:
            self._suspicion.over()
        elif head is not None:
            settled = self._suspicion.settled(head.head, self._monotonic())
        what = meaning(found, settled, self._restarted_in_this_run())
        match what:
            case Meaning.FORGOT:
                self._note(head if found.own is not None else None, forgot=True)
            case Meaning.OURS if found.own is not None and found.own != found.seen:
                self._note(head, forgot=False)
            case Meaning.RESTORED if head is not None:
                self._restart(head)
            case Meaning.COPIED if not self.copied:
                self.copied = True
                _LOG.error(
                    "there is a copy of dock %s: the platform's head is not ours for the second time in this"
                    " run; nothing is sent any more.  Stop one of the two, then start the other again",
                    self._custody.identity.dock,
                )
        return what

    def sending(self, head: ChainPoint | None) -> tuple[ChainPoint | None, bool]:
        """Return after which event to send, and whether the head is on another line."""
        found = self._stand(head)
        match start(found):
            case From.HEAD:
                return head, False
            case From.COMMON if found.common is not None:
                return self._before(found.common), True
        return None, found.own is None and head is not None

    # Inside

    def _stand(self, head: ChainPoint | None) -> Stand:
        seen = self._seen()
        common = self._common(seen)
        if head is None:
            return Stand(None, NOTHING, seen, common)
        identity = self._custody.identity
        own = self._store.row(
            "SELECT v.place, v.n FROM events v JOIN epochs e USING (place)"
            " WHERE v.event = ? AND e.platform = ? AND e.dock = ?",
            (head.head, identity.platform, identity.dock),
        )
        if own is not None:
            return Stand((own["place"], own["n"]), None, seen, common)
        place = self._store.value(
            "SELECT max(place) FROM epochs WHERE after = ? AND platform = ? AND dock = ?",
            (head.head, identity.platform, identity.dock),
        )
        return Stand(None, None if place is None else (int(place), -1), seen, common)

    def _seen(self) -> Place | None:
        row = self._store.row(
            "SELECT v.place, v.n FROM heads h JOIN events v ON v.event = h.event WHERE h.platform = ?",
            (self._custody.identity.platform,),
        )
        return None if row is None else (row["place"], row["n"])

    def _common(self, seen: Place | None) -> Place | None:
        identity = self._custody.identity
        first = self._store.row(
            "SELECT v.place, v.n FROM epochs e LEFT JOIN events v ON v.event = e.seen"
            " WHERE e.restarted_in IS NOT NULL AND e.platform = ? AND e.dock = ? ORDER BY e.place LIMIT 1",
            (identity.platform, identity.dock),
        )
        if first is None:
            return seen
        return None if first["place"] is None else (first["place"], first["n"])

    def _before(self, place: Place) -> ChainPoint | None:
        row = self._store.row(
            "SELECT e.epoch, v.n, v.event FROM events v JOIN epochs e USING (place)"
            " WHERE (v.place, v.n) < (?, ?) AND e.platform = ? AND e.dock = ?"
            " ORDER BY v.place DESC, v.n DESC LIMIT 1",
            (*place, self._custody.identity.platform, self._custody.identity.dock),
        )
        return ChainPoint(epoch=row["epoch"], n=row["n"], head=row["event"]) if row else None

    def _note(self, head: ChainPoint | None, *, forgot: bool) -> None:
        """Keep the head as the newest that was ours (None: it holds no event of which that is known)."""
        platform = self._custody.identity.platform
        with self._store.write() as tx:
            if head is None:
                tx.execute("DELETE FROM heads WHERE platform = ?", (platform,))
            else:
                tx.execute(
                    "INSERT INTO heads (platform, event) VALUES (?, ?)"
                    " ON CONFLICT (platform) DO UPDATE SET event = excluded.event",
                    (platform, head.head),
                )
            if forgot:
                send_newest_again(tx, platform)
        if forgot:
            _LOG.warning("the platform forgot: its head went back; the newest manifests are sent again")

    def _restart(self, head: ChainPoint) -> None:
        with self._store.write() as tx:
            identity = self._custody.identity
            end = chain_end(tx)
            seen = tx.row("SELECT event FROM heads WHERE platform = ?", (identity.platform,))
            tx.insert(
                "epochs",
                {
                    "place": end.place + 1,
                    "epoch": draw_id(),
                    "platform": identity.platform,
                    "dock": identity.dock,
                    "dock_key": identity.key.key_id,
                    "after": head.head,
                    "restarted_in": identity.run,
                    "seen": None if seen is None else seen["event"],
                },
            )
            self._custody.append(tx, "restarted", Restarted(after=head, branch=end.point()))
            send_newest_again(tx, identity.platform)
        self._suspicion.over()
        _LOG.warning(
            "this dock was restored: the platform holds event %d of epoch %s, which is not in this store;"
            " a new epoch goes on after it, and everything since the last common event is sent",
            head.n,
            head.epoch[:8],
        )

    def _restarted_in_this_run(self) -> bool:
        run = self._custody.identity.run
        return self._store.value("SELECT 1 FROM epochs WHERE restarted_in = ?", (run,)) is not None


def send_newest_again(tx: Transaction, platform: str) -> None:
    """Have the newest manifest of every recording sent, receipted or not (the link bounds the rate).

    What was refused for a reason that cannot pass still waits for a person; a conflict is tried again.
    """
    tx.execute(
        "UPDATE manifests SET receipted = 0, tries = 0, retry_at = '' WHERE platform = ?"
        " AND (retry_at < ? OR refusal LIKE 'conflict%')"
        " AND revision = (SELECT r.revision FROM recordings r WHERE r.recording = manifests.recording)",
        (platform, NEVER),
    )
