"""A center's folder and its settings (`center.toml`).

- One center lives in one folder: settings, keys, catalogue, store.  Nothing of it is elsewhere.
- `store` and `incoming` are on one file system: bytes move into the store by a link, never by a copy.
- A wrong setting stops the start with file, key, value and what is allowed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from center.errors import BadFolder
from uplink.broker import BrokerAddress, is_loopback
from uplink.messages.base import Name, Short
from uplink.tls import TlsFiles
from uplink.wanted import key_of, wanted

DEFAULT_FOLDER = Path("/var/lib/bodydock-center")
TLS_FILES = ("ca", "certificate", "key", "operator_certificate", "operator_key")
# Where `center ca init` puts them.
OWN_TLS = {
    "ca": Path("ca/ca.crt"),
    "certificate": Path("ca/receiver.crt"),
    "key": Path("ca/receiver.key"),
    "operator_certificate": Path("ca/operator.crt"),
    "operator_key": Path("ca/operator.key"),
}
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Broker(BaseModel):
    """Where the broker is, and the names that its rights are written for.

    Receiver and operator have a certificate each, named as they are: TLS needs all five files.
    """

    model_config = _STRICT
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The MQTT broker. Plain MQTT is for literal loopback addresses only."""
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    """Its port; 8883 is usual for TLS."""
    receiver: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")] = "receiver"
    """The name under which `bodydock center run` reads what docks send, and answers."""
    operator: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")] = "operator"
    """The name under which orders and registries are sent."""
    ca: Path | None = None
    """PEM file: the broker's CA. Relative paths go on from the center's folder, here and below."""
    certificate: Path | None = None
    """PEM file: the receiver's certificate."""
    key: Path | None = None
    """PEM file: its private key."""
    operator_certificate: Path | None = None
    """PEM file: the operator's certificate."""
    operator_key: Path | None = None
    """PEM file: its private key."""

    @model_validator(mode="after")
    def _safe(self) -> Broker:
        given = [name for name in TLS_FILES if getattr(self, name) is not None]
        if given and len(given) < len(TLS_FILES):
            missing = ", ".join(name for name in TLS_FILES if name not in given)
            raise ValueError(f"{given[0]} without {missing}: TLS needs all of them")
        if not given and not is_loopback(self.host):
            raise ValueError(
                f"host = {self.host!r}: plain MQTT is only for a literal loopback address (127.0.0.1, ::1); "
                f"elsewhere give {', '.join(TLS_FILES)} (docs/brokers.md)"
            )
        if self.receiver == self.operator:
            raise ValueError("receiver and operator have different rights: give them different names")
        return self

    def within(self, root: Path) -> Broker:
        """Return it with files named from `root`."""
        files = {name: root / getattr(self, name) for name in TLS_FILES if getattr(self, name) is not None}
        return self.model_copy(update=files)

    def receiver_address(self) -> BrokerAddress:
        """Return how the receiver reaches the broker.  Raises NotLoopback."""
        return self._address(self.receiver, self.certificate, self.key)

    def operator_address(self) -> BrokerAddress:
        """Return how the operator service does: registries, commands.  Raises NotLoopback."""
        return self._address(self.operator, self.operator_certificate, self.operator_key)

    def _address(self, user: str, certificate: Path | None, key: Path | None) -> BrokerAddress:
        if self.ca is None or certificate is None or key is None:
            return BrokerAddress(self.host, self.port, user)
        return BrokerAddress(self.host, self.port, None, TlsFiles(self.ca, certificate, key))


class Limits(BaseModel):
    """What keeps one dock from filling everything."""

    model_config = _STRICT
    reserve_bytes: Annotated[int, Field(ge=0)] = 256 * 1024 * 1024
    """Bytes of the disk that stay free: no dock gets credit for what would go below it."""
    dock_bytes: Annotated[int, Field(ge=0)] = 0
    """Bytes that one dock may have stored; 0 is no quota."""
    open_transfers: Annotated[int, Field(ge=1, le=1000)] = 32
    """How many files of one dock may be on their way at once."""
    quarantine_items: Annotated[int, Field(ge=0, le=100_000)] = 500
    """How many refused messages are kept as evidence."""
    quarantine_bytes: Annotated[int, Field(ge=0)] = 32 * 1024 * 1024
    """How many bytes of them."""


class Settings(BaseModel):
    """`center.toml`."""

    model_config = _STRICT
    id: Name
    """The platform's id, for ever."""
    store: Short = "store"
    """The name that receipts give the store."""
    broker: Broker = Broker()
    limits: Limits = Limits()


@dataclass(frozen=True)
class Folder:
    """The paths of one center."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "center.toml"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def catalogue(self) -> Path:
        return self.root / "catalogue.db"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def blob(self, sha256: str) -> Path:
        """Return where the store keeps these bytes."""
        return self.store / sha256[:2] / sha256[2:4] / sha256

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def ca(self) -> Path:
        return self.root / "ca"

    @property
    def watchers(self) -> Path:
        return self.root / "watchers.json"

    @property
    def acl(self) -> Path:
        return self.root / "acl"

    @contextlib.contextmanager
    def locked(self, name: str, wait: bool = True) -> Iterator[None]:
        """Hold `{name}.lock` in the folder.  Raises BadFolder where another process holds it."""
        fd = os.open(self.root / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise BadFolder(
                    f"another center runs in {self.root}: stop it first, or name another --folder"
                ) from None
            yield
        finally:
            os.close(fd)


def make(folder: Folder, settings: Settings) -> None:
    """Lay out a new center.  Raises BadFolder where there is one already, or no right to make it."""
    try:
        for path in (folder.root, folder.keys, folder.store, folder.incoming):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder.settings.open("x", encoding="utf-8") as f:
            f.write(_toml(settings))
            f.flush()
            os.fsync(f.fileno())
    except FileExistsError:
        raise BadFolder(
            f"{folder.settings} is there already: a center keeps its id for ever. "
            "Its other settings are in that file; another platform needs another --folder"
        ) from None
    except OSError as e:
        raise BadFolder(f"{e.filename or folder.root}: {e.strerror}. Name a --folder you may write") from None


def load(folder: Folder) -> Settings:
    """Read the settings.  Raises BadFolder with file, key, value and what is allowed."""
    path = folder.settings
    try:
        with path.open("rb") as f:
            values = tomllib.load(f)
    except FileNotFoundError:
        raise BadFolder(
            f"no center in {folder.root} (no {path.name}): `bodydock center init --id NAME` makes one"
        ) from None
    except OSError as e:
        raise BadFolder(f"{path} cannot be read: {e.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise BadFolder(f"{path} is not TOML: {e}") from None
    try:
        read = Settings.model_validate(values)
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        value = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
        raise BadFolder(f"{path}: {key_of(first['loc'])}{value}: {wanted(first)}") from None
    return read.model_copy(update={"broker": read.broker.within(folder.root)})


def _toml(settings: Settings) -> str:
    # JSON strings are TOML basic strings for what the patterns above allow.
    lines = [f"id = {json.dumps(settings.id)}", f"store = {json.dumps(settings.store, ensure_ascii=False)}"]
    for table in ("broker", "limits"):
        values = getattr(settings, table).model_dump(mode="json", exclude_none=True)
        lines += ["", f"[{table}]"] + [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
