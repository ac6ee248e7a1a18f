"""Reports against labels, purely.

- A finding that a deeper look refuted counts as not there.  What a depth does not do
  (`notice.unverified`, `file.unverified`) is nobody's mistake.
- *found*: a finding of the code, or of one `instead`, severe enough, and where the label says: what is a
  stretch by nature (`STRETCHES`) and lasts 2 s, by at least half of it (tolerance off both ends), the rest by
  touching it.
- *elsewhere*: the code is there, but not where, or not as severe as, the label says.  It counts as missed.
- *false*: a finding whose code is neither expected nor allowed for the item, or an expected one of a
  stretched kind (`STRETCHES`) that lies wholly outside every labelled stretch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.corpus.labels import DEPTHS, SEVERITIES, Expect, Label

NEVER_FALSE = {"notice.unverified", "file.unverified"}
STRETCHES = {
    "picture.black",
    "picture.frozen",
    "picture.covered",
    "picture.blurred",
    "picture.repeated",
    "sound.silent",
    "continuity.gap_in_file",
}
STRETCH_S = 2.0
BY_BYTES = {"file.partial", "file.unreadable", "continuity.truncated"}  # report.md asks for byte ranges


@dataclass(frozen=True)
class Found:
    """One finding of the engine, as the report has it; `recording`: a file's name, None for a whole run's."""

    code: str
    severity: str
    recording: str | None
    start_s: float | None
    end_s: float | None
    text: str


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation: `found`, `elsewhere` or `missed`; `by` the code that told."""

    item: str
    expect: Expect
    result: str
    by: str | None = None


@dataclass(frozen=True)
class Judged:
    """One item at one depth."""

    label: Label
    verdict: str
    outcomes: tuple[Outcome, ...]
    false: tuple[Found, ...]


def findings_of(report: Mapping[str, Any], indices: Sequence[int] | None = None) -> list[Found]:
    """Findings of the recordings at `indices` (None: all) and of the runs that hold one of them."""
    recordings = report["recordings"]
    wanted = set(range(len(recordings)) if indices is None else indices)
    out = []
    for index in sorted(wanted):
        out += [
            _found(f, recordings[index]["path"])
            for f in recordings[index]["findings"]
            if f.get("refuted") is None
        ]
    for run in report["runs"]:
        if not wanted & set(run["recordings"]):
            continue
        for finding in run["findings"]:
            at = finding.get("recording")
            if finding.get("refuted") is None and (at is None or at in wanted):
                out.append(_found(finding, None if at is None else recordings[at]["path"]))
    return out


def _found(finding: Mapping[str, Any], path: str | None) -> Found:
    name = None if path is None else path.rsplit("/", 1)[-1]
    text = (finding.get("text") or {}).get("en") or ""
    return Found(
        finding["code"], finding["severity"], name, finding.get("start_s"), finding.get("end_s"), text
    )


def worst_verdict(verdicts: Sequence[str]) -> str:
    order = ("compliant", "unchecked", "needs_review", "violation")
    return max(verdicts, key=order.index, default="compliant")


def verdict_of(report: Mapping[str, Any], indices: Sequence[int] | None = None) -> str:
    """The worst of the recordings at `indices` and their runs."""
    wanted = set(range(len(report["recordings"])) if indices is None else indices)
    own = [report["recordings"][index]["verdict"] for index in wanted]
    return worst_verdict(own + [run["verdict"] for run in report["runs"] if wanted & set(run["recordings"])])


def is_owed(expect: Expect, depth: str) -> bool:
    return DEPTHS.index(expect.depth) <= DEPTHS.index(depth)


def judge(label: Label, verdict: str, findings: Sequence[Found], depth: str, *, heard: bool = True) -> Judged:
    """Hold an item's findings against its label; `heard` False: no notice was searched for at this depth."""
    owed = [e for e in label.expected if is_owed(e, depth) and (heard or not _needs_ears(e))]
    outcomes = tuple(_outcome(label.id, expect, findings) for expect in owed)
    return Judged(label, verdict, outcomes, tuple(_false(label, findings)))


def _needs_ears(expect: Expect) -> bool:
    return expect.code.startswith("notice.") and expect.code != "notice.no_audio"


