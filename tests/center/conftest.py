"""What the center's tests share: a center without a broker, its clock in hand, and a scripted dock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.center.bench import Bench
from tests.center.scripted import ScriptedDock


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A center with one enrolled dock, and no broker."""
    with Bench(tmp_path / "center") as made:
        yield made


@pytest.fixture
def dock(bench: Bench) -> ScriptedDock:
    return bench.enrol("dock-1")
