"""The stage that looks at what alarms are made of, and notes and tells what changed (rules: `alarms.py`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon import alarm_book
from daemon.alarms import Facts, SlotTrouble, standing
from daemon.board import SlotBoard
from daemon.lineage.chain import NEVER
from daemon.parts import Parts
from daemon.power import HWMON, under_voltage
from daemon.room import disk_of
from daemon.shared_serials import in_two_slots, note
from daemon.store import Store
from daemon.store.database import from_text, to_text
from daemon.waiting_room import WaitingRoom

EVERY_S = 2.0
LATELY_S = 3600.0  # a receipt that was refused is an alarm for so long
_TROUBLE = frozenset({"error", "no_file_system", "wrong_mode"})
_NAMES = 20
# A row that failed waits for its retry; a moment longer, so that the alarm does not go and come with each.
_STILL_FAILING = timedelta(minutes=2)


@dataclass
class Growth:
    """When a counter last grew, in this run of the daemon."""

    monotonic: Callable[[], float]
    _last: int | None = None
    _grew_at: float | None = None

    def lately(self, count: int) -> bool:
        if self._last is not None and count > self._last:
            self._grew_at = self.monotonic()
        self._last = count
        return self._grew_at is not None and self.monotonic() - self._grew_at < LATELY_S


@dataclass
class Alarming:
    """A stage.  `progress`: what the uplink says; `changed` is told when an alarm came, went or changed."""

    parts: Parts
    board: SlotBoard
    waiting: WaitingRoom
    progress: Callable[[], dict[str, Any]]
    changed: Callable[[], None]
    hwmon: Path = HWMON
    monotonic: Callable[[], float] = time.monotonic
    _due_at: float = 0.0
    _away_since: float | None = None
    _receipts: Growth = field(init=False)
    _unknown: Growth = field(init=False)
    _lost: Growth = field(init=False)

    def __post_init__(self) -> None:
        self._receipts, self._unknown = Growth(self.monotonic), Growth(self.monotonic)
        self._lost = Growth(self.monotonic)
        self._unknown.lately(0)  # unknown files are counted at the start, before anybody looks

    def step(self) -> bool:
        """Look, at most every two seconds.  Never counts as work."""
        if self.monotonic() < self._due_at:
            return False
        self._due_at = self.monotonic() + EVERY_S
        if alarm_book.keep(self.parts.store, self.parts.custody.clock, standing(self.facts())):
            self.changed()
        return False

    def facts(self) -> Facts:
        """Return what there is to know now."""
        parts, settings = self.parts, self.parts.settings
        store, link = parts.store, self.progress()
        now = parts.custody.clock.now()
        oldest = from_text(store.value(_OLDEST))
        return Facts(
            disk_used_share=disk_of(parts.vault).used_share,
            high_water=settings.vault.high_water,
            nothing_clearable=self.waiting.stuck,
            pulls_wait=self.waiting.missing_bytes > 0,
            reserve_held=parts.reserve.held,
            wal_bytes=store.wal_bytes(),
            oldest_undelivered_s=(now - oldest).total_seconds() if oldest else 0.0,
            undelivered_limit_s=settings.alarms.undelivered_hours * 3600,
            has_platform=settings.platform is not None,
            broker_away_s=self._broker_away_s(bool(link["connected"]) or parts.copy_of is not None),
            broker_limit_s=settings.alarms.no_broker_minutes * 60,
            link=frozenset(link.get("alarms", ())),
            refused_receipts=self._receipts.lately(_counted(store, "refused.receipt.%")),
            refused_by_platform=_names(store, _REFUSED, (NEVER,)),
            coming_again=_names(store, _COMING_AGAIN),
            lost=_names(store, _LOST),
            damaged=_names(store, _DAMAGED),
            unknown_files=self._unknown.lately(_counted(store, "vault.unknown_file")),
            failing=_names(store, _FAILING, (to_text(now - _STILL_FAILING),)),
            slots=self._slots(),
            full_cards=self._full_cards(),
            shared_serials=self._shared_serials(),
            lost_together=self._lost.lately(_counted(store, "slot.lost_together")),
            clock_behind_s=parts.custody.clock.behind_s(),
            under_voltage=under_voltage(self.hwmon),
            wrong_files=parts.wrong_files,
        )

    def _broker_away_s(self, connected: bool) -> float:
        if connected:
            self._away_since = None
            return 0.0
        if self._away_since is None:
            self._away_since = self.monotonic()
        return self.monotonic() - self._away_since

    def _slots(self) -> list[SlotTrouble]:
        return [
            SlotTrouble(view.slot, view.error or view.text.get("en", view.phase))
            for view in self.board.views()
            if view.phase in _TROUBLE or view.error
        ]

    def _shared_serials(self) -> list[tuple[str, Sequence[int]]]:
        """Two that were read one after the other, and are both still here, are seen only now."""
        found = in_two_slots(self.board.views())
        if found:
            note(self.parts.store, found, self.parts.custody.clock)
        return list(found.items())

    def _full_cards(self) -> list[SlotTrouble]:
        return [
            SlotTrouble(view.slot, view.docking.camera.serial if view.docking else "")
            for view in self.board.views()
            if view.card_full
        ]


def _names(store: Store, sql: str, args: tuple[str | None, ...] = ()) -> list[str]:
    return [row["recording"] for row in store.rows(f"{sql} LIMIT {_NAMES}", args)]


def _counted(store: Store, like: str) -> int:
    return int(store.value("SELECT coalesce(sum(count), 0) FROM counters WHERE name LIKE ?", (like,)))


_UNDELIVERED = "FROM recordings WHERE state IN ('stored', 'sending')"
_OLDEST = f"SELECT min(stored_at) {_UNDELIVERED}"
_REFUSED = f"SELECT recording {_UNDELIVERED} AND retry_at = ?"
_COMING_AGAIN = f"SELECT recording {_UNDELIVERED} AND forgotten_at <> '' AND cleared_at IS NULL"
_LOST = f"SELECT recording {_UNDELIVERED} AND cleared_at IS NOT NULL"
_DAMAGED = "SELECT recording FROM recordings WHERE damaged IS NOT NULL"
_FAILING = "SELECT recording FROM recordings WHERE work_retry_at <> '' AND work_retry_at > ?"
