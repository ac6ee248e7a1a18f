"""A center on a bench: the real receiver, catalogue and store, with the connection left out."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from center import enrolment, keybook, settings
from center.blobs import Blobs
from center.catalogue import database, evidence, registries
from center.office import Office, Outgoing
from center.receiver import Receiver
from center.verifier import Verifier
from tests.center.scripted import PLATFORM, Footage, ScriptedDock
from uplink import envelope
from uplink.connection import Inbound
from uplink.keys import Role
from uplink.messages import FileAnswer, Head, Receipt, Refusal


class Bench:
    """One center.  `now_s` is its monotonic clock; `said` is what it published, oldest first."""

    def __init__(self, root: Path, limits: settings.Limits | None = None) -> None:
        self.folder = settings.Folder(root)
        if not self.folder.settings.exists():
            limits = limits or settings.Limits(reserve_bytes=0)
            settings.make(self.folder, settings.Settings(id=PLATFORM, limits=limits))
        self.settings = settings.load(self.folder)
        self.keys, _ = keybook.load_or_make(self.folder, PLATFORM)
        self.now_s = 1000.0
        self.said: list[Outgoing] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the center as `center run` does; a second time is a restart."""
        self._stack.close()
        self._stack = contextlib.ExitStack()
        connection = database.open_for_writing(self.folder)
        self._stack.callback(connection.close)
        blobs = Blobs(self.folder)
        self._stack.callback(blobs.close)
        verifier = Verifier()
        self._stack.callback(verifier.close)
        with database.writing(connection):
            lease = registries.next_lease(connection, int(time.time() * 1000))
        self.office = Office(connection, self.settings, self.keys, lease, monotonic=lambda: self.now_s)
        self.receiver = Receiver(self.office, blobs, verifier)
        self.said = self.receiver.connected()

    def enrol(self, name: str, site: str = "site-1") -> ScriptedDock:
        dock = ScriptedDock(name, site)
        enrolment.take_in(self.folder, self.settings, enrolment.read(dock.identity(), "test"))
        return dock

    # Speaking as a dock

    def hear(self, topic: str, payload: bytes, **more: Any) -> list[Outgoing]:
        out = self.receiver.handle(Inbound(topic, payload, **more))
        self.said += out
        return out

    def tick(self, after_s: float = 0.0) -> list[Outgoing]:
        self.now_s += after_s
        out = self.receiver.tick()
        self.said += out
        return out

    def event(self, dock: ScriptedDock, event: envelope.Envelope) -> list[Outgoing]:
        return self.hear(dock.topics.up("events"), event.raw)

    def manifest(self, dock: ScriptedDock, footage: Footage, manifest: envelope.Envelope) -> list[Outgoing]:
        return self.hear(dock.topics.up(f"manifests/{footage.recording}"), manifest.raw)

    def file(
        self, dock: ScriptedDock, file_id: str, what: str | int, payload: bytes, sha256: str | None = None
    ) -> list[Outgoing]:
        if isinstance(what, int):
            sha256 = sha256 or hashlib.sha256(payload).hexdigest()
        pairs = (("sha256", sha256),) if sha256 else ()
        return self.hear(dock.topics.up(f"file/{file_id}/{what}"), payload, user_properties=pairs)

    def transfer(
        self, dock: ScriptedDock, footage: Footage, manifest: str, attempt: int = 1, segment: int = 100_000
    ) -> list[Outgoing]:
        """Send a whole file; returns what was said from `fin` on."""
        file_id = dock.file_id(footage, attempt)
        self.file(dock, file_id, "init", dock.init(footage, manifest, attempt).to_bytes())
        for offset in range(0, len(footage.data), segment):
            self.file(dock, file_id, offset, footage.data[offset : offset + segment])
        before = len(self.said)
        self.file(dock, file_id, "fin", dock.fin().to_bytes())
        self.until(lambda: not self.receiver._files.busy)
        return self.said[before:]

    def until(self, done: Callable[[], bool]) -> None:
        """Tick until `done` (the read-back runs in a thread of its own)."""
        for _ in itertools.takewhile(lambda _: not done(), range(2000)):
            self.tick(0.05)
            time.sleep(0.001)
        assert done()

    # What was said

    def unsealed(self, out: Outgoing, kind: str) -> bytes:
        return envelope.unseal(out.payload, kind, self.keys.ring(), Role.RECEIPT).payload

    def receipts(self, said: list[Outgoing]) -> list[Receipt]:
        return [
            Receipt.parse(self.unsealed(out, "receipt"))
            for out in said
            if "/down/receipts/" in out.topic and b"vnd.bodydock.receipt" in out.payload
        ]

    def refusals(self, said: list[Outgoing]) -> list[Refusal]:
        return [
            Refusal.parse(self.unsealed(out, "refusal"))
            for out in said
            if "/down/receipts/" in out.topic and b"vnd.bodydock.refusal" in out.payload
        ]

    def answers(self, said: list[Outgoing]) -> list[FileAnswer]:
        return [FileAnswer.parse(out.payload) for out in said if "/down/file/" in out.topic]

    def statuses(self, said: list[Outgoing]) -> list[str]:
        return [answer.status for answer in self.answers(said)]

    def heads(self, said: list[Outgoing]) -> list[Head]:
        return [Head.parse(self.unsealed(out, "head")) for out in said if out.topic.endswith("/down/head")]

    def counters(self) -> dict[str, int]:
        """Return the counters by name, over all docks."""
        self.office.flush_counters()
        found: Counter[str] = Counter()
        with database.reading(self.folder) as connection:
            for row in evidence.counters(connection):
                found[row["name"]] += row["value"]
        return dict(found)

    def counted(self, name: str) -> int:
        return self.counters().get(name, 0)

    def quarantined(self) -> list[str]:
        with database.reading(self.folder) as connection:
            return [str(row["code"]) for row in evidence.listed(connection)]

    def stored(self, footage: Footage) -> bytes:
        return (self.folder.store / footage.sha256[:2] / footage.sha256[2:4] / footage.sha256).read_bytes()
