"""Labels: what is expected of the newest revision of each recording, and how it is compared.

A labels file is JSON: `{"recordings": {NAME: {kind, officer, cases, depth, verdict, findings}}}`, with
`findings` as [code, article] pairs, sorted.  `without_speech` holds what differs where no model listens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIELDS = ("kind", "officer", "cases", "depth", "verdict", "findings")


def load(path: Path, *, speech: bool) -> dict[str, dict[str, Any]]:
    """Return the labels by the recording's name.  Raises OSError, ValueError, KeyError."""
    data = json.loads(path.read_text(encoding="utf-8"))
    labels: dict[str, dict[str, Any]] = data["recordings"]
    if not speech:
        for name, changes in data.get("without_speech", {}).items():
            labels[name] = labels[name] | changes
    return labels


def findings_of(item: dict[str, Any]) -> list[list[str]]:
    """Return the (code, article) pairs of a recording as `center list` shows it."""
    return sorted([finding["code"], finding["article"]] for finding in item["findings"])


def differences(name: str, label: dict[str, Any], item: dict[str, Any]) -> list[str]:
    """Return, in words, where a received recording is not what its label says."""
    got = {field: item.get(field) for field in FIELDS} | {"findings": findings_of(item)}
    return [
        f"{name}: {field} is {got[field]!r}, the label says {label[field]!r}"
        for field in FIELDS
        if got[field] != label[field]
    ]
