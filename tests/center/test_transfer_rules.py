"""File transfer at the receiving end, without I/O (rules: `center/transfers.py`)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from center.transfers import CREDIT_BYTES, CREDIT_QUIET_S, Phase, Transfer, check_id, offset_of
from tests.center.scripted import PLATFORM, Footage, ScriptedDock
from uplink.errors import Refused
from uplink.messages.transfer import MAX_RANGES
from uplink.ranges import Ranges

MIB = 1024 * 1024
FOOTAGE = Footage(b"moving pictures")


def transfer(size_bytes: int = 64 * MIB) -> Transfer:
    return Transfer("f" * 32, "dock-1", "a" * 26, 1, size_bytes, "0" * 64)


def take(made: Transfer, offset: int, length_bytes: int, now_s: float = 0.0) -> None:
    made.note_segment(made.missing_of(offset, length_bytes), length_bytes, now_s)


def test_credit_comes_every_four_mebibytes_without_waiting_for_quiet() -> None:
    made = transfer()
    for n in range(3):
        take(made, n * MIB, MIB)
        assert not made.credit_due(0.0)
    take(made, 3 * MIB, MIB)
    assert made.credit_due(0.0)
    assert CREDIT_BYTES <= 8 * MIB // 2, "never above half a window"


def test_credit_comes_after_twenty_milliseconds_of_quiet() -> None:
    made = transfer()
    take(made, 0, 1, now_s=5.0)
    assert not made.credit_due(5.0 + CREDIT_QUIET_S / 2)
    assert made.credit_due(5.0 + CREDIT_QUIET_S + 0.001)


def test_nothing_is_durable_before_it_is_said_to_be() -> None:
    made = transfer(MIB)
    take(made, 0, MIB)
    assert (made.durable.total, made.written.total) == (0, MIB)
    made.note_durable()
    assert (made.durable.total, made.written.total, made.owes_credit) == (MIB, 0, False)


def test_what_is_durable_is_never_written_again_but_owes_credit() -> None:
    made = transfer(MIB)
    take(made, 0, 1000)
    made.note_durable()
    assert made.missing_of(500, 1000).to_list() == [(1000, 1500)]
    take(made, 0, 1000)
    assert made.owes_credit, "the dock may have missed the first credit"


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 400)), max_size=40))
def test_segments_in_any_order_give_the_union(segments: list[tuple[int, int]]) -> None:
    made, said = transfer(1000), Ranges()
    for offset, length in segments:
        if offset + length > 1000:
            with pytest.raises(Refused, match="segment"):
                made.missing_of(offset, length)
            continue
        take(made, offset, length)
        if offset % 3 == 0:
            made.note_durable()
        said = said.add(offset, offset + length)
    made.note_durable()
    assert made.durable == said


def scattered(length: int = 1) -> Transfer:
    made = transfer()
    for n in range(MAX_RANGES):
        take(made, 1000 * n, length)
    return made


def test_scattered_segments_are_bounded_and_the_smallest_forgotten() -> None:
    made = scattered()
    made.note_durable()
    at = 1000 * MAX_RANGES
    for length in (1, MIB):
        take(made, at, length)
        made.note_durable()
        assert (len(made.durable), made.durable.contains(at, at + length)) == (MAX_RANGES, True)
    take(made, 10, 1)
    made.note_durable()
    assert made.durable.contains(at, at + MIB), "the largest stays"


def test_ranges_larger_than_the_docks_segments_stop_no_transfer_b4() -> None:
    """The dock sends a window from the first gap on, and goes on only where that is held."""
    made = transfer(8000 * MIB)
    for n in range(MAX_RANGES):
        take(made, (100 + 4 * n) * MIB, 2 * MIB)
    made.note_durable()
    for offset in range(0, 8 * MIB, MIB):
        take(made, offset, MIB)
    made.note_durable()
    assert made.durable.contains(0, 8 * MIB)
    assert len(made.durable) <= MAX_RANGES


@pytest.mark.parametrize("durable", [True, False])
def test_what_somebody_scattered_stops_no_transfer_b4(durable: bool) -> None:
    made = scattered()
    if durable:
        made.note_durable()
    for offset in range(0, made.size_bytes, MIB):
        take(made, offset, MIB)
    # What was forgotten has to come again, and is known to be missing.
    for start, end in made.durable.union(made.written).missing(made.size_bytes):
        take(made, start, end - start)
    assert made.whole


def test_bytes_that_come_while_it_is_read_back_are_not_written() -> None:
    made = transfer(MIB)
    made.phase = Phase.VERIFYING
    assert made.missing_of(0, 1000) == Ranges()


@pytest.mark.parametrize("text", ["", "-1", "+1", "01", "1.0", "1e3", "abc", "٣", "1" * 17, " 1"])
def test_no_number_is_no_offset(text: str) -> None:
    with pytest.raises(Refused, match="offset"):
        offset_of(text)


def test_a_file_id_recomputes() -> None:
    dock = ScriptedDock()
    init = dock.init(FOOTAGE, "0" * 64)
    check_id(init, dock.file_id(FOOTAGE), PLATFORM, dock.key.key_id)
    for wrong in (dock.file_id(FOOTAGE, 2), ScriptedDock().file_id(FOOTAGE), "0" * 32):
        with pytest.raises(Refused, match="file_id"):
            check_id(init, wrong, PLATFORM, dock.key.key_id)
    with pytest.raises(Refused, match="name"):
        named = dock.init(FOOTAGE, "0" * 64, name=f"{'a' * 26}.mp4")
        check_id(named, dock.file_id(FOOTAGE), PLATFORM, dock.key.key_id)
