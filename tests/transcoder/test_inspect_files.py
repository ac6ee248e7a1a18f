"""Inspection of real media made on the spot: what is whole is clean, what was done to it is found."""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from tests.transcoder.media_maker import Movie, damage, make, packets, remux, shared
from transcoder.engine import inspect
from transcoder.report import Depth, Finding, RecordingReport, Report, Verdict, report_json_schema
from transcoder.request import InspectItem, InspectRequest, JoinRules

DEPTHS = tuple(Depth)


def _inspect(*paths: Path, depth: Depth = Depth.STANDARD, **item: object) -> Report:
    items = tuple(InspectItem(path, **item) for path in paths)  # type: ignore[arg-type]
    report = inspect(InspectRequest(items, depth=depth))
    jsonschema.validate(json.loads(report.to_bytes()), report_json_schema())
    return report


def _one(path: Path, depth: Depth = Depth.STANDARD, **item: object) -> RecordingReport:
    return _inspect(path, depth=depth, **item).recordings[0]


def _codes(recording: RecordingReport) -> list[str]:
    return [f.code for f in recording.findings if f.code != "file.unverified"]


def _finding(recording: RecordingReport, code: str) -> Finding:
    return next(f for f in recording.findings if f.code == code)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("plain") / "plain.mp4", Movie(faststart=True))


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_whole_file_is_clean_and_described(plain: Path, depth: Depth) -> None:
    recording = _one(plain, depth)
    assert _codes(recording) == []
    assert recording.kind == "video" and recording.duration_s == pytest.approx(6.0, abs=0.1)
    assert [s.kind for s in recording.streams] == ["video", "audio"]
    assert recording.streams[0].frame_rate == 25.0


def test_fast_reads_no_bytes_and_is_at_best_unchecked(plain: Path) -> None:
    report = _inspect(plain, depth=Depth.FAST)
    assert report.recordings[0].sha256 is None
    assert report.verdict_of(0) is Verdict.UNCHECKED
    assert [f.code for f in report.recordings[0].findings] == ["file.unverified"]
    assert [f.code for f in report.runs[0].findings] == ["notice.unverified"]


def test_the_same_file_gives_the_same_report_byte_for_byte(plain: Path) -> None:
    for depth in DEPTHS:
        assert _inspect(plain, depth=depth).to_bytes() == _inspect(plain, depth=depth).to_bytes()


def test_a_changed_file_cannot_be_missed(plain: Path) -> None:
    recording = _one(plain, sha256="0" * 64)
    finding = _finding(recording, "file.unreadable")
    assert recording.verdict is Verdict.NEEDS_REVIEW and recording.sha256 != "0" * 64
    assert finding.evidence["sha256_measured"] == recording.sha256
    assert "SHA-256" in finding.text.en
    assert _codes(_one(plain, sha256=recording.sha256)) == []


