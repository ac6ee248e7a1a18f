"""Makes room in a dock's vault, to be killed by `tests.daemon.killing` (see `test_room_kill`)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from daemon import room
from daemon.clock import DockClock
from daemon.custody import Custody
from daemon.identity import DockIdentity
from daemon.reserve import Reserve
from daemon.settings import VaultSettings
from daemon.store import Store
from daemon.vault import Vault
from daemon.waiting_room import WaitingRoom
from tests.daemon.killing import serve
from tests.daemon.vault_bench import RECEIVED_AT
from uplink.ids import draw_id
from uplink.keys import SigningKey


def work(folder: Path) -> None:
    """Clear two at a time until nothing more can go, as the vault's worker does."""
    room.BATCH = 2
    key = SigningKey.load(folder / "dock.pem")
    identity = DockIdentity("dock-1", "site-1", "pf", key, None, draw_id())
    at = RECEIVED_AT + timedelta(days=8)
    store = Store(folder / "store.db")
    custody = Custody(identity, DockClock(floor=at, machine=lambda: at))
    waiting = WaitingRoom(lambda: None)
    reserve = Reserve(folder / "reserve", 4096)
    settings = VaultSettings(reserve_bytes=1 << 20, high_water=1.0)
    stage = room.RoomStage(
        room.RoomTools(store, custody, Vault(folder / "vault"), reserve, waiting, settings)
    )
    with waiting.waiting("test", 1 << 60):
        while stage.step():
            pass
    store.close()


if __name__ == "__main__":
    serve(work)
