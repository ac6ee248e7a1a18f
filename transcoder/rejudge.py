"""Judging a shift's gaps again when places become known: pure, without decoding (articles 15(5)).

- Only what depends on places is judged anew: `continuity.gap_between_files`, by the very measurements in
  the report.  All else stays as it was, byte for byte.
- Two places are the same or different only where both recordings of the gap have one; else unknown, and
  beyond `same_place_unknown_s` that is taken as different (said, not held against anybody).
- What the recordings' own positions decided (`place_from` is `gps`) stands: a measurement comes before words.
- Places are compared as people write them: width of characters, case and white space say nothing.
- The same rule set, or none: another one would judge what it never measured.
"""

import unicodedata
from collections.abc import Sequence

from transcoder.report import Finding, Report, RunReport, Verdict, worst_verdict
from transcoder.request import Place
from transcoder.rules import RuleSet, RunRules

CODE = "continuity.gap_between_files"


def rejudge(report: Report, places: Sequence[str | None], rules: RuleSet) -> Report:
    """Return the report with its gaps judged by `places`, one for each recording in the report's order.

    The report itself where nothing changes, or where it was made with another rule set.  Raises ValueError
    if there are not as many places as recordings.
    """
    if len(places) != len(report.recordings):
        raise ValueError(f"{len(places)} places for {len(report.recordings)} recordings")
    if report.rules.sha256 != rules.sha256:
        return report
    runs = tuple(_run(run, places, rules) for run in report.runs)
    if runs == report.runs:
        return report
    verdicts = [recording.verdict for recording in report.recordings] + [run.verdict for run in runs]
    return report.model_copy(update={"runs": runs, "verdict": max(verdicts, default=Verdict.COMPLIANT)})


def place_between(before: str | None, after: str | None) -> Place:
    """Return how two places compare; unknown where one of them is."""
    if not before or not after:
        return "unknown"
    return "same" if _plain(before) == _plain(after) else "different"


def judged_as(place: Place, seconds: float, limits: RunRules) -> Place:
    """Return the kind of place that a gap of `seconds` is judged by."""
    if place == "unknown" and seconds > limits.same_place_unknown_s:
        return "different"
    return place


def _run(run: RunReport, places: Sequence[str | None], rules: RuleSet) -> RunReport:
    findings = tuple(_finding(finding, places, rules) for finding in run.findings)
    if findings == run.findings:
        return run
    return run.model_copy(update={"findings": findings, "verdict": worst_verdict(findings)})


def _finding(finding: Finding, places: Sequence[str | None], rules: RuleSet) -> Finding:
    before, after = finding.evidence.get("before"), finding.evidence.get("after")
    if finding.code != CODE or finding.value is None or finding.evidence.get("place_from") == "gps":
        return finding
    if not (_index(before, places) and _index(after, places)):
        return finding
    assert isinstance(before, int)
    assert isinstance(after, int)
    place = place_between(places[before], places[after])
    severity = rules.severity_of(CODE, None, judged_as(place, finding.value, rules.runs))
    if severity is None:
        return finding
    return finding.model_copy(update={"severity": severity, "evidence": {**finding.evidence, "place": place}})


def _index(value: object, places: Sequence[str | None]) -> bool:
    return isinstance(value, int) and 0 <= value < len(places)


def _plain(place: str) -> str:
    return "".join(unicodedata.normalize("NFKC", place).casefold().split())