@pytest.mark.parametrize("container", ["mp4", "avi", "mkv", "ts"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_gap_cut_into_a_file_is_found_with_its_time(tmp_path: Path, container: str, depth: Depth) -> None:
    source = make(tmp_path / "source.mkv", Movie(seconds=12))
    suffix = f"cut.{container}"
    cut = remux(source, tmp_path / suffix, lambda t: not 5.0 <= t < 8.0)
    recording = _one(cut, depth)
    gap = _finding(recording, "continuity.gap_in_file")
    assert gap.start_s == pytest.approx(5.0, abs=0.2) and gap.end_s == pytest.approx(8.0, abs=0.2)
    assert gap.severity == "violation" and gap.value == pytest.approx(3.0, abs=0.2)


def test_b_frames_and_an_edit_list_are_no_fault_c09_c10(tmp_path: Path) -> None:
    path = make(tmp_path / "b.mp4", Movie(b_frames=2))
    for depth in DEPTHS:
        recording = _one(path, depth)
        assert _codes(recording) == [] and recording.duration_s == pytest.approx(6.0, abs=0.1)


def test_a_variable_rate_is_no_gap_c11(tmp_path: Path) -> None:
    times = [i / 30 + (0.012 if i % 2 else 0.0) for i in range(150)] + [5 + i / 10 for i in range(50)]
    times += [10 + i * 1.0 for i in range(10)]
    path = make(tmp_path / "vfr.mp4", Movie(seconds=20, times_s=tuple(times), sound=False))
    assert _codes(_one(path)) == []
    dropped = tuple(t for t in times if not 12 <= t < 10 + 9) + tuple(40.0 + i for i in range(5))
    gap = _finding(
        _one(make(tmp_path / "lost.mp4", Movie(times_s=dropped, sound=False))), "continuity.gap_in_file"
    )
    assert gap.end_s == pytest.approx(40.0, abs=0.1)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_cut_faststart_file_says_where_its_data_end_c03(plain: Path, tmp_path: Path, depth: Depth) -> None:
    data = plain.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) // 2])
    recording = _one(cut, depth)
    finding = _finding(recording, "continuity.truncated")
    assert finding.start_s is not None and finding.end_s is not None
    assert 1.0 < finding.start_s < 4.5 and finding.end_s == pytest.approx(6.0, abs=0.1)
    assert recording.duration_s is not None and recording.duration_s < 5.0
    assert finding.evidence["size_bytes"] == cut.stat().st_size


def test_a_zero_filled_half_is_found_with_bytes_and_time_c03(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "zeros.mp4"
    path.write_bytes(plain.read_bytes())
    size = path.stat().st_size
    damage(path, size // 2, size)
    assert _codes(_one(path, Depth.FAST)) == []  # a clean index proves nothing about the data
    recording = _one(path)
    partial, cut = _finding(recording, "file.partial"), _finding(recording, "continuity.truncated")
    damaged = partial.evidence["bytes"]
    assert isinstance(damaged, list | tuple)
    start, end = damaged
    assert isinstance(start, int)
    assert start == pytest.approx(size // 2, abs=8192) and end == size
    at = min(t for t, pos, length, _ in packets(plain, "video") if pos + length > start)
    assert cut.start_s == pytest.approx(at, abs=0.5) and cut.end_s == pytest.approx(6.0, abs=0.2)
    assert recording.verdict is Verdict.NEEDS_REVIEW


def test_a_damaged_key_frame_is_found_and_the_rest_still_checked_c24(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.mp4"
    path.write_bytes(plain.read_bytes())
    keys = [(t, pos, size) for t, pos, size, key in packets(plain, "video") if key]
    at, pos, size = keys[2]
    damage(path, pos + size // 4, pos + size, b"\xa5\x00\xff\x3c")
    recording = _one(path)
    finding = _finding(recording, "file.partial")
    assert finding.start_s == pytest.approx(at, abs=0.05) and finding.end_s == pytest.approx(
        keys[3][0], abs=0.05
    )
    assert recording.key_frames is not None
    assert (recording.key_frames.decoded, recording.key_frames.failed) == (len(keys) - 1, 1)


@pytest.mark.parametrize("container", ["avi", "mkv", "ts"])
def test_a_cut_file_of_other_containers_is_read_to_its_true_end_c14(tmp_path: Path, container: str) -> None:
    whole = make(tmp_path / f"whole.{container}", Movie(seconds=8))
    assert _codes(_one(whole)) == []
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{container}"
    cut.write_bytes(data[: len(data) // 2 + 77])
    recording = _one(cut, Depth.FAST)
    assert "continuity.truncated" in _codes(recording)
    true_end = max(at for kind in ("video", "audio") for at, *_ in packets(cut, kind))
    true_start = min(at for kind in ("video", "audio") for at, *_ in packets(cut, kind))
    assert recording.duration_s == pytest.approx(true_end - true_start + 0.05, abs=0.1)
    assert true_end - true_start < 7.0


def test_g711_in_avi_is_inspected_as_it_is_c16(tmp_path: Path) -> None:
    path = make(tmp_path / "g711.avi", Movie(audio_codec="pcm_alaw"))
    recording = _one(path)
    assert _codes(recording) == [] and recording.streams[1].codec == "pcm_alaw"


def test_motion_jpeg_is_video(tmp_path: Path) -> None:
    recording = _one(make(tmp_path / "m.avi", Movie(codec="mjpeg", seconds=2)))
    assert recording.kind == "video" and _codes(recording) == []


@pytest.mark.parametrize("depth", [Depth.STANDARD, Depth.DEEP])
def test_motion_jpeg_without_its_huffman_tables_is_decoded_c15(tmp_path: Path, depth: Depth) -> None:
    path = make(tmp_path / "m.avi", Movie(codec="mjpeg", seconds=2))
    data = path.read_bytes()
    assert data.count(b"\xff\xc4") >= 50
    path.write_bytes(data.replace(b"\xff\xc4", b"\xff\xfe"))  # the tables are comments now
    recording = _one(path, depth)
    assert recording.kind == "video" and _codes(recording) == []


def test_no_idr_but_the_first_is_no_fault_c17(tmp_path: Path) -> None:
    path = make(tmp_path / "intra.mp4", Movie(x264="intra-refresh=1", gop=50))
    assert _codes(_one(path)) == []


def test_what_is_no_media_is_reported_not_raised(tmp_path: Path) -> None:
    text, empty, fifo, link = (tmp_path / name for name in ("text.mp4", "empty.mp4", "fifo.mp4", "link.mp4"))
    text.write_text("not a film " * 100)
    empty.touch()
    os.mkfifo(fifo)
    link.symlink_to(text)
    for depth in DEPTHS:
        report = _inspect(text, empty, fifo, link, depth=depth)
        assert [_codes(r) for r in report.recordings] == [["file.unreadable"]] * 4
        assert report.runs == () and report.verdict is Verdict.NEEDS_REVIEW


def test_a_playlist_opens_nothing_else(tmp_path: Path, plain: Path) -> None:
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{plain}\n#EXT-X-ENDLIST\n")
    assert _codes(_one(playlist)) == ["file.unreadable"]


def test_no_sound_is_no_audio_not_absent_g04(tmp_path: Path) -> None:
    path = make(tmp_path / "mute.mp4", Movie(sound=False))
    run = _inspect(path).runs[0]
    assert run.notice.status == "no_audio" and [f.code for f in run.findings] == ["notice.no_audio"]


def test_a_note_and_a_photograph_owe_no_notice(tmp_path: Path) -> None:
    import wave

    import av
    import numpy as np

    note = tmp_path / "note.wav"
    with wave.open(str(note), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(64_000))
    photo = tmp_path / "photo.jpg"
    frame = av.VideoFrame.from_ndarray(np.full((96, 160, 3), 90, np.uint8), format="rgb24")
    frame.save(str(photo))
    report = _inspect(note, photo)
    assert [r.kind for r in report.recordings] == ["audio", "photo"]
    assert [r.recordings for r in report.runs] == [(0,)]
    assert report.runs[0].notice.status == "not_required"
    assert report.recordings[1].duration_s is None and report.verdict is Verdict.COMPLIANT
    damage(photo, photo.stat().st_size // 3, photo.stat().st_size, b"\x00\x13\xff")
    assert _codes(_one(photo)) == ["file.unreadable"]


def test_two_files_apart_are_two_runs_with_the_gap_on_the_later(tmp_path: Path) -> None:
    a = make(tmp_path / "a.mp4", Movie(seconds=4, creation="2026-03-05T01:00:00Z"))
    b = make(tmp_path / "b.mp4", Movie(seconds=4, creation="2026-03-05T01:00:44Z"))
    items = (InspectItem(a), InspectItem(b))
    runs = inspect(InspectRequest(items, Depth.FAST, join=JoinRules(place="same"))).runs
    gap = next(f for f in runs[1].findings if f.code == "continuity.gap_between_files")
    assert gap.severity == "violation" and gap.recording == 1
    assert gap.start_s == pytest.approx(-40.0, abs=1.1) and gap.evidence["before"] == 0
    unknown = inspect(InspectRequest(items, Depth.FAST)).runs[1].findings
    assert [f.severity for f in unknown if f.code == "continuity.gap_between_files"] == ["review"]
    loose = inspect(InspectRequest(items, Depth.FAST, one_shift=False)).runs[1].findings
    assert [f.code for f in loose] == ["notice.unverified"]


def test_a_name_that_is_no_utf8_reaches_the_report_b02(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xca\xd3\xc6\xb5.mp4"
    make(tmp_path / "x.mp4", Movie(seconds=1)).rename(os.fsdecode(raw))
    request = InspectRequest((InspectItem(Path(os.fsdecode(raw))),), depth=Depth.FAST)
    assert InspectRequest.from_json(request.to_json()) == request
    assert inspect(request).to_bytes().decode().count("\ufffd") > 0


def test_memory_does_not_grow_with_files_c21(plain: Path) -> None:
    from transcoder.memory import resident_bytes

    _inspect(*[plain] * 20, depth=Depth.FAST)
    before = resident_bytes(os.getpid()) or 0
    _inspect(*[plain] * 200, depth=Depth.FAST)
    assert (resident_bytes(os.getpid()) or 0) - before < 20 << 20


@pytest.mark.skipif(shared("data", "footage", "karma.mp4") is None, reason="../shared/data is absent")
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_real_action_camera_file_has_no_finding_but_the_notices(depth: Depth) -> None:
    path = shared("data", "footage", "karma.mp4")
    assert path is not None
    report = _inspect(path, depth=depth)
    assert _codes(report.recordings[0]) == []
    assert [s.kind for s in report.recordings[0].streams] == ["video", "audio", "data", "data", "data"]
    assert [f.code for f in report.runs[0].findings] == ["notice.unverified"]
