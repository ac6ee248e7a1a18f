"""Our side of the upload figure: the dock's link, and a small receiver that writes and syncs each window."""

from __future__ import annotations

import hashlib
import os
import threading
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.rig.memory_desk import DOCK, NOW, PLATFORM, SITE, MemoryDesk
from tests.rig.small_receiver import CREDIT_BYTES, SmallReceiver
from tests.rig.until import until
from uplink.broker import BrokerAddress, Inbound
from uplink.dockside import StateWord, dock_connection
from uplink.keys import KeyRing, Role, SigningKey
from uplink.link import DockLink
from uplink.messages import StateMessage
from uplink.ranges import Ranges
from uplink.topics import DockTopics

# Of this bench only: two processes have to know them.
_CENTER, _DOCK = (SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))


def receive(port: int, into: Path, size: int, ready: Event, done: Event) -> None:
    """Write what comes; what is credited is durable."""
    with _Durable(port, into, size, done):
        ready.set()  # whether it is connected the sender learns by its head
        threading.Event().wait()


def send(port: int, path: Path, up: Event, go: Event) -> None:
    """Run a dock's link; the file is due at `go`."""
    desk = MemoryDesk(_DOCK, KeyRing([_CENTER.record(Role.RECEIPT, PLATFORM)]))
    recording = desk.add_file(path)
    desk.waiting.clear()
    topics = DockTopics(SITE, DOCK)
    connection = dock_connection(BrokerAddress("127.0.0.1", port), topics, _state)
    link = DockLink(connection, desk, topics, _state)
    threading.Thread(target=link.run, args=(threading.Event(),), daemon=True).start()
    until(lambda: desk.heads, "the platform's head")
    up.set()
    go.wait()
    desk.waiting.append(recording)
    link.wake()
    threading.Event().wait()


class _Durable(SmallReceiver):
    """Keeps the file's bytes in a file, and syncs it before it says that it holds them."""

    def __init__(self, port: int, into: Path, size: int, done: Event) -> None:
        super().__init__(port, _CENTER, _DOCK)
        self._fd = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._size = size
        self._done = done

    def _take_segment(self, file_id: str, offset: int, message: Inbound) -> None:
        data = message.payload
        if hashlib.sha256(data).hexdigest() != message.user_property("sha256"):
            return
        os.pwrite(self._fd, data, offset)
        self.ranges[file_id] = self.ranges.get(file_id, Ranges()).add(offset, offset + len(data))
        self.uncredited[file_id] += len(data)
        whole = self.ranges[file_id].covers(self._size)
        if whole or self.uncredited[file_id] >= CREDIT_BYTES:
            self._answer(file_id, "ranges")
        if whole:
            self._done.set()

    def _answer(self, file_id: str, status: Any, nonce: str | None = None) -> None:
        if status == "ranges":
            os.fdatasync(self._fd)
        super()._answer(file_id, status, nonce)


def _state(word: StateWord) -> StateMessage:
    clock = {"synced": True, "source": "ntp", "floor": NOW}
    said = {"dock": DOCK, "key": None, "run": "0" * 32, "seq": 1, "since": NOW, "time": NOW, "clock": clock}
    return StateMessage.model_validate({"state": word, "version": "1", **said}, strict=False, by_alias=True)
