"""The key of a TLS certificate, made where it is used, and the request that a CA is given (RFC 2986).

It is a key of its own: the Ed25519 keys of `keys.py` sign for their role and no other (trust.md).  ECDSA on
P-256, which every broker and its libraries take.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from uplink import keyfiles
from uplink.errors import BadKey

TlsPrivateKey = ec.EllipticCurvePrivateKey
TlsPublicKey = ec.EllipticCurvePublicKey
MAX_REQUEST_BYTES = 4096


def load_or_make(path: Path) -> TlsPrivateKey:
    """Read the key at `path`, or make one and keep it there (0600, PKCS #8 PEM).  Raises BadKey, OSError."""
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        if keyfiles.keep(path, pem):
            return made
    return _checked(keyfiles.read(path), path)


def request(key: TlsPrivateKey, common_name: str) -> bytes:
    """Return a certificate signing request (DER)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def requested_key(request_der: bytes) -> TlsPublicKey:
    """Return the public key of a request whose signature holds; nothing else in it counts.  Raises BadKey."""
    if len(request_der) > MAX_REQUEST_BYTES:
        raise BadKey(f"a certificate request of {len(request_der)} bytes")
    try:
        read = x509.load_der_x509_csr(request_der)
        public, signed = read.public_key(), read.is_signature_valid
    except Exception as e:  # noqa: BLE001 - from outside, and the library raises many kinds
        raise BadKey(f"no certificate request: {e}") from None
    if not signed:
        raise BadKey("the certificate request is not signed by the key in it")
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise BadKey("the certificate request is for another kind of key than ECDSA on P-256")
    return public


def _checked(pem: bytes, path: Path) -> TlsPrivateKey:
    key: PrivateKeyTypes
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as e:
        raise BadKey(f"key file {path} holds no private key: {e}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadKey(f"key file {path} holds no ECDSA key on P-256")
    return key
