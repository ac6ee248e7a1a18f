"""The worker that minds the vault: makes room, reads back, raises alarms.  No inspection keeps it waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable

from daemon.alarming import Alarming
from daemon.board import SlotBoard
from daemon.parts import Parts
from daemon.read_back import ReadBackStage
from daemon.roll_call import RollCallStage
from daemon.room import RoomStage, RoomTools
from daemon.tidying import TidyStage
from daemon.uplinking import Uplinking
from daemon.waiting_room import WaitingRoom
from daemon.worker import Worker


class Keeping:
    """`waiting` is where pulls wait; `worker` the thread."""

    def __init__(
        self,
        parts: Parts,
        board: SlotBoard,
        stop: threading.Event,
        alive: Callable[[], None],
        uplink: Uplinking,
    ) -> None:
        self.waiting = WaitingRoom(self.wake)
        settings = parts.settings.vault
        self._room = room = RoomStage(
            RoomTools(parts.store, parts.custody, parts.vault, parts.reserve, self.waiting, settings)
        )

        read_back = ReadBackStage(
            parts.store, parts.vault, parts.custody.clock, settings, lambda: board.reading, stop.wait
        )
        alarms = Alarming(parts, board, self.waiting, uplink.progress, uplink.health_changed)
        # Nobody waits for this worker but those in the waiting room, who see the room themselves.
        roll_call = RollCallStage(parts.store, parts.vault)
        tidy = TidyStage(parts.store, lambda: board.reading)
        self.worker = Worker("vault", [room, roll_call, alarms, tidy, read_back], stop, alive, lambda: None)

    def wake(self) -> None:
        """Look at once: a pull waits, a receipt or a reconciliation came."""
        self._room.look()
        self.worker.wake()
