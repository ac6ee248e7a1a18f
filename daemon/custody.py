"""The chain of custody: every event is signed and committed in the transaction of what it tells.

- `n` has no gaps in an epoch; `prev` is the digest of event n-1 (trust.md, Chain).
- An event is appended inside the caller's transaction, so a fact and its event stand or fall together.
- Enrolling with another platform, or under a new id, opens a new epoch; each recording starts again at
  revision 1.  A dock's id and its key are one to one for ever; its site is the one it was enrolled in.
- Another key takes the place of the dock's by `key_rolled`, signed by both: all before it is under the old
  one, all after it under the new one.  Everything is signed inside a transaction: there is no third kind.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from daemon import keyline
from daemon.clock import DockClock
from daemon.errors import WrongKey, WrongSite
from daemon.identity import DockIdentity
from daemon.store import Store, Transaction
from daemon.store.database import Value, to_text
from uplink import envelope
from uplink.ids import draw_id
from uplink.keys import KeyRecord, Role, SigningKey
from uplink.messages import MACHINE, Actor, ChainPoint, CustodyEvent, Wire
from uplink.messages.base import LOCAL
from uplink.messages.custody import DATA, Enrolled, EventKind, KeyRolled, PlatformKey


@dataclass(frozen=True)
class ChainEnd:
    """Where the next event goes: after `n` (-1: the epoch is empty) of the epoch at `place`."""

    place: int
    epoch: str
    n: int
    head: str | None

    def point(self) -> ChainPoint | None:
        return None if self.head is None else ChainPoint(epoch=self.epoch, n=self.n, head=self.head)


@dataclass(frozen=True)
class Told:
    """What one event tells, and of which recording and docking."""

    data: Wire
    recording: str | None = None
    docking: str | None = None


class Custody:
    """Appends to the chain.  Shared by all threads; holds no state but who signs.

    `rolling` is held by whoever rolls the key: one at a time, or one would lose the other's new key.
    `identity` changes with a roll, inside its transaction: ask for it anew in each transaction.
    """

    def __init__(self, identity: DockIdentity, clock: DockClock) -> None:
        self.identity = identity
        self.rolling = threading.Lock()
        self.clock = clock

    def append(
        self,
        tx: Transaction,
        kind: EventKind,
        data: Wire,
        *,
        recording: str | None = None,
        docking: str | None = None,
        actor: Actor = MACHINE,
        beside: SigningKey | None = None,
    ) -> ChainPoint:
        """Sign and insert the next event; return where it stands.  `beside`: signs too.

        Raises WrongKey (try again), sqlite3.Error.
        """
        return self.append_all(tx, kind, [Told(data, recording, docking)], actor=actor, beside=beside)

    def append_all(
        self,
        tx: Transaction,
        kind: EventKind,
        told: Sequence[Told],
        *,
        actor: Actor = MACHINE,
        beside: SigningKey | None = None,
    ) -> ChainPoint:
        """Sign and insert an event for each of `told` (one at least), all of one instant.

        Returns where the last one stands.  Raises WrongKey (try again), sqlite3.Error.
        """
        identity = self.identity
        if (key := keyline.in_force(tx, identity.dock)) != identity.key.key_id:
            # The moment between a roll and its thread's word of it: whoever asked tries again.
            raise WrongKey(f"key {str(key)[:16]} is in force, not {identity.key.key_id[:16]}")
        keys = (identity.key,) if beside is None else (identity.key, beside)
        end = chain_end(tx)
        time, clock = self.clock.now(), self.clock.claim()
        rows: list[dict[str, Value]] = []
        for one in told:
            if type(one.data) is not DATA[kind]:
                wanted = DATA[kind].__name__
                raise TypeError(f"event {kind} carries {wanted}, not {type(one.data).__name__}")
            event = CustodyEvent(
                dock=identity.dock,
                platform=identity.platform,
                epoch=end.epoch,
                n=end.n + 1,
                prev=end.head,
                run=identity.run,
                time=time,
                clock=clock,
                kind=kind,
                actor=actor,
                recording=one.recording,
                data=one.data.model_dump(mode="json", by_alias=True),
            )
            signed = envelope.seal("event", event.to_bytes(), *keys)
            rows.append(
                {
                    "place": end.place,
                    "n": event.n,
                    "event": signed.digest,
                    "kind": kind,
                    "recording": one.recording,
                    "docking": one.docking,
                    "made_at": to_text(time),
                    "raw": signed.raw,
                }
            )
            end = ChainEnd(end.place, end.epoch, event.n, signed.digest)
        tx.insert_all("events", rows)
        point = end.point()
        assert point is not None  # one at least was told
        return point

    def roll(self, tx: Transaction, key: SigningKey, reason: str, actor: Actor) -> ChainPoint:
        """Put `key` in the place of the dock's: from this event on it signs.

        If `tx` does not commit, the caller puts `identity` back.  Raises sqlite3.Error.
        """
        old = self.identity
        data = KeyRolled(
            before=old.key.key_id,
            before_public=old.key.public.hex(),
            dock_key=key.key_id,
            public=key.public.hex(),
            reason=reason,
        )
        place = chain_end(tx).place
        at = self.append(tx, "key_rolled", data, actor=actor, beside=key)
        tx.insert(
            "rolls",
            {
                "event": at.head,
                "place": place,
                "n": at.n,
                "platform": old.platform,
                "dock": old.dock,
                "before_key": data.before,
                "before_public": data.before_public,
                "dock_key": data.dock_key,
            },
        )
        before = (*old.before, old.key.record(Role.DOCK, old.dock))
        self.identity = replace(old, key=key, before=before, enrolled=old.file_key)
        return at


def chain_end(tx: Transaction | Store) -> ChainEnd:
    """Return the end of the chain.  Raises LookupError before enrolment."""
    row = tx.row(
        "SELECT e.place, e.epoch, v.n, v.event FROM epochs e LEFT JOIN events v ON v.place = e.place"
        " ORDER BY e.place DESC, v.n DESC LIMIT 1"
    )
    if row is None:
        raise LookupError("the chain has no epoch: enrol first")
    return ChainEnd(row["place"], row["epoch"], -1 if row["n"] is None else row["n"], row["event"])


def enrol(store: Store, custody: Custody, platform_keys: list[KeyRecord]) -> bool:
    """Open the chain for the platform in the settings, if it is not open.  Returns whether it was opened.

    Another platform, or a new id with a new key (the old one is lost, or another dock's), open a new epoch.
    Raises WrongKey where the settings' id and the key belong to different docks of this platform: the two
    are one for ever, and WrongSite where it was enrolled in another site.
    """
    identity = custody.identity
    with store.write() as tx:
        check_identity(tx, identity)
        last = tx.row("SELECT place, platform, dock FROM epochs ORDER BY place DESC LIMIT 1")
        if last is not None and (last["platform"], last["dock"]) == (identity.platform, identity.dock):
            return False
        after = _after(tx, identity)
        tx.insert(
            "epochs",
            {
                "place": 0 if last is None else last["place"] + 1,
                "epoch": draw_id(),
                "platform": identity.platform,
                "dock": identity.dock,
                "dock_key": identity.key.key_id,
            },
        )
        keys = [
            PlatformKey(key=record.key_id, public=record.public.hex(), role=record.role.value)
            for record in platform_keys
        ]
        enrolled = Enrolled(
            platform=identity.platform,
            keys=keys,
            site=identity.site,
            dock_key=identity.key.key_id,
            public=identity.key.public.hex(),
            host=identity.host,
            certificate=identity.certificate,
            after=after,
        )
        custody.append(tx, "enrolled", enrolled)
        # For the new platform nothing was ever said: each recording starts again at revision 1.
        tx.execute("DELETE FROM reconciled")
        tx.execute(
            "UPDATE recordings SET revision = 0, manifest = NULL, state = 'stored', attempt = 1,"
            " failures = 0, failure = NULL, retry_at = '', delivered_revision = 0, durable_bytes = 0,"
            " forgotten_at = ''"
        )
        # One that we come back to holds the old revisions: what it has of them, its conflicts tell.
        sideline(tx, "platform = ?", (identity.platform,))
    return True


def sideline(tx: Transaction, which: str, args: Sequence[str | int]) -> None:
    """Put revisions aside: kept, never sent, and a receipt for one of them still counts for its bytes."""
    columns = "platform, recording, revision, manifest, raw, report, made_at, history"
    tx.execute(f"INSERT INTO sidelined ({columns}) SELECT {columns} FROM manifests WHERE {which}", args)
    tx.execute(f"DELETE FROM manifests WHERE {which}", args)


def _after(tx: Transaction, identity: DockIdentity) -> ChainPoint | None:
    """Return the last head that the platform in the settings holds, as far as is known.

    Under the same id that is our newest event for it: what it lacks of them is sent before.  Under a new id
    only what it was seen to hold counts, since the old chain can be gone on with by nobody.
    """
    ours = tx.row(
        "SELECT e.epoch, v.n, v.event FROM events v JOIN epochs e USING (place)"
        " WHERE e.platform = ? AND e.dock = ? ORDER BY v.place DESC, v.n DESC LIMIT 1",
        (identity.platform, identity.dock),
    )
    if ours is None:
        ours = tx.row(
            "SELECT e.epoch, v.n, v.event FROM heads h JOIN events v ON v.event = h.event"
            " JOIN epochs e USING (place) WHERE h.platform = ?",
            (identity.platform,),
        )
        tx.execute("DELETE FROM heads WHERE platform = ?", (identity.platform,))
    return None if ours is None else ChainPoint(epoch=ours["epoch"], n=ours["n"], head=ours["event"])


def check_identity(tx: Transaction | Store, identity: DockIdentity) -> None:
    """Check that the settings' id, key and site go on with this chain.  Raises WrongKey, WrongSite."""
    _check_one_to_one(tx, identity)
    _check_site(tx, identity)


def _check_one_to_one(tx: Transaction | Store, identity: DockIdentity) -> None:
    rolled = keyline.rolls(tx, identity.platform, identity.dock)
    if rolled and rolled[-1]["dock_key"] != identity.key.key_id:
        raise WrongKey(
            f"the key of dock {identity.dock} was rolled to {rolled[-1]['dock_key'][:16]}, and"
            f" {identity.key.key_id[:16]} is in its place: put back the newest keys/dock.pem (docs/keys.md)"
        )
    keys = [identity.key.key_id, *(row["before_key"] for row in rolled)]
    marks = ", ".join("?" for _ in keys)
    other = tx.row(
        f"SELECT dock, dock_key FROM epochs WHERE platform = ? AND (dock = ?) <> (dock_key IN ({marks}))"
        " LIMIT 1",
        (identity.platform, identity.dock, *keys),
    )
    if other is None:
        return
    if other["dock"] == identity.dock and other["dock_key"] in identity.keys_before:
        raise WrongKey(
            f"the key of dock {identity.dock} was rolled while it was enrolled elsewhere, and platform"
            f" {identity.platform} knows it by key {other['dock_key'][:16]}, which is gone: give this dock"
            " a new id ([dock] id) and have it enrolled with that"
        )
    if other["dock"] == identity.dock:
        raise WrongKey(
            f"the key of dock {identity.dock} is {identity.key.key_id[:16]}, but {other['dock_key'][:16]}"
            " signed the chain in this store: put back the key that belongs to it (keys/dock.pem in the state"
            " folder; docs/restore.md; a copy of before a roll: docs/keys.md).  If it is lost, give this dock"
            " a new id ([dock] id) and have it enrolled with that"
        )
    raise WrongKey(
        f"the key in keys/dock.pem belongs to dock {other['dock']} for ever, and the settings say"
        f" {identity.dock}: put the id back ([dock] id), or move the key away and have this dock enrolled"
        " anew (docs/restore.md)"
    )


def _check_site(tx: Transaction | Store, identity: DockIdentity) -> None:
    """Topics and the broker's rights go by the site: under another one nobody would know this dock."""
    if identity.platform == LOCAL:
        return
    row = tx.row(
        "SELECT v.raw FROM epochs e JOIN events v ON v.place = e.place AND v.n = 0"
        " WHERE v.kind = 'enrolled' AND e.platform = ? AND e.dock = ? ORDER BY e.place DESC LIMIT 1",
        (identity.platform, identity.dock),
    )
    if row is None:
        return
    enrolled = Enrolled.model_validate(CustodyEvent.parse(envelope.peek(row["raw"], "event")).data)
    if enrolled.site != identity.site:
        raise WrongSite(
            f"dock {identity.dock} was enrolled in site {enrolled.site}, not in {identity.site}: put"
            f' [dock] site = "{enrolled.site}" back.  To move it to another site give it a new id'
            " ([dock] id), move its key away and have it enrolled anew (docs/restore.md)"
        )
