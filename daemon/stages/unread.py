"""A report on files that could not be read is not taken at once: the disk is asked again, some times.

What a disk or a right refuses says nothing of a recording (transcoder.reading), so a stage fails and is tried
again (`guard`).  After `TRIES` the report counts as it is, *unchecked* with the reason in it: one lost file
must keep neither its shift from being inspected nor its own first revision from the platform.
"""

from __future__ import annotations

from daemon.errors import CouldNotRead
from transcoder.reading import READ_ERROR
from transcoder.report import Report

TRIES = 4


class Patience:
    """How often each piece of work met a file that could not be read, in this run of the daemon."""

    def __init__(self) -> None:
        self._tries: dict[str, int] = {}

    def take(self, work: str, report: Report) -> Report:
        """Return `report`, where every file was read or was asked for often enough.  Raises CouldNotRead."""
        reasons = unread(report)
        tries = self._tries.pop(work, 0) + 1
        if not reasons or tries >= TRIES:
            return report
        self._tries[work] = tries
        raise CouldNotRead(f"{'; '.join(reasons[:3])}: try {tries} of {TRIES}; look at the vault's disk")


def unread(report: Report) -> list[str]:
    """Return what is said of each file, and of each notice, that could not be read."""
    recordings = report.recordings
    told = [(item.id or item.path, finding) for item in recordings for finding in item.findings]
    told += [
        (recordings[run.recordings[0]].id or recordings[run.recordings[0]].path, finding)
        for run in report.runs
        for finding in run.findings
    ]
    return [
        f"{where}: {finding.text.en}"
        for where, finding in told
        if finding.evidence.get("limit") == READ_ERROR
    ]
