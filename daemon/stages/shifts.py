"""Shifts: what one inspection beyond the fast one takes together, and the revisions that follow from it.

- A shift never spans two dockings; a break of `shift_break_s` starts another.
- Gaps are judged by the places that the tags give, by the rule set that the report names (`rejudge`).
- All revisions of one shift are committed together with its report.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from daemon.cards import SeenCard, read_cards
from daemon.errors import CouldNotRead
from daemon.registries import load_registries
from daemon.revisions import ReportFacts, revise
from daemon.rulebook import RuleBook
from daemon.stages.camera_facts import facts_of_camera
from daemon.stages.first import tag_facts, tag_of
from daemon.stages.inspecting import facts_of
from daemon.stages.tools import StageTools
from daemon.stages.unread import Patience
from daemon.store import Row
from daemon.store.database import from_text
from daemon.tagging import place_of, tag
from transcoder.rejudge import rejudge
from transcoder.report import Depth
from transcoder.rules import load_rules

_LOG = logging.getLogger(__name__)


class ShiftJudge:
    """Has shifts inspected, and commits what comes of it."""

    def __init__(self, tools: StageTools) -> None:
        self._tools = tools
        self._rules = load_rules(tools.maker.settings.rules)
        self._book = RuleBook(tools.store, tools.maker.settings.rules)
        self._patience = Patience()

    def shifts(self, docking: str) -> list[list[Row]]:
        """Return a docking's shifts: rows of `recordings`, with the `depth` of their newest report."""
        rows = self._tools.store.rows(
            "SELECT r.*, p.depth FROM recordings r LEFT JOIN reports p ON p.report = r.report"
            " WHERE r.docking = ? AND r.kind <> 'attachment'"
            " ORDER BY coalesce(r.started_at, r.named_at, r.modified_at), r.idx",
            (docking,),
        )
        return split_shifts(rows, self._rules.runs.shift_break_s)

    def judge(self, shift: Sequence[Row], profile: str, depth: Depth) -> None:
        """Inspect one shift; every recording of it gets a revision.  Raises CouldNotRead."""
        tools = self._tools
        found = tools.profiles.find(profile)
        camera = facts_of_camera(tools.store, shift, found, self._rules.runs.shift_break_s)
        request = tools.maker.request(shift, depth, found, camera)
        report = self._patience.take(shift[0]["recording"], tools.inspector.inspect(request))
        self._book.keep()  # a file of the office's own may have been changed since the start
        rules = self._book.of(report.rules.sha256)
        if rules is None:
            raise CouldNotRead(f"the rule set {report.rules.sha256[:12]} was changed while it was used")
        registries = load_registries(tools.store)
        with tools.store.write() as tx:
            tags = []
            for row, facts in zip(shift, facts_of(report), strict=True):
                now = tx.row("SELECT * FROM recordings WHERE recording = ?", (row["recording"],))
                assert now is not None  # rows are never deleted
                known = replace(tag_facts(now, facts), cards=self._cards(facts))
                tags.append(tag(known, tag_of(now), registries, tools.rules))
            judged = rejudge(report, [place_of(made) for made in tags], rules)
            for row, made, facts in zip(shift, tags, facts_of(judged), strict=True):
                revise(tx, tools.custody, row["recording"], made, registries.versions, facts)
        _LOG.info("%s inspection of %d recordings", depth, len(shift))

    def _cards(self, facts: ReportFacts) -> tuple[SeenCard, ...]:
        custody = self._tools.custody
        at = facts.started_at[1] if facts.started_at else custody.clock.now()
        return read_cards(facts.cards, self._tools.ring, custody.identity.platform, at)


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
