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
    """Return what is said of each file that could not be read."""
    return [
        f"{recording.id or recording.path}: {finding.text.en}"
        for recording in report.recordings
        for finding in recording.findings
        if finding.code == "file.limits" and finding.evidence.get("limit") == READ_ERROR
    ]
