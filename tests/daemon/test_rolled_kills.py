"""Killed before each line of a roll, at the dock and at the platform: one key or the other is in force."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from center.catalogue import database, docks
from daemon.clock import DockClock
from daemon.custody import Custody, check_identity
from daemon.identity import load_identity
from daemon.parts import open_parts
from daemon.rolling import roll
from daemon.settings import DockSettings, Settings, SlotSettings
from daemon.store import Store
from daemon.verifying import Verifier
from tests.center.bench import Bench
from tests.daemon.two_ends import NAME, SITE, TwoEnds
from tests.rig.every_line import killed_before_each_line
from uplink.messages import MACHINE
from uplink.messages.custody import Cleared

THE_DOCKS = (
    "daemon/rolling.py",
    "daemon/custody.py",
    "daemon/identity.py",
    "uplink/keyfiles.py",
    "daemon/store/database.py",
)
THE_PLATFORMS = (
    "center/intake_events.py",
    "center/rolling.py",
    "center/catalogue/docks.py",
    "center/catalogue/events.py",
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: a kill leaves the same behind, and fsync costs nothing."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as made:
        yield Path(made)


def settings_in(folder: Path) -> Settings:
    return Settings(
        dock=DockSettings(id="dock-1", site="xlt", state=folder), slots=[SlotSettings(number=1, ports=["p"])]
    )


def roll_in(folder: Path) -> None:
    settings = settings_in(folder)
    store = Store(settings.store_file)
    roll(store, Custody(load_identity(settings), DockClock()), settings, MACHINE)


def test_killed_before_each_line_of_a_roll_one_key_is_in_force_and_the_chain_whole(memory: Path) -> None:
    template = memory / "template"
    open_parts(settings_in(template)).store.close()
    first = load_identity(settings_in(template)).key.key_id
    found: dict[bool, int] = {True: 0, False: 0}
    died_in: set[str] = set()

    for number, where in killed_before_each_line(
        lambda n: roll_in(_copied(template, memory / str(n))), THE_DOCKS
    ):
        folder = memory / str(number)
        died_in.add(where.split("/")[-1].split(":")[0])
        settings = settings_in(folder)
        if settings.store_file.exists():
            store = Store(settings.store_file, read_only=True)
            assert Verifier(store, settings).everything().flaws == [], f"before the next start: {where}"
            store.release()
        rolled = _goes_on(settings, first)
        found[rolled] += 1
        shutil.rmtree(folder)

    assert died_in >= {"rolling.py", "custody.py", "keyfiles.py", "database.py", "identity.py"}
    assert all(found.values()), "the old key in force after some, the new one after others"


def _goes_on(settings: Settings, first: str) -> bool:
    """Start the dock again: it signs, its chain is whole, and it can roll.  Returns whether it was rolled."""
    store = Store(settings.store_file)
    try:
        identity = load_identity(settings)
        check_identity(store, identity)
        custody = Custody(identity, DockClock())
        with store.write() as tx:
            custody.append(tx, "cleared", Cleared(recordings=[]))
        rolled = store.value("SELECT count(*) FROM events WHERE kind = 'key_rolled'")
        assert rolled == (identity.key.key_id != first)
        assert not settings.next_key_file.exists() or not rolled, "finished"
        assert Verifier(store, settings).everything().flaws == []
        roll(store, custody, settings, MACHINE)
        assert not settings.next_key_file.exists()
        assert Verifier(store, settings).everything().flaws == []
        return bool(rolled)
    finally:
        store.close()


def _copied(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder)
    return folder


def test_killed_before_each_line_while_the_platform_takes_it_it_takes_it_once(memory: Path) -> None:
    ends = TwoEnds(memory / "ends")
    ends.take_in("a.mp4")
    assert ends.sync()
    done = ends.roll()
    raw = ends.desk.events_after(None, 1000)[-1].raw
    ends.close()
    template = memory / "ends" / "platform"
    topic = f"bodydock/1/{SITE}/{NAME}/up/events"
    keys: list[str] = []

    def hear(number: int) -> None:
        bench = Bench(_copied(template, memory / str(number)))
        bench.start()
        bench.hear(topic, raw)

    for number, where in killed_before_each_line(hear, THE_PLATFORMS):
        folder = memory / str(number)
        with Bench(folder) as bench:
            keys.append(_key(bench))
            bench.hear(topic, raw)
            assert _key(bench) == done.key, where
            rolls = bench.office.connection.execute("SELECT count(*) FROM dock_keys").fetchone()[0]
            assert rolls == 2
        shutil.rmtree(folder)

    assert set(keys) == {done.before, done.key}
    assert keys == sorted(keys, key=lambda key: key == done.key), "from one line on it is in force"


def _key(bench: Bench) -> str:
    with database.reading(bench.folder) as connection:
        found = docks.find(connection, NAME)
    assert found is not None
    return found.key.key_id
