"""`bodydock center run` as its own process on a real broker, killed while bytes arrive."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from center import enrolment, keybook, settings
from center.catalogue import database, recordings
from center.reading import showing
from tests.center.scripted import PLATFORM, Footage, ScriptedDock
from tests.rig.broker import Broker
from uplink import envelope
from uplink.connection import Acknowledged, BrokerAddress, Connected, Connection, Inbound
from uplink.errors import Offline, Refused
from uplink.ids import draw_id
from uplink.keys import KeyRing, Role
from uplink.messages import FileAnswer, Head, Receipt
from uplink.sender import Transfer
from uplink.steps import FileFacts, Fin, Init, Segment, Wait

RATE_BYTES_PER_S = 24 * 1024 * 1024
PROGRAM = "from daemon.cli.main import main; main()"


@dataclass
class Center:
    """A center's folder, and its process while it runs."""

    folder: settings.Folder
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", PROGRAM, "center", "run", "--folder", str(self.folder.root)]
        with (self.folder.root / "log").open("a") as log:
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=log, text=True)
        assert self.process.stderr is not None
        said = ""
        while "receives from" not in said:
            line = self.process.stderr.readline()
            assert line, said
            said += line
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)


@dataclass
class Driver:
    """The scripted dock on the wire: the real sender, with the rate held down."""

    dock: ScriptedDock
    connection: Connection
    ring: KeyRing
    receipts: dict[int, set[str]] = field(default_factory=dict)
    heads: list[Head] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    sender: Transfer | None = None
    file_id: str = ""

    def turn(self, timeout_s: float) -> None:
        notice = self.connection.next(timeout_s)
        if isinstance(notice, Connected) and self.sender is not None:
            self.sender.connected(time.monotonic())
        if isinstance(notice, Acknowledged):
            self.codes[notice.token] = notice.reason_code
        if not isinstance(notice, Inbound):
            return
        if notice.topic.endswith("/head"):
            sealed = envelope.unseal(notice.payload, "head", self.ring, Role.RECEIPT)
            self.heads.append(Head.parse(sealed.payload))
        elif "/receipts/" in notice.topic:
            try:
                sealed = envelope.unseal(notice.payload, "receipt", self.ring, Role.RECEIPT)
            except Refused:
                self.trouble.append(envelope.peek(notice.payload, "refusal").decode())
                return
            receipt = Receipt.parse(sealed.payload)
            self.receipts.setdefault(receipt.revision, set()).add(receipt.receipt)
        elif notice.topic.endswith(self.file_id) and self.sender is not None:
            self.sender.take(FileAnswer.parse(notice.payload), time.monotonic())

    def until(
        self, done: Callable[[], bool], within_s: float = 20.0, step: Callable[[], None] | None = None
    ) -> None:
        limit_s = time.monotonic() + within_s
        while not done():
            assert time.monotonic() < limit_s, (self.receipts, self.trouble, self.sender and self.sender.why)
            self.turn(0.005)
            if step is not None:
                step()

    def for_s(self, seconds: float, step: Callable[[], None] | None = None) -> None:
        until_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= until_s, step=step)

    def publish(self, rest: str, payload: bytes, sha256: str | None = None) -> None:
        properties = [("sha256", sha256)] if sha256 else []
        with contextlib.suppress(Offline):
            self.connection.publish(self.dock.topics.up(rest), payload, user_properties=properties)

    def manifest(self, footage: Footage, manifest: envelope.Envelope) -> None:
        self.publish(f"manifests/{footage.recording}", manifest.raw)

    def step_of(self, footage: Footage) -> Callable[[], None]:
        """Return what pushes the file on by one action, within the rate."""
        assert self.sender is not None
        sender, free_s = self.sender, [time.monotonic()]

        def step() -> None:
            now = time.monotonic()
            if now < free_s[0]:
                return
            action = sender.action(now, self.connection.max_packet_bytes)
            match action:
                case Init(message):
                    self.publish(f"file/{self.file_id}/init", message.to_bytes())
                case Fin(message):
                    self.publish(f"file/{self.file_id}/fin", message.to_bytes())
                case Segment(offset, length):
                    data = footage.data[offset : offset + length]
                    self.publish(f"file/{self.file_id}/{offset}", data, hashlib.sha256(data).hexdigest())
                    free_s[0] = now + length / RATE_BYTES_PER_S
                case Wait():
                    return
                case _:
                    raise AssertionError(action)
            sender.sent(action, now)

        return step

    def send(self, footage: Footage, manifest: str) -> None:
        self.file_id = self.dock.file_id(footage)
        facts = FileFacts(
            self.file_id,
            footage.recording,
            1,
            f"{footage.recording}.mp4",
            len(footage.data),
            footage.sha256,
            manifest,
        )
        self.sender = Transfer(facts, draw_nonce=draw_id, jitter=random.random)
        self.sender.connected(time.monotonic())


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as made:
        yield made


