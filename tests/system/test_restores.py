"""Docks and platforms restored from older copies, and two copies of a dock: real dock, broker and center.

At the end every event, recording, revision, receipt and byte is accounted for on both sides.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rig.contract import Contract
from tests.rig.program import Program
from tests.rig.shelved import shelve
from tests.rig.small_office import SmallOffice
from tests.rig.until import until
from tests.rig.wire import WireObserver
from uplink import envelope
from uplink.messages import CustodyEvent

pytestmark = pytest.mark.timeout(120)
SETTLE_S = 45.0


@pytest.fixture
def office(tmp_path: Path) -> Iterator[SmallOffice]:
    """An office, whose wire is held to the contract at the end."""
    with SmallOffice(tmp_path, ["none"], speech=False, bytes_per_second=4_000_000) as made:
        with WireObserver(made.broker.port) as wire:
            yield made
            assert {"events", "manifest", "receipt", "file_segment"} <= set(
                Contract().seen(wire.everything())
            )


def test_a_dock_restored_from_mid_transfer_that_worked_off_line_and_was_killed(office: SmallOffice) -> None:
    one = shelve(office.settings, "a.bin", _bytes("a", 6_000_000))
    office.start_dock()
    office.wait("bytes are on their way", lambda: _row(office, one)["durable_bytes"] > 0, 20)
    office.dock.kill()
    kept = _keep(office.folder / "state")
    office.start_dock()
    _settle(office)
    _tag(office, one, "c1")
    office.dock.stop()
    forgotten = shelve(office.settings, "b.bin", _bytes("b"))
    office.start_dock()
    _settle(office)
    office.dock.stop()

    _put_back(office.folder / "state", kept)
    office.center.stop()
    office.broker.stop()
    office.start_dock()
    _tag(office, one, "c2")
    office.dock.stop()
    three = shelve(office.settings, "c.bin", _bytes("c"))
    office.broker.start()
    office.center.start()
    office.dock.start()
    until(lambda: "restarted" in _kinds(office), "restarted is committed", 30)
    office.dock.kill()
    office.start_dock()
    _settle(office)

    _account(office)
    assert _kinds(office).count("restarted") == 1
    assert set(_kinds(office)) >= {"merged"}
    assert _cases(office, one) == {"c1", "c2"}
    received = {item["recording"]: item for item in office.ask_center("list")}
    assert set(received) == {one, forgotten, three}, "what the dock forgot, the platform has"
    assert received[forgotten]["receipt"] is not None


def test_a_platform_restored_is_told_all_and_given_the_bytes_again(office: SmallOffice) -> None:
    one = shelve(office.settings, "a.bin", _bytes("a"))
    office.start_dock()
    _settle(office)
    office.center.stop()
    kept = _keep(office.center_folder)
    office.center.start()
    _tag(office, one, "c1")
    office.dock.stop()
    two = shelve(office.settings, "b.bin", _bytes("b", 300_000))
    office.start_dock()
    _settle(office)
    office.center.stop()

    _put_back(office.center_folder, kept)
    office.center.start()
    office.wait("it has both", lambda: len(office.ask_center("list")) == 2, SETTLE_S)
    _settle(office)
    _account(office)
    assert "restarted" not in _kinds(office)
    assert _cases(office, one) == {"c1"}
    assert office.ask_center("show", two, "--verify")["file"]["verified"] is True


def test_dock_and_platform_restored_one_after_the_other(office: SmallOffice) -> None:
    one = shelve(office.settings, "a.bin", _bytes("a"))
    office.start_dock()
    _settle(office)
    office.dock.stop()
    dock = _keep(office.folder / "state")
    office.start_dock()
    _tag(office, one, "c1")
    _settle(office)
    office.center.stop()
    platform = _keep(office.center_folder)
    office.center.start()
    _tag(office, one, "c2")
    _settle(office)
    office.dock.stop()
    _put_back(office.folder / "state", dock)
    office.start_dock()
    _tag(office, one, "c3")
    office.wait("it goes on", lambda: "restarted" in _kinds(office), 30)
    _settle(office)

    office.center.stop()
    _put_back(office.center_folder, platform)
    office.center.start()
    office.wait("the dock wants a person", lambda: "copied" in _alarms(office), 30)
    office.wait("it is an alarm", lambda: "dock.copied" in _standing(office), 10)
    before = _kinds(office)
    assert before.count("restarted") == 1, "one a run"
    office.dock.stop()
    office.start_dock()
    _settle(office)
    _account(office)
    assert _cases(office, one) == {"c1", "c2", "c3"}


def test_two_copies_of_a_dock_stop_the_damage(office: SmallOffice) -> None:
    shelve(office.settings, "a.bin", _bytes("a"))
    office.start_dock()
    _settle(office)
    office.dock.stop()
    copy = _copy(office)
    here = shelve(office.settings, "b.bin", _bytes("b"))
    there = shelve(copy.settings, "c.bin", _bytes("c"))
    office.start_dock()
    copy.program.start()
    until(lambda: (_alarms(office) | copy.alarms()) & {"copied", "taken_over"}, "an alarm", 60)
    copy.program.stop()
    office.dock.stop()

    office.start_dock()
    until(lambda: _quiet(office), "it comes to rest", SETTLE_S)
    if (
        office.ask_center("docks", "list")[0]["cloned"]
        or office.ask_center("docks", "list")[0]["events_beside"]
    ):
        office._run("center", "docks", "settle", "dock-01", "--folder", str(office.center_folder))
    _settle(office)
    _account(office, beside=copy.state)
    received = {item["recording"]: item["receipt"] for item in office.ask_center("list")}
    assert received[here] is not None
    waiting = {
        row["recording"] for row in _rows(copy.state, "SELECT * FROM recordings WHERE state <> 'delivered'")
    }
    assert there in waiting or received.get(there) is not None, "delivered, or named as undelivered"


def test_on_another_board_nothing_is_sent_and_footage_is_taken_in(
    office: SmallOffice, tmp_path: Path
) -> None:
    serial = tmp_path / "serial"
    serial.write_text("board-A")
    text = office.settings.read_text().replace("[broker]", f'board_serial = "{serial}"\n[broker]', 1)
    office.settings.write_text(text)
    shelve(office.settings, "a.bin", _bytes("a"))
    office.start_dock()
    _settle(office)
    office.dock.stop()
    head = office.ask_center("docks", "list")[0]["head"]

    serial.write_text("board-B")
    two = shelve(office.settings, "b.bin", _bytes("b"))
    office.start_dock()
    status = office.status()
    assert status is not None
    assert (status["uplink"]["connected"], status["uplink"]["alarms"]) == (False, ["other_board"])
    office.wait("it is signed", lambda: _row(office, two)["revision"] == 1, 20)
    assert "copy of dock dock-01" in office.dock.log
    office.dock.stop()
    assert office.ask_center("docks", "list")[0]["head"] == head

    serial.write_text("board-A")
    office.start_dock()
    _settle(office)
    _account(office)
    assert two in {item["recording"] for item in office.ask_center("list")}


# What an administrator does


def _keep(folder: Path) -> Path:
    kept = folder.with_name(f"{folder.name}.kept")
    shutil.copytree(folder, kept)
    return kept


def _put_back(folder: Path, kept: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)


class _Copy:
    """A second dock from the first one's state folder."""

    def __init__(self, folder: Path, settings: Path) -> None:
        self.state = folder / "state"
        self.settings = settings
        self.program = Program("copy", ("run", "--settings", str(settings)), folder / "copy.log")
        self._socket = folder / "control.sock"

    def alarms(self) -> set[str]:
        from daemon.control import ask
        from daemon.errors import DaemonError

        try:
            return set(ask(self._socket, "status")["uplink"]["alarms"])
        except DaemonError:
            return set()


