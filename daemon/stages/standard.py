"""The standard inspection: of each shift of a docking, after it is closed (architecture.md).

- Newest docking first; a shift never spans two dockings; a break of `shift_break_s` starts another.
- Gaps are judged by the places that the tags give (`transcoder.rejudge`).
- All revisions of one shift are committed together with its report, so a kill in between repeats the
  inspection and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from daemon.custody import Custody
from daemon.registries import load_registries
from daemon.revisions import revise
from daemon.stages.first import tag_facts, tag_of
from daemon.stages.guard import Guard
from daemon.stages.inspecting import Inspects, RequestMaker, facts_of
from daemon.store import Row, Store
from daemon.store.database import from_text
from daemon.tagging import place_of, tag
from daemon.tagrules import TagRules
from dock.profiles import Profiles
from transcoder.rejudge import rejudge
from transcoder.report import Depth
from transcoder.rules import load_rules

_LOG = logging.getLogger(__name__)


class StandardStage:
    """Inspects closed dockings thoroughly."""

    def __init__(
        self,
        store: Store,
        custody: Custody,
        maker: RequestMaker,
        inspector: Inspects,
        profiles: Profiles,
        rules: TagRules | None = None,
    ) -> None:
        self._store = store
        self._custody = custody
        self._maker = maker
        self._inspector = inspector
        self._profiles = profiles
        self._rules = rules
        self._guard = Guard(store, custody.clock)
        self._judging = load_rules(maker.settings.rules)
        self._break_s = self._judging.runs.shift_break_s

    def step(self) -> bool:
        """Do the newest closed docking.  Returns whether there was one to do."""
        docking = self._store.row(
            "SELECT docking, profile FROM dockings d WHERE judged = 0 AND state IN ('closed', 'removed')"
            " AND work_retry_at <= ?"
            " AND NOT EXISTS (SELECT 1 FROM recordings r WHERE r.docking = d.docking AND r.revision = 0)"
            " ORDER BY attached_at DESC LIMIT 1",
            (self._guard.now,),
        )
        if docking is None:
            return False
        with self._guard.docking(docking["docking"]):
            self._judge_docking(docking)
        return True

    def _judge_docking(self, docking: Row) -> None:
        rows = self._store.rows(
            "SELECT r.*, p.depth FROM recordings r LEFT JOIN reports p ON p.report = r.report"
            " WHERE r.docking = ? AND r.kind <> 'attachment'"
            " ORDER BY coalesce(r.started_at, r.named_at, r.modified_at), r.idx",
            (docking["docking"],),
        )
        for shift in split_shifts(rows, self._break_s):
            if any(row["depth"] == "fast" for row in shift):
                self._judge(shift, docking["profile"])
        with self._store.write() as tx:
            tx.execute("UPDATE dockings SET judged = 1 WHERE docking = ?", (docking["docking"],))

    def _judge(self, shift: Sequence[Row], profile: str) -> None:
        request = self._maker.request(shift, Depth.STANDARD, self._profiles.find(profile))
        report = self._inspector.inspect(request)
        registries = load_registries(self._store)
        with self._store.write() as tx:
            tags = []
            for row, facts in zip(shift, facts_of(report), strict=True):
                now = tx.row("SELECT * FROM recordings WHERE recording = ?", (row["recording"],))
                assert now is not None  # rows are never deleted
                tags.append(tag(tag_facts(now, facts), tag_of(now), registries, self._rules))
            judged = rejudge(report, [place_of(made) for made in tags], self._judging)
            for row, made, facts in zip(shift, tags, facts_of(judged), strict=True):
                revise(tx, self._custody, row["recording"], made, registries.versions, facts)
        _LOG.info("standard inspection of %d recordings", len(shift))


def split_shifts(rows: Sequence[Row], break_s: float) -> list[list[Row]]:
    """Split recordings, in order of their start, where a break is longer than `break_s` seconds.

    A recording without any time stays with the one before it.
    """
    shifts: list[list[Row]] = []
    last = None
    for row in rows:
        at = from_text(row["started_at"] or row["named_at"] or row["modified_at"])
        if not shifts or (at is not None and last is not None and (at - last).total_seconds() > break_s):
            shifts.append([])
        shifts[-1].append(row)
        last = at or last
    return shifts
