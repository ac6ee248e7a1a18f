"""A real mosquitto with the configuration that is shipped, and certificates for whoever needs one.

Of the shipped file only paths, port, address and user are changed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from center import ca
from tests.rig.broker import Broker, free_port
from uplink import tlskey
from uplink.tls import TlsFiles

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "brokers" / "mosquitto" / "mosquitto.conf"
SHIPPED_FOLDER = "/etc/mosquitto/bodydock"


class ShippedBroker(Broker):
    """mosquitto as it is documented.  `folder` holds ca.crt, server.crt, server.key, crl.pem and acl."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(port=port)
        self.folder = folder

    def reload(self) -> None:
        assert self.pid is not None
        os.kill(self.pid, signal.SIGHUP)

    def _config(self) -> str:
        state = self.folder / "broker-state"
        state.mkdir(exist_ok=True)
        text = SHIPPED.read_text()
        assert text.count(SHIPPED_FOLDER) == 5
        text = text.replace(SHIPPED_FOLDER, str(self.folder)).replace("/var/lib/mosquitto/", f"{state}/")
        text = text.replace("listener 8883", f"listener {self.port} {self.host}")
        text = text.replace("log_dest syslog", "log_dest stderr")
        return text + ("user root\n" if os.geteuid() == 0 else "")


class Certificates:
    """The CA of a test, and client files made with it."""

    def __init__(self, folder: Path, authority: ca.Authority | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = authority or ca.make(folder / "ca", "pf-test")
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(self.authority.root_pem)

    def client(self, name: str) -> TlsFiles:
        stem = re.sub(r"[^a-z0-9]", "-", name)
        key = tlskey.load_or_make(self.folder / f"{stem}.key")
        path = self.folder / f"{stem}.crt"
        path.write_bytes(self.authority.client(name, key.public_key()).pem)
        return TlsFiles(self.ca, path, self.folder / f"{stem}.key")

    def broker_folder(self, acl: str, hosts: tuple[str, ...] = ("127.0.0.1",)) -> Path:
        """Lay out what the broker is given."""
        folder = self.folder / "broker"
        folder.mkdir(exist_ok=True)
        shutil.copy(self.ca, folder / "ca.crt")
        shutil.copy(self.authority.write_list(), folder / "crl.pem")
        key = tlskey.load_or_make(folder / "server.key")
        (folder / "server.crt").write_bytes(self.authority.server(hosts, key.public_key()).pem)
        (folder / "acl").write_text(acl)
        (folder / "acl").chmod(0o600)
        return folder


def broker(folder: Path) -> ShippedBroker:
    return ShippedBroker(folder, free_port())


def dated(certificates: Certificates, files: TlsFiles, start: timedelta, end: timedelta) -> TlsFiles:
    """Return `files` with the same certificate, valid from now + `start` to now + `end`."""
    old = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    root_key = tlskey.load_or_make(certificates.folder / "ca" / "root.key")
    path = files.certificate.with_suffix(".dated.crt")
    path.write_bytes(builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return TlsFiles(files.ca, path, files.key)


def self_signed(files: TlsFiles, name: str) -> TlsFiles:
    """Return a certificate for `name` that nobody but its own key vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate, key_file = files.certificate.with_suffix(".self.crt"), files.key.with_suffix(".self.key")
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return TlsFiles(files.ca, certificate, key_file)
