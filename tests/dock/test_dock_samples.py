"""What is probably known already."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dock.reader import Handles, read_exactly
from dock.samples import (
    BLOCK_BYTES,
    BLOCKS,
    EDGE_BYTES,
    Samples,
    might_be_known,
    probably_known,
    ranges_of,
    take_samples,
    times_agree,
)

SEED = bytes(range(16))
NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
CONTENT = random.Random(7).randbytes(3_000_000)


def samples(content: bytes, seed: bytes = SEED, modified_ns: int = NOW_NS) -> Samples:
    return take_samples(lambda at, length: content[at : at + length], len(content), modified_ns, seed)


@given(st.integers(0, 2**40), st.binary(min_size=16, max_size=16))
def test_ranges_lie_within_the_file_and_are_few(size_bytes: int, seed: bytes) -> None:
    ranges = ranges_of(size_bytes, seed)
    ends = 0
    for offset, length in ranges:
        assert offset >= ends
        assert length > 0
        ends = offset + length
    assert ends == size_bytes
    assert sum(length for _, length in ranges) <= 2 * EDGE_BYTES + BLOCKS * BLOCK_BYTES


def test_another_seed_looks_elsewhere() -> None:
    assert ranges_of(1 << 30, SEED) != ranges_of(1 << 30, bytes(16))
    assert ranges_of(1 << 30, SEED) == ranges_of(1 << 30, SEED)


def test_the_same_file_is_probably_known_and_a_changed_one_is_not_a09() -> None:
    stored = samples(CONTENT)
    assert probably_known(samples(CONTENT), stored)
    for at in (0, len(CONTENT) - 1, ranges_of(len(CONTENT), SEED)[2][0]):
        changed = bytearray(CONTENT)
        changed[at] ^= 1
        assert not probably_known(samples(bytes(changed)), stored)
    assert not probably_known(samples(CONTENT[:-1]), stored)
    assert not probably_known(samples(CONTENT, bytes(16)), stored)


@pytest.mark.parametrize(
    ("apart_s", "agree"),
    [
        (0, True),
        (1.7, True),
        (2, True),
        (2.1, False),
        (3600, True),
        (-8 * 3600, True),
        (8 * 3600 + 1, True),
        (8 * 3600 - 3, False),
        (20_700, True),  # Nepal: 5:45
        (26 * 3600, True),
        (27 * 3600, False),
        (86_400 * 30, False),
    ],
)
def test_times_agree_but_for_fats_step_and_zones_b07(apart_s: float, agree: bool) -> None:
    other_ns = NOW_NS + int(apart_s * SECOND_NS)
    stored = samples(CONTENT)
    assert times_agree(NOW_NS, other_ns) is agree
    assert might_be_known(len(CONTENT), other_ns, stored) is agree
    assert probably_known(replace(stored, modified_ns=other_ns), stored) is agree


def test_samples_are_taken_from_an_open_file_of_a_card(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(CONTENT)
    with Handles().add(os.open(path, os.O_RDONLY)) as reader:
        taken = take_samples(partial(read_exactly, reader), len(CONTENT), NOW_NS, SEED)
        assert taken == samples(CONTENT)
        assert read_exactly(reader, len(CONTENT) - 3, 10) == CONTENT[-3:]


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        samples(CONTENT, b"short")
