"""Dock and platform on a real broker: what the platform loses is found, told, sent again and receipted anew.

The platform is the product's own process; the dock is the real link on the real store, its camera a folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from center import enrolment, keybook, settings
from daemon.counters import Counters
from daemon.desk import StoreDesk
from daemon.settings import Settings, load_settings
from daemon.stages.told import ToldStage
from daemon.store import Store
from daemon.telemetry import Telemetry
from daemon.verifying import Verifier
from tests.daemon.conftest import Dock, make_dock
from tests.daemon.making import Card, line_of
from tests.rig.broker import Broker
from tests.rig.until import until
from uplink import envelope
from uplink.broker import BrokerAddress
from uplink.dockside import dock_connection
from uplink.keys import SigningKey
from uplink.link import DockLink
from uplink.topics import DockTopics

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = "pf"


@dataclass
class Office:
    """A running center and a running dock."""

    center: settings.Folder
    dock: Dock
    settings: Settings
    card: Card
    link: DockLink

    def take_in(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            self.card.write(name, content)
        self.card.dock_in(self.dock)
        line = line_of(self.dock)
        while line.first.step() or line.standard.step():
            pass
        self.link.wake()

    def states(self) -> dict[str, tuple[str, int]]:
        rows = self.dock.store.rows("SELECT path, state, attempt FROM recordings")
        return {row["path"].decode(): (row["state"], row["attempt"]) for row in rows}

    def counters(self) -> dict[str, int]:
        rows = self.dock.store.rows("SELECT name, count FROM counters")
        return {row["name"]: row["count"] for row in rows}

    def blob(self, name: str) -> Path:
        row = self.dock.store.row("SELECT sha256 FROM recordings WHERE path = ?", (name.encode(),))
        assert row is not None
        return self.center.blob(row["sha256"])

    def ask_center(self, *words: str) -> tuple[int, Any]:
        command = [
            sys.executable,
            "-m",
            "daemon",
            "center",
            *words,
            "--folder",
            str(self.center.root),
            "--json",
        ]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert ran.stdout, ran.stderr
        return ran.returncode, json.loads(ran.stdout)


@contextmanager
def center_running(folder: settings.Folder, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "daemon", "center", "run", "--folder", str(folder.root)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        until(lambda: "receives from" in log.read_text(), timeout_s=30)
        yield
    finally:
        process.terminate()
        assert process.wait(20) == 0


@contextmanager
def link_running(dock: Dock, chosen: Settings, port: int) -> Iterator[DockLink]:
    assert chosen.platform is not None
    topics = DockTopics("site-1", "dock-1")
    telemetry = Telemetry(dock.custody, chosen.sha256)
    address = BrokerAddress("127.0.0.1", port, "site-1/dock-1")
    counters = Counters(dock.store)
    stop = threading.Event()
    told = ToldStage(dock.store, dock.custody)

    def changed() -> None:
        counters.step()
        told.step()

    desk = StoreDesk(dock.store, dock.custody, dock.vault, chosen.platform.ring(), counters, changed)
    link = DockLink(dock_connection(address, topics, telemetry.state), desk, topics, telemetry.state)

    def run() -> None:
        link.run(stop)
        dock.store.release()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield link
    finally:
        stop.set()
        link.wake()
        thread.join(20)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Broker() as broker:
        folder = settings.Folder(tmp_path / "center")
        where = settings.Broker(host="127.0.0.1", port=broker.port)
        limits = settings.Limits(reserve_bytes=0)
        settings.make(folder, settings.Settings(id=PLATFORM, broker=where, limits=limits))
        keys, _ = keybook.load_or_make(folder, PLATFORM)
        state = tmp_path / "state"
        (state / "keys").mkdir(parents=True)
        key, _ = SigningKey.load_or_make(state / "keys" / "dock.pem")
        chosen = _settings(tmp_path, broker.port, keys.receipt.public.hex())
        dock = make_dock(state, platform=PLATFORM, key=key)
        said = dock.custody.identity.statement(datetime.now(UTC))
        raw = envelope.seal("identity", said.to_bytes(), key).raw
        enrolment.take_in(folder, settings.load(folder), enrolment.read(raw, "test"))
        with center_running(folder, tmp_path / "center.log"), link_running(dock, chosen, broker.port) as link:
            yield Office(folder, dock, chosen, Card(tmp_path / "camera"), link)
        dock.store.close()


def _settings(folder: Path, port: int, receipt: str) -> Settings:
    path = folder / "bodydock.toml"
    path.write_text(
        f'slots = [{{ number = 1, ports = ["p"] }}]\n[dock]\nid = "dock-1"\nsite = "site-1"\n'
        f'state = "{folder / "state"}"\n[broker]\nport = {port}\n'
        f'[platform]\nid = "{PLATFORM}"\nkeys = {{ receipt = ["{receipt}"] }}\n'
    )
    return load_settings(path)


def test_what_the_platform_lost_is_found_told_and_sent_again(office: Office) -> None:
    files = {"a.mp4": os.urandom(3_000_000), "b.mp4": os.urandom(100_000)}
    office.take_in(files)
    until(lambda: office.states() == dict.fromkeys(files, ("delivered", 1)), "delivered", 30)
    status, found = office.ask_center("reconcile")
    assert (status, found[0]["held"], found[0]["lost"]) == (0, 2, 0)
    until(lambda: office.dock.store.value("SELECT count(*) FROM reconciled") == 2, "noted")

    office.blob("a.mp4").unlink()
    status, checked = office.ask_center("verify")
    assert (status, [flaw["code"] for flaw in checked["flaws"]]) == (1, ["blob"])
    status, found = office.ask_center("reconcile")
    assert (status, found[0]["held"], found[0]["lost"]) == (1, 1, 1)
    until(lambda: office.states()["a.mp4"] == ("delivered", 2), "sent again and receipted anew", 30)
    assert office.states()["b.mp4"] == ("delivered", 1)  # nothing else moved
    assert office.counters().get("platform.forgot") == 1
    assert office.blob("a.mp4").read_bytes() == files["a.mp4"]

    status, found = office.ask_center("reconcile", "--deep")
    assert (status, found[0]["held"]) == (0, 2)
    until(lambda: office.dock.store.value("SELECT count(*) FROM reconciled") == 2, "listed again")
    until(lambda: office.ask_center("verify", "--deep")[0] == 0, "all of it holds at the platform", 20)
    reader = Store(office.dock.folder / "store.db", read_only=True)
    assert Verifier(reader, office.settings, deep=True).everything().flaws == []
    reader.close()
