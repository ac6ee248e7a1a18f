"""The verdict and findings shown for one recording of a report (rules: `center/verdicts.py`)."""

from __future__ import annotations

from typing import Any

from center.verdicts import findings_of, verdict_of

A, B = "a" * 26, "b" * 26


def finding(code: str, recording: int | None = None, refuted: str | None = None) -> dict[str, Any]:
    text = {"zh": "有问题", "en": "trouble"}
    return {
        "code": code,
        "severity": "violation",
        "article": "15(1)",
        "recording": recording,
        "refuted": refuted,
        "text": text,
    }


def report(**changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "recordings": [
            {"id": A, "verdict": "compliant", "findings": []},
            {"id": B, "verdict": "unchecked", "findings": [finding("file.unverified", 1)]},
        ],
        "runs": [
            {"recordings": [0], "verdict": "compliant", "findings": []},
            {
                "recordings": [1],
                "verdict": "violation",
                "findings": [finding("notice.absent"), finding("continuity.sequence", 1, "decoded")],
            },
        ],
    }
    return made | changed


def test_the_worst_of_its_own_and_its_runs() -> None:
    assert verdict_of(report(), A, "violation") == "compliant", "the shift's verdict is not the recording's"
    assert verdict_of(report(), B, None) == "violation"


def test_findings_are_its_own_and_its_runs_without_the_refuted() -> None:
    assert [shown.code for shown in findings_of(report(), B)] == ["file.unverified", "notice.absent"]
    assert findings_of(report(), A) == []


def test_a_finding_of_the_run_that_names_another_recording_is_not_shown() -> None:
    runs = [{"recordings": [0, 1], "verdict": "violation", "findings": [finding("continuity.overlap", 1)]}]
    assert findings_of(report(runs=runs), A) == []
    assert verdict_of(report(runs=runs), A, None) == "violation"


def test_without_a_report_the_manifest_states_it() -> None:
    assert verdict_of(None, A, "unchecked") == "unchecked"
    assert verdict_of(None, A, None) is None
    assert verdict_of(report(), "c" * 26, "needs_review") == "needs_review"


def test_a_report_of_another_shape_counts_for_nothing() -> None:
    for broken in (
        {},
        {"recordings": None},
        {"recordings": [1]},
        {"recordings": [{"id": A, "verdict": 7, "findings": {"a": 1}}], "runs": 3},
        {"recordings": [{"id": A}], "runs": [None, {"recordings": 0}, {"recordings": [0], "findings": [1]}]},
    ):
        assert verdict_of(broken, A, "unchecked") == "unchecked"
        assert findings_of(broken, A) == []
