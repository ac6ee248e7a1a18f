"""Settings: a mistake names the file, the key, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import BadSettings
from daemon.settings import load_settings
from uplink.keys import Role, SigningKey

KEY = SigningKey.draw().public.hex()
GOOD = """
[dock]
id = "dock-1"
site = "xlt"
[[slots]]
number = 1
ports = ["pci-usb-0:1"]
"""
PLATFORM = f'[platform]\nid = "pf"\nkeys = {{receipt = ["{KEY}"]}}\n'
BROKER = '[broker]\nhost = "127.0.0.1"\n'


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "bodydock.toml"
    file.write_text(text)
    return file


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.platform_id == "local"
    assert settings.store_file == Path("/var/lib/bodydock/store.db")
    assert len(settings.sha256) == 64
    both = load_settings(write(tmp_path, GOOD + PLATFORM + BROKER))
    assert both.platform is not None
    assert [record.public.hex() for record in both.platform.records()] == [KEY]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "[dock2]\n", ["dock2", "no such key", "broker, control, dock"]),
        (
            GOOD.replace("site =", 'sight = "x"\nsite ='),
            ["dock.sight = 'x'", "no such key", "id, mounts, site"],
        ),
        (
            GOOD.replace("number =", "nr = 2\nnumber ="),
            ["slots[1].nr = 2", "directory, label, number, ports, settle_s"],
        ),
        (
            GOOD.replace('"dock-1"', '"Dock 1"'),
            ["dock.id = 'Dock 1'", "1 to 32 characters of a-z, 0-9 and -"],
        ),
        (GOOD.replace('id = "dock-1"\n', ""), ["dock.id", "has to be given"]),
        (GOOD.replace("number = 1", "number = 0"), ["slots[1].number = 0", "at least 1 is wanted"]),
        (GOOD.replace('["pci-usb-0:1"]', "[]"), ["slots[1]", "`ports`", "`directory`"]),
        (GOOD.replace('["pci-usb-0:1"]', '[""]'), ["slots[1].ports[1] = ''", "at least 1"]),
        (GOOD.replace("site =", 'time_zone = "Beijing"\nsite ='), ["time_zone = 'Beijing'", "Asia/Shanghai"]),
        (GOOD + '[[slots]]\nnumber = 2\nports = ["pci-usb-0:1"]\n', ["pci-usb-0:1", "one slot"]),
        (GOOD + '[[slots]]\nnumber = 1\nports = ["pci-usb-0:2"]\n', ["number 1", "one of its own"]),
        (GOOD + PLATFORM, ["[platform] without [broker]"]),
        (GOOD + BROKER, ["[broker] without [platform]"]),
        (
            GOOD + BROKER + PLATFORM.replace("receipt", "receipts"),
            ["keys.receipts", "destroy, operate, receipt"],
        ),
        (GOOD + BROKER + PLATFORM.replace("receipt", "registry"), ["keys.receipt", "at least one"]),
        (
            GOOD + BROKER + PLATFORM.replace(KEY, "00" * 32),
            ["platform", "keys.receipt", "0000", "small order"],
        ),
        (
            GOOD + BROKER + PLATFORM.replace(KEY, "12"),
            ["platform.keys.receipt[1] = '12'", "64 hex digits are wanted"],
        ),
        (GOOD + BROKER + PLATFORM.replace('"pf"', '"local"'), ["'local'", "leave [platform] out"]),
        (GOOD + "[broker]\nport = 70000\n", ["broker.port = 70000", "65535"]),
        ("[dock", ["no TOML"]),
    ],
)
def test_a_mistake_names_key_value_and_what_is_allowed(tmp_path: Path, text: str, words: list[str]) -> None:
    file = write(tmp_path, text)
    with pytest.raises(BadSettings) as error:
        load_settings(file)
    for word in [str(file), *words]:
        assert word in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"none\.toml.*--settings"):
        load_settings(tmp_path / "none.toml")


def test_relative_paths_go_on_from_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = tmp_path / "office"
    office.mkdir()
    (office / "dock.toml").write_text(
        'profiles = ["own.toml"]\nslots = [{ number = 1, ports = ["p"] }]\n'
        '[dock]\nid = "a"\nsite = "s"\nstate = "state"\nmounts = "../cards"\nboard_serial = "serial"\n'
        '[broker]\nhost = "mq.example"\nca = "ca.crt"\ncertificate = "dock.crt"\nkey = "/abs/dock.key"\n'
        f'[platform]\nid = "pf"\nkeys = {{ receipt = ["{KEY}"] }}\n'
        '[tagging]\nrules = "tags.toml"\n'
        '[inspection]\nrules = "rules.toml"\nspeech_model = "model"\nsocket = "i.sock"\n'
        '[control]\nsocket = "c.sock"\n'
    )
    monkeypatch.chdir(tmp_path)
    read = load_settings(Path("office/dock.toml"))
    monkeypatch.chdir("/")
    assert read.broker is not None
    found = [
        read.dock.state,
        read.dock.mounts,
        read.dock.board_serial,
        read.broker.ca,
        read.broker.certificate,
    ]
    found += [read.tagging.rules, read.inspection.rules, read.inspection.speech_model]
    found += [read.inspection.socket, read.control.socket, *read.profiles]
    names = [
        "state",
        "../cards",
        "serial",
        "ca.crt",
        "dock.crt",
        "tags.toml",
        "rules.toml",
        "model",
        "i.sock",
        "c.sock",
        "own.toml",
    ]
    assert found == [office / name if name[:2] != ".." else tmp_path / name[3:] for name in names]
    assert read.broker.key == Path("/abs/dock.key")


def test_a_retired_key_verifies_what_is_kept_and_nothing_new(tmp_path: Path) -> None:
    old = SigningKey.draw()
    retired = PLATFORM + f'retired = {{receipt = ["{old.public.hex()}"]}}\n'
    platform = load_settings(write(tmp_path, GOOD + BROKER + retired)).platform
    assert platform is not None
    assert platform.ring().find(old.key_id, Role.RECEIPT) is None
    assert old.key_id in [record.key_id for record in platform.kept_records()]
