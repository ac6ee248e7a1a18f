"""The deep inspection of some shifts: those that a share of all dockings brings, and those that are flagged.

- Sampled by the docking's id, which the dock drew: nobody who records can know beforehand.
- Flagged: the standard report has a finding that weighs and that looking at every frame can say more about.
- Newest first, one shift at a time, and only while no camera is being read and no standard inspection waits.
- A recording that is not here any more (cleared, damaged) has its shift left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daemon.stages.guard import Guard
from daemon.stages.shifts import ShiftJudge
from daemon.stages.tools import StageTools
from daemon.store import Row
from transcoder.report import Depth, Report, Severity

_MORE_TO_SAY = (
    "picture.",
    "sound.",
    "origin.",
    "file.partial",
    "continuity.gap_in_file",
    "continuity.timestamps",
    "continuity.truncated",
    "continuity.stream_end",
)


class DeepStage:
    """Looks at dockings whose standard inspection is done.  `busy`: a camera is being read."""

    def __init__(self, tools: StageTools, share: float, busy: Callable[[], bool]) -> None:
        self._tools = tools
        self._store = tools.store
        self._share = share
        self._busy = busy
        self._guard = Guard(tools.store, tools.custody.clock)
        self._judge = ShiftJudge(tools)

    def step(self) -> bool:
        """Do one shift of the newest docking that is not done.  Returns whether there was one."""
        if self._busy():
            return False
        row = self._store.row(
            "SELECT * FROM dockings d WHERE deepened = 0 AND judged = 1 AND work_retry_at <= ?1"
            " AND NOT EXISTS (SELECT 1 FROM dockings WHERE judged = 0 AND state IN ('closed', 'removed')"
            " AND work_retry_at <= ?1)"
            " ORDER BY attached_at DESC LIMIT 1",
            (self._guard.now,),
        )
        if row is None:
            return False
        with self._guard.docking(row["docking"]):
            self._look(row)
        return True

    def _look(self, docking: Row) -> None:
        """Judge one shift more, or say that there is none."""
        chosen = sampled(docking["docking"], self._share)
        for shift in self._judge.shifts(docking["docking"]):
            here = all(row["cleared_at"] is None and row["damaged"] is None for row in shift)
            due = any(row["depth"] == "standard" for row in shift)
            if here and due and (chosen or self._flagged(shift)):
                self._judge.judge(shift, docking["profile"], Depth.DEEP)
                return
        with self._store.write() as tx:
            tx.execute("UPDATE dockings SET deepened = 1 WHERE docking = ?", (docking["docking"],))

    def _flagged(self, shift: Sequence[Row]) -> bool:
        for digest in {row["report"] for row in shift} - {None}:
            body = self._store.value("SELECT body FROM reports WHERE report = ?", (digest,))
            if body is not None and flagged(Report.from_bytes(body)):
                return True
        return False


def sampled(docking: str, share: float) -> bool:
    """Return whether `share` (0 to 1) of all dockings includes this one; `docking`: 32 hex digits."""
    return int(docking[:8], 16) < share * 2**32


def flagged(report: Report) -> bool:
    """Return whether a finding weighs that a look at every frame can say more about."""
    findings = [f for recording in report.recordings for f in recording.findings]
    findings += [f for run in report.runs for f in run.findings]
    return any(
        f.severity >= Severity.REVIEW and f.refuted is None and f.code.startswith(_MORE_TO_SAY)
        for f in findings
    )
