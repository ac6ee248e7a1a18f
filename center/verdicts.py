"""The verdict and findings that are shown for one recording (report.md).

- One verdict is the worst of the recording's own and its run's:
  violation > needs_review > unchecked > compliant.
- A refuted finding stays in the report and is not shown here; a run's finding belongs to the recording
  that it names, or to all of the run where it names none.
- A report came over the network: what does not have its shape counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_WORSE = ("compliant", "unchecked", "needs_review", "violation")


@dataclass(frozen=True)
class ShownFinding:
    """A finding in one line.  `article` of the regulation, `text` by language."""

    code: str
    severity: str
    article: str
    text: dict[str, str]


def verdict_of(report: dict[str, Any] | None, recording: str, stated: str | None) -> str | None:
    """Return the verdict of `recording`; `stated` (the manifest's) where the report has none for it."""
    words = [stated] if stated in _WORSE else []
    index = _index(report, recording)
    if report is not None and index is not None:
        entries = [report["recordings"][index], *_runs(report, index)]
        found = [entry.get("verdict") for entry in entries]
        words = [word for word in found if word in _WORSE] or words
    return max(words, key=lambda word: _WORSE.index(str(word)), default=None)


def findings_of(report: dict[str, Any] | None, recording: str) -> list[ShownFinding]:
    """Return the findings that count for `recording`: its own, then its run's."""
    index = _index(report, recording)
    if report is None or index is None:
        return []
    found = _dicts(report["recordings"][index].get("findings"))
    for run in _runs(report, index):
        found += [item for item in _dicts(run.get("findings")) if item.get("recording") in (None, index)]
    return [_shown(item) for item in found if item.get("refuted") is None]


def _index(report: dict[str, Any] | None, recording: str) -> int | None:
    """Return the place of `recording` in a report: by its id, or the only one where no id stands."""
    entries = _dicts(report.get("recordings")) if report is not None else []
    if report is None or len(entries) != len(report.get("recordings") or ()):
        return None
    for index, entry in enumerate(entries):
        if entry.get("id") == recording:
            return index
    return 0 if len(entries) == 1 and entries[0].get("id") is None else None


def _runs(report: dict[str, Any], index: int) -> list[dict[str, Any]]:
    runs = _dicts(report.get("runs"))
    return [run for run in runs if isinstance(run.get("recordings"), list) and index in run["recordings"]]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _shown(item: dict[str, Any]) -> ShownFinding:
    text = item.get("text")
    words = {str(k): str(v) for k, v in text.items()} if isinstance(text, dict) else {}
    return ShownFinding(str(item.get("code")), str(item.get("severity")), str(item.get("article")), words)
