"""The standard inspection: of each shift of a docking, after it is closed (architecture.md).

- One shift to a worker, a worker to a core; after each shift it chooses again, newest docking first.  So one
  docking uses every core, and a new docking waits for no more than the shifts that are under way.
- A shift that is to be inspected again (`stages.rejudging`) is taken like one that never was.
- A shift that fails waits by itself; the others of its docking go on.
- A kill in between repeats the inspection of the shifts under way and nothing else (`stages.shifts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.stages.claims import Claims
from daemon.stages.guard import Guard
from daemon.stages.shifts import ShiftJudge
from daemon.stages.tools import StageTools
from daemon.store import Row
from transcoder.report import Depth

_WAITING = (
    "judged = 0 AND state IN ('closed', 'removed') AND NOT EXISTS"
    " (SELECT 1 FROM recordings r WHERE r.docking = d.docking AND r.revision = 0)"
)
_DONE = (
    f"SELECT docking FROM dockings d WHERE {_WAITING} AND NOT EXISTS"
    " (SELECT 1 FROM recordings r JOIN reports p ON p.report = r.report"
    " WHERE r.docking = d.docking AND r.kind <> 'attachment' AND (p.depth = 'fast' OR r.inspect_again))"
)


@dataclass(frozen=True)
class _Waiting:
    profile: str
    shift: list[Row]

    @property
    def recordings(self) -> list[str]:
        return [row["recording"] for row in self.shift]


class StandardStage:
    """Inspects closed dockings thoroughly."""

    def __init__(self, tools: StageTools, claims: Claims) -> None:
        self._tools = tools
        self._store = tools.store
        self._claims = claims
        self._guard = Guard(tools.store, tools.custody.clock)
        self._judge = ShiftJudge(tools)

    def step(self) -> bool:
        """Do the next shift of the newest docking that nobody does.  Returns whether there was one."""
        with self._claims.first(self._waiting, lambda piece: piece.recordings) as mine:
            if mine is not None:
                with self._guard.recording(mine.recordings[0]):
                    self._judge.judge(mine.shift, mine.profile, Depth.STANDARD)
        settled = self._settle()
        return mine is not None or settled

    def _waiting(self) -> Iterator[_Waiting]:
        now = self._guard.now
        for docking in self._store.rows(
            f"SELECT docking, profile FROM dockings d WHERE {_WAITING} AND work_retry_at <= ?"
            " ORDER BY attached_at DESC",
            (now,),
        ):
            for shift in self._shifts(docking["docking"]):
                due = any(row["depth"] == "fast" or row["inspect_again"] for row in shift)
                if due and all(row["work_retry_at"] <= now for row in shift):
                    yield _Waiting(docking["profile"], shift)

    def _shifts(self, docking: str) -> list[list[Row]]:
        with self._guard.docking(docking):
            return self._judge.shifts(docking)
        return []

    def _settle(self) -> bool:
        """Mark the dockings of which nothing is left to be inspected.  Returns whether there was one."""
        done = [(row["docking"],) for row in self._store.rows(_DONE)]
        if done:
            with self._store.write() as tx:
                for docking in done:
                    tx.execute("UPDATE dockings SET judged = 1 WHERE docking = ?", docking)
        return bool(done)
