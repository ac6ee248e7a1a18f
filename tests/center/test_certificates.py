"""`bodydock center ca …`, `center broker` and `docks add --issue`, as people use them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from center import acl, ca, enrolment, settings
from center.errors import BadAuthority, BadFolder, NotEnrolled
from daemon.cli.center import center_group
from daemon.cli.identity import identity
from tests.center.scripted import TIME, ScriptedDock
from uplink import envelope, tlskey
from uplink.messages.identity import Identity


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "center"
    for words in (("init", "--id", "pf", "--tls", "--broker-host", "mqtt.office.example"), ("keys",)):
        assert call(folder, *words).exit_code == 0
    return folder


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(center_group, [*words, "--folder", str(root)])


def done(root: Path, *words: str) -> Result:
    result = call(root, *words)
    assert result.exit_code == 0, result.output
    return result


def certificate(pem: str | bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)


def name_of(cert: x509.Certificate) -> str:
    return str(cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def dock_settings(folder: Path) -> Path:
    file = folder / "bodydock.toml"
    file.write_text(
        f'[dock]\nid = "dock-01"\nsite = "xlt"\nstate = "{folder / "state"}"\n'
        '[[slots]]\nnumber = 1\nports = ["x"]\n'
    )
    return file


def test_init_makes_root_receiver_and_operator_once(root: Path) -> None:
    done(root, "ca", "init")
    made = certificate(done(root, "ca", "show").stdout)
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    chosen = settings.load(settings.Folder(root)).broker
    for address, name in ((chosen.receiver_address(), "receiver"), (chosen.operator_address(), "operator")):
        assert address.tls is not None
        assert address.username is None
        own = certificate(address.tls.certificate.read_bytes())
        assert name_of(own) == name
        own.verify_directly_issued_by(made)
        assert mode(address.tls.key) == 0o600
        usage = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert mode(root / "ca" / "root.key") == 0o600
    before = (root / "ca" / "ca.crt").read_bytes()
    again = call(root, "ca", "init")
    assert (again.exit_code, "there already" in again.stderr) == (1, True)
    assert (root / "ca" / "ca.crt").read_bytes() == before


def test_one_exchange_enrols_a_dock_and_gives_it_its_certificate(root: Path, tmp_path: Path) -> None:
    done(root, "ca", "init")
    printed = CliRunner().invoke(identity, ["--settings", str(dock_settings(tmp_path))])
    assert printed.exit_code == 0, printed.output
    key_file = tmp_path / "state" / "keys" / "tls.pem"
    assert mode(key_file) == 0o600
    file = tmp_path / "dock.json"
    file.write_text(printed.stdout)
    fingerprint = printed.stderr.split("fingerprint:")[1].strip()
    added = done(root, "docks", "add", str(file), "--fingerprint", fingerprint, "--issue")
    made = certificate(added.stdout)
    assert name_of(made) == "xlt/dock-01"
    assert made.public_key() == tlskey.load_or_make(key_file).public_key()
    made.verify_directly_issued_by(certificate((root / "ca" / "ca.crt").read_bytes()))
    assert made.not_valid_before_utc < datetime.now(UTC) - timedelta(hours=23), "for clocks that are behind"
    again = done(root, "docks", "add", str(file), "--fingerprint", fingerprint, "--issue")
    assert "was enrolled already" in again.stderr, "so it is renewed"
    assert certificate(again.stdout).serial_number != made.serial_number
    plain = done(root, "docks", "add", str(file), "--fingerprint", fingerprint)
    assert plain.stdout == ""


def test_a_wrong_fingerprint_issues_nothing(root: Path, tmp_path: Path) -> None:
    done(root, "ca", "init")
    printed = CliRunner().invoke(identity, ["--settings", str(dock_settings(tmp_path))])
    (tmp_path / "dock.json").write_text(printed.stdout)
    result = call(root, "docks", "add", str(tmp_path / "dock.json"), "--fingerprint", "0" * 64, "--issue")
    assert (result.exit_code, result.stdout) == (1, "")
    assert [item["name"] for item in json.loads(done(root, "ca", "list", "--json").stdout)] == [
        "operator",
        "receiver",
    ]


def test_without_a_ca_issue_changes_nothing(root: Path, tmp_path: Path) -> None:
    printed = CliRunner().invoke(identity, ["--settings", str(dock_settings(tmp_path))])
    (tmp_path / "dock.json").write_text(printed.stdout)
    shown = printed.stderr.split("fingerprint:")[1].strip()
    result = call(root, "docks", "add", str(tmp_path / "dock.json"), "--fingerprint", shown, "--issue")
    assert (result.exit_code, "ca init" in result.stderr) == (1, True)
    assert json.loads(done(root, "docks", "list", "--json").stdout) == []


def applicant(dock: ScriptedDock, request: bytes | None) -> enrolment.Applicant:
    encoded = None if request is None else base64.b64encode(request).decode()
    public = dock.key.public.hex()
    said = Identity(dock=dock.name, site=dock.site, public=public, host=None, time=TIME, tls_request=encoded)
    return enrolment.read(envelope.seal("identity", said.to_bytes(), dock.key).raw, "test")


def test_the_name_is_the_enrolled_ones_whatever_the_request_says(root: Path, tmp_path: Path) -> None:
    done(root, "ca", "init")
    folder = settings.Folder(root)
    key = tlskey.load_or_make(tmp_path / "tls.pem")
    dock = ScriptedDock("dock-1", "site-1")
    greedy = applicant(dock, tlskey.request(key, "site-1/dock-2"))
    with pytest.raises(NotEnrolled, match="not enrolled"):
        enrolment.certify(folder, greedy)
    enrolment.take_in(folder, settings.load(folder), greedy)
    assert enrolment.certify(folder, greedy).name == "site-1/dock-1"
    with pytest.raises(NotEnrolled, match="no certificate request"):
        enrolment.certify(folder, applicant(dock, None))  # as an older `bodydock identity` prints it
    with pytest.raises(NotEnrolled, match="another key"):
        enrolment.certify(folder, applicant(ScriptedDock("dock-1", "site-1"), tlskey.request(key, "x")))


def test_the_broker_is_given_what_it_reads_and_no_private_key_but_its_own(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "broker"
    target.mkdir()
    assert "ca init" in call(root, "broker", str(target)).stderr
    done(root, "ca", "init")
    early = call(root, "broker", str(target))
    assert (early.exit_code, "server.crt" in early.stderr) == (1, True)
    done(root, "ca", "server", "mqtt.office.example", "10.1.2.3")
    done(root, "broker", str(target))
    assert {path.name: mode(path) for path in target.iterdir()} == {
        "ca.crt": 0o644,
        "crl.pem": 0o644,
        "server.crt": 0o644,
        "server.key": 0o640,
        "acl": 0o644,
    }
    made = certificate((target / "server.crt").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.office.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3"]
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    for wrong in ("mqtt office", "-x", "*.office.example"):
        assert call(root, "ca", "server", "--", wrong).exit_code == 1


def test_a_watcher_is_let_in_and_shut_out(root: Path, tmp_path: Path) -> None:
    done(root, "ca", "init")
    key = tlskey.load_or_make(tmp_path / "watch.key")
    asked = x509.load_der_x509_csr(tlskey.request(key, "anything"))
    (tmp_path / "watch.csr").write_bytes(asked.public_bytes(serialization.Encoding.PEM))
    done(root, "ca", "server", "mqtt.office.example")
    first = done(root, "ca", "watcher", "duty", "--site", "xlt", "--request", str(tmp_path / "watch.csr"))
    made = certificate(first.stdout)
    assert name_of(made) == "watcher-duty"
    assert made.public_key() == key.public_key()
    second = done(root, "ca", "watcher", "wall")
    key_file = root / "ca" / "watcher-wall.key"
    assert certificate(second.stdout).public_key() == tlskey.load_or_make(key_file).public_key()
    rights = settings.Folder(root).acl.read_text()
    assert "user watcher-duty\ntopic read bodydock/1/xlt/+/up/state\n" in rights
    assert "user watcher-wall\ntopic read bodydock/1/+/+/up/state\n" in rights

    done(root, "ca", "revoke", "watcher-duty")
    assert "watcher-duty" not in settings.Folder(root).acl.read_text()
    listed = x509.load_pem_x509_crl((root / "ca" / "crl.pem").read_bytes())
    assert [revoked.serial_number for revoked in listed] == [made.serial_number]
    assert listed.next_update_utc == certificate((root / "ca" / "ca.crt").read_bytes()).not_valid_after_utc
    again = call(root, "ca", "revoke", "watcher-duty")
    assert (again.exit_code, "no certificate" in again.stderr) == (1, True)
    assert "revoked" in done(root, "ca", "list").stdout
    for words in (("ca", "watcher", "A b"), ("ca", "watcher", "x", "--site", "a/b")):
        assert call(root, *words).exit_code == 1


def test_a_watcher_cannot_be_called_as_the_receiver_is(root: Path) -> None:
    done(root, "ca", "init")
    toml = root / "center.toml"
    toml.write_text(toml.read_text().replace('receiver = "receiver"', 'receiver = "watcher-x"'))
    assert call(root, "ca", "watcher", "x").exit_code == 1


def test_certificates_are_printed_as_json(root: Path, tmp_path: Path) -> None:
    def said(*words: str) -> Any:
        return json.loads(done(root, *words, "--json").stdout)

    begun = said("ca", "init")
    assert [one["name"] for one in begun] == ["receiver", "operator"]
    shown = said("ca", "show")
    certificate(begun[0]["pem"]).verify_directly_issued_by(certificate(shown["pem"]))
    missing = call(root, "broker", str(tmp_path), "--json")
    assert missing.exit_code == 1
    assert json.loads(missing.stdout)["missing"] == ["server.crt", "server.key"]
    (served,) = said("ca", "server", "mqtt.office.example")
    assert int(served["serial"], 16) == certificate(served["pem"]).serial_number
    assert [one["name"] for one in said("ca", "renew")] == ["receiver", "operator"]
    watching = said("ca", "watcher", "wall", "--site", "xlt")
    assert (watching["name"], watching["sites"]) == ("watcher-wall", ["xlt"])
    assert Path(watching["key_file"]).is_file()
    laid = said("broker", str(tmp_path))
    assert str(tmp_path / "acl") in laid["written"]
    assert laid["missing"] == []
    assert said("ca", "revoke", "watcher-wall") == {"name": "watcher-wall", "revoked": 1}


def test_renewal_keeps_the_keys(root: Path) -> None:
    done(root, "ca", "init")
    before = certificate((root / "ca" / "receiver.crt").read_bytes())
    done(root, "ca", "renew")
    after = certificate((root / "ca" / "receiver.crt").read_bytes())
    assert before.public_key() == after.public_key()
    assert before.serial_number != after.serial_number


def test_a_root_without_its_key_is_never_given_another(root: Path) -> None:
    done(root, "ca", "init")
    (root / "ca" / "root.key").rename(root / "away")
    result = call(root, "ca", "renew")
    assert (result.exit_code, "root.key cannot be read" in result.stderr) == (1, True)
    tlskey.load_or_make(root / "ca" / "root.key")
    with pytest.raises(BadAuthority, match="not the key of"):
        ca.load(root / "ca")


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ('host = "10.0.0.7"', "only for a literal loopback address"),
        ('host = "localhost"', "only for a literal loopback address"),
        ('ca = "ca.crt"', "without certificate, key"),
        ('receiver = "operator"', "different names"),
    ],
)
def test_a_center_does_not_start_on_an_unsafe_way(tmp_path: Path, broker: str, said: str) -> None:
    root = tmp_path / "center"
    done(root, "init", "--id", "pf")
    (root / "center.toml").write_text(f'id = "pf"\n[broker]\n{broker}\n')
    with pytest.raises(BadFolder, match=said):
        settings.load(settings.Folder(root))
    done_ = call(root, "run")
    assert (done_.exit_code, said in done_.stderr) == (1, True)


def test_acl_of_no_docks_gives_nobody_a_wildcard_to_write() -> None:
    for line in acl.text(settings.Settings(id="pf"), [], {"watcher-x": []}).splitlines():
        assert not line.startswith(("topic write bodydock/1/+", "topic readwrite", "pattern"))