@pytest.fixture
def center(tmp_path: Path, broker: Broker) -> Iterator[Center]:
    folder = settings.Folder(tmp_path / "center")
    address = settings.Broker(host=broker.host, port=broker.port)
    settings.make(
        folder, settings.Settings(id=PLATFORM, broker=address, limits=settings.Limits(reserve_bytes=0))
    )
    keybook.load_or_make(folder, PLATFORM)
    made = Center(folder)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


@pytest.fixture
def driver(center: Center, broker: Broker) -> Iterator[Driver]:
    dock = ScriptedDock()
    chosen = settings.load(center.folder)
    enrolment.take_in(center.folder, chosen, enrolment.read(dock.identity(), "test"))
    with connected(dock, broker, keybook.load(center.folder, PLATFORM).ring()) as made:
        yield made


@contextlib.contextmanager
def connected(dock: ScriptedDock, broker: Broker, ring: KeyRing) -> Iterator[Driver]:
    address = BrokerAddress(broker.host, broker.port, f"{dock.site}/{dock.name}")
    connection = Connection(address, f"dock-{dock.name}", subscriptions=(dock.topics.down("#"),))
    connection.start()
    made = Driver(dock, connection, ring)
    try:
        made.until(lambda: connection.connected)
        yield made
    finally:
        connection.close()


def test_killed_again_and_again_it_ends_with_right_bytes_and_one_receipt_a_revision_e05(
    center: Center, driver: Driver
) -> None:
    footage = Footage(os.urandom(32 * 1024 * 1024))
    first = driver.dock.manifest(footage)
    second = driver.dock.manifest(footage, 2, first.digest)
    center.start()
    driver.until(lambda: bool(driver.heads))
    driver.manifest(footage, first)
    driver.send(footage, first.digest)
    step, chance = driver.step_of(footage), random.Random(7)
    assert driver.sender is not None

    for _ in range(5):
        driver.for_s(chance.uniform(0.0, 0.3), step)
        center.kill()
        center.start()
    driver.until(lambda: 1 in driver.receipts, within_s=40.0, step=step)
    assert driver.sender.bytes_resent <= 5 * driver.sender.window_bytes, "at most a window for each kill"

    for _ in range(2):
        driver.manifest(footage, second)
        driver.for_s(chance.uniform(0.0, 0.02))
        center.kill()
        center.start()
    driver.manifest(footage, second)
    driver.until(lambda: 2 in driver.receipts)
    driver.manifest(footage, second)
    driver.for_s(0.3)  # were there a second one, it would come now

    assert center.stop() == 0
    assert {revision: len(ids) for revision, ids in driver.receipts.items()} == {1: 1, 2: 1}
    shown = showing(center.folder, footage.recording, verify=True)
    assert shown["file"]["verified"]
    assert [revision["receipt"]["valid"] for revision in shown["revisions"]] == [True, True]
    stored = center.folder.store / footage.sha256[:2] / footage.sha256[2:4] / footage.sha256
    assert stored.read_bytes() == footage.data
    with database.reading(center.folder) as connection:
        assert len(recordings.receipts(connection, driver.dock.name, footage.recording)) == 2


def test_only_one_center_runs_in_a_folder(center: Center) -> None:
    center.start()
    command = [sys.executable, "-c", PROGRAM, "center", "run", "--folder", str(center.folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "another center runs" in done.stderr


def test_the_broker_rights_that_enrolment_writes_let_a_recording_through_and_no_more(
    center: Center, tmp_path: Path
) -> None:
    chosen = settings.load(center.folder)
    docks = [ScriptedDock("dock-1"), ScriptedDock("dock-2")]
    for dock in docks:
        enrolment.take_in(center.folder, chosen, enrolment.read(dock.identity(), "test"))
    ring = keybook.load(center.folder, PLATFORM).ring()
    footage = Footage(os.urandom(100_000))
    with Broker(acl=center.folder.acl.read_text()) as guarded:
        text = center.folder.settings.read_text()
        center.folder.settings.write_text(
            text.replace(f"port = {chosen.broker.port}", f"port = {guarded.port}")
        )
        center.start()
        with connected(docks[0], guarded, ring) as own, connected(docks[1], guarded, ring) as other:
            own.until(lambda: bool(own.heads))
            other.until(lambda: bool(other.heads))
            manifest = docks[0].manifest(footage)
            # The second dock speaks with the first one's words, on its topic: the broker drops it.
            stolen = docks[0].topics.up(f"manifests/{footage.recording}")
            token = other.connection.publish(stolen, manifest.raw)
            other.until(lambda: token in other.codes)
            assert other.codes[token] >= 0x80
            own.manifest(footage, manifest)
            own.send(footage, manifest.digest)
            own.until(lambda: 1 in own.receipts, step=own.step_of(footage))
        assert center.stop() == 0
    assert [head.dock for head in other.heads] == ["dock-2"] * len(other.heads)
