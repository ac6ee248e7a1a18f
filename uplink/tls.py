"""TLS to the broker, and what its failures mean to people (trust.md, The dock refuses; known-faults K05).

- TLS 1.2 at least; the broker's CA and name (in its subject alternative names only) are checked; our
  certificate is shown.  There is no other mode and no fallback.
- The files are read at each attempt: a renewed certificate needs no restart.
- A certificate that is not valid *now* may mean that this machine's clock is wrong: that is said, and
  time mends it.  An unknown CA or a wrong name is a refusal that waits for a person.
- Over TLS 1.3 a refused client learns it only when it reads: a connection that ends before the broker's
  first answer is taken for a refusal too.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from uplink.errors import TlsUnusable

if TYPE_CHECKING:
    from cryptography import x509

EXPIRING = timedelta(days=30)
# Alarm words: stable, explained in docs/brokers.md.
UNTRUSTED = "broker_untrusted"
WRONG_TIME = "certificate_time"
REFUSED = "certificate_refused"
FILES = "tls_files"
UNFIT = "broker_unfit"
_TIME_CODES = (9, 10)  # OpenSSL: X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_ALERT = "ALERT"
_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "WRONG_VERSION_NUMBER", "NO_PROTOCOLS_AVAILABLE")


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the broker's CA, our certificate (with what is between it and the CA), its key."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Trouble:
    """Why a connection fails: a stable word for an alarm, and words for people.

    `passes`: it may end by itself, so it is tried again as soon as after any other failure.
    """

    word: str
    text: str
    passes: bool = False


def context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of a client.  Raises TlsUnusable: which file, and why."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = True
    made.verify_mode = ssl.CERT_REQUIRED
    made.hostname_checks_common_name = False
    for path in (files.ca, files.certificate, files.key):
        try:
            path.open("rb").close()
        except OSError as e:
            raise TlsUnusable(f"{path} cannot be read: {e.strerror}") from None
    try:
        made.load_verify_locations(files.ca)
    except (ssl.SSLError, ValueError) as e:
        raise TlsUnusable(f"{files.ca} holds no CA certificate: {_reason(e)}") from None
    try:
        made.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, ValueError) as e:
        raise TlsUnusable(
            f"{files.certificate} and {files.key} are no certificate and its key: {_reason(e)}"
        ) from None
    return made


def expires_at(certificate: Path) -> datetime:
    """Return when the first certificate of a PEM file ends.  Raises TlsUnusable."""
    return _first(certificate).not_valid_after_utc


def digest(certificate: Path) -> str:
    """Return SHA-256 (hex) of the first certificate of a PEM file, as DER.  Raises TlsUnusable."""
    from cryptography.hazmat.primitives import hashes

    return _first(certificate).fingerprint(hashes.SHA256()).hex()


def explain(error: Exception) -> Trouble | None:
    """Say what a failed handshake or a TLS alert means; None for what is no matter of TLS."""
    if isinstance(error, TlsUnusable):
        return Trouble(FILES, str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message or str(error)
        if error.verify_code in _TIME_CODES:
            now = datetime.now(UTC)
            return Trouble(
                WRONG_TIME,
                f"the broker's certificate does not hold at this machine's time, {now:%Y-%m-%d %H:%M} UTC "
                f"({said}): set the clock, or renew the certificate; it connects by itself then",
                passes=True,
            )
        return Trouble(
            UNTRUSTED, f"this is not the broker that the settings name: {said}. Nothing was sent to it"
        )
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if any(word in reason for word in _OLD):
            return Trouble(UNFIT, f"the broker does not speak TLS 1.2 or newer here: {reason}")
        if _ALERT in reason:
            return Trouble(REFUSED, f"the broker does not take our certificate: {_words(reason)}")
    return None


def refused_silently() -> Trouble:
    """The broker ended the connection right after the handshake, without an answer."""
    return Trouble(
        REFUSED, "the broker ended the connection before answering: it may not take our certificate"
    )


def _first(certificate: Path) -> x509.Certificate:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes())
    except OSError as e:
        raise TlsUnusable(f"{certificate} cannot be read: {e.strerror}") from None
    except ValueError as e:
        raise TlsUnusable(f"{certificate} holds no certificate: {e}") from None


def _reason(error: Exception) -> str:
    return _words(getattr(error, "reason", None) or str(error))


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()


def _no_password() -> bytes:
    raise ValueError("the key is encrypted: nobody is there to type a password")
