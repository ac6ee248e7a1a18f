"""Persons' keys, and what the center makes of an order before anything is sent."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from center import ordering, people
from center.errors import BadOrder, BadPerson
from center.office import utc_now
from center.ordering import Asked
from center.settings import Folder
from daemon.cli.center import center_group
from daemon.settings import PlatformSettings
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock
from uplink import commanding, envelope
from uplink.errors import BadKey, Refused
from uplink.keys import Role
from uplink.messages import Answer

WANG, LI = "王伟", '李 "娜"'
FOOTAGE = Footage(b"x" * 1000)


@pytest.fixture
def dock(bench: Bench) -> ScriptedDock:
    made = bench.enrol("dock-1")
    bench.manifest(made, FOOTAGE, made.manifest(FOOTAGE))
    return made


def call(bench: Bench, *words: str) -> Result:
    return CliRunner().invoke(center_group, [*words, "--folder", str(bench.folder.root)])


def keys_of(bench: Bench, tmp_path: Path) -> tuple[Path, Path]:
    files = (tmp_path / "wang.pem", tmp_path / "li.pem")
    for person, file in zip((WANG, LI), files, strict=True):
        people.register(bench.folder, person, file)
    return files


def begun(bench: Bench, key: Path, second: str = LI, **args: Any) -> envelope.Envelope:
    aim = ordering.recording_aim(bench.folder, FOOTAGE.recording)
    asked = Asked("release", {"recording": FOOTAGE.recording, "hold": "a" * 32, **args}, (), "结案")
    return ordering.begun(bench.folder, aim, asked, key, second)


def test_a_persons_key_is_made_once_and_printed_for_the_docks(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "wang.pem"
    assert call(bench, "keys", "new", WANG, str(file)).exit_code == 0
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert "taken as it was" in call(bench, "keys", "new", WANG, str(file)).stderr
    assert call(bench, "keys", "new", LI, str(tmp_path / "li.pem")).exit_code == 0
    table = tomllib.loads(call(bench, "keys").stdout)["platform"]
    assert table == json.loads(call(bench, "keys", "--json").stdout)["platform"]
    assert list(table["people"]) == [WANG, LI]
    assert table["keys"]["destroy"] == [key for keys in table["people"].values() for key in keys]
    owners = {r.owner for r in PlatformSettings(**table).records() if r.role is Role.DESTROY}
    assert owners == {WANG, LI}
    assert not any(path.name.startswith("wang") for path in bench.folder.keys.iterdir())


def test_a_key_is_one_persons_and_lives_with_that_person(bench: Bench, tmp_path: Path) -> None:
    wang, _ = keys_of(bench, tmp_path)
    with pytest.raises(BadPerson, match="key of"):
        people.register(bench.folder, "赵六", wang)
    with pytest.raises(BadPerson, match="lives with its person"):
        people.register(bench.folder, "赵六", bench.folder.keys / "zhao.pem")
    for name in ("", " ", "a" * 61, "a\nb"):
        with pytest.raises(BadPerson):
            people.register(bench.folder, name, tmp_path / "other.pem")
    wang.chmod(0o644)
    with pytest.raises(BadKey, match="chmod"):
        people.load_key(wang)


def test_old_settings_stay_valid_but_make_no_two_persons() -> None:
    keys = {"receipt": ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"]}
    old = PlatformSettings(id="pf", keys=keys | {"destroy": keys["receipt"]})
    assert [r.owner for r in old.records() if r.role is Role.DESTROY] == ["pf"]
    with pytest.raises(ValueError, match=r"not in keys\.destroy"):
        PlatformSettings(id="pf", keys=keys, people={WANG: keys["receipt"][0]})
    both = keys | {"destroy": keys["receipt"]}
    with pytest.raises(ValueError, match="too"):
        PlatformSettings(id="pf", keys=both, people={WANG: keys["receipt"], LI: keys["receipt"]})


def test_two_signatures_over_one_payload_hold_at_the_dock(
    bench: Bench, dock: ScriptedDock, tmp_path: Path
) -> None:
    wang, li = keys_of(bench, tmp_path)
    first = begun(bench, wang)
    ring = people.ring(people.load(bench.folder))
    with pytest.raises(Refused, match="persons"):
        commanding.check(first.raw, "release", ring)
    both, command = ordering.cosigned(bench.folder, first.raw, li)
    assert both.payload == first.payload
    ordered = commanding.check(both.raw, "release", ring)
    assert ordered.persons == (WANG, LI)
    assert ordering.cosigned(bench.folder, both.raw, li)[0].raw == both.raw, "may be sent again"
    assert command.base == ordering.recording_aim(bench.folder, FOOTAGE.recording).manifest


def test_who_may_not_cosign(bench: Bench, dock: ScriptedDock, tmp_path: Path) -> None:
    wang, li = keys_of(bench, tmp_path)
    people.register(bench.folder, "赵六", tmp_path / "zhao.pem")
    first = begun(bench, wang)
    for key, said in ((wang, "already"), (tmp_path / "zhao.pem", "not named")):
        with pytest.raises(BadOrder, match=said):
            ordering.cosigned(bench.folder, first.raw, key)
    changed = json.loads(first.raw)
    changed["payload"] = json.loads(begun(bench, wang, hold="b" * 32).raw)["payload"]
    for raw in (
        json.dumps(changed).encode(),
        b"{}",
        envelope.seal("command", b"{}", people.load_key(li)).raw,
    ):
        with pytest.raises(BadOrder):
            ordering.cosigned(bench.folder, raw, li)
    for second in (WANG, "nobody"):
        with pytest.raises(BadOrder, match="second person"):
            begun(bench, wang, second)


def test_a_file_is_never_written_over_another(bench: Bench, dock: ScriptedDock, tmp_path: Path) -> None:
    wang, _ = keys_of(bench, tmp_path)
    ordering.write_file(tmp_path / "f", begun(bench, wang), new=True)
    with pytest.raises(BadOrder, match="there already"):
        ordering.write_file(tmp_path / "f", begun(bench, wang), new=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".f")] == []


def test_orders_that_make_no_sense_are_said_before_anything_is_sent(bench: Bench, dock: ScriptedDock) -> None:
    for words, said in (
        (("order", "hold", FOOTAGE.recording), "--reason"),
        (("order", "hold", "zzzz", "--reason", "x"), "center list"),
        (("order", "ping", "--dock", "dock-9"), "dock-1"),
        (("order", "config"), "--hours"),
        (("order", "config", "--hours", "8-9"), "hours"),
        (("order", "resend", FOOTAGE.recording), "no"),
        (("order", "tag", FOOTAGE.recording), "--case"),
        (("order", "tag", FOOTAGE.recording, "--mark", "9-1:interview"), "START"),
        (("order", "release", FOOTAGE.recording), "two persons"),
    ):
        result = call(bench, *words, *(["--wait", "0.1"] if "config" in words else []))
        assert result.exit_code != 0
        assert said in result.stderr, (words, result.stderr)


def test_voided_bytes_are_taken_and_receipted_anew_even_where_the_dock_was_faster(
    bench: Bench, dock: ScriptedDock
) -> None:
    aim = ordering.recording_aim(bench.folder, FOOTAGE.recording)
    assert aim.manifest is not None
    (old,) = bench.receipts(bench.transfer(dock, FOOTAGE, aim.manifest))
    (bench.folder.store / FOOTAGE.sha256[:2] / FOOTAGE.sha256[2:4] / FOOTAGE.sha256).write_bytes(b"y" * 1000)

    early = bench.file(dock, dock.file_id(FOOTAGE, 2), "init", dock.init(FOOTAGE, aim.manifest, 2).to_bytes())
    assert bench.statuses(early) == ["complete"], "the platform does not know yet"
    ordering.void(bench.folder, [aim], answer("done", recordings=[FOOTAGE.recording]))
    fin = bench.file(dock, dock.file_id(FOOTAGE, 2), "fin", dock.fin().to_bytes())
    assert bench.statuses(fin) == ["unknown"], "so the dock begins"
    (new,) = bench.receipts(bench.transfer(dock, FOOTAGE, aim.manifest, attempt=2))
    assert new.receipt != old.receipt
    assert new.supersedes == old.receipt
    assert bench.stored(FOOTAGE) == FOOTAGE.data


@pytest.mark.parametrize(
    ("outcome", "data", "voided"),
    [
        ("done", {"recordings": ["x" * 26]}, False),
        ("refused", {"code": "gone"}, False),
        ("refused", {"code": "base"}, False),
        ("refused", {"code": "unknown"}, True),
    ],
)
def test_only_what_the_dock_holds_for_void_is_voided_here(
    bench: Bench, dock: ScriptedDock, outcome: str, data: dict[str, Any], voided: bool
) -> None:
    aim = ordering.recording_aim(bench.folder, FOOTAGE.recording)
    assert aim.manifest is not None
    bench.transfer(dock, FOOTAGE, aim.manifest)
    ordering.void(bench.folder, [aim], answer(outcome, **data))
    after = ordering.recording_aim(bench.folder, FOOTAGE.recording)
    assert (after.receipts == ()) is voided


def answer(outcome: str, **data: Any) -> Answer:
    return Answer(
        platform="platform-1",
        dock="dock-1",
        command="c" * 32,
        verb="resend",
        outcome=outcome,
        text="",
        data=data,
        time=utc_now(),
    )


@pytest.mark.parametrize("alike", ["wang wei", "Wang  Wei", "\uff37ang Wei", "WANG WEI"])
def test_a_name_that_reads_like_anothers_is_no_second_person(tmp_path: Path, alike: str) -> None:
    folder = Folder(tmp_path / "center")
    folder.keys.mkdir(parents=True)
    people.register(folder, "Wang Wei", tmp_path / "one.pem")
    with pytest.raises(BadPerson, match="reads like 'Wang Wei'"):
        people.register(folder, alike, tmp_path / "two.pem")
    assert [one.person for one in people.load(folder)] == ["Wang Wei"]


def test_alphabets_that_look_alike_are_not_mixed_within_a_name(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "center")
    folder.keys.mkdir(parents=True)
    with pytest.raises(BadPerson, match="alphabets that look alike"):
        people.register(folder, "W\u0430ng Wei", tmp_path / "one.pem")
    for name in ("王伟", "Иван Петров", "Zoë Müller", "王 Wei"):
        people.register(folder, name, tmp_path / f"{name}.pem")
