"""Settings: one TOML file, one frozen dataclass tree, checked as a whole before anything starts.

What is not said has a default that is safe.  Nothing from the network changes any of it (trust.md).
A relative path goes on from the folder that the file is in.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from daemon.errors import BadSettings
from dock.slots import Slot
from uplink.broker import BrokerAddress, is_loopback
from uplink.errors import BadKey
from uplink.keys import KeyRecord, KeyRing, Role
from uplink.messages.base import LOCAL, Name, PublicKey
from uplink.messages.command import Hours
from uplink.persons import distinct
from uplink.tls import TlsFiles
from uplink.wanted import key_of, wanted


def _from_settings_file(path: Path, info: ValidationInfo) -> Path:
    """A relative path goes on from the folder of the settings file, wherever the dock was started."""
    return Path(os.path.normpath(info.context["folder"] / path)) if info.context else path


Place = Annotated[Path, AfterValidator(_from_settings_file)]
Person = Annotated[str, Field(min_length=1, max_length=128)]

DEFAULT_FILE = Path("/etc/bodydock/bodydock.toml")
DEFAULT_SOCKET = Path("/run/bodydock/control.sock")


def _inspector_socket() -> Path | None:
    said = os.environ.get("BODYDOCK_INSPECTOR")
    return Path(said).absolute() if said else None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no such time zone; write one like Asia/Shanghai") from None
    return name


def _one_holds_the_other(one: Path, other: Path) -> bool:
    first, second = one.resolve(), other.resolve()
    return first.is_relative_to(second) or second.is_relative_to(first)


def _twice(values: Sequence[object]) -> object:
    return next(value for value in values if values.count(value) > 1)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DockSettings(_Section):
    """Who this dock is and where it keeps things."""

    id: Name
    """The name of this dock within its site; a platform keeps one dock by each name."""
    site: Name
    """The office it stands in: part of every topic, and what registries are for."""
    state: Place = Path("/var/lib/bodydock")
    """A folder of its own: store, vault, key and reserve."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    """What names, FAT times and cameras' clocks are read in."""
    mounts: Place = Path("/run/bodydock/cards")
    """Where cards are mounted, each in a folder of its own."""
    board_serial: Place | None = None
    """A file with the serial of the board, where Linux does not have it in its usual places."""


class SlotSettings(_Section):
    """A place for a camera: the USB ports that lead to it, or a directory."""

    number: Annotated[int, Field(ge=1, le=999)]
    """What stands on the slot, and on the panel."""
    ports: list[Annotated[str, Field(min_length=1)]] = []
    """Prefixes of `ID_PATH`: the USB ports that lead to this slot (`bodydock slots learn`)."""
    directory: Path | None = None
    """Instead of ports: a folder, or a PTP, MTP or network mount. It begins with `/`."""
    settle_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """Seconds: a directory is complete when two looks so far apart agree."""
    label: str = ""
    """What people call it, beside its number."""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> SlotSettings:
        if bool(self.ports) == (self.directory is not None):
            raise ValueError(
                f"slot {self.number} needs `ports` (`bodydock slots learn`) or a `directory`, and not both"
            )
        if self.directory is not None and not self.directory.is_absolute():
            raise ValueError(f"slot {self.number}: directory {str(self.directory)!r} must begin with /")
        return self


class BrokerSettings(_Section):
    """The MQTT broker.  With `[platform]`: one is the way, the other whom to trust."""

    host: str = "127.0.0.1"
    """The MQTT broker. Plain MQTT is for literal loopback addresses only."""
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    """Its port; 8883 is usual for TLS."""
    ca: Place | None = None
    """PEM file: the broker's CA. With it, it is TLS."""
    certificate: Place | None = None
    """PEM file: this dock's certificate (`bodydock center docks add --issue`)."""
    key: Place | None = None
    """PEM file: the certificate's private key; else the one that `bodydock identity` made."""

    @model_validator(mode="after")
    def _safe(self) -> BrokerSettings:
        if (self.ca is None) != (self.certificate is None):
            missing = "ca" if self.ca is None else "certificate"
            raise ValueError(
                f"{missing} is missing: TLS needs both, the broker's CA and this dock's certificate"
            )
        if self.ca is None and self.key is not None:
            raise ValueError("key without ca and certificate: TLS needs all three")
        if self.ca is None and not is_loopback(self.host):
            raise ValueError(
                f"host = {self.host!r}: plain MQTT is only for a literal loopback address (127.0.0.1, ::1); "
                "elsewhere give ca and certificate (docs/brokers.md)"
            )
        return self


