"""An enrolled dock floods while another sends: a real broker with the shipped bounds, a real center.

Nothing is measured here (`python -m tests.bench.flooded` does): what is asked is what comes before what.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from center import fence, run
from center.catalogue import database, docks
from tests.rig.flood_office import MIB, FloodOffice, flood
from tests.rig.flooder import Flooder
from tests.rig.memory_desk import DOCK
from tests.rig.until import until
from uplink.desk import OutgoingEvent
from uplink.messages import ChainPoint


@pytest.fixture
def office(tmp_path: Path) -> Iterator[FloodOffice]:
    with FloodOffice(tmp_path) as running:
        yield running


@contextmanager
def center_here(office: FloodOffice) -> Iterator[None]:
    """Run the center in this process, so that a test may shorten its times."""
    going, started = threading.Event(), threading.Event()
    going.set()
    folder = office.center.folder
    thread = threading.Thread(target=run.run, args=(folder, going.is_set, lambda _: started.set()))
    thread.start()
    try:
        assert started.wait(20)
        yield
    finally:
        going.clear()
        thread.join(20)
        assert not thread.is_alive()


def flows(flooder: Flooder) -> Callable[[], bool]:
    """Return whether the flood went on since this was asked for."""
    before = flooder.sent
    return lambda: flooder.going and flooder.sent > before


@pytest.mark.parametrize("kind", ["health", "garbage", "segments"])
def test_while_one_dock_floods_another_is_received_and_receipted(office: FloodOffice, kind: str) -> None:
    dock = office.dock()
    first = office.record(dock)
    until(lambda: first.recording in office.desk.delivered, "a receipt while all is quiet")
    flooder = office.flooder(flood(kind, office.flooding))
    flooder.begin()
    until(flows(flooder), "the flood begins")
    for _ in range(3):
        footage, still = office.record(dock), flows(flooder)
        until(lambda f=footage: f.recording in office.desk.delivered, f"through {kind}", 60.0)  # type: ignore[misc]
        until(still, "the flood goes on: the broker has not ended it")
    until(lambda: office.troubles(), "it is said")
    assert {(t["name"], t["dock"]) for t in office.troubles()} == {("flooding", "flooding")}
    counters = office.counters()
    assert counters["refused.flooding", "flooding"] > 0
    assert ("refused.flooding", DOCK) not in counters, "who keeps the protocol loses nothing to its share"


def test_what_was_dropped_of_the_flooded_dock_itself_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "FIRST_S", 1.0)
    monkeypatch.setattr(fence, "LONGEST_S", 1.0)
    with FloodOffice(tmp_path, run_center=False) as office, center_here(office):
        desk = office.desk
        dock = office.dock()
        flooder = office.flooder(flood("garbage", desk.dock))  # under the name of the very dock
        flooder.begin()
        until(lambda: office.troubles(), "it is shut out", 30.0)
        for n in range(3):
            signed = desk.dock.event("cleared", {"recordings": []}) if n else desk.dock.enrolled()
            assert desk.dock.head is not None
            desk.events.append(OutgoingEvent(desk.dock.head, signed.raw))
        footage = [office.record(dock), office.record(dock, 1), office.record(dock, 20 * MIB)]
        dropped = office.counters().get(("refused.flooding", DOCK), 0)
        until(lambda: office.counters().get(("refused.flooding", DOCK), 0) > dropped, "shut out again", 30.0)
        flooder.end()
        until(lambda: len(desk.delivered) == 3, "all receipts", 60.0)
        until(lambda: _held(office) == desk.dock.head, "the whole chain", 60.0)
        assert all(office.center.folder.blob(f.sha256).read_bytes() == f.data for f in footage)


def _held(office: FloodOffice) -> ChainPoint | None:
    with database.reading(office.center.folder) as connection:
        dock = docks.find(connection, DOCK)
    assert dock is not None
    return dock.head
