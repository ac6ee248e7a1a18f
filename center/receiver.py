"""What becomes of each message that comes in: to the right intake, or counted and refused.

- A dock is known by its enrolment for that site and id, whatever the broker's rights say.
- What must be live (events, manifests, reports, files) and was delivered as retained is not taken.
- A Response Topic outside the requester's own `down/reply/` is ignored and counted (trust.md).
- Nothing stops the receiver: a refusal is counted and kept as evidence, a bug costs one message.
- Counters are named by our own channels, `other` for what somebody made up, and what others can cause at will
  is logged once, then summed up each minute.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

from center.blobs import Blobs
from center.catalogue import database, docks, registries
from center.catalogue.docks import Dock
from center.catalogue.evidence import Evidence
from center.errors import StoreFull
from center.fence import Vain
from center.intake_events import EventIntake
from center.intake_files import FileIntake
from center.intake_manifests import ManifestIntake
from center.office import Office, Outgoing
from center.receipting import Receipting
from center.verifier import Verifier
from uplink import envelope, topics
from uplink.connection import Inbound
from uplink.errors import Refused
from uplink.keys import Role
from uplink.messages.telemetry import HealthMessage, SlotMessage, StateMessage

log = logging.getLogger(__name__)

CHANNELS = frozenset(("events", "manifests", "reports", "file", "state", "health", "slots", "reply"))
SIGNED_AS = {"events": "event", "manifests": "manifest"}
HEARD_AGAIN_S = 1.0
TELEMETRY = ("state", "health", "slots")
FADE_EVERY_S = 30.0
LIVE_ONLY = ("events", "manifests", "reports", "file")
FLUSH_EVERY_S = 1.0
TROUBLE_EVERY_S = 10.0
IDLE_S = 0.25
SOON_S = 0.02
RECEIPTS_AT_ONCE = 50
MAX_TELEMETRY_BYTES = 64 * 1024


class Receiver:
    """The receiving end of one center, without the connection."""

    def __init__(self, office: Office, blobs: Blobs, verifier: Verifier) -> None:
        self._office = office
        self._receipting = Receipting(office, blobs)
        self._events = EventIntake(office, self._receipting)
        self._manifests = ManifestIntake(office, self._receipting)
        self._files = FileIntake(office, blobs, verifier, self._receipting)
        self._flush_s = 0.0
        self._fade_s = 0.0
        self._trouble_s = 0.0
        self._known = self._dock_names()
        self._held_back: frozenset[str] = frozenset()
        self._speaker = ""  # who sent the message that is being taken; none that is enrolled

    def connected(self) -> list[Outgoing]:
        """Return what is said at each connect: heads, registries, open ranges."""
        return self._guarded(None, None, self._greet)

    def handle(self, inbound: Inbound) -> list[Outgoing]:
        """Take one message; returns the answers."""
        self._speaker = ""
        self._office.begin_message()
        out = self._guarded(None, inbound, lambda: self._take(inbound))
        self._office.end_message(self._speaker, len(inbound.payload))
        return out

    def hear_again(self, names: frozenset[str]) -> None:
        """Docks that were not heard for a while are told where they stand, so that they need not wait."""
        for name in names & self._known:
            # A moment later, for the subscription has to stand before they answer.
            self._events.announce(name, self._office.monotonic() + HEARD_AGAIN_S)

    def say_again(self) -> list[Outgoing]:
        """Return what makes every dock send again what did not arrive: heads and ranges under a new lease."""
        return self._guarded(None, None, self._say_again)

    def _say_again(self) -> list[Outgoing]:
        self._office.draw_lease()
        return [*self._events.heads(), *self._files.announce()]

    def _greet(self) -> list[Outgoing]:
        for dock in docks.every(self._office.connection):
            self._receipting.release(dock.dock)
        snapshots = registries.newest(self._office.connection)
        signed = [
            Outgoing(topics.registry_topic(snapshot.site, snapshot.kind), snapshot.raw, retain=True)
            for snapshot in snapshots
        ]
        return [*self._events.heads(), *signed, *self._files.announce()]

    def _take(self, inbound: Inbound) -> list[Outgoing]:
        topic = topics.parse(inbound.topic)
        if topic is None or topic.direction != "up":
            self._office.count("refused.topic")
            return []
        dock = docks.find(self._office.connection, topic.dock)
        if dock is None or dock.site != topic.site:
            self._office.count("refused.not_enrolled")
            return self._refuse_unknown(topic)
        self._speaker = dock.dock
        if inbound.response_topic is not None:
            self._check_response_topic(dock, inbound.response_topic)
        if inbound.retained and topic.parts[0] in LIVE_ONLY:
            self._office.count(f"ignored.retained.{topic.parts[0]}", dock.dock)
            return []
        return self._guarded(dock, inbound, lambda: self._route(dock, topic.parts, inbound))

    def tick(self) -> list[Outgoing]:
        """Do what time asks for; call it after each `wait_s` at the latest."""
        parts: tuple[Callable[[], list[Outgoing]], ...] = (
            self._events.tick,
            self._files.tick,
            lambda: self._receipting.some(RECEIPTS_AT_ONCE),
            self._each_second,
        )
        return [out for part in parts for out in self._guarded(None, None, part)]

    @property
    def wait_s(self) -> float:
        """How long to wait for a message before the next `tick`."""
        if self._files.busy or self._receipting.waiting:
            return SOON_S
        due_s = self._events.next_due_s
        if due_s is None:
            return IDLE_S
        return min(max(due_s - self._office.monotonic(), 0.001), IDLE_S)

    def _each_second(self) -> list[Outgoing]:
        now_s = self._office.monotonic()
        if now_s >= self._flush_s:
            self._flush_s = now_s + FLUSH_EVERY_S
            self._office.flush_counters()
            self._office.quiet.tick()
            if now_s >= self._fade_s:
                self._fade_s = now_s + FADE_EVERY_S
                self._office.fade_troubles()
            names = self._dock_names()
            for name in names - self._known:  # enrolled while we run
                self._events.announce(name)
            self._known = names
            held_back = self._receipting.held_back()
            for name in self._held_back - held_back:  # a person settled it
                self._receipting.release(name)
            self._held_back = held_back
        return []

    def _route(self, dock: Dock, parts: tuple[str, ...], inbound: Inbound) -> list[Outgoing]:
        raw = inbound.payload
        if parts[0] in TELEMETRY:
            self._office.note_vain()  # a dock of ours says little of it
        elif parts[0] == "reports":
            self._office.note_vain(Vain.AGAIN)
        match parts:
            case ("events",):
                self._events.take(dock, raw)
                return []
            case ("manifests", recording):
                return self._manifests.take(dock, recording, raw)
            case ("reports", digest):
                return self._manifests.take_report(dock, digest, raw)
            case ("file", *rest):
                return self._files.take(dock, tuple(rest), raw, inbound.user_property("sha256"))
            case ("state",):
                self._note_state(dock, raw)
                return []
            case ("health",):
                HealthMessage.parse(raw, MAX_TELEMETRY_BYTES)
                return []
            case ("slots", _):
                if raw:  # an empty one clears a retained slot
                    SlotMessage.parse(raw, MAX_TELEMETRY_BYTES)
                return []
            case ("reply", *_):
                self._office.count("ignored.reply", dock.dock)  # nothing was asked
                return []
        raise Refused("topic", f"nothing is expected on up/{'/'.join(parts)[:80]}")

    def _note_state(self, dock: Dock, raw: bytes) -> None:
        if not raw:
            return
        state = StateMessage.parse(raw, MAX_TELEMETRY_BYTES)
        if state.dock != dock.dock:
            raise Refused("address", f"the state of {state.dock}")
        with database.writing(self._office.connection) as connection:
            docks.note_state(connection, dock.dock, state.state, self._office.now())

    def _check_response_topic(self, dock: Dock, response_topic: str) -> None:
        if not response_topic.startswith(dock.topics.down("reply/")):
            self._office.count("ignored.response_topic", dock.dock)

    def _refuse_unknown(self, topic: topics.DockTopic) -> list[Outgoing]:
        if topic.parts[0] in ("events", "manifests"):
            raise Refused("not_enrolled", f"{topic.site}/{topic.dock} is not enrolled here")
        return []

    def _guarded(
        self, dock: Dock | None, inbound: Inbound | None, work: Callable[[], list[Outgoing]]
    ) -> list[Outgoing]:
        name = "" if dock is None else dock.dock
        try:
            return work()
        except Refused as e:
            self._refused(dock, inbound, e)
        except (StoreFull, sqlite3.Error, OSError) as e:
            # Said nothing, credited nothing: the dock sends again.
            self._say_trouble(e)
            self._office.count("trouble.storage", name)
        except Exception:  # noqa: BLE001 - logged with its trace
            what = inbound.topic if inbound else "tick"
            self._office.quiet.say("bug", logging.ERROR, f"a bug: this message is lost: {what}", trace=True)
            self._office.count("bug", name)
        return []

    def _say_trouble(self, error: Exception) -> None:
        now_s = self._office.monotonic()
        if now_s >= self._trouble_s:  # a sick disk fails many times a second
            self._trouble_s = now_s + TROUBLE_EVERY_S
            log.error("the catalogue or store has trouble: %s", error)

    def _refused(self, dock: Dock | None, inbound: Inbound | None, refused: Refused) -> None:
        if inbound is None:
            return
        topic = topics.parse(inbound.topic)
        kind = topic.parts[0] if topic is not None and topic.parts[0] in CHANNELS else "other"
        name = "" if dock is None else dock.dock
        counted = f"refused.{kind}.{refused.code}"
        self._office.count(counted, name)
        self._office.quiet.say(
            f"{counted} {name}".strip(), logging.INFO, f"refused on {inbound.topic}: {refused}"
        )
        if kind in SIGNED_AS:
            signed = dock is not None and _signed(dock, kind, inbound.payload)
            evidence = Evidence(name, inbound.topic, refused.code, str(refused), inbound.payload, signed)
            try:
                self._office.quarantine(evidence)
            except (StoreFull, sqlite3.Error) as e:
                self._say_trouble(e)

    def _dock_names(self) -> frozenset[str]:
        return frozenset(dock.dock for dock in docks.every(self._office.connection))


def _signed(dock: Dock, kind: str, raw: bytes) -> bool:
    """Whether a key of the dock's own signed it, whatever it was refused for."""
    try:
        envelope.unseal(raw, SIGNED_AS[kind], dock.kept_ring, Role.DOCK)
    except Refused:
        return False
    return True