def _outcome(item: str, expect: Expect, findings: Sequence[Found]) -> Outcome:
    codes = (expect.code, *expect.instead)
    same = [
        f
        for f in findings
        if f.code in codes and (expect.recording is None or f.recording in {None, expect.recording})
    ]
    severe = [f for f in same if SEVERITIES.index(f.severity) >= SEVERITIES.index(expect.severity)]
    for code in codes:
        if _covers(expect, [f for f in severe if f.code == code]):
            return Outcome(item, expect, "found", code)
    if _covers(expect, severe):  # two codes that share the stretch
        return Outcome(item, expect, "found", "+".join(sorted({f.code for f in severe})))
    return Outcome(item, expect, "elsewhere" if same else "missed", same[0].code if same else None)


def _covers(expect: Expect, findings: Sequence[Found]) -> bool:
    if expect.start_s is None or expect.end_s is None:
        return bool(findings)
    if any(f.start_s is None and f.code in BY_BYTES for f in findings):
        return True
    low, high, slack = expect.start_s, expect.end_s, expect.tolerance_s
    placed = [
        (f.start_s, f.start_s if f.end_s is None else f.end_s) for f in findings if f.start_s is not None
    ]
    if high - low < STRETCH_S or not STRETCHES & {expect.code, *expect.instead}:
        return any(start <= high + slack and end >= low - slack for start, end in placed)
    inner_low, inner_high = low + min(slack, (high - low) / 4), high - min(slack, (high - low) / 4)
    told = _length([(max(start, inner_low), min(end, inner_high)) for start, end in placed])
    return told >= (inner_high - inner_low) / 2


def _length(stretches: Sequence[tuple[float, float]]) -> float:
    total, reached = 0.0, float("-inf")
    for start, end in sorted(s for s in stretches if s[1] > s[0]):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _false(label: Label, findings: Sequence[Found]) -> Iterator[Found]:
    allowed = {allow.code: SEVERITIES.index(allow.most) for allow in label.allowed}
    for found in findings:
        if found.code in NEVER_FALSE or SEVERITIES.index(found.severity) <= allowed.get(found.code, -1):
            continue
        expected = [e for e in label.expected if found.code in (e.code, *e.instead)]
        if not expected or (found.code in STRETCHES and all(_is_outside(found, e) for e in expected)):
            yield found


def _is_outside(found: Found, expect: Expect) -> bool:
    if None in (found.start_s, expect.start_s, expect.end_s):
        return False
    assert found.start_s is not None and expect.start_s is not None and expect.end_s is not None
    end = found.start_s if found.end_s is None else found.end_s
    return found.start_s > expect.end_s + expect.tolerance_s or end < expect.start_s - expect.tolerance_s


@dataclass(frozen=True)
class Row:
    """One code at one depth over the whole corpus."""

    code: str
    found: int
    by_other: int
    elsewhere: int
    missed: int
    false: int
    false_on_clean: int

    @property
    def recall(self) -> float | None:
        owed = self.found + self.elsewhere + self.missed
        return self.found / owed if owed else None


def table(judged: Sequence[Judged]) -> list[Row]:
    """A row for every code that was expected or found falsely."""
    codes = {o.expect.code for j in judged for o in j.outcomes} | {f.code for j in judged for f in j.false}
    rows = []
    for code in sorted(codes):
        outcomes = [o for j in judged for o in j.outcomes if o.expect.code == code]
        results = [o.result for o in outcomes]
        by_other = sum(o.result == "found" and o.by != code for o in outcomes)
        false = [(j, f) for j in judged for f in j.false if f.code == code]
        rows.append(
            Row(
                code,
                results.count("found"),
                by_other,
                results.count("elsewhere"),
                results.count("missed"),
                len(false),
                sum(j.label.clean for j, _ in false),
            )
        )
    return rows


MIN_RECALL = 0.98
MAX_REVIEWED = 0.02


def clean_shares(judged: Sequence[Judged]) -> dict[str, int]:
    """How many clean items have which verdict."""
    verdicts = [j.verdict for j in judged if j.label.clean]
    return {
        verdict: verdicts.count(verdict)
        for verdict in ("compliant", "unchecked", "needs_review", "violation")
    }


def broken_goals(judged: Sequence[Judged], rows: Sequence[Row]) -> list[str]:
    """Which goals of the issue fail, in words."""
    broken = [
        f"{row.code}: recall {row.recall:.3f} is below {MIN_RECALL}"
        for row in rows
        if row.recall is not None and row.recall < MIN_RECALL
    ]
    shares = clean_shares(judged)
    total = sum(shares.values())
    if shares["violation"]:
        broken.append(f"clean items with a violation: {shares['violation']} of {total}")
    if total and shares["needs_review"] / total > MAX_REVIEWED:
        broken.append(
            f"clean items that need review: {shares['needs_review']} of {total}, more than {MAX_REVIEWED:.0%}"
        )
    return broken
