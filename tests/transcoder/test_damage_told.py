"""Damage that opens without an error, files that are no neighbours, clocks set between two pieces."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, damage, make, packets, remux
from tests.transcoder.ps_maker import ALAW, H264, Unit, program_stream
from tests.transcoder.signal_maker import Take, walk
from tests.transcoder.signal_maker import make as film
from transcoder.engine import inspect
from transcoder.report import Depth, Finding, Report
from transcoder.request import InspectItem, InspectRequest
from transcoder.speech import Utterance, _between_pauses
from transcoder.strangers import Make, find_strangers

NOISE = np.random.default_rng(5).bytes(1 << 16)
START = datetime(2026, 3, 6, 6, 50, 0, tzinfo=UTC)


def _partial(path: Path, depth: Depth = Depth.STANDARD) -> list[Finding]:
    return found(recording_of(path, depth), "file.partial")


def test_noise_over_a_key_picture_is_told_though_the_parser_calls_it_none(tmp_path: Path) -> None:
    path = make(tmp_path / "noise.mp4", Movie(seconds=8.0))
    pictures = packets(path, "video")
    at = next(p for p in pictures if p[0] >= 4.0 and p[3])
    after = next(p for p in pictures if p[1] > at[1])
    damage(path, at[1], after[1], NOISE)
    (told,) = _partial(path)
    assert told.start_s == pytest.approx(4.0, abs=0.1) and told.evidence["bytes"][0] == at[1]  # type: ignore[index]


def test_zeros_that_a_demuxer_skips_in_matroska_are_lost_and_a_reserve_is_not(tmp_path: Path) -> None:
    path = make(tmp_path / "cluster.mkv", Movie(seconds=20.0, gop=50))
    assert _partial(path) == []
    positions = [p[1] for p in packets(path, "video")]
    damage(path, positions[200] - 40, positions[330])
    codes = [f.evidence.get("bytes") for f in _partial(path)]
    assert codes and codes[0] is not None


def test_what_is_no_transport_packet_is_damage_with_its_bytes(tmp_path: Path) -> None:
    path = make(tmp_path / "noise.ts", Movie(seconds=8.0))
    assert _partial(path) == []
    size = path.stat().st_size // 188
    damage(path, (size // 2) * 188, (size // 2 + 6) * 188, b"\x11\x22\x33\x44\x55")
    (told,) = _partial(path)
    assert told.evidence["bytes"] == [(size // 2) * 188, (size // 2 + 6) * 188]
    shifted = make(tmp_path / "shifted.ts", Movie(seconds=8.0))
    data = shifted.read_bytes()
    cut = (size // 2) * 188
    shifted.write_bytes(data[:cut] + data[cut + 100 :])  # all that follows stands elsewhere
    assert _partial(shifted) == []


@pytest.mark.parametrize(("lacking", "truncated"), [(0, False), (37, True), (290, True)])
def test_a_program_stream_cut_in_a_packet_is_truncated(tmp_path: Path, lacking: int, truncated: bool) -> None:
    source = make(tmp_path / "source.mp4", Movie(seconds=3.0))
    raw = remux(source, tmp_path / "source.avi", lambda _at: True)
    pictures = [
        Unit(0xE0, at, raw.read_bytes()[pos : pos + size], key) for at, pos, size, key in _avi_units(raw)
    ]
    sound = [Unit(0xC0, i / 25, bytes([0x55]) * 320) for i in range(75)]
    units = sorted([*pictures, *sound], key=lambda unit: unit.at_s)
    data = program_stream(units, {0xE0: H264, 0xC0: ALAW})
    path = tmp_path / "cut.mpg"
    path.write_bytes(data[: len(data) - 4 - lacking] if lacking else data)
    assert bool(found(recording_of(path, Depth.FAST), "continuity.truncated")) is truncated


def _avi_units(path: Path) -> list[tuple[float, int, int, bool]]:
    """Chunks of an AVI begin 8 bytes after where the demuxer says the packet lies."""
    return [(at, pos + 8, size, key) for at, pos, size, key in packets(path, "video")]


def _shift(*starts: tuple[Path, int, float]) -> Report:
    items = tuple(
        InspectItem(path, named_at=START + timedelta(seconds=at), named_sequence=number)
        for path, number, at in starts
    )
    return inspect(InspectRequest(items, Depth.STANDARD))


def test_a_clock_set_between_two_pieces_of_one_walk_is_told_and_an_hour_between_is_not(
    tmp_path: Path,
) -> None:
    first = film(tmp_path / "1.mp4", Take(walk(), seconds=6.0))
    goes_on = film(tmp_path / "2.mp4", Take(walk(start=150), seconds=6.0))
    later = film(tmp_path / "3.mp4", Take(walk(start=4000), seconds=6.0))
    for second, expected in ((goes_on, ["continuity.clock"]), (later, [])):
        report = _shift((first, 1, 0.0), (second, 2, 3606.0))
        codes = [f.code for run in report.runs for f in run.findings if f.code == "continuity.clock"]
        assert codes == expected, second.name


def test_a_camera_left_on_a_table_shows_no_set_clock(tmp_path: Path) -> None:
    look = walk()

    def still(_i: int) -> np.ndarray:
        return look(0)

    first, second = (film(tmp_path / f"{n}.mp4", Take(still, seconds=6.0)) for n in (1, 2))
    report = _shift((first, 1, 0.0), (second, 2, 3606.0))
    assert not [f for run in report.runs for f in run.findings if f.code == "continuity.clock"]


def test_a_file_of_another_make_within_a_run_is_told(tmp_path: Path) -> None:
    files = [make(tmp_path / f"{n}.mp4", Movie(seconds=4.0)) for n in (1, 2, 3)]
    assert not _inserted(_shift(*((path, n, 4.0 * n) for n, path in enumerate(files, 1))))
    files[1] = film(tmp_path / "other.mp4", Take(walk(), seconds=4.0))
    (told,) = _inserted(_shift(*((path, n, 4.0 * n) for n, path in enumerate(files, 1))))
    assert told.recording == 1


def _inserted(report: Report) -> list[Finding]:
    return [f for run in report.runs for f in run.findings if f.code == "origin.inserted"]


def test_a_change_that_stays_is_no_stranger() -> None:
    a, b = Make("h264 1x1", "aac"), Make("h264 2x2", "aac")
    assert find_strangers([a, a, b, b]) == []
    assert find_strangers([a, b, a, None, b]) == [1]
    assert find_strangers([b, a]) == []


def test_what_was_said_before_a_long_pause_is_left_out_when_it_is_heard_again() -> None:
    said = [
        Utterance(1.0, 3.0),
        Utterance(3.4, 5.0),
        Utterance(7.0, 8.0),
        Utterance(8.5, 9.0),
        Utterance(12, 13),
    ]
    assert _between_pauses(said, 8.6) == (7.0, 9.0)
    assert _between_pauses(said, 1.2) == (1.0, 5.0)
