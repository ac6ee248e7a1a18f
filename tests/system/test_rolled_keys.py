"""A dock's key rolled while it is connected, over TLS and the shipped mosquitto: both sides agree."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rig.contract import Contract
from tests.rig.small_office import DOCK, SmallOffice
from tests.rig.wire import WireObserver

pytestmark = pytest.mark.timeout(150)
SETTLE_S = 60.0


@pytest.fixture
def office(tmp_path: Path) -> Iterator[SmallOffice]:
    """An office whose dock reads a folder; its wire is held to the contract at the end."""
    (tmp_path / "card").mkdir()
    with SmallOffice(tmp_path, [tmp_path / "card"], speech=False, tls=True) as made:
        with WireObserver(made.broker.port, made.stranger("observer")) as wire:
            yield made
            seen = set(Contract().seen(wire.everything()))
            assert {"events", "manifest", "receipt", "file_segment", "head", "answer"} <= seen
            wire_kinds = [_payload(raw)["kind"] for _, raw in wire.messages("/up/events")]
            assert "key_rolled" in wire_kinds


def _payload(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(raw)["payload"]))
    return found


def _rows(office: SmallOffice, sql: str) -> list[tuple[Any, ...]]:
    file = f"file:{office.folder / 'state' / 'store.db'}?mode=ro"
    with closing(sqlite3.connect(file, uri=True)) as store:
        return store.execute(sql).fetchall()


def _settled(office: SmallOffice, count: int) -> bool:
    items = office.recordings()
    delivered = [i for i in items if i["state"] == "delivered" and i["revision"] == i["delivered_revision"]]
    head = office.ask_center("docks", "list")[0]["head"]
    newest = _rows(office, "SELECT event FROM events ORDER BY place DESC, n DESC LIMIT 1")[0][0]
    untold = _rows(office, "SELECT count(*) FROM receipts WHERE told = 0")[0][0]
    return len(delivered) == len(items) == count and not untold and bool(head) and head["head"] == newest


def _take_in(office: SmallOffice, name: str) -> None:
    (office.folder / "card" / name).write_bytes(name.encode() * 20_000)


def _account(office: SmallOffice, key: str) -> None:
    """Both sides know the same recordings and the same key, and both verify."""
    (dock,) = office.ask_center("docks", "list")
    assert (dock["key"], dock["cloned"], dock["events_beside"], dock["events_lost"]) == (key, False, 0, 0)
    there = {item["recording"]: item["receipt"] for item in office.ask_center("list")}
    assert set(there) == {item["recording"] for item in office.recordings()}
    assert all(there.values())
    assert office.ask_dock("verify")["flaws"] == []
    assert office.ask_center("verify")["flaws"] == []
    for recording in there:
        shown = office.ask_center("show", recording, "--verify")
        assert shown["file"]["verified"] is True
        assert all(one["signature"] == "holds" and one["receipt"]["valid"] for one in shown["revisions"])


def test_rolled_while_connected_then_at_rest_then_killed_and_restored(office: SmallOffice) -> None:
    _take_in(office, "a.txt")
    office.start_dock_at_broker()
    office.wait("the first is delivered", lambda: _settled(office, 1), SETTLE_S)
    first = office.ask_center("docks", "list")[0]["key"]
    shutil.copytree(
        office.folder / "state", office.folder / "before", ignore=shutil.ignore_patterns("*.lock")
    )

    done = office.ask_dock("identity", "roll", "--yes", "--reason", "换钥")
    assert (done["before"], done["dock"], done["by"]["person"]) == (first, DOCK, "值班员")
    assert any("certificate" in line for line in done["to_do"])
    _take_in(office, "b.txt")
    office.wait("the second is delivered", lambda: _settled(office, 2), SETTLE_S)
    _account(office, done["key"])
    status = office.status()
    assert status is not None
    assert (status["uplink"]["connected"], status["uplink"]["alarms"]) == (True, []), "the certificate stays"
    ping = json.loads(
        office._run(
            "center", "order", "ping", "--dock", DOCK, "--json", "--folder", str(office.center_folder)
        )
    )
    assert ping["outcome"] == "done", "an answer under the new key"

    office.dock.stop()
    again = office.ask_dock("identity", "roll", "--yes")
    assert again["before"] == done["key"]
    _take_in(office, "c.txt")
    office.start_dock()
    office.wait("the third is delivered", lambda: _settled(office, 3), SETTLE_S)
    _account(office, again["key"])
    assert office.ask_center("docks", "list")[0]["rolled_from"] == [first, done["key"]]
    told = _rows(office, "SELECT count(*) FROM events WHERE kind = 'key_rolled'")[0][0]
    assert told == 2

    printed = office._finished("identity", "--settings", str(office.settings))
    (office.folder / "again.json").write_bytes(printed.stdout)
    added = office._finished(
        "center",
        "docks",
        "add",
        str(office.folder / "again.json"),
        "--fingerprint",
        again["key"],
        "--issue",
        "--folder",
        str(office.center_folder),
    )
    assert b"was enrolled already" in added.stderr, "the certificate can be issued anew"
    assert added.stdout.startswith(b"-----BEGIN CERTIFICATE")


def test_a_copy_of_before_the_roll_says_so_and_goes_on_with_the_newer_key(office: SmallOffice) -> None:
    _take_in(office, "a.txt")
    office.start_dock_at_broker()
    office.wait("the first is delivered", lambda: _settled(office, 1), SETTLE_S)
    office._run("center", "order", "ping", "--dock", DOCK, "--folder", str(office.center_folder))
    office.dock.stop()
    shutil.copytree(office.folder / "state", office.folder / "before")
    office.start_dock_at_broker()
    done = office.ask_dock("identity", "roll", "--yes")
    _take_in(office, "b.txt")
    office.wait("the second is delivered", lambda: _settled(office, 2), SETTLE_S)
    office.dock.stop()
    shutil.copy2(office.folder / "state" / "keys" / "dock.pem", office.folder / "newer.pem")
    shutil.rmtree(office.folder / "state")
    (office.folder / "before").rename(office.folder / "state")

    _take_in(office, "c.txt")
    office.start_dock()
    office.wait(
        "it says so",
        lambda: "key_gone" in (office.status() or {"uplink": {"alarms": []}})["uplink"]["alarms"],
        30,
    )
    office.wait("both are taken in", lambda: len(office.recordings()) == 3, 30)
    waiting = [item["state"] for item in office.recordings()]
    assert waiting.count("delivered") == 1, "footage is taken in, and nothing is sent"
    back = office.ask_dock("identity", "roll", "--yes", "--forgotten", str(office.folder / "newer.pem"))
    assert back["key"] == done["key"]
    office.wait("all is delivered", lambda: _settled(office, 3), 90)
    status = office.status()
    assert status is not None
    assert status["uplink"]["alarms"] == []
    assert office.ask_dock("verify")["flaws"] == []
    assert office.ask_center("verify")["flaws"] == []
    (dock,) = office.ask_center("docks", "list")
    assert (dock["key"], dock["events_beside"], dock["events_lost"]) == (done["key"], 0, 1)
