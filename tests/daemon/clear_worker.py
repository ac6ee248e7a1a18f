"""Makes room in a dock's vault, to be killed.  One process forks a worker a round (see `test_room_kill`).

Reads after how many seconds to kill on standard input; answers how the worker ended, and after how long.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
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


def main() -> None:
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            status = 0
            try:
                work(folder)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
                status = 1
            os._exit(status)
        print(killed_after(pid, float(line)), time.monotonic() - began, flush=True)


def killed_after(pid: int, seconds: float) -> int:
    """Return how the worker ended: 0 by itself, -9 killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.0002)
    os.kill(pid, signal.SIGKILL)  # not waited for yet, so the pid is still its own
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
