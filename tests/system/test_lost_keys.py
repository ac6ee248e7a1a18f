"""Keys that are lost, put back or replaced, and settings that change under a chain: real programs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.program import BODYDOCK, ROOT, Program
from tests.rig.shelved import shelve
from tests.rig.small_office import SmallOffice

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[SmallOffice]:
    with SmallOffice(tmp_path, ["none"], speech=False) as made:
        yield made


def bodydock(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*BODYDOCK, *words), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def center(office: SmallOffice, *words: str) -> subprocess.CompletedProcess[str]:
    return bodydock("center", *words, "--folder", str(office.center_folder))


def delivered(office: SmallOffice, *recordings: str) -> bool:
    states = {item["recording"]: item["state"] for item in office.recordings()}
    return all(states.get(one) == "delivered" for one in recordings)


def table_of(text: str) -> str:
    """Return the [platform] table that `center keys` prints."""
    return text[text.index("[platform]") :]


def tell_dock(office: SmallOffice, printed: str) -> None:
    """Put another [platform] table into the dock's settings, as a person would."""
    text = office.settings.read_text()
    start, end = text.index("[platform]"), text.index("[people]")
    office.settings.write_text(text[:start] + table_of(printed) + text[end:])


def change(office: SmallOffice, old: str, new: str) -> None:
    text = office.settings.read_text()
    assert old in text
    office.settings.write_text(text.replace(old, new, 1))


def chain(office: SmallOffice) -> list[tuple[int, str, str, int, str]]:
    """Return (place, platform, dock, n, kind) of every event in the dock's store."""
    store = sqlite3.connect(f"file:{office.folder / 'state' / 'store.db'}?mode=ro", uri=True)
    try:
        return store.execute(
            "SELECT place, platform, dock, n, kind FROM events JOIN epochs USING (place) ORDER BY place, n"
        ).fetchall()
    finally:
        store.close()


def add(office: SmallOffice, name: str) -> str:
    """Put a recording into the stopped dock, and start it."""
    office.dock.stop()
    recording = shelve(office.settings, name, os.urandom(100_000))
    office.start_dock()
    return recording


def test_a_lost_receipt_key_is_asked_for_and_the_right_one_put_back_delivers(office: SmallOffice) -> None:
    key = office.center_folder / "keys" / "receipt.pem"
    one = add(office, "a.bin")
    office.wait("delivered", lambda: delivered(office, one), 40)
    office.center.stop()
    right = key.read_bytes()
    key.unlink()
    for words in (("keys",), ("run",)):
        tried = center(office, *words)
        assert tried.returncode != 0 and "backup" in tried.stderr, tried.stderr
        assert str(key) in tried.stderr
        assert not key.exists()

    # Somebody makes another all the same, and says so; no dock is told.
    replaced = center(office, "keys", "--replace", "receipt")
    assert replaced.returncode == 0 and "every dock" in replaced.stderr
    office.center.start()
    two = add(office, "b.bin")
    held = lambda: any(  # noqa: E731
        item["recording"] == two and item["receipt"] for item in office.ask_center("list")
    )
    office.wait("the center has signed with the key that no dock believes", held, 40)
    assert not delivered(office, two)

    # The right one comes back.
    office.center.stop()
    key.write_bytes(right)
    refused = center(office, "run")
    assert refused.returncode != 0 and "--replace receipt" in refused.stderr
    assert center(office, "keys", "--replace", "receipt").returncode == 0
    office.center.start()
    office.wait("delivered", lambda: delivered(office, one, two), 60)
    assert bodydock("verify", "--settings", str(office.settings)).returncode == 0
    assert center(office, "verify").returncode == 0


