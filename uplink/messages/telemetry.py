"""State, health and slots: unsigned claims for people who watch (mqtt.md), retained with expiry."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from uplink.messages.base import (
    CameraClaim,
    Clock,
    Count,
    Hex128,
    KeyId,
    Name,
    Positive,
    Short,
    Text,
    Utc,
    Wire,
)

Throttle = Literal["under_voltage", "frequency_capped", "slowed", "hot"]
TELEMETRY_EXPIRY_S = 2 * 24 * 3600
Phase = Literal[
    "empty",
    "expected",  # camera present, disk expected
    "wrong_mode",
    "no_file_system",
    "attached",
    "listing",
    "pulling",
    "making_room",
    "checking",
    "done",
    "error",
]


class Telemetry(Wire):
    """Shared by all: ghosts of earlier runs are told by `run` and `since`."""

    dock: Name
    key: KeyId | None
    run: Hex128
    seq: Count
    since: Utc
    time: Utc
    clock: Clock


class StateMessage(Telemetry):
    """`up/state`, and the Last Will (whose time is the time of connecting)."""

    schema_: Annotated[Literal["bodydock.state/1"], Field(alias="schema")] = "bodydock.state/1"
    state: Literal["online", "offline", "stopping"]
    version: Short


class Alarm(Wire):
    """One alarm (docs/alarms.md).  `subject`: the slot, where there is one.  `cleared` null: it stands."""

    alarm: Short
    subject: Short = ""
    since: Utc
    cleared: Utc | None = None
    severity: Literal["info", "warning", "critical"]
    text: dict[str, Text]


class HealthMessage(Telemetry):
    """`up/health`: every 60 s and on change."""

    schema_: Annotated[Literal["bodydock.health/1"], Field(alias="schema")] = "bodydock.health/1"
    disk_free_bytes: Count
    disk_total_bytes: Count
    recordings: dict[str, Count]  # by state
    waiting_bytes: Count
    oldest_undelivered_at: Utc | None
    counters: dict[str, Count]
    alarms: Annotated[list[Alarm], Field(max_length=64)] = []
    settings_sha256: str | None = None
    certificate_expires_at: Utc | None = None  # of the dock's certificate for the broker
    temperature_c: float | None = None
    cpu_load: float | None = None  # of the last minute, to a core
    under_voltage: bool | None = None  # the board throttles itself, or will
    throttled: Annotated[list[Throttle], Field(max_length=8)] | None = None  # why it is, now; null: unknown
    extra: dict[str, Any] = {}


class SlotMessage(Telemetry):
    """`up/slots/{n}`: what the officer's eye wants, for whoever watches."""

    schema_: Annotated[Literal["bodydock.slot/1"], Field(alias="schema")] = "bodydock.slot/1"
    slot: Positive
    phase: Phase
    camera: CameraClaim | None = None
    officer: Short | None = None
    docking: Hex128 | None = None
    files_done: Count = 0
    files_total: Count = 0
    bytes_done: Count = 0
    bytes_total: Count = 0
    rate_bytes_per_s: float | None = None
    time_left_s: float | None = None
    safe_to_take: bool = False
    text: dict[str, Text] = {}
    error: Text | None = None