def _copy(office: SmallOffice) -> _Copy:
    folder = office.folder / "copy"
    folder.mkdir()
    shutil.copytree(office.folder / "state", folder / "state")
    settings = folder / "bodydock.toml"
    text = office.settings.read_text()
    for name in ("state", "control.sock", "cards"):
        text = text.replace(f'"{office.folder / name}"', f'"{folder / name}"')
    settings.write_text(text)
    return _Copy(folder, settings)


def _tag(office: SmallOffice, recording: str, case: str) -> None:
    office._run("tag", recording, "--case", case, "--settings", str(office.settings))


# What both sides hold


def _bytes(name: str, size: int = 100_000) -> bytes:
    return (name * 64).encode() * (size // 64)


def _settle(office: SmallOffice) -> None:
    office.wait("all is delivered", lambda: _settled(office), SETTLE_S)


def _settled(office: SmallOffice) -> bool:
    rows = _rows(office.folder / "state", "SELECT * FROM recordings")
    waiting = _value(office, "SELECT count(*) FROM manifests WHERE receipted = 0 AND platform <> 'local'")
    untold = _value(office, "SELECT count(*) FROM receipts WHERE told = 0")
    delivered = all(
        row["state"] == "delivered" and row["revision"] == row["delivered_revision"] > 0 for row in rows
    )
    return delivered and not waiting and not untold and _head(office) == _newest(office)


def _quiet(office: SmallOffice) -> bool:
    """Whether the platform holds every event of the dock, wherever it put it."""
    dock = office.ask_center("docks", "list")[0]
    return bool(dock["head"]) and dock["head"]["head"] == _newest(office)


def _account(office: SmallOffice, beside: Path | None = None) -> None:
    """Assert that both sides hold the same, event for event, revision for revision, byte for byte."""
    dock = office.ask_center("docks", "list")[0]
    assert (dock["cloned"], dock["events_beside"]) == (False, 0)
    with closing(
        sqlite3.connect(f"file:{office.center_folder / 'catalogue.db'}?mode=ro", uri=True)
    ) as center:
        held = {row[0] for row in center.execute("SELECT digest FROM events")}
        newest = dict(center.execute("SELECT recording, manifest FROM recordings").fetchall())
        receipts = {row[0] for row in center.execute("SELECT manifest FROM receipts")}
    state = office.folder / "state"
    events = _rows(state, "SELECT event FROM events JOIN epochs USING (place) WHERE platform <> 'local'")
    assert {row["event"] for row in events} <= held
    for row in _rows(state, "SELECT * FROM recordings"):
        assert newest[row["recording"]] == row["manifest"]
        assert row["manifest"] in receipts
        vault = state / "vault" / row["vault"]
        assert hashlib.sha256(vault.read_bytes()).hexdigest() == row["sha256"]
        assert office.ask_center("show", row["recording"], "--verify")["file"]["verified"] is True
    aside = {
        row["manifest"] for row in _rows(state, "SELECT manifest FROM sidelined WHERE platform <> 'local'")
    }
    assert aside <= _named_by_events(state), (
        "what was overtaken is named in the chain that the platform holds"
    )
    assert office.ask_dock("verify")["flaws"] == []
    assert office.ask_center("verify")["flaws"] == []
    if beside is not None:
        lost = {row["recording"] for row in _rows(beside, "SELECT recording FROM recordings")} - set(newest)
        named = _rows(beside, "SELECT recording FROM recordings WHERE state <> 'delivered'")
        assert lost <= {row["recording"] for row in named}


def _named_by_events(state: Path) -> set[str]:
    events = [
        CustodyEvent.parse(envelope.peek(row["raw"], "event"))
        for row in _rows(state, "SELECT raw FROM events")
    ]
    return {str(event.data["manifest"]) for event in events if "manifest" in event.data}


def _cases(office: SmallOffice, recording: str) -> set[str]:
    here = set(office.ask_dock("show", recording)["cases"])
    assert here == set(office.ask_center("show", recording)["cases"])
    return here


def _alarms(office: SmallOffice) -> set[str]:
    status = office.status()
    return set() if status is None else set(status["uplink"]["alarms"])


def _standing(office: SmallOffice) -> set[str]:
    alarms = (office.status() or {}).get("alarms", [])
    return {alarm["alarm"] for alarm in alarms if alarm["cleared"] is None}


def _kinds(office: SmallOffice) -> list[str]:
    return [
        row["kind"] for row in _rows(office.folder / "state", "SELECT kind FROM events ORDER BY place, n")
    ]


def _head(office: SmallOffice) -> str | None:
    with closing(
        sqlite3.connect(f"file:{office.center_folder / 'catalogue.db'}?mode=ro", uri=True)
    ) as center:
        head = center.execute("SELECT head FROM docks").fetchone()[0]
    return None if head is None else str(json.loads(head)["head"])


def _newest(office: SmallOffice) -> str:
    rows = _rows(office.folder / "state", "SELECT event FROM events ORDER BY place DESC, n DESC LIMIT 1")
    return str(rows[0]["event"])


def _row(office: SmallOffice, recording: str) -> dict[str, Any]:
    rows = _rows(office.folder / "state", "SELECT * FROM recordings")
    return next(row for row in rows if row["recording"] == recording)


def _value(office: SmallOffice, sql: str) -> int:
    return int(next(iter(_rows(office.folder / "state", sql)[0].values())))


def _rows(state: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{state / 'store.db'}?mode=ro", uri=True, timeout=10)) as store:
        store.row_factory = sqlite3.Row
        return [dict(row) for row in store.execute(sql)]
