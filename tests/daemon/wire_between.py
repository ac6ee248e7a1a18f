"""The real link of a dock and the real receiver of a center, with a broker between them that is a list.

- `up` and `down` are what is on the way.  What is done with it (lost, doubled, reordered) the test says.
- The broker keeps nothing over a restart: no session, no retained message, no queue (mosquitto without
  persistence).  Its PUBACKs can be swallowed; the Maximum Packet Size counts from the next CONNACK on.
- Both ends have one clock, `now_s`, that only the test moves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from center.transfers import Phase
from daemon.clock import DockClock
from daemon.custody import Custody, enrol
from daemon.identity import DockIdentity
from daemon.ingest.ledger import Ledger
from daemon.settings import DockSettings, Settings, SlotSettings
from daemon.stages.told import ToldStage
from daemon.store import Store
from daemon.telemetry import Telemetry
from daemon.vault import Vault
from tests.center.bench import Bench
from tests.center.scripted import PLATFORM
from tests.daemon.conftest import Dock, listing
from tests.daemon.making import arrived, line_of
from tests.daemon.two_ends import NAME, SITE, TwoEnds
from uplink import link
from uplink.broker import NOBODY_SUBSCRIBED, Acknowledged, Connected, Disconnected, Inbound, Notice
from uplink.errors import Offline, TooLarge
from uplink.ids import draw_id
from uplink.link import DockLink
from uplink.reception import OnCommand
from uplink.session import packet_bytes
from uplink.topics import DockTopics

BASE = datetime(2026, 11, 26, tzinfo=UTC)
FIRST_PACKET_BYTES = 1024 * 1024


class Between:
    """The broker, and the dock's `Connection` to it."""

    trouble = alarm = certificate_expires_at = None
    taken_over = False
    alive = True
    dropped = 0

    def __init__(self) -> None:
        self.up: list[tuple[int, Inbound]] = []
        self.down: list[Inbound] = []
        self.retained: dict[str, bytes] = {}
        self.dock_online = self.center_online = False
        self.max_packet_bytes = self.next_packet_bytes = FIRST_PACKET_BYTES
        self.swallowing = False
        self._notices: deque[Notice] = deque()
        self._tokens = 0

    # What the test does

    def restart(self) -> None:
        """The broker is killed and started."""
        self.up.clear()
        self.down.clear()
        self.retained.clear()
        self.center_online = False
        self.cut()

    def cut(self) -> None:
        """The dock loses its connection, and what was on the way to it."""
        if self.dock_online:
            self.dock_online = False
            self.down.clear()
            self._notices.append(Disconnected("cut"))

    def connect(self) -> None:
        if not self.dock_online:
            self.dock_online = True
            self.max_packet_bytes = self.next_packet_bytes
            self._notices.append(Connected(False, self.max_packet_bytes))
            self.down += [Inbound(topic, raw, retained=True) for topic, raw in self.retained.items()]

    def forget_dock(self) -> None:
        """The dock's process is gone; what it published is not."""
        self.cut()
        self._notices.clear()

    def said(self, out: Sequence[Any]) -> None:
        """The center published."""
        for message in out if self.center_online else ():
            if message.retain:
                self.retained[message.topic] = message.payload
            if self.dock_online:
                self.down.append(Inbound(message.topic, message.payload))

    def tell(self, message: Inbound) -> None:
        if self.dock_online:
            self._notices.append(message)

    # Connection

    def start(self) -> None: ...

    def wake(self) -> None: ...

    def close(self, farewell: object = None) -> None: ...

    @property
    def connected(self) -> bool:
        return self.dock_online

    def next(self, timeout_s: float) -> Notice | None:
        return self._notices.popleft() if self._notices else None

    def publish(self, topic: str, payload: bytes, **more: Any) -> int:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        pairs = tuple(more.get("user_properties", ()))
        if pairs:
            properties.UserProperty = list(pairs)
        if not self.dock_online:
            raise Offline("no connection")
        if packet_bytes(topic, payload, properties) > self.max_packet_bytes:
            raise TooLarge(f"{len(payload)} bytes")
        self._tokens += 1
        code = 0 if self.center_online else NOBODY_SUBSCRIBED
        if self.center_online and not more.get("retain"):
            self.up.append((self._tokens, Inbound(topic, payload, user_properties=pairs)))
        if not self.swallowing:
            self._notices.append(Acknowledged(self._tokens, code))
        return self._tokens


