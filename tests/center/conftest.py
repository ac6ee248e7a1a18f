"""What the center's tests share: a center without a broker, its clock in hand, and a scripted dock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.center.bench import Bench
from tests.center.scripted import ScriptedDock


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A center without a broker; in memory where that is to be had, for it syncs a lot."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="bodydock-center-", dir=memory if memory.is_dir() else None) as root:
        with Bench(Path(root) / "center") as made:
            yield made


@pytest.fixture
def dock(bench: Bench) -> ScriptedDock:
    return bench.enrol("dock-1")
