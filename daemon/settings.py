"""Settings: one TOML file, one frozen dataclass tree, checked as a whole before anything starts.

What is not said has a default that is safe.  Nothing from the network changes any of it (trust.md).
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from daemon.errors import BadSettings
from dock.slots import Slot
from uplink.errors import BadKey
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages.base import LOCAL, Name, PublicKey
from uplink.messages.command import Hours

Person = Annotated[str, Field(min_length=1, max_length=128)]

DEFAULT_FILE = Path("/etc/bodydock/bodydock.toml")
DEFAULT_SOCKET = Path("/run/bodydock/control.sock")


def _inspector_socket() -> Path | None:
    said = os.environ.get("BODYDOCK_INSPECTOR")
    return Path(said) if said else None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no such time zone; write one like Asia/Shanghai") from None
    return name


def _twice(values: Sequence[object]) -> object:
    return next(value for value in values if values.count(value) > 1)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DockSettings(_Section):
    """Who this dock is and where it keeps things."""

    id: Name
    site: Name
    state: Path = Path("/var/lib/bodydock")
    time_zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    mounts: Path = Path("/run/bodydock/cards")


class SlotSettings(_Section):
    """A place for a camera: the USB ports that lead to it, as prefixes of ID_PATH."""

    number: Annotated[int, Field(ge=1, le=999)]
    ports: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    label: str = ""


class BrokerSettings(_Section):
    """The MQTT broker.  Plain MQTT is for literal loopback addresses only."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883


class PlatformSettings(_Section):
    """The platform and its public keys by role, as `bodydock center keys` prints them.

    `people`: whose the `destroy` keys are (person: key, or keys).  A destroy key of nobody in it counts
    as the platform's own, so that two such keys are never two persons.
    """

    id: Name
    keys: dict[str, list[PublicKey]]
    people: dict[Person, PublicKey | list[PublicKey]] = {}

    @model_validator(mode="after")
    def _keys_are_usable(self) -> PlatformSettings:
        if self.id == LOCAL:
            raise ValueError(f"a platform is not called {LOCAL!r}: leave [platform] out instead")
        allowed = {role.value for role in Role} - {Role.DOCK.value}
        for role, publics in self.keys.items():
            if role not in allowed:
                raise ValueError(f"keys.{role}: no such role; allowed: {', '.join(sorted(allowed))}")
            for public in publics:
                try:
                    KeyRecord(bytes.fromhex(public), Role(role), self.id)
                except BadKey as e:
                    raise ValueError(f"keys.{role} = {public!r}: {e}") from None
        if not self.keys.get("receipt"):
            raise ValueError("keys.receipt: at least one, or nothing could ever count as delivered")
        return self

    @model_validator(mode="after")
    def _people_have_their_keys(self) -> PlatformSettings:
        owners: dict[str, str] = {}
        for person, given in self.people.items():
            for public in [given] if isinstance(given, str) else given:
                if public not in self.keys.get(Role.DESTROY.value, []):
                    raise ValueError(f"people.{person}: this key is not in keys.destroy")
                if owners.setdefault(public, person) != person:
                    raise ValueError(f"people.{person}: this key is {owners[public]}'s too")
        return self

    def records(self) -> list[KeyRecord]:
        owners = {
            public: person
            for person, given in self.people.items()
            for public in ([given] if isinstance(given, str) else given)
        }
        return [
            KeyRecord(bytes.fromhex(public), Role(role), self._owner(role, public, owners))
            for role, publics in self.keys.items()
            for public in publics
        ]

    def _owner(self, role: str, public: str, owners: dict[str, str]) -> str:
        return owners.get(public, self.id) if role == Role.DESTROY.value else self.id

    def ring(self) -> KeyRing:
        return KeyRing(self.records())


class UplinkSettings(_Section):
    """`bytes_per_second`: 0 is no limit.  `hours`: local times in which footage is sent; [] is always.

    A signed `config` of the platform amends these (mqtt.md).
    """

    bytes_per_second: Annotated[int, Field(ge=0)] = 0
    hours: Annotated[list[Hours], Field(max_length=8)] = []
    marked_first: bool = True


