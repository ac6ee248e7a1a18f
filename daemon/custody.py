"""The chain of custody: every event is signed and committed in the transaction of what it tells.

- `n` has no gaps in an epoch; `prev` is the digest of event n-1 (trust.md, Chain).
- An event is appended inside the caller's transaction, so a fact and its event stand or fall together.
- Enrolling with another platform opens a new epoch; each recording starts again at revision 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.clock import DockClock
from daemon.errors import WrongKey
from daemon.identity import DockIdentity
from daemon.store import Store, Transaction
from daemon.store.database import to_text
from uplink import envelope
from uplink.ids import draw_id
from uplink.keys import KeyRecord
from uplink.messages import MACHINE, Actor, ChainPoint, CustodyEvent, Wire
from uplink.messages.custody import DATA, Enrolled, EventKind, PlatformKey


@dataclass(frozen=True)
class ChainEnd:
    """Where the next event goes: after `n` (-1: the epoch is empty) of the epoch at `place`."""

    place: int
    epoch: str
    n: int
    head: str | None

    def point(self) -> ChainPoint | None:
        return None if self.head is None else ChainPoint(epoch=self.epoch, n=self.n, head=self.head)


class Custody:
    """Appends to the chain.  Shared by all threads; holds no state but who signs."""

    def __init__(self, identity: DockIdentity, clock: DockClock) -> None:
        self.identity = identity
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
    ) -> ChainPoint:
        """Sign and insert the next event; return where it stands.  Raises sqlite3.Error."""
        if type(data) is not DATA[kind]:
            raise TypeError(f"event {kind} carries {DATA[kind].__name__}, not {type(data).__name__}")
        end = chain_end(tx)
        time = self.clock.now()
        event = CustodyEvent(
            dock=self.identity.dock,
            platform=self.identity.platform,
            epoch=end.epoch,
            n=end.n + 1,
            prev=end.head,
            run=self.identity.run,
            time=time,
            clock=self.clock.claim(),
            kind=kind,
            actor=actor,
            recording=recording,
            data=data.model_dump(mode="json", by_alias=True),
        )
        signed = envelope.seal("event", event.to_bytes(), self.identity.key)
        tx.insert(
            "events",
            {
                "place": end.place,
                "n": event.n,
                "event": signed.digest,
                "kind": kind,
                "recording": recording,
                "docking": docking,
                "made_at": to_text(time),
                "raw": signed.raw,
            },
        )
        return ChainPoint(epoch=end.epoch, n=event.n, head=signed.digest)


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

    Raises WrongKey if the open chain was signed by another key: nothing that this one signs would be taken.
    """
    identity = custody.identity
    with store.write() as tx:
        last = tx.row("SELECT place, platform FROM epochs ORDER BY place DESC LIMIT 1")
        if last is not None and last["platform"] == identity.platform:
            _check_key(tx, last["place"], identity)
            return False
        place = 0 if last is None else last["place"] + 1
        tx.insert("epochs", {"place": place, "epoch": draw_id(), "platform": identity.platform})
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
        )
        custody.append(tx, "enrolled", enrolled)
        # For the new platform nothing was ever said: each recording starts again at revision 1.
        tx.execute("DELETE FROM reconciled")
        tx.execute(
            "UPDATE recordings SET revision = 0, manifest = NULL, state = 'stored', attempt = 1,"
            " failures = 0, failure = NULL, retry_at = '', delivered_revision = 0, durable_bytes = 0,"
            " forgotten_at = ''"
        )
    return True


def _check_key(tx: Transaction, place: int, identity: DockIdentity) -> None:
    first = tx.row("SELECT raw FROM events WHERE place = ? AND n = 0", (place,))
    assert first is not None  # committed with its epoch
    data = CustodyEvent.parse(envelope.peek(first["raw"], "event")).data
    signed_by = Enrolled.model_validate(data).dock_key
    if signed_by != identity.key.key_id:
        raise WrongKey(
            f"the key of dock {identity.dock} is {identity.key.key_id[:16]}, but {signed_by[:16]} signed the"
            " chain in this store: put back the key that belongs to it (keys/dock.pem in the state folder)"
        )
