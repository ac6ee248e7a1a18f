"""Who this dock is: its key (made where there is none), its board, this run of the daemon.

- Which key is in force, the chain says (`daemon.keyline`); a roll that a kill cut short after its commit is
  finished here: the new key takes the old one's place.
- A credential that holds a key of before is passed over: nobody but an administrator can change it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from daemon import keyline
from daemon.settings import Settings
from daemon.store import Store
from uplink import keyfiles, tls, tlskey
from uplink.errors import BadKey, TlsUnusable
from uplink.ids import draw_id
from uplink.keys import KeyRecord, KeyRing, Role, SigningKey
from uplink.messages import Identity
from uplink.messages.base import Utc

_LOG = logging.getLogger(__name__)
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
    `before`: the keys that it was rolled from, oldest first.  `enrolled`: the id of the one by which the
    platform knew this dock first; None: `key`.
    """

    dock: str
    site: str
    platform: str
    key: SigningKey
    host: str | None
    run: str
    certificate: str | None = None
    before: tuple[KeyRecord, ...] = ()
    enrolled: str | None = None

    @property
    def ring(self) -> KeyRing:
        """Every key that this dock signed with."""
        return KeyRing([*self.before, self.key.record(Role.DOCK, self.dock)])

    @property
    def keys_before(self) -> frozenset[str]:
        return frozenset(record.key_id for record in self.before)

    @property
    def file_key(self) -> str:
        """The id of the key that file ids are made with: a transfer goes on over a roll."""
        return self.enrolled or self.key.key_id

    def statement(
        self, time: Utc, tls_request: bytes | None = None, rolled: Sequence[bytes] = ()
    ) -> Identity:
        """Return what `bodydock identity` prints (signed by the same key).

        `tls_request`: DER.  `rolled`: the events that rolled its keys at this platform, oldest first.
        """
        return Identity(
            dock=self.dock,
            site=self.site,
            public=self.key.public.hex(),
            host=self.host,
            time=time,
            tls_request=None if tls_request is None else base64.b64encode(tls_request).decode("ascii"),
            rolled=[json.loads(raw) for raw in rolled],
        )


def load_identity(settings: Settings) -> DockIdentity:
    """Read the dock's key, or make it at the first start; finish a roll that a kill cut short.

    Raises uplink.BadKey, also where the key is gone with which this dock signed before; OSError.
    """
    dock = settings.dock.id
    with _kept(settings) as store:
        wanted = _in_force(store, dock)
        finish_roll(settings, wanted)
        key = _credential(settings.key_file, wanted)
        if key is None:
            if not settings.key_file.exists() and wanted is not None:
                raise _gone(settings)
            settings.dock.state.mkdir(parents=True, exist_ok=True, mode=0o750)
            settings.key_file.parent.mkdir(exist_ok=True, mode=0o700)
            key, _ = SigningKey.load_or_make(settings.key_file)
        before, enrolled = _line(store, settings, key)
    return DockIdentity(
        dock,
        settings.dock.site,
        settings.platform_id,
        key,
        board_digest(settings.dock.board_serial),
        draw_id(),
        _certificate_digest(settings),
        before,
        enrolled,
    )


def key_here(settings: Settings, store: Store) -> SigningKey:
    """Return the key in the key file; the one that waits beside, if a kill left a roll unfinished.

    Changes nothing.  Raises BadKey.
    """
    waiting = settings.next_key_file
    if waiting.exists():
        key = SigningKey.load(waiting)
        if key.key_id == _in_force(store, settings.dock.id):
            return key
    return SigningKey.load(settings.key_file)


def finish_roll(settings: Settings, in_force: str | None) -> None:
    """Put the key that waits beside in the old one's place, if the chain says that it is in force.

    With that the old private key is gone.  Raises BadKey, OSError.
    """
    waiting = settings.next_key_file
    if in_force is None or not waiting.exists() or SigningKey.load(waiting).key_id != in_force:
        return
    with suppress(FileNotFoundError):  # another process has done it just now
        keyfiles.replace(settings.key_file, waiting)


@contextmanager
def _kept(settings: Settings) -> Iterator[Store | None]:
    """The store, to be read; None where there is none."""
    if not settings.store_file.exists():
        yield None
        return
    store = Store(settings.store_file, read_only=True)
    try:
        yield store
    finally:
        store.release()


def _in_force(store: Store | None, dock: str) -> str | None:
    if store is None:
        return None
    try:
        return keyline.in_force(store, dock)
    except sqlite3.OperationalError:  # made by a version that rolled no keys
        pass
    try:
        key = store.value("SELECT dock_key FROM epochs WHERE dock = ? ORDER BY place DESC LIMIT 1", (dock,))
    except sqlite3.OperationalError:  # or one that is older than such an epoch's name
        return None
    return None if key is None else str(key)


def _line(
    store: Store | None, settings: Settings, key: SigningKey
) -> tuple[tuple[KeyRecord, ...], str | None]:
    """Return the keys before `key`, and the one by which the platform knew this dock first."""
    dock = settings.dock.id
    if store is None:
        return (), None
    try:
        before = keyline.before(store, dock, key.key_id)
        return before, keyline.enrolled_with(store, settings.platform_id, dock)
    except sqlite3.OperationalError:  # an older version's: it was never rolled
        return (), None


def _gone(settings: Settings) -> BadKey:
    """A dock that has signed gets no other key under its name: id and key belong together for ever."""
    return BadKey(
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


def credential_given() -> bool:
    """Whether systemd hands a key over."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and Path(folder, CREDENTIAL).exists()


def _credential(other: Path, wanted: str | None) -> SigningKey | None:
    """Return the key that systemd hands over, if it does.

    Raises BadKey if there is another at `other`, unless that is the one `wanted`: the key was rolled.
    """
    if not credential_given():
        return None
    given = Path(os.environ["CREDENTIALS_DIRECTORY"], CREDENTIAL)
    key = SigningKey.load(given)
    if other.exists() and (beside := SigningKey.load(other).key_id) != key.key_id:
        if beside == wanted:
            _LOG.warning(
                "%s holds a key that was rolled; %s is in force: put that one in its place, and take %s away",
                given,
                other,
                other,
            )
            return None
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
