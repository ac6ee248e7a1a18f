"""The report's shape, order of verdicts, and bytes."""

import jsonschema
import pytest

from transcoder.engine import engine_of
from transcoder.findings import FindingList
from transcoder.report import (
    FINDING_CODES,
    Depth,
    Notice,
    NoticeStatus,
    RecordingReport,
    Report,
    RulesUsed,
    RunReport,
    Severity,
    Verdict,
    report_json_schema,
    worst_verdict,
)
from transcoder.rules import load_rules


def _recording(found: FindingList) -> RecordingReport:
    return RecordingReport(
        id=None,
        path="视频.MP4",
        kind="video",
        size_bytes=1,
        sha256=None,
        container=None,
        started_at=None,
        duration_s=None,
        streams=(),
        verdict=worst_verdict(found.findings),
        findings=tuple(found.findings),
    )


def _report() -> Report:
    rules = load_rules(None)
    found = FindingList(rules, Depth.FAST, 0)
    found.add("file.unverified", evidence={"b": 1, "a": 2})
    of_run = FindingList(rules, Depth.FAST, None)
    of_run.add("notice.absent", value=120)
    run = RunReport(
        recordings=(0,),
        started_at=None,
        duration_s=None,
        verdict=worst_verdict(of_run.findings),
        notice=Notice(status=NoticeStatus.ABSENT),
        findings=tuple(of_run.findings),
    )
    return Report(
        engine=engine_of(None),
        rules=RulesUsed(name="default", sha256="0"),
        profile="generic",
        depth=Depth.FAST,
        verdict=Verdict.VIOLATION,
        recordings=(_recording(found),),
        runs=(run,),
    )


def test_verdicts_are_ordered() -> None:
    order = [Verdict.COMPLIANT, Verdict.UNCHECKED, Verdict.NEEDS_REVIEW, Verdict.VIOLATION]
    assert sorted(order, reverse=True) == order[::-1]
    assert [s.verdict for s in Severity] == order


def test_one_verdict_is_the_worst_of_the_recording_and_its_run() -> None:
    report = _report()
    assert report.recordings[0].verdict is Verdict.UNCHECKED
    assert report.verdict_of(0) is Verdict.VIOLATION


def test_a_refuted_finding_no_longer_counts() -> None:
    finding = _report().runs[0].findings[0]
    assert worst_verdict([finding]) is Verdict.VIOLATION
    assert worst_verdict([finding.model_copy(update={"refuted": "heard"})]) is Verdict.COMPLIANT


def test_bytes_round_trip_sort_evidence_and_keep_chinese() -> None:
    data = _report().to_bytes()
    assert data.startswith(b'{"schema":"bodydock.report/1"')
    assert "视频.MP4".encode() in data and b'"evidence":{"a":2,"b":1}' in data
    assert Report.from_bytes(data).to_bytes() == data


def test_unknown_fields_are_kept_when_reading() -> None:
    data = _report().to_bytes().replace(b'{"schema"', b'{"later":[1],"schema"', 1)
    assert b'"later":[1]' in Report.from_bytes(data).to_bytes()


def test_schema_validates_a_report_and_refuses_a_wrong_one() -> None:
    import json

    schema = report_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    plain = json.loads(_report().to_bytes())
    jsonschema.validate(plain, schema)
    plain["recordings"][0]["findings"][0]["severity"] = "awful"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, schema)


def test_every_code_has_a_rule() -> None:
    rules = load_rules(None)
    assert set(rules.codes) == set(FINDING_CODES)