class _Clock:
    """Stands for the module `time` in `uplink.link`."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic


class Ends(TwoEnds):
    """Two ends with the wire between them.  `contents`: what was taken in, by recording."""

    def __init__(self, folder: Path) -> None:
        self.between = Between()
        self.on_command: OnCommand | None = None
        self.contents: dict[str, bytes] = {}
        super().__init__(folder)
        self.now_s = self.bench.now_s
        setattr(link, "time", _Clock(lambda: self.now_s))  # noqa: B010 - of the module
        self._make_link()

    def close(self) -> None:
        setattr(link, "time", time)  # noqa: B010
        super().close()

    # What happens at the ends

    def take_bytes(self, name: str, content: bytes) -> None:
        found = listing({name.encode(): len(content)})
        docking = self.dock.begin(found, attachment=draw_id())
        one = arrived(docking, found.files[0], content)
        self.dock.vault.make_room_for(one.vault).write_bytes(content)
        self.dock.ledger.store(one)
        self.dock.ledger.close(docking.id, removed=False)
        line_of(self.dock).first.step()
        self.contents[one.recording] = content
        self.link.wake()

    def kill_dock(self) -> None:
        """kill -9, and started again: another run."""
        self.between.forget_dock()
        self.dock.store.close()
        self.dock = self._open(self.folder / "dock")
        self.desk = self._desk()
        self._make_link()

    def restart_center(self) -> None:
        self.between.center_online = False
        self.bench.start()

    def connect_center(self) -> None:
        if not self.between.center_online:
            self.between.center_online = True
            self.between.said(self.bench.receiver.connected())

    # What moves

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.bench.now_s += seconds

    def dock_turns(self) -> None:
        self.link._turn(self.now_s)

    def center_turns(self) -> None:
        """Tick once, and until what is being read back is read."""
        out = self.bench.tick(0.03)
        self.now_s += 0.03
        files = self.bench.receiver._files
        while any(transfer.phase is Phase.VERIFYING for transfer in files._open.values()):
            out += self.bench.receiver.tick()
        self.between.said(out)

    def center_hears(self, message: Inbound) -> None:
        self.between.said(self.bench.receiver.handle(message))

    def all_moves(self) -> None:
        """One undisturbed exchange."""
        self.dock_turns()
        up, self.between.up = self.between.up, []
        for _, message in up:
            self.center_hears(message)
        self.center_turns()
        down, self.between.down = self.between.down, []
        for message in down:
            self.between.tell(message)
        self.dock_turns()
        ToldStage(self.dock.store, self.dock.custody).step()

    def unsettled(self) -> list[str]:
        """Return the recordings whose newest revision has no receipt."""
        rows = self.dock.store.rows(
            "SELECT recording FROM recordings WHERE state <> 'delivered' OR delivered_revision <> revision"
        )
        return [row["recording"] for row in rows]

    def reason(self, recording: str) -> str | None:
        """Return why it is not delivered, as people are told."""
        return self.dock.store.value(  # type: ignore[no-any-return]
            "SELECT coalesce((SELECT refusal FROM manifests m WHERE m.recording = r.recording"
            " AND refusal IS NOT NULL LIMIT 1), failure) FROM recordings r WHERE recording = ?",
            (recording,),
        )

    # Inside

    def _make_link(self) -> None:
        settings = Settings(
            dock=DockSettings(id=NAME, site=SITE, state=self.folder / "dock"),
            slots=[SlotSettings(number=1, ports=["p"])],
        )
        state = Telemetry(self.dock.custody, settings.sha256).state
        self.link = DockLink(
            self.between,  # type: ignore[arg-type]
            self.desk,
            DockTopics(SITE, NAME),
            state,
            on_command=self.on_command,
        )

    def _open(self, folder: Path, platform: str = PLATFORM) -> Dock:
        folder.mkdir(exist_ok=True)
        identity = DockIdentity(NAME, SITE, platform, self.key, None, draw_id())
        store = Store(folder / "store.db")

        def machine() -> datetime:
            return BASE + timedelta(seconds=self.now_s)

        custody = Custody(identity, DockClock(None, machine, lambda: self.now_s))
        enrol(store, custody, [])
        vault = Vault(folder / "vault")
        vault.prepare()
        return Dock(folder, store, custody, Ledger(store, custody), vault)


__all__ = ["Bench", "Between", "Ends"]
