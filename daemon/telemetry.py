"""What the dock says of itself over MQTT: state, health, slots.  Unsigned claims for people who watch."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon.alarm_book import told
from daemon.board import SlotView
from daemon.custody import Custody
from daemon.limits import digest_of, kept_amendments
from daemon.power import cpu_load, temperature_c, under_voltage
from daemon.revisions import bodydock_version
from daemon.store import Store
from daemon.store.database import from_text
from daemon.throttling import throttled
from uplink.dockside import StateWord
from uplink.messages import CameraClaim, Clock, HealthMessage, SlotMessage, StateMessage


@dataclass(frozen=True)
class Waiting:
    """What the platform has not signed for: how much, and since when."""

    count: int
    size_bytes: int
    oldest_at: datetime | None


def waiting_for_platform(store: Store) -> Waiting:
    row = store.row(
        "SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes, min(stored_at) AS oldest FROM recordings"
        " WHERE state IN ('stored', 'sending')"
    )
    assert row is not None
    return Waiting(row["count"], row["bytes"], from_text(row["oldest"]))


class Telemetry:
    """Makes messages; `seq` counts over all of them in one run."""

    def __init__(self, custody: Custody, settings_sha256: str) -> None:
        self._custody = custody
        self._settings_sha256 = settings_sha256
        self._seq = itertools.count()
        self._since = custody.clock.now()
        self._version = bodydock_version()

    def state(self, state: StateWord) -> StateMessage:
        """Return `up/state`: online, offline or stopping."""
        return StateMessage(**self._common(), state=state, version=self._version)  # type: ignore[arg-type]

    def slot(self, view: SlotView, officer: str | None = None) -> SlotMessage:
        """`officer`: whose footage it is, as far as all of it says the same."""
        camera = view.docking.camera if view.docking else None
        return SlotMessage(
            **self._common(),  # type: ignore[arg-type]
            slot=view.slot,
            phase=view.phase,
            camera=CameraClaim(serial=camera.serial, by=camera.serial_by) if camera else None,
            officer=officer,
            docking=view.docking.id if view.docking else None,
            files_done=view.files_done,
            files_total=view.files_total,
            bytes_done=view.bytes_done,
            bytes_total=view.bytes_total,
            rate_bytes_per_s=view.rate_bytes_per_s,
            time_left_s=view.time_left_s,
            safe_to_take=view.safe_to_take,
            text=view.text,
            error=view.error[:2000] if view.error else None,
        )

    def health(self, store: Store, vault: Path) -> HealthMessage:
        disk = shutil.disk_usage(vault)
        states = store.rows("SELECT state, count(*) AS count FROM recordings GROUP BY state")
        waiting = waiting_for_platform(store)
        counters = store.rows("SELECT name, count FROM counters")
        return HealthMessage(
            **self._common(),  # type: ignore[arg-type]
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            recordings={row["state"]: row["count"] for row in states},
            waiting_bytes=waiting.size_bytes,
            oldest_undelivered_at=waiting.oldest_at,
            counters={row["name"]: row["count"] for row in counters},
            alarms=told(store),
            temperature_c=temperature_c(),
            cpu_load=cpu_load(),
            under_voltage=under_voltage(),
            throttled=throttled(),
            settings_sha256=digest_of(self._settings_sha256, kept_amendments(store)),
        )

    def _common(self) -> dict[str, str | int | datetime | Clock]:
        identity = self._custody.identity
        return {
            "dock": identity.dock,
            "key": identity.key.key_id,
            "run": identity.run,
            "seq": next(self._seq),
            "since": self._since,
            "time": self._custody.clock.now(),
            "clock": self._custody.clock.claim(),
        }
