"""A gap judged again by places: nothing else moves, and nothing is decoded."""

from __future__ import annotations

from typing import Any

import pytest

from transcoder.rejudge import place_between, rejudge
from transcoder.report import Report
from transcoder.rules import load_rules

RULES = load_rules(None)


def finding(code: str, severity: str, value: float | None, **evidence: Any) -> dict[str, Any]:
    return {
        "code": code,
        "severity": severity,
        "article": "15(5)",
        "recording": 1,
        "start_s": None,
        "end_s": None,
        "value": value,
        "threshold": 2.0,
        "depth": "standard",
        "text": {"zh": "z", "en": "e"},
        "evidence": evidence,
    }


def report(gap_s: float, severity: str, rules: str = RULES.sha256, **more: Any) -> Report:
    notice = {"status": "confirmed"}
    recording: dict[str, Any] = {
        "id": None,
        "path": "p",
        "kind": "video",
        "size_bytes": 1,
        "sha256": None,
        "container": None,
        "started_at": None,
        "duration_s": 1.0,
        "streams": [],
        "verdict": "compliant",
        "findings": [],
    }
    gap = finding("continuity.gap_between_files", severity, gap_s, before=0, after=1, place="unknown", **more)
    other = finding("continuity.sequence", "info", None, before=0, after=1)
    run: dict[str, Any] = {
        "started_at": None,
        "duration_s": 1.0,
        "notice": notice,
        "verdict": "compliant",
        "findings": [],
    }
    verdict = {"review": "needs_review", "info": "compliant", "violation": "violation"}[severity]
    value = {
        "engine": {"bodydock": "0", "av": "0", "ffmpeg": "0", "speech_model": None},
        "rules": {"name": "default", "sha256": rules},
        "profile": "generic",
        "depth": "standard",
        "verdict": verdict,
        "recordings": [recording, recording],
        "runs": [
            {**run, "recordings": [0]},
            {**run, "recordings": [1], "verdict": verdict, "findings": [other, gap]},
        ],
    }
    return Report.model_validate(value)


@pytest.mark.parametrize(
    ("gap_s", "places", "severity", "verdict"),
    [
        (40.0, ("光明路12号", "光明路12号"), "violation", "violation"),
        (40.0, ("光明路12号", " 光明路１２号"), "violation", "violation"),
        (40.0, ("光明路12号", "光明路14号"), "info", "compliant"),
        (40.0, ("光明路12号", None), "review", "needs_review"),
        (40.0, (None, ""), "review", "needs_review"),
        (121.0, ("光明路12号", None), "info", "compliant"),
        (121.0, ("光明路12号", "光明路12号"), "violation", "violation"),
    ],
)
def test_a_gap_is_judged_by_the_places_of_both_sides(
    gap_s: float, places: tuple[str | None, ...], severity: str, verdict: str
) -> None:
    before = report(gap_s, "review")
    judged = rejudge(before, places, RULES)
    other, gap = judged.runs[1].findings
    assert (gap.severity, judged.runs[1].verdict, judged.verdict) == (severity, verdict, verdict)
    assert gap.evidence["place"] == place_between(*places)
    assert other == before.runs[1].findings[0]
    changed = {"severity", "evidence"}
    assert gap.model_dump(exclude=changed) == before.runs[1].findings[1].model_dump(exclude=changed)
    assert judged.model_copy(update={"runs": before.runs, "verdict": before.verdict}) == before


def test_what_changes_nothing_is_the_very_report() -> None:
    before = report(40.0, "review")
    assert rejudge(before, (None, None), RULES) is before
    again = rejudge(before, ("a", "a"), RULES)
    assert rejudge(again, ("A", "a "), RULES) is again
    assert rejudge(again, (None, None), RULES).to_bytes() == before.to_bytes(), "and back"


def test_another_rule_set_judges_nothing_that_it_did_not_measure() -> None:
    before = report(40.0, "review", rules="0" * 64)
    assert rejudge(before, ("a", "a"), RULES) is before


def test_a_refuted_gap_stays_refuted() -> None:
    before = report(40.0, "review")
    run = before.runs[1]
    findings = tuple(f.model_copy(update={"refuted": "seen whole"}) for f in run.findings)
    refuted = before.model_copy(
        update={"runs": (before.runs[0], run.model_copy(update={"findings": findings}))}
    )
    assert rejudge(refuted, ("a", "a"), RULES).runs[1].verdict == "compliant"


@pytest.mark.parametrize("evidence", [{"before": 0, "after": 9}, {"before": None, "after": 1}, {}])
def test_odd_evidence_is_left_alone(evidence: dict[str, Any]) -> None:
    before = report(40.0, "review")
    run = before.runs[1]
    odd = tuple(f.model_copy(update={"evidence": evidence}) for f in run.findings)
    strange = before.model_copy(update={"runs": (before.runs[0], run.model_copy(update={"findings": odd}))})
    assert rejudge(strange, ("a", "a"), RULES) is strange
    with pytest.raises(ValueError, match="1 places"):
        rejudge(before, ("a",), RULES)
