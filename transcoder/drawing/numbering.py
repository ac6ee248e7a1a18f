"""The findings in the order in which pictures number them: worst first, then by time.  Pure.

- What depth or speech left undone (`file.unverified`, `notice.unverified`) stands last.
- Times count from a recording; where a finding names none, from its run's first one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from transcoder.drawing.axis import LONGEST_S, Axis
from transcoder.report import Finding, Report

_UNDONE = ("file.unverified", "notice.unverified")


@dataclass(frozen=True)
class Numbered:
    """A finding, its number, and the recording from whose start its times count."""

    number: int
    finding: Finding
    recording: int | None
    start_s: float | None  # on the recording's own time; None: the finding is about the whole of it
    end_s: float | None

    @property
    def counts(self) -> bool:
        """Whether nothing has refuted it."""
        return self.finding.refuted is None


def numbered(report: Report, axis: Axis) -> list[Numbered]:
    """All findings of a report, numbered from 1."""
    found = list(_findings(report))

    def key(one: tuple[int | None, Finding]) -> tuple[bool, bool, int, float]:
        recording, finding = one
        placed = axis.of(recording) if recording is not None else None
        at = (placed.start_s if placed else math.inf) + (_finite(finding.start_s) or 0.0)
        return (
            finding.refuted is not None,
            finding.code in _UNDONE,
            -finding.severity.rank,
            at,
        )

    return [
        Numbered(number, finding, recording, *_span(finding))
        for number, (recording, finding) in enumerate(sorted(found, key=key), 1)
    ]


def _findings(report: Report) -> Iterator[tuple[int | None, Finding]]:
    count = len(report.recordings)
    for index, recording in enumerate(report.recordings):
        yield from ((index, finding) for finding in recording.findings)
    for run in report.runs:
        first = next((index for index in run.recordings if 0 <= index < count), None)
        for finding in run.findings:
            named = finding.recording
            yield (named if named is not None and 0 <= named < count else first), finding


def _span(finding: Finding) -> tuple[float | None, float | None]:
    start, end = _finite(finding.start_s), _finite(finding.end_s)
    if start is None:
        start, end = end, None
    return start, (start if end is None or (start is not None and end < start) else end)


def _finite(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return min(LONGEST_S, max(-LONGEST_S, value))
