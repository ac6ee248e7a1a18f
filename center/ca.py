"""A private CA for the broker and for whoever speaks to it (RFC 5280), for offices without one of their own.

- One root, made once, its key beside the platform's (0600).  It signs three kinds of certificate and no
  other: the broker's (server), and clients' (docks, receiver and operator, watchers).
- A client's name is its common name and decides its rights at the broker (trust.md, Who may do what); of
  a request only the public key is taken.
- What was issued is kept; revoking puts every certificate of a name on a revocation list.  That list ends
  with the root: one that ran out would shut every dock out at once, and it is brought to the broker as a
  file, so its date would prove nothing.
- Certificates begin a day before they are made: clocks of docks without a battery are behind.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from center.errors import BadAuthority
from uplink import keyfiles, tlskey

ROOT_DAYS = 20 * 365
LEAF_DAYS = 825  # what browsers and phones still take; renewed by hand, and an alarm tells 30 days before
EARLIER = timedelta(days=1)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Issued:
    """A certificate: whose, its serial number, its end, and the PEM."""

    name: str
    serial: int
    expires_at: datetime
    pem: bytes


class Authority:
    """The CA in a folder."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, root: x509.Certificate) -> None:
        self._folder = folder
        self._key = key
        self._root = root

    @property
    def root_pem(self) -> bytes:
        return self._root.public_bytes(serialization.Encoding.PEM)

    def server(self, hosts: Sequence[str], public: tlskey.TlsPublicKey) -> Issued:
        """Certify a broker reached under these names or addresses.  Raises BadAuthority."""
        names = [_general_name(host) for host in hosts]
        if not names:
            raise BadAuthority("a server certificate needs the name or address that clients connect to")
        builder = self._leaf(hosts[0][:64], public, ExtendedKeyUsageOID.SERVER_AUTH)
        return self._issue(
            hosts[0], builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        )

    def client(self, name: str, public: tlskey.TlsPublicKey) -> Issued:
        """Certify whoever has the private key of `public` as `name` (at most 64 characters, X.520)."""
        return self._issue(name, self._leaf(name, public, ExtendedKeyUsageOID.CLIENT_AUTH))

    def revoke(self, name: str) -> int:
        """Revoke every certificate of `name` that holds; returns how many.  Write the list to the broker."""
        revoked = self._revoked()
        now = datetime.now(UTC)
        new = {
            format(cert.serial_number, "x"): now.isoformat()
            for cert in self._issued()
            if _name(cert) == name and format(cert.serial_number, "x") not in revoked
        }
        write_public(self._folder / "revoked.json", json.dumps(revoked | new, indent=1).encode())
        self.write_list()
        return len(new)

    def write_list(self) -> Path:
        """Write the revocation list anew, and return where."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._root.subject)
            .last_update(self._root.not_valid_before_utc)
            .next_update(self._root.not_valid_after_utc)
            .add_extension(self._authority_id(), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        )
        for serial, at in self._revoked().items():
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(int(serial, 16))
                .revocation_date(datetime.fromisoformat(at))
                .build()
            )
        path = self._folder / "crl.pem"
        write_public(path, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def listing(self) -> list[dict[str, Any]]:
        """Return what was issued, by name and end, as plain JSON values."""
        revoked = self._revoked()
        found = [
            {
                "name": _name(cert),
                "serial": format(cert.serial_number, "x"),
                "expires_at": cert.not_valid_after_utc.isoformat(),
                "revoked_at": revoked.get(format(cert.serial_number, "x")),
            }
            for cert in self._issued()
        ]
        return sorted(found, key=lambda item: (str(item["name"]), str(item["expires_at"])))

    # Inside

    def _leaf(
        self, name: str, public: tlskey.TlsPublicKey, usage: x509.ObjectIdentifier
    ) -> x509.CertificateBuilder:
        if not 1 <= len(name) <= 64:
            raise BadAuthority(f"{name!r}: a certificate's name has 1 to 64 characters")
        return (
            _builder(name, public, LEAF_DAYS)
            .issuer_name(self._root.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(self._authority_id(), critical=False)
        )

    def _issue(self, name: str, builder: x509.CertificateBuilder) -> Issued:
        cert = builder.sign(self._key, hashes.SHA256())
        pem = cert.public_bytes(serialization.Encoding.PEM)
        # Kept before it is handed out: what is not known could not be revoked.
        write_public(self._folder / "issued" / f"{cert.serial_number:x}.crt", pem)
        return Issued(name, cert.serial_number, cert.not_valid_after_utc, pem)

    def _authority_id(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _issued(self) -> list[x509.Certificate]:
        paths = sorted((self._folder / "issued").glob("*.crt"))
        return [x509.load_pem_x509_certificate(path.read_bytes()) for path in paths]

    def _revoked(self) -> dict[str, str]:
        path = self._folder / "revoked.json"
        return dict(json.loads(path.read_bytes())) if path.exists() else {}


def make(folder: Path, platform: str) -> Authority:
    """Make the root.  Raises BadAuthority where there is one, OSError."""
    if (folder / "ca.crt").exists():
        raise BadAuthority(
            f"{folder / 'ca.crt'} is there already: docks and broker trust it. To begin anew, all of them "
            "have to be given new certificates: move the folder away first"
        )
    (folder / "issued").mkdir(mode=0o700, parents=True, exist_ok=True)
    key = tlskey.load_or_make(folder / "root.key")
    public = key.public_key()
    name = f"bodydock CA of {platform}"
    root = (
        _builder(name, public, ROOT_DAYS)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_public(folder / "ca.crt", root.public_bytes(serialization.Encoding.PEM))
    made = Authority(folder, key, root)
    made.write_list()
    return made


def load(folder: Path) -> Authority:
    """Read the CA.  Raises BadAuthority where there is none, BadKey."""
    try:
        root = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    except FileNotFoundError:
        raise BadAuthority(f"no CA in {folder}: `bodydock center ca init` makes one") from None
    except (OSError, ValueError) as e:
        raise BadAuthority(f"{folder / 'ca.crt'} cannot be used: {e}") from None
    keyfiles.read(folder / "root.key")  # where it is gone, say so: never make another
    key = tlskey.load_or_make(folder / "root.key")
    if key.public_key() != root.public_key():
        raise BadAuthority(f"{folder / 'root.key'} is not the key of {folder / 'ca.crt'}")
    return Authority(folder, key, root)


def _builder(name: str, public: tlskey.TlsPublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _key_usage(*, digital_signature: bool = False, sign_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):
            raise BadAuthority(f"{host!r} is no host name and no address") from None
        return x509.DNSName(host)


def _name(cert: x509.Certificate) -> str:
    return str(cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def write_public(path: Path, data: bytes) -> None:
    """Write a public file whole, durably."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as f:
            f.write(data)
            f.flush()
            os.fchmod(f.fileno(), 0o644)
            os.fsync(f.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
