"""What a slot's bar shows of one stay: first what keeps the camera, then the proof, then all of it."""

from __future__ import annotations

from typing import Any

from daemon.board import SlotBoard
from daemon.ingest.order import Item, Stage
from dock.docking import Docking
from dock.listing import CardFile
from uplink.messages.custody import Total
from uplink.messages.telemetry import Phase


class _Sum:
    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0

    def add(self, file: CardFile, sign: int = 1) -> None:
        self.files += sign
        self.bytes += sign * file.size_bytes


class Progress:
    """Counts the files of a stay, and shows them on `board` as the part `part` of `slot`.

    `proof` and the like: what only proves that a file is known is counted apart.
    """

    def __init__(self, board: SlotBoard, slot: int, part: str) -> None:
        self._board = board
        self._slot = slot
        self._part = part
        self._planned = {False: _Sum(), True: _Sum()}  # by: is it a proof
        self._done = {False: _Sum(), True: _Sum()}
        self._all = _Sum()
        self._docking: Docking | None = None
        self._proving = False
        self._shown: object = None

    def began(self, docking: Docking) -> None:
        """A docking was opened: its files are counted from here on."""
        self._docking = self._docking or docking

    def done_before(self, docking: Docking, total: Total) -> None:
        """A docking of this stay was done before the daemon was restarted."""
        self.began(docking)
        for sums in (self._planned[False], self._done[False], self._all):
            sums.files += total.count
            sums.bytes += total.bytes

    def found_settled(self, file: CardFile) -> None:
        """A file was settled before the daemon was restarted."""
        for sums in (self._planned[False], self._done[False], self._all):
            sums.add(file)

    def planned(self, item: Item) -> None:
        if item.stage is not Stage.UNSURE:  # not counted before its samples have decided
            self._planned[item.stage is Stage.KNOWN].add(item.file)

    def unplanned(self, item: Item) -> None:
        self._planned[item.stage is Stage.KNOWN].add(item.file, -1)

    def settled(self, *items: Item) -> None:
        for item in items:
            self._done[item.stage is Stage.KNOWN].add(item.file)
            self._all.add(item.file)
        for last in items[-1:]:
            self.moved(last.file, 0)

    def moved(self, file: CardFile, done_bytes: int) -> None:
        """So many bytes of `file` were read."""
        done = self._done[self._proving]
        self._board.move(self._slot, done.bytes + done_bytes, done.files, file.display_name, part=self._part)

    def show(self, phase: Phase, **changes: Any) -> None:
        """Show a phase; counts stay as they were."""
        self._shown = None
        self._board.show(self._slot, phase, part=self._part, docking=self._docking, **changes)

    def stage(self, phase: Phase, *, proving: bool, **changes: Any) -> None:
        """Show a phase with its counts, if anything of it is new."""
        self._proving = proving
        planned, done = self._planned[proving], self._done[proving]
        shown = (phase, planned.files, planned.bytes, changes)
        if shown == self._shown:
            return
        self.show(
            phase,
            files_total=planned.files,
            bytes_total=planned.bytes,
            files_done=done.files,
            bytes_done=done.bytes,
            **changes,
        )
        self._shown = shown

    def end(self, phase: Phase, **changes: Any) -> None:
        """Show a phase in which all is done."""
        sums = self._all
        self.show(
            phase,
            file="",
            files_total=sums.files,
            files_done=sums.files,
            bytes_total=sums.bytes,
            bytes_done=sums.bytes,
            **changes,
        )
