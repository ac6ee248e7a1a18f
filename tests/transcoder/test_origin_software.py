"""Marks of software (`origin.software`): whose they are, against what the camera's profile expects."""

import struct
from pathlib import Path

import pytest

from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, make, remux, rewrap, shared
from transcoder.marks import creator_tools
from transcoder.report import Depth, Severity, Verdict
from transcoder.software import judge, mark

CODE = "origin.software"


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("camera") / "camera.mp4")


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.mkv", "cut.avi"])
@pytest.mark.parametrize("depth", [Depth.FAST, Depth.STANDARD])
def test_a_copy_cut_with_ffmpeg_is_said_and_with_a_profile_reviewed(
    camera_file: Path, tmp_path: Path, name: str, depth: Depth
) -> None:
    cut = remux(camera_file, tmp_path / name, lambda at: at < 4, camera=False)
    (said,) = found(recording_of(cut, depth), CODE)
    assert said.severity is Severity.INFO and "Lav" in said.text.en
    marks = said.evidence["marks"]
    assert isinstance(marks, list) and any("Lav" in str(mark) for mark in marks)
    recording = recording_of(cut, depth, software=("DSJ*", "GoPro*"))
    assert [f.severity for f in found(recording, CODE)] == [Severity.REVIEW]
    assert not found(recording_of(cut, depth, software=("lav*", "ffmp")), CODE)


def test_a_cameras_own_marks_are_none(camera_file: Path) -> None:
    assert not found(recording_of(camera_file), CODE)
    assert not found(recording_of(camera_file, software=("DSJ*",)), CODE)
    assert found(recording_of(camera_file, software=("GoPro*",)), CODE)  # another camera's firmware


def test_an_encoder_that_names_itself_in_the_bitstream_is_found_where_no_tag_says_it(tmp_path: Path) -> None:
    raw = make(tmp_path / "raw.h264", Movie(sound=False, camera=False), "h264")
    (said,) = found(recording_of(raw), CODE)
    assert "x264 - core" in said.text.en and said.severity is Severity.INFO
    assert not found(recording_of(raw, Depth.FAST), CODE)  # a fast inspection reads no packets
    assert found(recording_of(raw, software=("DSJ*",)), CODE)[0].severity is Severity.REVIEW


@pytest.mark.parametrize(
    "program", ["HandBrake 1.7.3 2024020700", "Adobe Premiere Pro 2024.0", "剪映专业版 5.9"]
)
def test_an_editing_program_needs_review_whatever_the_profile(tmp_path: Path, program: str) -> None:
    options = {"fflags": "+bitexact", "movflags": "use_metadata_tags"}
    own = make(tmp_path / "own.mp4")
    recording = recording_of(rewrap(own, tmp_path / "edited.mp4", options, {"software": program}))
    (finding,) = found(recording, CODE)
    assert finding.severity is Severity.REVIEW and program in finding.text.zh
    assert recording.verdict is Verdict.NEEDS_REVIEW


def test_an_xmp_box_of_an_editing_program_is_read(camera_file: Path, tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta><rdf:Description xmp:CreatorTool="Adobe Premiere Pro 23.1"/></x:xmpmeta>'
    body = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + xmp
    path = tmp_path / "xmp.mp4"
    path.write_bytes(camera_file.read_bytes() + struct.pack(">I4s", len(body) + 8, b"uuid") + body)
    (finding,) = found(recording_of(path, Depth.FAST), CODE)
    assert "Adobe Premiere Pro 23.1" in finding.text.en and finding.severity is Severity.REVIEW
    assert list(creator_tools(b"<xmp:CreatorTool>A</xmp:CreatorTool>")) == [("XMP xmp:CreatorTool", "A")]


@pytest.mark.parametrize(
    ("kind", "text"), [(b"\xa9swr", "MAGIX VEGAS Pro 21.0"), (b"\xa9cmt", "JianYing 5.9.0 (CapCut) export")]
)
def test_quicktime_user_data_names_the_program(
    camera_file: Path, tmp_path: Path, kind: bytes, text: str
) -> None:
    data = camera_file.read_bytes()
    at = data.find(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    assert at + size == len(data)
    entry = struct.pack(">I4sHH", 12 + len(text), kind, len(text), 0) + text.encode()
    box = struct.pack(">I4s", 8 + len(entry), b"udta") + entry
    path = tmp_path / "user.mp4"
    path.write_bytes(data[:at] + struct.pack(">I", size + len(box)) + data[at + 4 :] + box)
    recording = recording_of(path, Depth.FAST)
    assert text in found(recording, CODE)[0].text.en and len(recording.streams) == 2


def test_a_photograph_from_an_editor_is_told_by_exif() -> None:
    edited, straight = shared("data/media/photo/adobe_coords.jpg"), shared("data/media/photo/DSC00001.JPG")
    if edited is None or straight is None:
        pytest.skip("../shared/data/media is absent")
    assert "GIMP" in found(recording_of(edited), CODE)[0].text.en
    assert not found(recording_of(straight), CODE)  # HDR-AS300 v1.00 is a camera's firmware


@pytest.mark.parametrize(
    "text", ["H.264", "\tGoPro AVC", "HD5.02.02.00.00", "Core Media Video", "11.2.5", ""]
)
def test_what_cameras_write_counts_for_nobody(text: str) -> None:
    one = mark("tag", text)
    assert one is None or judge([one], ()) is None