class PlatformSettings(_Section):
    """The platform and its public keys, as `bodydock center keys` prints them."""

    id: Name
    """The platform that counts: a receipt of another proves nothing."""
    keys: dict[str, list[PublicKey]]
    """Public keys in force, by role: receipt, registry, operate, destroy. `bodydock center keys` prints them.
    """
    retired: dict[str, list[PublicKey]] = {}
    """Keys that were replaced: they verify what is kept (receipts, printed case cards), and nothing new."""
    people: dict[Person, PublicKey | list[PublicKey]] = {}
    """Whose the destroy keys are: person = key, or keys. A destroy key of nobody counts as the platform's
    own, so that two such keys are never two persons."""

    @model_validator(mode="after")
    def _keys_are_usable(self) -> PlatformSettings:
        if self.id == LOCAL:
            raise ValueError(f"a platform is not called {LOCAL!r}: leave [platform] out instead")
        allowed = {role.value for role in Role} - {Role.DOCK.value}
        for table, role, publics in self._all_keys():
            if role not in allowed:
                raise ValueError(f"{table}.{role}: no such role; allowed: {', '.join(sorted(allowed))}")
            for public in publics:
                try:
                    KeyRecord(bytes.fromhex(public), Role(role), self.id)
                except BadKey as e:
                    raise ValueError(f"{table}.{role} = {public!r}: {e}") from None
                if table == "retired" and public in self.keys.get(role, []):
                    raise ValueError(f"retired.{role} = {public!r}: it is in keys.{role} too: which is it?")
        if not self.keys.get("receipt"):
            raise ValueError("keys.receipt: at least one, or nothing could ever count as delivered")
        return self

    @model_validator(mode="after")
    def _people_have_their_keys(self) -> PlatformSettings:
        if distinct(tuple(self.people)) < len(self.people):
            raise ValueError(
                "people: two of these names differ by what an eye overlooks: they are one person"
            )
        owners: dict[str, str] = {}
        for person, given in self.people.items():
            for public in [given] if isinstance(given, str) else given:
                if public not in self.keys.get(Role.DESTROY.value, []):
                    raise ValueError(f"people.{person}: this key is not in keys.destroy")
                if owners.setdefault(public, person) != person:
                    raise ValueError(f"people.{person}: this key is {owners[public]}'s too")
        return self

    def _all_keys(self) -> list[tuple[str, str, list[PublicKey]]]:
        tables = (("keys", self.keys), ("retired", self.retired))
        return [(name, role, publics) for name, table in tables for role, publics in table.items()]

    def kept_records(self) -> list[KeyRecord]:
        """Return the keys by which what is kept is verified: those in force, and the retired."""
        retired = [
            KeyRecord(bytes.fromhex(public), Role(role), self.id)
            for role, publics in self.retired.items()
            for public in publics
        ]
        return self.records() + retired

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
    """How footage is sent.  A signed `config` of the platform amends these ([protocol.md](protocol.md))."""

    bytes_per_second: Annotated[int, Field(ge=0)] = 0
    """The most that footage takes of the line; 0 is no limit. A signed `config` of the platform amends it."""
    hours: Annotated[list[Hours], Field(max_length=8)] = []
    """Local times in which footage is sent, like `"20:00-06:00"`; none is always."""
    marked_first: bool = True
    """Whether what was marked, held or found wanting goes first."""


class TaggingSettings(_Section):
    """What a tag has to say."""

    rules: Place | None = None
    """An office's own tag rules instead of `config/rules/tags.toml`."""


class RegistriesSettings(_Section):
    """Officers, cameras and cases of a dock without a platform."""

    files: Annotated[list[Place], Field(max_length=3)] = []
    """CSV or JSON tables, one of a kind, read at the start; only without `[platform]`
    ([registries.md](registries.md))."""


class InspectionSettings(_Section):
    """How recordings are inspected."""

    rules: Place | None = None
    """A rule set of the office's own instead of `config/rules/default.toml`."""
    socket: Place | None = Field(default_factory=_inspector_socket)
    """Where systemd listens for the inspector (the unit says it by `BODYDOCK_INSPECTOR`); not said, it is a
    child of the daemon, with all the daemon may do."""
    speech: bool = True
    """Whether the notice is listened for; without, recordings are *unchecked* as to it."""
    speech_model: Place | None = None
    """The folder of a speech model; found by itself if not said (`bodydock models list`)."""
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """How many standard inspections at a time; not said, one to a core, as far as there is 1 GiB of memory
    for each."""
    deep_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.02
    """Of how many dockings every frame is looked at, 0 to 1, beside those that a standard inspection flags.
    """


class VaultSettings(_Section):
    """What the vault keeps, and for how long."""

    reserve_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """Bytes: no pull goes below it, and as much again is preallocated for the store."""
    high_water: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    """The share of the disk, 0 to 1, above which clearable local copies go."""
    keep_after_receipt_days: Annotated[float, Field(ge=0.0)] = 7.0
    """How long a copy stays at least after the platform has receipted it."""
    read_back_days: Annotated[float, Field(gt=0.0)] = 7.0
    """How often every byte of the vault is read again from the medium."""
    read_back_bytes_per_second: Annotated[int, Field(ge=1024 * 1024)] = 32 * 1024 * 1024
    """How fast, while nothing else is going on."""


