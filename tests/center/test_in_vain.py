"""What counts as sent in vain, message by message: the real receiver, no connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from center.fence import STRANGERS, Vain
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock
from tests.center.test_center_200_docks import telemetry


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path / "center") as running:
        yield running


def spent(bench: Bench, dock: ScriptedDock) -> tuple[int, int]:
    return bench.office.take_in_vain().get(dock.name, (0, 0))


def test_a_dock_that_keeps_the_protocol_sends_nothing_in_vain(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    footage = Footage(os.urandom(250_000))
    bench.event(dock, dock.enrolled())
    manifest = dock.manifest(footage)
    bench.manifest(dock, footage, manifest)
    bench.transfer(dock, footage, manifest.digest)
    assert bench.stored(footage) == footage.data
    assert spent(bench, dock) == (0, 0)


def test_what_is_held_already_hardly_counts(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    footage = Footage(b"x" * 1000)
    event, manifest = dock.enrolled(), dock.manifest(footage)
    for _ in range(3):
        bench.event(dock, event)
        bench.manifest(dock, footage, manifest)
    assert spent(bench, dock) == (4 * Vain.AGAIN, 0)
    assert spent(bench, dock) == (0, 0), "told once"


def test_telemetry_and_what_is_refused_count_wholly(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    for rest, message in telemetry(dock)[:3]:
        bench.hear(dock.topics.up(rest), message.to_bytes())
    assert spent(bench, dock)[0] == 3 * Vain.WHOLLY
    bench.hear(dock.topics.up("events"), b"{}")
    bench.hear(dock.topics.up("no/such/thing"), b"1234")
    assert spent(bench, dock) == (2 * Vain.WHOLLY, 6)


def test_segments_of_no_transfer_and_bytes_that_are_held_count_with_their_bytes(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    footage = Footage(os.urandom(3000))
    file_id = dock.file_id(footage)
    bench.file(dock, file_id, 0, footage.data)
    assert spent(bench, dock) == (Vain.WHOLLY, 3000)
    manifest = dock.manifest(footage)
    bench.manifest(dock, footage, manifest)
    bench.file(dock, file_id, "init", dock.init(footage, manifest.digest).to_bytes())
    bench.file(dock, file_id, 0, footage.data[:1000])
    bench.tick(1.0)  # durable
    assert spent(bench, dock) == (0, 0)
    bench.file(dock, file_id, 0, footage.data[:1000])
    assert spent(bench, dock) == (Vain.WHOLLY, 1000)
    bench.file(dock, file_id, 1000, footage.data[1000:], sha256="0" * 64)
    assert spent(bench, dock) == (Vain.WHOLLY, 2000)


def test_who_is_not_enrolled_counts_as_one(bench: Bench) -> None:
    for name in ("one", "two"):
        bench.hear(ScriptedDock(name, "site-1").topics.up("events"), b"{}")
    assert bench.office.take_in_vain() == {STRANGERS: (2 * Vain.WHOLLY, 4)}
