"""What every puller works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.board import SlotBoard
from daemon.ingest.gate import CopyGate
from daemon.ingest.ledger import Ledger
from daemon.ingest.memory import Memory
from daemon.vault import Vault
from daemon.waiting_room import WaitingRoom
from dock.profiles import Profiles


@dataclass(frozen=True)
class Tools:
    """`stored` wakes the next stage; `count` counts an odd event by name; `gather_s`: how long after a volume
    others are waited for; `card_free_share`: with less of it free a card counts as nearly full."""

    ledger: Ledger
    memory: Memory
    vault: Vault
    board: SlotBoard
    profiles: Profiles
    mounts: Path
    zone: ZoneInfo
    now: Callable[[], datetime]
    stored: Callable[[], None]
    count: Callable[[str], None]
    reserve_bytes: int = 64 * 1024 * 1024
    gather_s: float = 1.0
    card_free_share: float = 0.0
    room: WaitingRoom = field(default_factory=WaitingRoom)
    gate: CopyGate = field(default_factory=CopyGate)
