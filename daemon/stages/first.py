"""The first stage after `stored`: the fast check, the tag, and with both of them revision 1.

- Sending waits for this and for nothing that takes longer (architecture.md).
- An attachment is not inspected: its revision 1 is committed by `tagged`.
- After a new enrolment a recording starts again at revision 1, with the newest report it has.
"""

from __future__ import annotations

from daemon.registries import load_registries
from daemon.revisions import ReportFacts, revise
from daemon.stages.camera_facts import docked_only
from daemon.stages.guard import Guard
from daemon.stages.inspecting import facts_for, facts_of
from daemon.stages.tools import StageTools
from daemon.stages.unread import Patience
from daemon.store import Row
from daemon.store.database import from_text
from daemon.tagging import Registries, TagFacts, tag
from transcoder.report import Depth, Report
from uplink.messages import Tag

BATCH = 32
# It takes milliseconds; what hangs shall hold up the others for no longer, however large it is.
_DEADLINE_S = 30.0


class FirstStage:
    """Makes revision 1 of everything that is stored and has none."""

    def __init__(self, tools: StageTools) -> None:
        self._tools = tools
        self._store = tools.store
        self._guard = Guard(tools.store, tools.custody.clock)
        self._patience = Patience()

    def step(self) -> bool:
        """Do the oldest ones.  Returns whether there was anything to do."""
        rows = self._store.rows(
            "SELECT r.*, d.profile FROM recordings r JOIN dockings d USING (docking)"
            " WHERE r.revision = 0 AND r.work_retry_at <= ? ORDER BY r.stored_at LIMIT ?",
            (self._guard.now, BATCH),
        )
        registries = load_registries(self._store) if rows else Registries()
        for row in rows:
            with self._guard.recording(row["recording"]):
                self._revise(row, registries, self._report(row))
        return bool(rows)

    def _report(self, row: Row) -> ReportFacts | None:
        if row["kind"] == "attachment":
            return None
        if row["report"] is not None:
            kept = self._store.row("SELECT body FROM reports WHERE report = ?", (row["report"],))
            if kept is not None:
                return facts_for(Report.from_bytes(kept["body"]), row["recording"])
        profile = self._tools.profiles.find(row["profile"])
        camera = docked_only(self._tools.store, row["docking"])
        request = self._tools.maker.request([row], Depth.FAST, profile, camera)
        report = self._tools.inspector.inspect(request, deadline_s=_DEADLINE_S)
        return facts_of(self._patience.take(row["recording"], report))[0]

    def _revise(self, row: Row, registries: Registries, report: ReportFacts | None) -> None:
        made = tag(tag_facts(row, report), tag_of(row), registries, self._tools.rules)
        with self._store.write() as tx:
            revise(tx, self._tools.custody, row["recording"], made, registries.versions, report)


def tag_of(row: Row) -> Tag | None:
    """Return the tag that a row of `recordings` has."""
    return None if row["tag"] is None else Tag.model_validate_json(row["tag"])


def tag_facts(row: Row, report: ReportFacts | None) -> TagFacts:
    """Return what a tag can rest on: the newest report's start, else the name's, else nothing."""
    started = report.started_at[0] if report and report.started_at else None
    return TagFacts(
        serial=row["serial"],
        name_officer=row["name_officer"],
        started_at=started or from_text(row["started_at"]) or from_text(row["named_at"]),
    )
