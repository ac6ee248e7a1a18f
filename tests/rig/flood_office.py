"""A broker with the shipped bounds, a center, a dock that keeps the protocol and one that floods."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from center import acl, enrolment, keybook, settings
from center.catalogue import database, docks, evidence
from center.reading import status
from tests.center.scripted import Footage, ScriptedDock
from tests.center.test_center_200_docks import telemetry
from tests.center.test_center_run import Center
from tests.rig.broker import Broker
from tests.rig.flooder import Flooder
from tests.rig.memory_desk import PLATFORM, SITE
from tests.rig.real_desk import SERIAL, RealDesk
from tests.rig.tls_broker import SHIPPED
from tests.uplink.test_link import Dock
from uplink.keys import SigningKey

Messages = Sequence[tuple[str, bytes, Sequence[tuple[str, str]]]]
KINDS = ("health", "slots", "events", "garbage", "manifests", "segments")
ANYBODY = (
    "topic readwrite #\n\n"  # who gives no name: the docks; the receiver has the rights that are shipped
)
MIB = 1024 * 1024


class FloodOffice:
    """Enter it: the center runs (with `run_center`) and both docks are enrolled; neither speaks yet."""

    def __init__(self, folder: Path, *, run_center: bool = True) -> None:
        self.folder = folder
        self._run_center = run_center
        self._stack = ExitStack()
        self._number = 0

    def __enter__(self) -> Self:
        bounds = tuple(line for line in SHIPPED.read_text().splitlines() if line.startswith("max_"))
        self.broker = self._stack.enter_context(Broker(settings=bounds, acl=ANYBODY))
        self.center = Center(settings.Folder(self.folder / "center"))
        address = settings.Broker(host=self.broker.host, port=self.broker.port)
        made = settings.Settings(id=PLATFORM, broker=address, limits=settings.Limits(reserve_bytes=0))
        settings.make(self.center.folder, made)
        keybook.load_or_make(self.center.folder, PLATFORM)
        ring = keybook.load(self.center.folder, PLATFORM).ring()
        self.desk = RealDesk(SigningKey.draw(), ring)
        self.flooding = ScriptedDock("flooding", SITE, PLATFORM)
        for dock in (self.desk.dock, self.flooding):
            enrolment.take_in(self.center.folder, made, enrolment.read(dock.identity(), "test"))
        with database.reading(self.center.folder) as connection:
            self.broker.give_rights(ANYBODY + acl.text(made, docks.every(connection)))
        if self._run_center:
            self.center.start()
            self._stack.callback(self.center.kill)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def dock(self) -> Dock:
        """Start the dock that keeps the protocol."""
        dock = Dock(self.broker.port, self.desk)
        self._stack.callback(dock.close)
        return dock

    def flooder(self, messages: Messages) -> Flooder:
        """Return a client that is connected, and floods from `begin` on."""
        flooder = Flooder((self.broker.host, self.broker.port), "flooding", messages)
        return self._stack.enter_context(flooder)

    def record(self, dock: Dock, size_bytes: int = 4 * MIB) -> Footage:
        """Give the dock a recording to send."""
        self._number += 1
        name = f"{self._number}.mp4"
        footage = Footage(os.urandom(size_bytes), name.encode(), SERIAL)
        self.desk.add(footage, self.folder / name)
        self.desk.waiting.append(footage.recording)
        dock.link.wake()
        return footage

    def counters(self) -> dict[tuple[str, str], int]:
        with database.reading(self.center.folder) as connection:
            return {(row["name"], row["dock"]): row["value"] for row in evidence.counters(connection)}

    def troubles(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = status(self.center.folder, datetime.now(UTC))["troubles"]
        return found


def flood(kind: str, dock: ScriptedDock) -> Messages:
    """Return what a flood of this kind is made of."""
    up = dock.topics.up
    said = telemetry(dock)
    match kind:
        case "health":
            return [(up(rest), message.to_bytes(), ()) for rest, message in said if rest == "health"]
        case "slots":
            return [(up(rest), message.to_bytes(), ()) for rest, message in said if rest.startswith("slots")]
        case "events":  # signed, and in order: taken once, and known from then on
            chain = [dock.enrolled(), *(dock.event("cleared", {"recordings": []}) for _ in range(20))]
            return [(up("events"), event.raw, ()) for event in chain]
        case "garbage":
            return [(up("events"), b"{}", ())]
        case "manifests":
            footage = Footage(b"x", b"f.mp4")
            return [(up(f"manifests/{footage.recording}"), dock.manifest(footage).raw, ())]
        case "segments":  # of a transfer that nobody began
            data = os.urandom(MIB)
            digest = hashlib.sha256(data).hexdigest()
            return [(up(f"file/{'0' * 32}/0"), data, (("sha256", digest),))]
    raise ValueError(kind)
