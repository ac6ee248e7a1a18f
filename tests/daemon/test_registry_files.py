"""Registries of a dock without a platform: from the files of its settings, whole, at each start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.alarms import Facts, standing
from daemon.cli.main import main_group
from daemon.errors import BadSettings
from daemon.parts import Parts, open_parts
from daemon.registries import load_registries
from daemon.registry_files import take_files
from daemon.settings import load_settings
from tests.daemon.conftest import Dock
from tests.daemon.making import line_of, manifests, take_in
from uplink.keys import SigningKey

NAME = "8888888_J0H42A_20261124093000_0001.mp4"
OFFICERS = "officer,name,unit\n8888888,王伟,一科\nJ0H42A,李娜,二科\n"
CASES = "case,title,officers,from,to\nC1,测试,8888888;J0H42A,,\n"


class Office:
    """A dock without a platform, started again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "bodydock.toml"
        self.write("officers.csv", OFFICERS)
        self.write("cases.csv", CASES)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def say(self, *files: str, platform: str = "") -> None:
        self.settings.write_text(
            f'[dock]\nid = "dock-01"\nsite = "xlt"\nstate = "{self.folder / "state"}"\n'
            '[[slots]]\nnumber = 1\nports = ["x"]\n'
            f"[registries]\nfiles = {json.dumps(files)}\n{platform}"
        )

    def start(self) -> Parts:
        return open_parts(load_settings(self.settings))

    def versions(self) -> dict[str, int]:
        """Start once; return which registries there are then."""
        parts = self.start()
        rows = parts.store.rows("SELECT kind, version FROM registries")
        parts.store.close()
        return {row["kind"]: row["version"] for row in rows}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def with_platform() -> str:
    key = SigningKey.draw().public.hex()
    return f'[broker]\n[platform]\nid = "pf"\n[platform.keys]\nreceipt = ["{key}"]\nregistry = ["{key}"]\n'


def test_a_recording_is_tagged_from_the_files_that_the_settings_name(office: Office) -> None:
    office.say("officers.csv", "cases.csv")
    parts = office.start()
    dock = Dock(office.folder, parts.store, parts.custody, parts.ledger, parts.vault)
    (recording,) = take_in(dock, NAME)
    line = line_of(dock)
    while line.first.step() or line.standard.step():
        pass
    tag = manifests(dock, recording)[-1][0].tag
    parts.store.close()
    assert tag.officer is not None
    assert tag.officer.name in ("王伟", "李娜")
    assert [(case.case, case.by) for case in tag.cases] == [("C1", "registry")]


def test_the_same_table_keeps_its_version_and_a_changed_one_gets_a_higher(office: Office) -> None:
    office.say("officers.csv", "cases.csv")
    first = office.versions()
    assert set(first) == {"officers", "cases"}
    assert office.versions() == first
    office.write("cases.csv", CASES + "C2,x,J0H42A,,\n")
    second = office.versions()
    assert second["cases"] > first["cases"]
    assert second["officers"] == first["officers"]
    office.say("officers.csv")
    assert office.versions() == {"officers": first["officers"]}


def test_a_platform_ends_what_was_read_from_files_and_leaves_what_is_signed(office: Office) -> None:
    office.say("officers.csv", "cases.csv")
    parts = office.start()
    with parts.store.write() as tx:
        tx.execute("UPDATE registries SET raw = ? WHERE kind = 'cases'", (b"an envelope",))
    office.say(platform=with_platform())
    take_files(parts.store, parts.custody.clock, load_settings(office.settings))
    known = load_registries(parts.store)
    parts.store.close()
    assert (known.officers, [row.case for row in known.cases]) == ({}, ["C1"])


def test_files_beside_a_platform_are_a_mistake_that_is_said(office: Office) -> None:
    office.say("officers.csv", platform=with_platform())
    with pytest.raises(BadSettings, match=r"\[registries\] files with a \[platform\]"):
        load_settings(office.settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CASES.replace("8888888;J0H42A", ""), "cases.csv:2: column officers"),
        (CASES.splitlines()[0], "take the file out of [registries]"),
        (OFFICERS, "officers.csv and"),
    ],
)
def test_a_wrong_file_is_named_by_config_check_and_changes_nothing(
    office: Office, text: str, said: str
) -> None:
    office.say("officers.csv", "cases.csv")
    before = office.versions()
    office.write("cases.csv", text)
    checked = CliRunner().invoke(main_group, ["config", "check", "--settings", str(office.settings)])
    assert checked.exit_code == 1  # 2 of the program: `main`
    assert said in checked.output
    parts = office.start()  # a typing error in a table is no reason to turn cameras away
    rows = parts.store.rows("SELECT kind, version FROM registries")
    parts.store.close()
    assert {row["kind"]: row["version"] for row in rows} == before
    assert said in parts.wrong_files[0]
    assert [raised.alarm for raised in standing(Facts(wrong_files=parts.wrong_files))] == [
        "registry.wrong_file"
    ]
    office.write("cases.csv", CASES)
    assert office.versions() == before


def test_a_file_that_is_not_there_is_named(office: Office) -> None:
    office.say("none.csv")
    checked = CliRunner().invoke(main_group, ["config", "check", "--settings", str(office.settings)])
    assert f"{office.folder / 'none.csv'} cannot be read" in checked.output
