"""A tag that changes the place has the shift judged again from what was measured (article 15(5)).

- The whole shift's revisions are committed together: they share one report.  Depth stays what it was.
- By the rule set that the report names (`daemon.rulebook`).  Where that is not to be had, the shift is
  inspected anew, if all of it is still here; else that it was not judged again stands at the recording.
- Where no finding changes, no revision is made.
- A fast report speaks of one recording only: there is no gap in it to judge.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from daemon.custody import Custody
from daemon.revisions import revise
from daemon.rulebook import RuleBook
from daemon.stages.first import tag_of
from daemon.stages.guard import Guard
from daemon.stages.inspecting import facts_of
from daemon.store import Row, Store, Transaction
from daemon.tagging import place_of
from transcoder.rejudge import rejudge
from transcoder.report import Depth, Report
from uplink.messages import Tag

_LOG = logging.getLogger(__name__)


class RejudgeStage:
    """Looks at recordings whose place is another than the one that their report was judged by."""

    def __init__(self, store: Store, custody: Custody, book: RuleBook) -> None:
        self._store = store
        self._custody = custody
        self._book = book
        self._guard = Guard(store, custody.clock)

    def step(self) -> bool:
        """Judge one shift.  Returns whether there was one."""
        row = self._store.row(
            "SELECT recording, report FROM recordings WHERE place IS NOT judged_place AND revision > 0"
            " AND work_retry_at <= ? ORDER BY stored_at LIMIT 1",
            (self._guard.now,),
        )
        if row is None:
            return False
        with self._guard.recording(row["recording"]), self._store.write() as tx:
            self._judge(tx, row["recording"], row["report"])
        return True

    def _judge(self, tx: Transaction, recording: str, sha256: str | None) -> None:
        kept = tx.row("SELECT body FROM reports WHERE report = ?", (sha256,))
        report = Report.from_bytes(kept["body"]) if kept is not None else None
        if report is None or report.depth is Depth.FAST:
            _settle(tx, recording)
            return
        rows = [_row(tx, item.id or "") for item in report.recordings]
        tags = [Tag() if row is None else tag_of(row) or Tag() for row in rows]
        rules = self._book.of(report.rules.sha256)
        if rules is None:
            self._without_rules(tx, report, rows)
            return
        judged = rejudge(report, [place_of(tag) for tag in tags], rules)
        if judged is report:
            for row in rows:
                _settle(tx, recording if row is None else row["recording"])
            return
        for row, tag, facts in zip(rows, tags, facts_of(judged), strict=True):
            if row is not None and row["report"] == sha256:  # else a newer report speaks of it by now
                revise(tx, self._custody, row["recording"], tag, row["registries"], facts)
        _LOG.info("a shift of %d recordings is judged again by its places", len(rows))

    def _without_rules(self, tx: Transaction, report: Report, rows: Sequence[Row | None]) -> None:
        kept = [row for row in rows if row is not None]
        here = all(row["cleared_at"] is None and row["damaged"] is None for row in kept)
        said = f"the rule set {report.rules.sha256[:12]} of the shift's report is not to be had"
        _LOG.warning("%s: %s", said, "inspected anew" if here else "not judged again by its new places")
        for row in kept:
            _settle(tx, row["recording"])
            if here:
                tx.execute("UPDATE recordings SET inspect_again = 1 WHERE recording = ?", (row["recording"],))
                tx.execute(
                    "UPDATE dockings SET judged = 0, deepened = 0 WHERE docking = ?", (row["docking"],)
                )
            else:
                failure = f"{said}, nor all of its files: not judged again by the place that was tagged"
                tx.execute(
                    "UPDATE recordings SET work_failure = ? WHERE recording = ?", (failure, row["recording"])
                )


def _row(tx: Transaction, recording: str) -> Row | None:
    return tx.row("SELECT * FROM recordings WHERE recording = ?", (recording,))


def _settle(tx: Transaction, recording: str) -> None:
    tx.execute("UPDATE recordings SET judged_place = place WHERE recording = ?", (recording,))