class AlarmSettings(_Section):
    """When something becomes an alarm."""

    undelivered_hours: Annotated[float, Field(gt=0.0)] = 24.0
    """How long a recording may wait for the platform before it is an alarm."""
    no_broker_minutes: Annotated[float, Field(gt=0.0)] = 15.0
    """How long the broker may be away before it is an alarm."""
    card_free_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    """With less of a card free, 0 to 1, staff is warned; 0 is never."""


class ControlSettings(_Section):
    """How commands at the dock reach it."""

    socket: Place = DEFAULT_SOCKET
    """The socket by which commands reach the dock; its group may tag and hold."""


class Settings(_Section):
    """Everything a dock is told."""

    dock: DockSettings
    slots: list[SlotSettings]
    broker: BrokerSettings | None = None
    platform: PlatformSettings | None = None
    uplink: UplinkSettings = UplinkSettings()
    people: dict[str, Person] = {}
    """Who a Unix user is, for acts at the dock: `anna = "李娜"`. Anybody else is `unix:NAME`, not proven."""
    tagging: TaggingSettings = TaggingSettings()
    registries: RegistriesSettings = RegistriesSettings()
    inspection: InspectionSettings = Field(default_factory=InspectionSettings)
    vault: VaultSettings = VaultSettings()
    alarms: AlarmSettings = AlarmSettings()
    control: ControlSettings = ControlSettings()
    profiles: list[Place] = []
    """Camera profiles of the office's own (files), before those of `config/profiles`."""
    sha256: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> Settings:
        numbers = [slot.number for slot in self.slots]
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"slots: number {_twice(numbers)} is given twice; each has one of its own")
        ports = [port for slot in self.slots for port in slot.ports]
        if len(set(ports)) != len(ports):
            raise ValueError(f"slots: port {_twice(ports)} is given twice; a port leads to one slot")
        folders = [slot.directory for slot in self.slots if slot.directory is not None]
        if len(set(folders)) != len(folders):
            raise ValueError(f"slots: directory {_twice(folders)} is given twice; it is one slot's")
        ours = [self.dock.state, self.dock.mounts, self.control.socket]
        for number, folder in enumerate(folders):
            # A slot is copied whole: what the dock writes below it would be copied without end, keys too.
            for other in (*ours, *folders[:number]):
                if _one_holds_the_other(folder, other):
                    raise ValueError(
                        f"slots: directory {folder} and {other} lie one within the other: a slot's directory"
                        " holds what a camera wrote and nothing else"
                    )
        if (self.platform is None) != (self.broker is None):
            there, missing = ("platform", "broker") if self.platform else ("broker", "platform")
            raise ValueError(
                f"[{there}] without [{missing}]: they come together, one names whom to trust, one the way"
            )
        if self.platform is not None and self.registries.files:
            raise ValueError(
                "[registries] files with a [platform]: its registries come signed, and no others count:"
                " publish them there (`bodydock center registry publish`)"
            )
        return self

    @property
    def platform_id(self) -> str:
        return self.platform.id if self.platform else LOCAL

    @property
    def store_file(self) -> Path:
        return self.dock.state / "store.db"

    @property
    def vault_folder(self) -> Path:
        return self.dock.state / "vault"

    @property
    def reserve_file(self) -> Path:
        return self.dock.state / "reserve"

    @property
    def key_file(self) -> Path:
        return self.dock.state / "keys" / "dock.pem"

    @property
    def next_key_file(self) -> Path:
        """Where a new key waits until the chain says that it is in force."""
        return self.dock.state / "keys" / "dock-next.pem"

    @property
    def tls_key_file(self) -> Path:
        given = self.broker.key if self.broker else None
        return given or self.dock.state / "keys" / "tls.pem"

    def broker_address(self) -> BrokerAddress:
        """Return where the broker is, and how it is reached.  Only where there is a platform."""
        assert self.broker is not None
        tls = None
        if self.broker.ca is not None and self.broker.certificate is not None:
            tls = TlsFiles(self.broker.ca, self.broker.certificate, self.tls_key_file)
        user = f"{self.dock.site}/{self.dock.id}"
        return BrokerAddress(self.broker.host, self.broker.port, None if tls else user, tls)

    def dock_slots(self) -> list[Slot]:
        return [
            Slot(
                number=s.number,
                ports=tuple(s.ports),
                label=s.label,
                directory=s.directory,
                settle_s=s.settle_s,
            )
            for s in self.slots
        ]


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
        digest = {"sha256": hashlib.sha256(data).hexdigest()}
        return Settings.model_validate(values | digest, context={"folder": path.absolute().parent})
    except ValidationError as e:
        raise BadSettings(_explain(path, e)) from None


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False):
        key = key_of(item["loc"])
        value = (
            "" if item["type"] == "missing" or isinstance(item["input"], dict) else f" = {item['input']!r}"
        )
        said = wanted(item)
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
    "tagging": TaggingSettings,
    "registries": RegistriesSettings,
    "inspection": InspectionSettings,
    "vault": VaultSettings,
    "alarms": AlarmSettings,
    "control": ControlSettings,
}
