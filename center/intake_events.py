"""Events come in: verify, join the chain, keep, say which was the last (rules: `chain.py`)."""

from __future__ import annotations

import logging
from collections import OrderedDict

from center import chain, rolling
from center.catalogue import database, docks, events, recordings
from center.catalogue.docks import Dock
from center.catalogue.events import HeldChain, Missing
from center.catalogue.recordings import Recording
from center.office import Office, Outgoing, Subject
from center.receipting import Receipting
from uplink import envelope
from uplink.envelope import Envelope
from uplink.errors import Refused
from uplink.messages.base import Wire
from uplink.messages.custody import DATA, CustodyEvent, Enrolled, Stored

log = logging.getLogger(__name__)

HEAD_EVERY_S = 0.1
HEAD_AGAIN_S = 2.0  # an unchanged head, because events came too early
ASK_AFTER_S = 3.0  # manifests follow their events: time to come by themselves
ASK_AGAIN_S = 60.0
MAX_REMEMBERED = 1000


class EventIntake:
    """Takes events of all docks, and publishes their heads."""

    def __init__(self, office: Office, receipting: Receipting) -> None:
        self._office = office
        self._receipting = receipting
        self._changed: dict[str, float] = {}  # dock: when its head may be published
        self._published: dict[str, float] = {}
        self._early: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._expected: OrderedDict[tuple[str, str], tuple[float, Missing]] = OrderedDict()
        self._look_s = 0.0
        for item in events.missing_manifests(office.connection, MAX_REMEMBERED):
            self._expect(item)

    def take(self, dock: Dock, raw: bytes) -> None:
        """Keep an event.  Raises Refused."""
        try:
            sealed, event = rolling.open_event(dock, raw)
        except Refused as refused:
            self._say_again(dock, refused)
            raise
        if (event.dock, event.platform) != (dock.dock, self._office.platform):
            raise Refused("address", f"an event of {event.dock} for {event.platform}")
        if event.kind == "enrolled":
            self._check_enrolled(event, sealed)
        try:
            decision = self._decide(dock, event, sealed)
        except Refused as refused:
            self._say_again(dock, refused)
            raise
        self._after(dock, event, sealed.digest, decision)

    def _decide(self, dock: Dock, event: CustodyEvent, sealed: Envelope) -> chain.Decision:
        """Keep an event that joins or branches, and the key that it brings, in one transaction."""
        with database.writing(self._office.connection) as connection:
            fresh = docks.find(connection, dock.dock) or dock
            held = HeldChain(connection, fresh)
            decision = chain.decide(event, sealed.digest, held, self._waited_s(dock, sealed.digest))
            if decision.outcome is chain.Outcome.KNOWN:
                return decision
            key = rolling.check_new(connection, fresh, sealed, event)
            if decision.outcome in (chain.Outcome.JOINS, chain.Outcome.BRANCHES):
                now = self._office.now()
                events.add(connection, event, sealed.digest, sealed.raw, decision, now)
                if key is not None:
                    docks.roll(connection, key, sealed.digest, now)
                    log.warning("dock %s: key %s is in force now", dock.dock, key.key_id[:16])
        return decision

    def _say_again(self, dock: Dock, refused: Refused) -> None:
        """A restored dock sends what it signed with a key that went: it is to get beyond that."""
        if refused.code in ("key", "retired"):
            self.announce(dock.dock, self._published.get(dock.dock, 0.0) + HEAD_AGAIN_S)

    def heads(self) -> list[Outgoing]:
        """Return the heads of all docks (at connect)."""
        self._changed.clear()
        return [self._head(dock) for dock in docks.every(self._office.connection)]

    def tick(self) -> list[Outgoing]:
        """Return the heads that changed, and questions for manifests that events name."""
        now_s = self._office.monotonic()
        out = []
        for name in [name for name, due_s in self._changed.items() if due_s <= now_s]:
            del self._changed[name]
            dock = docks.find(self._office.connection, name)
            if dock is not None:
                out.append(self._head(dock))
        if now_s >= self._look_s:
            self._look_s = now_s + 1.0
            out += self._ask_for_manifests(now_s)
        return out

    def announce(self, dock: str, not_before_s: float = 0.0) -> None:
        """Have the head of `dock` published soon."""
        due_s = max(self._published.get(dock, -HEAD_AGAIN_S) + HEAD_EVERY_S, not_before_s)
        self._changed[dock] = min(due_s, self._changed.get(dock, due_s))

    @property
    def next_due_s(self) -> float | None:
        return min(self._changed.values(), default=None)

    def _head(self, dock: Dock) -> Outgoing:
        self._published[dock.dock] = self._office.monotonic()
        return self._office.head(dock)

    def _check_enrolled(self, event: CustodyEvent, sealed: Envelope) -> None:
        enrolled = Enrolled.parse(chain.data_bytes(event))
        if enrolled.dock_key not in sealed.signers or enrolled.platform != self._office.platform:
            raise Refused("address", "`enrolled` names another key or platform")

    def _after(self, dock: Dock, event: CustodyEvent, digest: str, decision: chain.Decision) -> None:
        match decision.outcome:
            case chain.Outcome.BROKEN:
                raise Refused("chain", decision.reason)
            case chain.Outcome.EARLY:
                self._office.count("early.event", dock.dock)
                self._remember(self._early, (dock.dock, digest))
                self.announce(dock.dock, self._published.get(dock.dock, 0.0) + HEAD_AGAIN_S)
            case chain.Outcome.KNOWN:
                # The dock sends again what it does not know to be held: say so once more.
                self._office.count("again.event", dock.dock)
                self.announce(dock.dock, self._published.get(dock.dock, 0.0) + HEAD_AGAIN_S)
            case chain.Outcome.BRANCHES:
                self._office.count("forked.event", dock.dock)
                self._branch_grows(dock)
                log.warning("dock %s: event %d beside the main line: %s", dock.dock, event.n, decision.reason)
                self.announce(dock.dock, self._published.get(dock.dock, 0.0) + HEAD_AGAIN_S)
            case chain.Outcome.JOINS:
                self._joined(dock, event, decision)

    def _joined(self, dock: Dock, event: CustodyEvent, decision: chain.Decision) -> None:
        self._office.count("events", dock.dock)
        self.announce(dock.dock)
        manifest, revision = events.committed(event)
        if event.recording is not None and manifest is not None and revision is not None:
            self._expect(Missing(dock.dock, event.recording, revision, manifest))
        shape = DATA.get(event.kind)
        if shape is not None and not _fits(event, shape):
            self._office.count("odd.event.data", dock.dock)  # it is signed and joins: it is kept
        for point in decision.lost:
            self._office.count("lost.parent", dock.dock)
            log.warning("dock %s: event %d of epoch %s is lost", dock.dock, point.n, point.epoch)
        if decision.cloned:
            log.error("dock %s is cloned: `bodydock center docks settle`", dock.dock)
        if decision.merges is not None:
            self._receipting.release(dock.dock)

    def _branch_grows(self, dock: Dock) -> None:
        """What waits for a branch waits on while the branch comes in."""
        for key in self._early:
            if key[0] == dock.dock:
                self._early[key] = self._office.monotonic()

    def _waited_s(self, dock: Dock, digest: str) -> float:
        first_s = self._early.get((dock.dock, digest))
        return 0.0 if first_s is None else self._office.monotonic() - first_s

    def _remember(self, where: OrderedDict[tuple[str, str], float], key: tuple[str, str]) -> None:
        where.setdefault(key, self._office.monotonic())
        if len(where) > MAX_REMEMBERED:
            where.popitem(last=False)

    def _expect(self, item: Missing) -> None:
        """Look in a while whether the manifest that an event commits has come."""
        key = (item.dock, item.manifest)
        self._expected.setdefault(key, (self._office.monotonic() + ASK_AFTER_S, item))
        if len(self._expected) > MAX_REMEMBERED:
            self._expected.popitem(last=False)  # the dock repeats what has no receipt anyway

    def _ask_for_manifests(self, now_s: float) -> list[Outgoing]:
        """An event whose manifest is not held: `later`, reason `missing`, with `current`."""
        out = []
        for key, (due_s, item) in list(self._expected.items()):
            if due_s > now_s:
                continue
            held = recordings.find(self._office.connection, item.dock, item.recording)
            if held is not None and held.revision >= item.revision:
                del self._expected[key]
                continue
            self._expected[key] = (now_s + ASK_AGAIN_S, item)
            out += self._question(item, held)
        return out

    def _question(self, item: Missing, held: Recording | None) -> list[Outgoing]:
        connection = self._office.connection
        dock = docks.find(connection, item.dock)
        facts = self._facts(item) if held is None else (held.sha256, held.size_bytes)
        if dock is None or facts is None:
            return []
        newest = None
        if held is not None:
            newest = recordings.manifest(connection, item.dock, item.recording, held.revision)
        subject = Subject(item.recording, facts[0], facts[1], item.revision, item.manifest)
        reason = f"missing: an event names revision {item.revision}, which is not held"
        current = None if newest is None else newest.raw
        return [self._office.refusal(dock, subject, "later", reason, current)]

    def _facts(self, item: Missing) -> tuple[str, int] | None:
        """Return (SHA-256, size) of a recording of which no manifest is held: from its `stored` event."""
        for row in events.of_recording(self._office.connection, item.dock, item.recording):
            if row["kind"] == "stored":
                event = CustodyEvent.parse(envelope.peek(bytes(row["raw"]), "event"))
                if _fits(event, Stored):
                    return str(event.data["sha256"]), int(event.data["size"])
        return None


def _fits(event: CustodyEvent, shape: type[Wire]) -> bool:
    try:
        shape.parse(chain.data_bytes(event))
    except Refused:
        return False
    return True
