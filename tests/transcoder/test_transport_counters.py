"""Transport packets missing by their own counters: cut out as bytes, whatever the stamps say."""

from pathlib import Path

import pytest

from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, make, shared
from transcoder.transport import PACKET_BYTES, count_packets

CODE = "continuity.timestamps"


def test_packets_taken_out_are_told_with_their_place(tmp_path: Path) -> None:
    path = make(tmp_path / "whole.ts", Movie(seconds=8.0), "mpegts")
    assert found(recording_of(path)) == []
    data = path.read_bytes()
    cut = len(data) // PACKET_BYTES // 2 * PACKET_BYTES
    path.write_bytes(data[:cut] + data[cut + 7 * PACKET_BYTES :])
    findings = [f for f in found(recording_of(path), CODE) if "pids" in f.evidence]
    assert len(findings) == 1 and findings[0].start_s == pytest.approx(4.0, abs=0.6)
    offsets = findings[0].evidence["bytes"]
    assert isinstance(offsets, list) and int(str(offsets[0])) >= cut


def test_counters_of_many_blocks_go_on(tmp_path: Path) -> None:
    def packet(counter: int, pid: int) -> bytes:
        return bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10 | counter % 16]) + bytes(184)

    path = tmp_path / "long.ts"
    path.write_bytes(b"".join(packet(i, 256) + packet(i, 257) for i in range(15_000)))
    with path.open("rb") as file:
        assert count_packets(file, path.stat().st_size).jumps == []
    path.write_bytes(
        b"".join(packet(i, 256) + (packet(i, 257) if i != 12_345 else b"") for i in range(15_000))
    )
    with path.open("rb") as file:
        (jump,) = count_packets(file, path.stat().st_size).jumps
    assert (jump.pid, jump.missing) == (257, 1)


def test_streams_that_others_made_have_no_jump() -> None:
    folder = shared("data/media/ts")
    if folder is None:
        pytest.skip("../shared/data/media is absent")
    for path in folder.iterdir():
        with path.open("rb") as file:
            assert count_packets(file, path.stat().st_size).jumps == [], path.name