def test_a_replaced_receipt_key_is_told_to_docks_and_delivers_old_and_new(office: SmallOffice) -> None:
    key = office.center_folder / "keys" / "receipt.pem"
    one = add(office, "a.bin")
    office.wait("delivered", lambda: delivered(office, one), 40)
    office.center.stop()
    key.unlink()
    replaced = center(office, "keys", "--replace", "receipt")
    assert "[platform.retired]" in replaced.stdout
    office.center.start()
    two = add(office, "b.bin")
    office.wait("held", lambda: any(i["recording"] == two for i in office.ask_center("list")), 40)
    assert not delivered(office, two)
    office.dock.stop()
    tell_dock(office, replaced.stdout)
    assert bodydock("config", "check", "--settings", str(office.settings)).returncode == 0
    office.start_dock()
    office.wait("delivered", lambda: delivered(office, one, two), 60)
    checked = bodydock("verify", "--settings", str(office.settings))  # the first was signed with the old key
    assert checked.returncode == 0, checked.stdout
    assert center(office, "verify").returncode == 0


class Second:
    """Another platform at the same broker; only one of the two runs at a time."""

    def __init__(self, office: SmallOffice) -> None:
        folder = office.folder / "center-b"
        self.at = ("--folder", str(folder))
        self.program = Program("center-b", ("center", "run", *self.at), office.folder / "center-b.log")
        port = str(office.broker.port)
        bodydock("center", "init", "--id", "pf-b", "--broker-port", port, *self.at).check_returncode()
        self.table = bodydock("center", "keys", *self.at).stdout

    def enrol(self, office: SmallOffice) -> None:
        said = bodydock("identity", "--settings", str(office.settings))
        said.check_returncode()
        shown = said.stderr.split("fingerprint:")[1].strip().replace(" ", "")
        file = office.folder / "identity-b.json"
        file.write_text(said.stdout)
        bodydock("center", "docks", "add", str(file), "--fingerprint", shown, *self.at).check_returncode()


def test_from_one_platform_to_another_and_back(office: SmallOffice) -> None:
    first = bodydock("center", "keys", "--folder", str(office.center_folder)).stdout
    one = add(office, "a.bin")
    office.wait("delivered to A", lambda: delivered(office, one), 40)
    office.center.stop()
    second = Second(office)
    office.dock.stop()
    tell_dock(office, second.table)
    second.enrol(office)
    second.program.start()
    try:
        two = add(office, "b.bin")
        office.wait("all of it delivered to B", lambda: delivered(office, one, two), 60)
    finally:
        second.program.stop()
    office.dock.stop()
    tell_dock(office, first)
    office.center.start()
    three = add(office, "c.bin")
    office.wait("all of it delivered to A", lambda: delivered(office, one, two, three), 60)
    held = {item["recording"] for item in office.ask_center("list")}
    assert held == {one, two, three}
    (dock,) = office.ask_center("docks", "list")
    assert not dock["cloned"], dock
    assert bodydock("verify", "--settings", str(office.settings)).returncode == 0
    assert center(office, "verify").returncode == 0
    assert bodydock("center", "verify", *second.at).returncode == 0
    starts = [(place, platform, kind) for place, platform, _, n, kind in chain(office) if n == 0]
    assert [platform for _, platform, _ in starts] == ["pf-demo", "pf-b", "pf-demo"]
    assert {kind for *_, kind in starts} == {"enrolled"}


def test_another_id_or_site_over_a_chain_is_refused_and_changes_nothing(office: SmallOffice) -> None:
    one = add(office, "a.bin")
    office.wait("delivered", lambda: delivered(office, one), 40)
    office.dock.stop()
    before = chain(office)
    for old, new, named in (
        ('site = "xlt"', 'site = "elsewhere"', '[dock] site = "xlt"'),
        ('id = "dock-01"', 'id = "dock-02"', "[dock] id"),
    ):
        change(office, old, new)
        for verb in ("run", "identity"):
            tried = bodydock(verb, "--settings", str(office.settings))
            assert tried.returncode == 2, tried.stderr
            assert named in tried.stderr and "enrolled" in tried.stderr, tried.stderr
            assert tried.stdout == ""
        change(office, new, old)
    assert chain(office) == before
    office.start_dock_at_broker()
    two = add(office, "b.bin")
    office.wait("delivered", lambda: delivered(office, one, two), 40)
