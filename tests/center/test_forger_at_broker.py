"""Somebody without a key writes to a broker without rights while a real dock sends to a real center (B4)."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from center import enrolment, keybook, settings
from center.catalogue import database
from center.reading import status
from tests.center.scripted import Footage, ScriptedDock
from tests.center.test_center_run import Center
from tests.rig.broker import Broker
from tests.rig.memory_desk import PLATFORM
from tests.rig.real_desk import SERIAL, RealDesk
from tests.rig.until import until
from tests.uplink.test_link import Dock
from uplink.broker import BrokerAddress
from uplink.connection import Connected, Connection, Inbound
from uplink.desk import OutgoingFile
from uplink.keys import SigningKey
from uplink.messages import FileAnswer, FileInit
from uplink.messages.transfer import MAX_RANGES

MIB = 1024 * 1024


class Forger:
    """Knows what everybody may know (public key, manifest) and writes what it likes."""

    def __init__(self, broker: Broker, dock: ScriptedDock) -> None:
        self.dock = dock
        self.ranges: list[tuple[int, int]] = []
        self.connection = Connection(
            BrokerAddress(broker.host, broker.port),
            "forger",
            subscriptions=(dock.topics.down("file/#"),),
        )
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Forger:
        self.connection.start()
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self.connection.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            match self.connection.next(0.1):
                case Connected():
                    self._ready.set()
                case Inbound(_, payload):
                    self.ranges = FileAnswer.parse(payload).ranges

    def init(self, file: OutgoingFile) -> None:
        word = FileInit(
            name=f"{file.recording}.mp4",
            recording=file.recording,
            attempt=file.attempt,
            size=file.size_bytes,
            sha256=file.sha256,
            manifest=file.manifest,
            nonce="f" * 32,
        )
        self._publish(file, "init", word.to_bytes())

    def scatter(self, file: OutgoingFile, first: int, last: int) -> None:
        for offset in range(first, last, 2):
            self._publish(file, str(offset), b"\xff", hashlib.sha256(b"\xff").hexdigest())

    def _publish(self, file: OutgoingFile, what: str, payload: bytes, sha256: str = "") -> None:
        topic = self.dock.topics.up(f"file/{file.file_id}/{what}")
        until(lambda: len(self.connection._unacknowledged) < 500, "the broker")
        properties = (("sha256", sha256),) if sha256 else ()
        self.connection.publish(topic, payload, user_properties=properties)


@dataclass
class Office:
    """A broker without rights, a center, a dock's desk."""

    broker: Broker
    center: Center
    desk: RealDesk


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Broker() as broker:
        folder = settings.Folder(tmp_path / "center")
        address = settings.Broker(host=broker.host, port=broker.port)
        limits = settings.Limits(reserve_bytes=0)
        settings.make(folder, settings.Settings(id=PLATFORM, broker=address, limits=limits))
        keybook.load_or_make(folder, PLATFORM)
        desk = RealDesk(SigningKey.draw(), keybook.load(folder, PLATFORM).ring())
        enrolment.take_in(folder, settings.load(folder), enrolment.read(desk.dock.identity(), "test"))
        center = Center(folder)
        center.start()
        try:
            yield Office(broker, center, desk)
        finally:
            center.kill()


def stored(office: Office, footage: Footage) -> bytes:
    return office.center.folder.blob(footage.sha256).read_bytes()


def test_a_forger_stalls_neither_the_file_nor_those_behind_it_b4(office: Office, tmp_path: Path) -> None:
    desk = office.desk
    large = Footage(os.urandom(24 * MIB), b"large.mp4", SERIAL)
    small = Footage(os.urandom(MIB), b"small.mp4", SERIAL)
    file = desk.add(large, tmp_path / "large.mp4")
    desk.add(small, tmp_path / "small.mp4")
    end = file.size_bytes
    with Forger(office.broker, desk.dock) as forger:
        dock = Dock(office.broker.port, desk)
        try:
            until(lambda: manifests(office) == 2, "both manifests")
            forger.init(file)
            forger.scatter(file, end - 2 * MAX_RANGES, end)
            until(lambda: len(forger.ranges) == MAX_RANGES, "as many ranges as there may be")

            desk.waiting += [large.recording, small.recording]
            dock.link.wake()
            forger.scatter(file, end - 6 * MAX_RANGES, end - 2 * MAX_RANGES)  # while the dock sends
            until(lambda: len(desk.delivered) == 2, "both receipts", timeout_s=30.0)
        finally:
            dock.close()
    assert stored(office, large) == large.data
    assert stored(office, small) == small.data
    # The forged bytes sat where the dock's belong: the whole was refused once, and said loudly.
    assert [(recording, new) for recording, _, new in desk.failed] == [(large.recording, True)]
    names = {"forged_bytes", "flooding"}  # one that writes so fast may be shut out besides
    until(lambda: "forged_bytes" in {t["name"] for t in troubles(office)}, "it is written down")
    assert {trouble["name"] for trouble in troubles(office)} <= names
    one = next(trouble for trouble in troubles(office) if trouble["name"] == "forged_bytes")
    assert f"{desk.dock.topics.up('file')}/{file.file_id}/#" in one["detail"]


def troubles(office: Office) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = status(office.center.folder, datetime.now(UTC))["troubles"]
    return found


def manifests(office: Office) -> int:
    with database.reading(office.center.folder) as connection:
        return int(connection.execute("SELECT count(*) FROM manifests").fetchone()[0])