class TaggingSettings(_Section):
    """`rules`: an office's own tag rules instead of `config/rules/tags.toml`."""

    rules: Path | None = None


class InspectionSettings(_Section):
    """`rules`: a rule set of the office's own.  `speech_model`: a folder; found by itself if not said.

    `socket`: where systemd listens for the inspector; not said, it is a child of the daemon, with all the
    daemon may do.  The unit says it by BODYDOCK_INSPECTOR.
    """

    rules: Path | None = None
    socket: Path | None = Field(default_factory=_inspector_socket)
    speech: bool = True
    speech_model: Path | None = None


class ControlSettings(_Section):
    socket: Path = DEFAULT_SOCKET


class Settings(_Section):
    """Everything a dock is told."""

    dock: DockSettings
    slots: list[SlotSettings]
    broker: BrokerSettings | None = None
    platform: PlatformSettings | None = None
    uplink: UplinkSettings = UplinkSettings()
    people: dict[str, Person] = {}  # Unix user: person, for acts at the dock
    tagging: TaggingSettings = TaggingSettings()
    inspection: InspectionSettings = Field(default_factory=InspectionSettings)
    control: ControlSettings = ControlSettings()
    profiles: list[Path] = []
    sha256: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> Settings:
        numbers = [slot.number for slot in self.slots]
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"slots: number {_twice(numbers)} is given twice; each has one of its own")
        ports = [port for slot in self.slots for port in slot.ports]
        if len(set(ports)) != len(ports):
            raise ValueError(f"slots: port {_twice(ports)} is given twice; a port leads to one slot")
        if (self.platform is None) != (self.broker is None):
            there, missing = ("platform", "broker") if self.platform else ("broker", "platform")
            raise ValueError(
                f"[{there}] without [{missing}]: they come together, one names whom to trust, one the way"
            )
        return self

    @property
    def platform_id(self) -> str:
        return self.platform.id if self.platform else LOCAL

    @property
    def store_file(self) -> Path:
        return self.dock.state / "store.db"

    @property
    def vault(self) -> Path:
        return self.dock.state / "vault"

    @property
    def key_file(self) -> Path:
        return self.dock.state / "keys" / "dock.pem"

    def dock_slots(self) -> list[Slot]:
        return [Slot(number=s.number, ports=tuple(s.ports), label=s.label) for s in self.slots]


def load_settings(path: Path) -> Settings:
    """Read and check the settings.  Raises BadSettings: file, key, value, what is allowed."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadSettings(f"{path}: cannot be read: {e.strerror}; name another with --settings") from None
    try:
        values: dict[str, Any] = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise BadSettings(f"{path}: no TOML: {e}") from None
    try:
        return Settings(**(values | {"sha256": hashlib.sha256(data).hexdigest()}))
    except (ValidationError, TypeError) as e:
        raise BadSettings(_explain(path, e)) from None


def _explain(path: Path, error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return f"{path}: {error}"
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "(the whole)"
        value = (
            "" if item["type"] == "missing" or isinstance(item["input"], dict) else f" = {item['input']!r}"
        )
        said = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            said = f"no such key; allowed here: {', '.join(_allowed(item['loc']))}"
        lines.append(f"{path}: {key}{value[:120]}: {said}")
    return "\n".join(lines)


def _allowed(where: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section in which the last part of `where` is none."""
    section: type[BaseModel] = Settings
    for part in where[:-1]:
        if isinstance(part, str):
            section = _SECTIONS[part]
    return sorted(name for name in section.model_fields if name != "sha256")


_SECTIONS: dict[str, type[BaseModel]] = {
    "dock": DockSettings,
    "slots": SlotSettings,
    "broker": BrokerSettings,
    "platform": PlatformSettings,
    "uplink": UplinkSettings,
    "inspection": InspectionSettings,
    "control": ControlSettings,
}
