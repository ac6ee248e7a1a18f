"""Hashing beside reading and writing: the same answer as in one go, whatever the size."""

from __future__ import annotations

import hashlib

import pytest

from dock.judging import judging
from dock.zeros import ZERO_BLOCK_BYTES

BUFFER = 64 * 1024


@pytest.mark.parametrize("size", [0, 1, BUFFER, 2 << 20, (2 << 20) + 1, (5 << 20) + 123])
def test_all_of_a_file_is_judged_in_order_before_the_end(size: int) -> None:
    data = bytearray((hashlib.sha256(b"x").digest() * (size // 32 + 1))[:size])
    hole = slice(2 * ZERO_BLOCK_BYTES, min(size, 40 * ZERO_BLOCK_BYTES))  # over the border of two buffers
    data[hole] = bytes(len(data[hole]))
    with judging(size, BUFFER) as judge:
        for at in range(0, size, BUFFER):
            part = data[at : at + BUFFER]
            buffer = judge.free_buffer()
            buffer[: len(part)] = part
            judge.feed(len(part))
        judge.finish()
        assert judge.digest.hexdigest() == hashlib.sha256(data).hexdigest()
    assert judge.zeros.run_bytes == len(data[hole])
    assert judge.zeros.run_at == (2 * ZERO_BLOCK_BYTES if len(data[hole]) else None)
