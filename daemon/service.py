"""The service: puts the parts together, starts the threads, tells systemd, stops in order.

Threads: the slot keeper and one puller for each occupied slot, the inspecting workers (`pipeline`: what
sending waits for; `thorough`: the standard inspection, one to a core), `vault` (room, read-back, alarms), the
link to the platform, the control socket.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from systemd import daemon as systemd

from daemon.acts.commands import Commands
from daemon.acts.handlers import handlers as acting
from daemon.acts.tools import Tools as ActTools
from daemon.attention import attention_json
from daemon.board import SlotBoard, SlotView
from daemon.control import Asker, ControlServer
from daemon.dockings import dockings_json, officer_of
from daemon.heartbeat import Heartbeats
from daemon.ingest.gate import CopyGate
from daemon.ingest.memory import Memory
from daemon.ingest.slotkeeper import SlotKeeper
from daemon.ingest.tools import Tools
from daemon.inspections import Inspections
from daemon.keeping import Keeping
from daemon.parts import Parts, open_parts
from daemon.power import under_voltage
from daemon.read_back import read_soon
from daemon.rolling_asked import roll_handler
from daemon.settings import Settings
from daemon.sole import sole
from daemon.status import dock_json, recordings_json, show_json, slot_json
from daemon.tagrules import load_tag_rules
from daemon.telemetry import Telemetry
from daemon.uplinking import make_uplink

_LOG = logging.getLogger(__name__)
_PING_S = 2.0
_READ_AGAIN = 1000  # recordings at once
_SLOTS_LIMIT_S = 90.0
_VAULT_LIMIT_S = 120.0
_STOP_S = 25.0
# An inspection may go on for long, and is simply done again after the start: nothing waits for it.
_WORKERS_STOP_S = 5.0


class Service:
    """The running dock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self._beats = Heartbeats()
        settings, custody = parts.settings, parts.custody
        self._telemetry = Telemetry(custody, settings.sha256)
        self._tag_rules = load_tag_rules(settings.tagging.rules)
        self._acts = self._act_tools()
        self._commands = commands_of(parts, self._acts)
        take = self._commands.take if self._commands is not None else None
        self._uplink = make_uplink(parts, self._telemetry, self._beats, self._stop, self.wake, take)
        self._board = SlotBoard([(s.number, s.label) for s in settings.slots], self._slot_changed)
        self._inspections = Inspections(
            parts, self._tag_rules, lambda: self._board.reading, self._beats, self._stop, self.wake
        )
        beat = self._beats.register("vault", _VAULT_LIMIT_S)
        self._keeping = Keeping(parts, self._board, self._stop, beat, self._uplink)
        tools = Tools(
            ledger=parts.ledger,
            memory=Memory(parts.store, parts.vault),
            vault=parts.vault,
            board=self._board,
            profiles=parts.profiles,
            mounts=settings.dock.mounts,
            zone=ZoneInfo(settings.dock.time_zone),
            now=custody.clock.now,
            stored=self.wake,
            count=parts.counters.count,
            reserve_bytes=settings.vault.reserve_bytes,
            room=self._keeping.waiting,
            gate=CopyGate(under_voltage),
            card_free_share=settings.alarms.card_free_share,
        )
        self._slots = keeper = SlotKeeper(
            parts.store,
            tools,
            settings.dock_slots(),
            self._stop,
            self._beats.register("slots", _SLOTS_LIMIT_S),
        )
        self._keeper = threading.Thread(target=keeper.run, name="slots", daemon=True)

    def wake(self) -> None:
        """Something was committed: whoever may have work looks."""
        self._inspections.wake()
        self._keeping.wake()
        self._uplink.wake()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything runs inside the block; afterwards everything has stopped, resumable."""
        control = ControlServer(
            self._parts.settings.control.socket, self._handlers(), self._parts.store.release
        )
        with ExitStack() as stack:
            stack.callback(self._parts.counters.step)
            stack.callback(self._inspections.close)
            stack.callback(control.close)
            control.start()
            threads = [self._keeper, self._keeping.worker, *self._uplink.threads()]
            workers = self._inspections.workers
            for thread in [*workers, *threads]:
                thread.start()
            stack.callback(_join, workers, _WORKERS_STOP_S)
            stack.callback(_join, threads, _STOP_S)
            stack.callback(self.stop)
            for view in self._board.views():
                self._slot_changed(view)
            yield

    def watch(self) -> None:
        """Ping systemd while every thread turns; returns when told to stop."""
        while not self._stop.wait(_PING_S):
            if late := self._beats.late():
                _LOG.error("not turning: %s", ", ".join(late))
            else:
                systemd.notify("WATCHDOG=1")

    def stop(self) -> None:
        self._stop.set()
        self.wake()

    def _act_tools(self) -> ActTools:
        parts = self._parts

        def health() -> dict[str, Any]:
            return self._telemetry.health(parts.store, parts.vault.folder).model_dump(mode="json")

        return ActTools(
            store=parts.store,
            custody=parts.custody,
            settings=parts.settings,
            rules=self._tag_rules,
            apply=lambda limits: self._uplink.apply(limits),
            rescan=lambda slot: self._slots.rescan(slot),
            health=health,
            wake=self.wake,
        )

    def _slot_changed(self, view: SlotView) -> None:
        officer = officer_of(self._parts.store, view.docking.id) if view.docking else None
        self._uplink.slot(self._telemetry.slot(view, officer))

    def _handlers(self) -> dict[str, Any]:
        store = self._parts.store

        def status(_: Asker, __: dict[str, Any]) -> dict[str, Any]:
            self._parts.counters.step()
            slots = [slot_json(view) for view in self._board.views()]
            zone = ZoneInfo(self._parts.settings.dock.time_zone)
            attention = attention_json(store, self._parts.custody.clock.now(), zone)
            return {
                "running": True,
                "slots": slots,
                **dock_json(store),
                "attention": attention,
                "uplink": self._uplink.progress(),
            }

        def slots(_: Asker, __: dict[str, Any]) -> list[dict[str, Any]]:
            return [slot_json(view) for view in self._board.views()]

        def recordings(_: Asker, __: dict[str, Any]) -> list[dict[str, Any]]:
            return recordings_json(store)

        def show(_: Asker, args: dict[str, Any]) -> dict[str, Any]:
            return show_json(store, str(args.get("recording", "")))

        def dockings(_: Asker, __: dict[str, Any]) -> list[dict[str, Any]]:
            return dockings_json(store)

        def read_again(_: Asker, args: dict[str, Any]) -> dict[str, Any]:
            named = args.get("recordings")
            named = [str(one) for one in named[:_READ_AGAIN]] if isinstance(named, list) else []
            return {"recordings": read_soon(store, named)}

        reading = {
            "status": status,
            "read_again": read_again,
            "slots": slots,
            "recordings": recordings,
            "show": show,
            "dockings": dockings,
        }
        rolling = {"roll": roll_handler(self._parts, self.wake)}
        return reading | rolling | acting(self._acts, self._commands)


def commands_of(parts: Parts, tools: ActTools) -> Commands | None:
    """Return who takes the platform's commands; None where there is no platform."""
    platform = parts.settings.platform if parts.copy_of is None else None
    return None if platform is None else Commands(tools, platform.ring(), parts.counters.count)


def _join(threads: Sequence[threading.Thread], longest_s: float) -> None:
    deadline = time.monotonic() + longest_s
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.  Raises AlreadyRunning, and what `open_parts` raises."""
    control, mounts = settings.control.socket, settings.dock.mounts
    locks = {
        control.with_name(f"{control.name}.lock"): "[control] socket",
        mounts.with_name(f"{mounts.name}.lock"): "[dock] mounts",
    }
    before = os.umask(0o027)  # footage is nobody's business; the group has the inspector in it
    try:
        with sole(locks):
            _serve(settings)
    finally:
        os.umask(before)


def _serve(settings: Settings) -> None:
    service = Service(open_parts(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    with service.running():
        systemd.notify("READY=1")
        _LOG.info("dock %s is up", settings.dock.id)
        service.watch()
        systemd.notify("STOPPING=1")
    _LOG.info("dock %s has stopped", settings.dock.id)
