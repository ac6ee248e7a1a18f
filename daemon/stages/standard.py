"""The standard inspection: of each shift of a docking, after it is closed (architecture.md).

- Newest docking first, one docking to a worker, a worker to a core.
- A kill in between repeats the inspection of one shift and nothing else (`stages.shifts`).
"""

from __future__ import annotations

from daemon.stages.claims import Claims
from daemon.stages.guard import Guard
from daemon.stages.shifts import ShiftJudge
from daemon.stages.tools import StageTools
from daemon.store import Row
from transcoder.report import Depth


class StandardStage:
    """Inspects closed dockings thoroughly."""

    def __init__(self, tools: StageTools, claims: Claims) -> None:
        self._tools = tools
        self._store = tools.store
        self._claims = claims
        self._guard = Guard(tools.store, tools.custody.clock)
        self._judge = ShiftJudge(tools)

    def step(self) -> bool:
        """Do the newest closed docking that no other worker does.  Returns whether there was one."""
        with self._claims.first(self._waiting) as docking:
            # What was claimed after it was seen waiting may be done by now.
            row = self._store.row("SELECT * FROM dockings WHERE docking = ? AND judged = 0", (docking,))
            if row is None:
                return docking is not None
            with self._guard.docking(row["docking"]):
                self._judge_docking(row)
        return True

    def _waiting(self, limit: int) -> list[str]:
        rows = self._store.rows(
            "SELECT docking FROM dockings d WHERE judged = 0 AND state IN ('closed', 'removed')"
            " AND work_retry_at <= ?"
            " AND NOT EXISTS (SELECT 1 FROM recordings r WHERE r.docking = d.docking AND r.revision = 0)"
            " ORDER BY attached_at DESC LIMIT ?",
            (self._guard.now, limit),
        )
        return [row["docking"] for row in rows]

    def _judge_docking(self, docking: Row) -> None:
        for shift in self._judge.shifts(docking["docking"]):
            if any(row["depth"] == "fast" for row in shift):
                self._judge.judge(shift, docking["profile"], Depth.STANDARD)
        with self._store.write() as tx:
            tx.execute("UPDATE dockings SET judged = 1 WHERE docking = ?", (docking["docking"],))
