"""docs/two-persons.md and docs/keys.md: every command in them, in its order, in a real office."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main_group
from daemon.settings import load_settings
from tests.rig.documents import commands
from tests.rig.shelved import shelve
from tests.rig.small_office import SmallOffice

pytestmark = pytest.mark.timeout(180)


class Reader:
    """Somebody who types what a document says, with the places of this office for those of the example."""

    def __init__(self, office: SmallOffice, places: dict[str, str]) -> None:
        self._office = office
        self._places = places

    def types(self, command: str, typed: str = "") -> Result:
        """Run one line; what it writes to a file with `>` is written."""
        line = re.sub("|".join(map(re.escape, self._places)), lambda found: self._places[found[0]], command)
        words = shlex.split(line)
        target = None
        if words[-2:-1] == [">"]:
            target = words[-1]
            words = words[:-2]
        if words[0] == "mv":
            shutil.move(words[1], words[2])
            return CliRunner().invoke(main_group, ["--version"])
        assert words[0] == "bodydock", command
        ran = CliRunner().invoke(main_group, words[1:], input=typed)
        assert ran.exit_code == 0, f"{command}: {ran.output}"
        if target is not None:
            Path(target).write_text(ran.stdout)
        return ran


def tell_the_dock(office: SmallOffice, table: Path) -> None:
    """Put a printed [platform] table in the place of the old one, and restart the dock."""
    assert tomllib.loads(table.read_text())["platform"]["keys"]
    text = office.settings.read_text()
    kept = re.sub(r"^\[platform.*?(?=^\[(?!platform)|\Z)", "", text, flags=re.M | re.S)
    office.dock.stop()
    office.settings.write_text(kept + "\n" + table.read_text())
    load_settings(office.settings)
    office.start_dock_at_broker()


def settled(office: SmallOffice) -> bool:
    items = office.recordings()
    return bool(items) and all(
        i["state"] == "delivered" and i["revision"] == i["delivered_revision"] for i in items
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BODYDOCK_CENTER", str(tmp_path / "center"))
    monkeypatch.setenv("BODYDOCK_SETTINGS", str(tmp_path / "bodydock.toml"))
    return tmp_path


@pytest.fixture
def office(here: Path) -> Iterator[SmallOffice]:
    with SmallOffice(here, ["none"], speech=False) as made:
        yield made


def test_two_persons_by_the_document(office: SmallOffice, here: Path) -> None:
    recording = shelve(office.settings, "a.bin", b"a" * 50_000)
    office.start_dock_at_broker()
    reader = Reader(office, {"/media/wang": str(here), "/media/li": str(here), "k3jq": recording})
    lines = commands("two-persons.md")
    assert len(lines) == 8

    def hold() -> None:
        office.wait("both agree", lambda: settled(office), 40)
        reader.types(f"bodydock hold {recording} --reason 复议")
        office.wait("the hold is at the platform", lambda: bool(held()) and settled(office), 40)

    def held() -> list[object]:
        return list(office.ask_center("show", recording)["revisions"][-1]["holds"])

    for line in lines[:2]:
        told = reader.types(line)
        assert "every dock needs the [platform] table" in told.stderr
    tell_the_dock(office, here / "platform.toml")

    begin, cosign, carry, bring = lines[2:6]
    hold()
    reader.types(begin)
    reader.types(cosign)
    office.wait("the hold is gone", lambda: not held(), 40)
    hold()
    (here / "release.json").unlink()
    reader.types(begin)
    reader.types(carry)
    reader.types(bring)
    office.wait("the hold is gone", lambda: not held() and settled(office), 40)
    event = [e for e in office.ask_dock("show", recording)["custody"] if e["kind"] == "released"][-1]
    assert (event["data"]["persons"], event["data"]["carried_by"]) == (["王伟", "李娜"], "值班员")

    reader.types(f"bodydock tag {recording} --officer 7")
    office.wait("the tag is at the platform", lambda: settled(office), 40)
    for line in lines[6:]:
        reader.types(line)
    assert office.ask_dock("show", recording)["officer"]["officer"] == "8888888"


@pytest.fixture
def tls_office(here: Path) -> Iterator[SmallOffice]:
    with SmallOffice(here, ["none"], speech=False, tls=True) as made:
        yield made


def test_rolling_keys_by_the_document(tls_office: SmallOffice, here: Path) -> None:
    office = tls_office
    shelve(office.settings, "a.bin", b"a" * 50_000)
    office.start_dock_at_broker()
    office.wait("it is delivered", lambda: settled(office), 40)
    places = {"/var/lib/bodydock": str(here / "state"), "/media/stick": str(here / "stick")}
    reader = Reader(office, places)
    lines = commands("keys.md")
    roll, verify, center_verify, forgotten, move, identity, add, prepare, replace = lines

    office.dock.stop()
    shutil.copytree(here / "state", here / "before")
    office.start_dock_at_broker()
    said = reader.types(roll, "y\n")
    key = re.search(r"^fingerprint: ([0-9a-f ]+)$", said.stdout, re.M)
    assert key is not None
    id_of = key[1].replace(" ", "")
    office.wait("the platform knows it", lambda: office.ask_center("docks", "list")[0]["key"] == id_of, 40)
    reader.types(verify)
    reader.types(center_verify)

    office.dock.stop()
    (here / "stick").mkdir()
    shutil.copy2(here / "state" / "keys" / "dock.pem", here / "stick" / "dock.pem")
    shutil.rmtree(here / "state")
    (here / "before").rename(here / "state")
    office.start_dock()
    office.wait("it says so", lambda: "key_gone" in (office.status() or {})["uplink"]["alarms"], 40)
    reader.types(forgotten, "y\n")
    office.wait("it goes on", lambda: settled(office) and not (office.status() or {})["uplink"]["alarms"], 60)

    before = (office.certificates / "dock.crt").read_text()
    reader.types(move)
    shown = reader.types(identity)
    reader.types(add, shown.stderr.split()[-2] + shown.stderr.split()[-1] + "\n")
    assert (here / "dock-01.crt").read_text() != before
    office.dock.stop()
    shutil.copy2(here / "dock-01.crt", office.certificates / "dock.crt")
    office.start_dock_at_broker()

    told = reader.types(prepare)
    assert "every dock needs the [platform] table" in told.stderr
    tell_the_dock(office, here / "platform.toml")
    reader.types(replace)
    office.center.stop()
    office.center.start()
    office.dock.stop()
    shelve(office.settings, "b.bin", b"b" * 50_000)
    office.start_dock_at_broker()
    office.wait("receipts of the new key count already", lambda: settled(office), 60)
    tell_the_dock(office, here / "platform.toml")
    reader.types(verify)
    reader.types(center_verify)
