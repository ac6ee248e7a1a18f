"""`bodydock config check`, and the key that systemd hands over."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main_group
from daemon.identity import CREDENTIAL, load_identity
from daemon.settings import load_settings
from tests.rig.tls_broker import Certificates, dated
from uplink.errors import BadKey
from uplink.keys import SigningKey
from uplink.tls import TlsFiles

SETTINGS = """
[dock]
id = "dock-01"
site = "xlt"
state = "{state}"
[[slots]]
number = 1
ports = ["platform-x-usb-0:1.1"]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "bodydock.toml"
    path.write_text(SETTINGS.format(state=tmp_path / "state"))
    return path


def _check(settings: Path) -> Result:
    return CliRunner().invoke(main_group, ["config", "check", "--settings", str(settings)])


def test_good_settings_are_said_to_be_good_and_nothing_is_made(settings: Path, tmp_path: Path) -> None:
    result = _check(settings)
    assert result.exit_code == 0, result.output
    assert "dock-01" in result.output
    assert not (tmp_path / "state").exists()


def test_what_was_read_is_printed_as_json(settings: Path) -> None:
    result = CliRunner().invoke(main_group, ["config", "check", "--settings", str(settings), "--json"])
    found = json.loads(result.stdout)
    assert found["file"] == str(settings)
    assert found["settings"]["dock"]["id"] == "dock-01"
    assert [slot["number"] for slot in found["settings"]["slots"]] == [1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[uplink]\nbytes_per_second = -1", ["uplink.bytes_per_second", "-1", "at least 0 is wanted"]),
        ("[uplink]\nbytes_per_secnod = 1", ["uplink.bytes_per_secnod", "allowed here", "bytes_per_second"]),
        ('[inspection]\nrules = "/none.toml"', ["/none.toml"]),
        (
            '[inspection]\nspeech_model = "/none"',
            ["inspection.speech_model", "/none", "bodydock models install"],
        ),
        ('[tagging]\nrules = "/none.toml"', ["/none.toml"]),
        ("[uplink", ["TOML"]),
    ],
)
def test_what_is_wrong_is_named_with_file_key_value_and_what_is_allowed(
    settings: Path, more: str, said: list[str]
) -> None:
    settings.write_text(settings.read_text() + more)
    result = _check(settings)
    assert result.exit_code == 1  # ClickException as click's runner sees it; `main` makes it 2
    for word in said:
        assert word in result.output


def test_a_key_handed_over_by_systemd_is_the_docks_key(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_settings(settings)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key, _ = SigningKey.load_or_make(credentials / CREDENTIAL)
    # With an access list for the unit's user, systemd's file shows the list's mask as the group's rights.
    (credentials / CREDENTIAL).chmod(0o440)
    with pytest.raises(BadKey, match="open to others"):
        SigningKey.load(credentials / CREDENTIAL)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert load_identity(loaded).key.key_id == key.key_id
    assert not loaded.key_file.exists()
    (credentials / CREDENTIAL).chmod(0o444)
    with pytest.raises(BadKey, match="open to others"):
        load_identity(loaded)


def test_two_different_keys_stop_the_start(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_settings(settings)
    made = load_identity(loaded).key.key_id
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_identity(loaded).key.key_id == made  # none is handed over
    SigningKey.load_or_make(tmp_path / CREDENTIAL)
    with pytest.raises(BadKey, match="two keys"):
        load_identity(loaded)


def test_the_unit_says_where_the_inspector_is_unless_the_settings_do(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(settings).inspection.socket is None
    monkeypatch.setenv("BODYDOCK_INSPECTOR", "/run/bodydock/inspect.sock")
    assert load_settings(settings).inspection.socket == Path("/run/bodydock/inspect.sock")
    settings.write_text(settings.read_text() + '[inspection]\nsocket = "/elsewhere"\n')
    assert load_settings(settings).inspection.socket == Path("/elsewhere")


def with_broker(settings: Path, files: TlsFiles) -> None:
    key = SigningKey.draw().public.hex()
    settings.write_text(
        settings.read_text() + f'[broker]\nhost = "mqtt.office.example"\nport = 8883\nca = "{files.ca}"\n'
        f'certificate = "{files.certificate}"\nkey = "{files.key}"\n'
        f'[platform]\nid = "pf"\n[platform.keys]\nreceipt = ["{key}"]\n'
    )


def test_files_for_the_broker_are_tried(settings: Path, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    files = certificates.client("xlt/dock-01")
    with_broker(settings, files)
    assert (_check(settings).exit_code, _check(settings).stderr) == (0, "")
    stranger = certificates.client("xlt/dock-02")
    kept = files.key.read_bytes()
    for damage, said in (
        (stranger.key.read_bytes(), f"{files.certificate} and {files.key} are no certificate and its key"),
        (None, "`bodydock identity` makes it"),
    ):
        if damage is None:
            files.key.unlink()
        else:
            files.key.write_bytes(damage)
        wrong = _check(settings)
        assert wrong.exit_code == 1
        assert said in wrong.stderr
    files.key.write_bytes(kept)
    files.certificate.unlink()
    assert f"{files.certificate} cannot be read" in _check(settings).stderr


def test_a_certificate_that_ended_is_a_warning(settings: Path, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    files = certificates.client("xlt/dock-01")
    with_broker(settings, dated(certificates, files, timedelta(days=-9), timedelta(days=-1)))
    result = _check(settings)
    assert result.exit_code == 0
    assert "ended on" in result.stderr


def test_a_slots_directory_that_is_not_there_is_a_warning(settings: Path, tmp_path: Path) -> None:
    gone = tmp_path / "camera"
    settings.write_text(settings.read_text() + f'[[slots]]\nnumber = 2\ndirectory = "{gone}"\n')
    result = _check(settings)
    assert result.exit_code == 0
    assert f"slot 2: {gone} is not there now" in result.stderr
    gone.write_bytes(b"")
    assert f"slot 2: {gone} is no directory" in _check(settings).stderr
    gone.unlink()
    gone.mkdir()
    assert _check(settings).stderr == ""
