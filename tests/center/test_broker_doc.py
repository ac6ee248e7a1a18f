"""The commands of docs/brokers.md, in their order, as they stand there; then what they made, put together."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from center import settings
from daemon.cli.main import main_group
from daemon.settings import load_settings
from tests.rig.broker import free_port
from tests.rig.tls_broker import ShippedBroker
from tests.rig.until import until
from uplink.connection import Connection

DOC = Path(__file__).resolve().parents[2] / "docs" / "brokers.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
DOCK_TOML = '[dock]\nid = "dock-01"\nsite = "xlt"\nstate = "{state}"\n[[slots]]\nnumber = 1\nports = ["x"]\n'
FINGERPRINT = re.compile(r"fingerprint: ([0-9a-f ]+)")


def commands() -> list[str]:
    blocks = [body for kind, body in BLOCK.findall(DOC.read_text("utf-8")) if not kind]
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.split("#")[0].split("&&")[0].strip() for line in lines if line.startswith("bodydock ")]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three machines in one folder, after everything that the document says was done."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BODYDOCK_CENTER", str(tmp_path / "center"))
    (tmp_path / "broker").mkdir()
    (tmp_path / "bodydock.toml").write_text(DOCK_TOML.format(state=tmp_path / "state"))
    typed = ""
    places = {
        "/etc/mosquitto/bodydock": str(tmp_path / "broker"),
        "/etc/bodydock/bodydock.toml": str(tmp_path / "bodydock.toml"),
        "10.1.2.3": "127.0.0.1",
    }
    for command in commands():
        if command == "bodydock center run":
            continue
        words = shlex.split(re.sub("|".join(places), lambda found: places[found[0]], command))[1:]
        target = words.pop() if words[-2:-1] == [">"] else None
        if target is not None:
            words.pop()
        ran = CliRunner().invoke(main_group, words, input=typed)
        assert ran.exit_code == 0, f"{command}: {ran.output}"
        if target is not None:
            (tmp_path / target).write_text(ran.stdout)
        if (shown := FINGERPRINT.search(ran.stderr)) is not None:
            typed = shown[1].replace(" ", "")[-8:] + "\n"  # a person reads it off the dock's screen
    return tmp_path


def test_the_document_has_the_whole_way() -> None:
    said = "\n".join(commands())
    for verb in ("ca init", "ca server", "center broker", "identity", "docks add", "ca watcher"):
        assert verb in said


def test_what_the_commands_made_fits_together(office: Path) -> None:
    with ShippedBroker(office / "broker", free_port()) as broker:
        blocks = [body for kind, body in BLOCK.findall(DOC.read_text("utf-8")) if kind == "toml"]
        text = blocks[0].replace("/etc/bodydock/", f"{office}/").replace("8883", str(broker.port))
        file = office / "bodydock.toml"
        file.write_text(file.read_text() + text + (office / "platform.toml").read_text())
        dock = load_settings(file).broker_address()
        center = settings.load(settings.Folder(office / "center")).broker
        assert dock.host == center.host == "mqtt.office.example"
        for address in (dock, center.receiver_address(), center.operator_address()):
            # Its address is in the broker's certificate, as the document asks for.
            with_loopback = type(address)("127.0.0.1", broker.port, None, address.tls)
            connection = Connection(with_loopback, "x", subscriptions=())
            connection.start()
            try:
                until(lambda: connection.connected, f"{connection.trouble}")  # noqa: B023
            finally:
                connection.close()
