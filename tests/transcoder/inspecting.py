"""Short ways for tests: inspect files, name what was found."""

from pathlib import Path

from transcoder.engine import inspect
from transcoder.report import Depth, Finding, RecordingReport, Report
from transcoder.request import InspectItem, InspectRequest, JoinRules

UNSAID = ("file.unverified", "notice.unverified")


def report_of(*paths: Path, depth: Depth = Depth.STANDARD, join: JoinRules | None = None) -> Report:
    """Inspect files as one shift."""
    return inspect(
        InspectRequest(tuple(InspectItem(path) for path in paths), depth=depth, join=join or JoinRules())
    )


def recording_of(
    path: Path, depth: Depth = Depth.STANDARD, software: tuple[str, ...] = ()
) -> RecordingReport:
    """Inspect one file."""
    return report_of(path, depth=depth, join=JoinRules(software=software)).recordings[0]


def found(recording: RecordingReport, code: str = "") -> list[Finding]:
    """Its findings of a code, or all but those that say what a depth leaves out."""
    return [f for f in recording.findings if (f.code == code if code else f.code not in UNSAID)]
