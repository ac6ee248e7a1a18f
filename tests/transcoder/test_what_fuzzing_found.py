"""Files that made the inspector fail once (`script/fuzz`), each as small as it can be."""

import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.transcoder.inspecting import recording_of
from tests.transcoder.media_maker import Movie, make
from transcoder.media import packets_of
from transcoder.report import Depth


def _bugs(path: Path, depth: Depth) -> list[object]:
    findings = recording_of(path, depth).findings
    return [f.evidence for f in findings if f.evidence.get("limit") == "bug"]


@pytest.mark.parametrize("size", [1 << 40, (1 << 63) + 5, (1 << 64) - 1])
def test_a_box_that_claims_to_end_beyond_any_file(tmp_path: Path, size: int) -> None:
    path = make(tmp_path / "wide.mp4", Movie(seconds=1.0))
    data = path.read_bytes()
    at = data.index(b"mdat") - 4
    path.write_bytes(data[:at] + struct.pack(">I4sQ", 1, b"mdat", size) + data[at + 8 :])
    for depth in Depth:
        assert _bugs(path, depth) == []


def test_clipped_sound_shorter_than_the_window_it_is_judged_by(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes((np.sign(np.sin(np.arange(6400) / 9)) * 32767).astype("<i2").tobytes())
    assert _bugs(path, Depth.STANDARD) == []


def test_a_stream_that_began_in_mid_file_ends_the_packets_and_no_more() -> None:
    """PyAV trips over it when it flushes, after the last packet."""

    def demux(*_: object) -> Iterator[str]:
        yield "a packet"
        raise IndexError("list index out of range")

    assert list(packets_of(SimpleNamespace(demux=demux))) == ["a packet"]
    assert list(packets_of(SimpleNamespace(demux=demux), "a stream")) == ["a packet"]
