"""The way to the broker in a dock's settings: TLS, or a literal loopback address, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import BadSettings
from daemon.settings import Settings, load_settings
from uplink.keys import SigningKey
from uplink.tls import TlsFiles

REST = f"""
[dock]
id = "dock-01"
site = "xlt"
state = "/srv/dock"
[[slots]]
number = 1
ports = ["x"]
[platform]
id = "pf"
[platform.keys]
receipt = ["{SigningKey.draw().public.hex()}"]
[broker]
"""


def loaded(folder: Path, *lines: str) -> Settings:
    file = folder / "bodydock.toml"
    file.write_text(REST + "\n".join(lines))
    return load_settings(file)


def test_plain_mqtt_to_loopback_names_the_dock(tmp_path: Path) -> None:
    address = loaded(tmp_path, 'host = "::1"').broker_address()
    assert (address.host, address.tls, address.username) == ("::1", None, "xlt/dock-01")


def test_tls_takes_the_key_that_identity_made_unless_told(tmp_path: Path) -> None:
    files = ('host = "mqtt.office.example"', "port = 8883", 'ca = "/e/ca.crt"', 'certificate = "/e/dock.crt"')
    address = loaded(tmp_path, *files).broker_address()
    assert address.tls == TlsFiles(Path("/e/ca.crt"), Path("/e/dock.crt"), Path("/srv/dock/keys/tls.pem"))
    assert address.username is None, "the certificate says who it is"
    told = loaded(tmp_path, *files, 'key = "/run/credentials/tls"').broker_address()
    assert told.tls is not None
    assert told.tls.key == Path("/run/credentials/tls")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (('host = "mqtt.office.example"',), "only for a literal loopback address"),
        (('host = "localhost"',), "only for a literal loopback address"),
        (('host = "192.168.1.5"',), "only for a literal loopback address"),
        (('ca = "/e/ca.crt"',), "certificate is missing"),
        (('certificate = "/e/dock.crt"',), "ca is missing"),
        (('key = "/e/dock.key"',), "key without ca"),
        (("insecure = true",), "no such key"),
    ],
)
def test_nothing_else_is_a_way(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        loaded(tmp_path, *lines)
