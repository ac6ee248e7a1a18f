"""The chain: no gaps, every event names the one before, a fact and its event stand or fall together."""

from __future__ import annotations

from itertools import pairwise

import pytest

from daemon.clock import DockClock
from daemon.custody import Custody, chain_end, enrol
from tests.daemon.conftest import Dock, listing, make_dock
from uplink import envelope
from uplink.keys import Role
from uplink.messages import CustodyEvent
from uplink.messages.custody import Delivered, Enrolled, Listed, Total


def chain(dock: Dock) -> list[tuple[CustodyEvent, str]]:
    found = []
    for row in dock.store.rows("SELECT raw FROM events ORDER BY place, n"):
        signed = envelope.unseal(row["raw"], "event", dock.own_ring, Role.DOCK)
        found.append((CustodyEvent.parse(signed.payload), signed.digest))
    return found


def test_events_are_numbered_without_gaps_and_joined_by_digest(dock: Dock) -> None:
    dock.begin(listing({b"a.mp4": 1}))
    events = chain(dock)
    assert [event.n for event, _ in events] == [0, 1, 2]
    assert events[0][0].prev is None
    for (_, before), (event, _) in pairwise(events):
        assert event.prev == before
    assert [event.kind for event, _ in events] == ["enrolled", "attached", "listed"]


def test_an_event_falls_with_its_transaction(dock: Dock) -> None:
    before = chain_end(dock.store)
    listed = Listed(docking="0" * 32, count=1, bytes=1, listing="ab" * 32)
    with pytest.raises(RuntimeError), dock.store.write() as tx:
        dock.custody.append(tx, "listed", listed)
        raise RuntimeError
    assert chain_end(dock.store) == before


def test_an_event_carries_the_data_of_its_kind(dock: Dock) -> None:
    with pytest.raises(TypeError), dock.store.write() as tx:
        dock.custody.append(tx, "delivered", Total(count=1, bytes=1))
    with pytest.raises(ValueError, match="at least 1"):
        Delivered(receipts=[])


def test_enrolling_is_done_once_for_a_platform(dock: Dock) -> None:
    assert enrol(dock.store, dock.custody, []) is False
    assert len(chain(dock)) == 1


def test_another_platform_opens_a_new_epoch_and_starts_recordings_again(dock: Dock) -> None:
    first = chain_end(dock.store)
    key = dock.custody.identity.key
    dock.store.close()
    moved = make_dock(dock.folder, platform="other", key=key)
    events = chain(moved)
    assert [event.n for event, _ in events] == [0, 0]
    assert events[1][0].epoch != first.epoch
    assert Enrolled.model_validate(events[1][0].data).platform == "other"
    assert chain_end(moved.store).place == first.place + 1
    moved.store.close()


def test_time_in_the_chain_never_goes_back_though_the_clock_does(dock: Dock) -> None:
    now = dock.custody.clock.now()
    back = DockClock(floor=now, machine=lambda: now.replace(year=2016))
    custody = Custody(dock.custody.identity, back)
    with dock.store.write() as tx:
        custody.append(tx, "listed", Listed(docking="0" * 32, count=0, bytes=0, listing="ab" * 32))
    last = chain(dock)[-1][0]
    assert last.time >= now
    assert last.clock.synced is False
