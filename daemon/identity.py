"""Who this dock is: its key (made where there is none), its board, this run of the daemon."""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from daemon.settings import Settings
from daemon.store import Store
from uplink import tls, tlskey
from uplink.errors import BadKey, TlsUnusable
from uplink.ids import draw_id
from uplink.keys import SigningKey
from uplink.messages import Identity
from uplink.messages.base import Utc

# A key that systemd hands over (LoadCredential=) instead of one that the dock made.
CREDENTIAL = "bodydock.dock.pem"
# The board's own serial: another board means that this is a copy of the dock (trust.md).
_BOARD_SERIALS = (
    Path("/sys/firmware/devicetree/base/serial-number"),
    Path("/sys/class/dmi/id/product_uuid"),
    Path("/sys/class/dmi/id/board_serial"),
)


@dataclass(frozen=True)
class DockIdentity:
    """The dock's names and key; `run` is random per start of the daemon.

    `certificate`: SHA-256 of the one for the broker (DER), where there is one.
    """

    dock: str
    site: str
    platform: str
    key: SigningKey
    host: str | None
    run: str
    certificate: str | None = None

    def statement(self, time: Utc, tls_request: bytes | None = None) -> Identity:
        """Return what `bodydock identity` prints (signed by the same key).  `tls_request`: DER."""
        return Identity(
            dock=self.dock,
            site=self.site,
            public=self.key.public.hex(),
            host=self.host,
            time=time,
            tls_request=None if tls_request is None else base64.b64encode(tls_request).decode("ascii"),
        )


def load_identity(settings: Settings) -> DockIdentity:
    """Read the dock's key, or make it at the first start.

    Raises uplink.BadKey, also where the key is gone with which this dock signed before; OSError.
    """
    key = _credential(settings.key_file)
    if key is None:
        if not settings.key_file.exists():
            _must_be_new(settings)
        settings.dock.state.mkdir(parents=True, exist_ok=True, mode=0o750)
        settings.key_file.parent.mkdir(exist_ok=True, mode=0o700)
        key, _ = SigningKey.load_or_make(settings.key_file)
    return DockIdentity(
        settings.dock.id,
        settings.dock.site,
        settings.platform_id,
        key,
        board_digest(settings.dock.board_serial),
        draw_id(),
        _certificate_digest(settings),
    )


def _must_be_new(settings: Settings) -> None:
    """A dock that has signed gets no other key under its name: id and key belong together for ever."""
    if not settings.store_file.exists():
        return
    store = Store(settings.store_file, read_only=True)
    try:
        signed = store.value("SELECT 1 FROM epochs WHERE dock = ? LIMIT 1", (settings.dock.id,))
    except sqlite3.OperationalError:  # made by a version that is older than such an epoch's name
        signed = None
    finally:
        store.release()
    if signed is not None:
        raise BadKey(
            f"{settings.key_file} is gone, and dock {settings.dock.id} has signed with it: put it back from"
            " a backup (docs/restore.md). If it is lost for good, give this dock a new id ([dock] id in the"
            " settings), and have it enrolled anew (`bodydock identity`, `bodydock center docks add`)"
        )


def _certificate_digest(settings: Settings) -> str | None:
    file = settings.broker.certificate if settings.broker else None
    try:
        return None if file is None else tls.digest(file)
    except TlsUnusable:
        return None  # the uplink says so; the dock takes in footage all the same


def _credential(other: Path) -> SigningKey | None:
    """Return the key that systemd hands over, if it does.  Raises BadKey if there is another at `other`."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None or not (given := Path(folder, CREDENTIAL)).exists():
        return None
    key = SigningKey.load(given)
    if other.exists() and SigningKey.load(other).key_id != key.key_id:
        raise BadKey(
            f"this dock has two keys, {given} and {other}: which one is it? Take away the one that no "
            "platform knows (`bodydock identity` shows its fingerprint)"
        )
    return key


def tls_request(settings: Settings) -> bytes:
    """Return the request for the certificate that the broker is shown; its key is made where there is none.

    Raises uplink.BadKey, OSError.
    """
    settings.tls_key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = tlskey.load_or_make(settings.tls_key_file)
    return tlskey.request(key, f"{settings.dock.site}/{settings.dock.id}"[:64])


def board_digest(serial_file: Path | None = None) -> str | None:
    """Return SHA-256 of the board's serial, or None where the board has none."""
    for path in (serial_file,) if serial_file is not None else _BOARD_SERIALS:
        try:
            serial = path.read_bytes().strip(b"\0\n ")
        except OSError:
            continue
        if serial and serial.strip(b"0-"):
            return hashlib.sha256(serial).hexdigest()
    return None


def fingerprint(key_id: str) -> str:
    """Return a key id as people compare it: groups of four."""
    return " ".join(key_id[i : i + 4] for i in range(0, len(key_id), 4))
