"""What a worker tells: names in a log may be no UTF-8, and its line to the others takes nothing else."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    return printable((yield))


def printable(value: Any) -> Any:
    """Return nested dicts, lists and tuples with lone surrogates written out as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {printable(key): printable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(printable(inner) for inner in value)
    return value
