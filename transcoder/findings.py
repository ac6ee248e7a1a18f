"""Making findings: a measurement and a rule set in, a `Finding` or nothing out.

Severity, article and threshold come from the rule set only (a check may ask for less where its evidence is
weak, never for more); numbers are rounded once, here, so that a report
is the same byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import JsonValue

from transcoder.report import Depth, Finding, Severity
from transcoder.request import Place
from transcoder.rules import RuleSet
from transcoder.sentences import clock, sentence

_MAX_PER_CODE = 50  # a file of noise must not make a report without end


def rounded(value: float | None, digits: int = 3) -> float | None:
    """A number fit for a report; None stays None, minus zero becomes zero."""
    return None if value is None else round(float(value), digits) + 0.0


@dataclass
class FindingList:
    """The findings about one recording (or, with `recording=None`, one run) at one depth."""

    rules: RuleSet
    depth: Depth
    recording: int | None
    findings: list[Finding] = field(default_factory=list)

    def about(self, recording: int | None) -> "FindingList":
        """The same list, with later findings about another recording."""
        return replace(self, recording=recording)

    def add(
        self,
        key: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        value: float | None = None,
        threshold: float | None = None,
        measured: Mapping[str, float] | None = None,
        place: Place | None = None,
        at_most: Severity | None = None,
        refuted: str | None = None,
        evidence: Mapping[str, object] | None = None,
        **words: object,
    ) -> None:
        """Add the finding that `key` ("code" or "code/variant") names, if the rules make it one.

        `at_most`: the evidence is too weak for what the rule set would give, whatever that is.
        """
        code = key.split("/", maxsplit=1)[0]
        severity = self.rules.severity_of(code, measured, place)
        same = sum(finding.code == code for finding in self.findings)
        if severity is None or same >= _MAX_PER_CODE:
            return
        if at_most is not None:
            severity = min(severity, at_most)
        shown = {"value": value, "threshold": threshold, "start": clock(start_s), "end": clock(end_s)}
        finding = Finding(
            code=code,
            severity=severity,
            article=self.rules.article_of(code),
            recording=self.recording,
            start_s=rounded(start_s),
            end_s=rounded(end_s),
            value=rounded(value),
            threshold=rounded(threshold),
            depth=self.depth,
            refuted=refuted,
            text=sentence(key, **{**shown, **words}),
            evidence=cast(dict[str, JsonValue], dict(evidence or {})),
        )
        self.findings.append(finding)
