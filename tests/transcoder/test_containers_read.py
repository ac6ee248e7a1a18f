"""Every container and codec that body cameras write is read, and a whole file of it has no finding."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from tests.transcoder.inspecting import found, recording_of
from tests.transcoder.media_maker import Movie, make, rewrap, shared
from tests.transcoder.ps_maker import ALAW, H264, H265, PRIVATE_HEADER, Unit, program_stream
from transcoder.report import Depth

WHOLE = {
    "last.mp4": (Movie(), None),
    "first.mov": (Movie(faststart=True), "mov"),
    "phone.3gp": (Movie(), None),
    "hevc.mp4": (Movie(codec="libx265"), None),
    "part2.mp4": (Movie(codec="mpeg4"), None),
    "jpeg_pcm.mov": (Movie(codec="mjpeg", audio_codec="pcm_s16be"), None),
    "alaw.mov": (Movie(audio_codec="pcm_alaw"), None),
    "adpcm.mov": (Movie(codec="mjpeg", audio_codec="adpcm_ima_qt"), None),
    "part2_alaw.avi": (Movie(codec="mpeg4", audio_codec="pcm_alaw"), None),
    "jpeg_adpcm.avi": (Movie(codec="mjpeg", audio_codec="adpcm_ima_wav"), None),
    "h264_mulaw.avi": (Movie(audio_codec="pcm_mulaw"), None),
    "mp3.mkv": (Movie(audio_codec="libmp3lame"), None),
    "hevc.mkv": (Movie(codec="libx265"), None),
    "mp2.ts": (Movie(audio_codec="mp2"), "mpegts"),
    "hevc.ts": (Movie(codec="libx265"), "mpegts"),
    "h264.ps": (Movie(audio_codec="mp2"), "vob"),
    "live.flv": (Movie(), None),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("depth", [Depth.FAST, Depth.STANDARD])
def test_a_whole_file_is_read_and_clean(tmp_path: Path, name: str, depth: Depth) -> None:
    movie, container = WHOLE[name]
    recording = recording_of(make(tmp_path / name, movie, container), depth)
    assert found(recording) == []
    assert recording.kind == "video" and recording.duration_s == pytest.approx(6.0, abs=0.35)
    assert {s.kind for s in recording.streams} == {"video", "audio"}
    assert all(s.codec for s in recording.streams)


@pytest.mark.parametrize(
    "flags", ["frag_keyframe+empty_moov", "frag_keyframe", "frag_keyframe+empty_moov+dash"]
)
def test_fragments(tmp_path: Path, flags: str) -> None:
    options = {"movflags": flags, "fflags": "+bitexact"}
    path = rewrap(make(tmp_path / "plain.mp4"), tmp_path / "fragments.mp4", options)
    recording = recording_of(path)
    assert found(recording) == [] and recording.streams[0].packets == 150


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("g726.wav", "g726", "wav"),
        ("alaw.wav", "pcm_alaw", "wav"),
        ("ima.wav", "adpcm_ima_wav", "wav"),
        ("note.mp3", "libmp3lame", "mp3"),
        ("note.aac", "aac", "adts"),
        ("note.amr", "libopencore_amrnb", "amr"),
        ("note.mp2", "mp2", "mp2"),
    ],
)
def test_notes_of_sound(tmp_path: Path, name: str, codec: str, container: str) -> None:
    path = tmp_path / name
    rate = 16_000 if codec in ("libmp3lame", "aac", "mp2") else 8_000
    with av.open(str(path), "w", format=container, options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        if codec == "libopencore_amrnb":
            stream.bit_rate = 12_200
        size = getattr(stream.codec_context, "frame_size", 0) or 160
        for at in range(0, rate * 3, size):
            tone = (8000 * np.sin(np.arange(at, at + size) / 5)).astype(np.int16)[None, :]
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    recording = recording_of(path)
    assert recording.kind == "audio" and recording.duration_s == pytest.approx(3.0, abs=0.25)
    assert [f.code for f in found(recording) if f.code != "origin.software"] == []


@pytest.mark.parametrize("container", ["h264", "hevc", "mjpeg", "m4v"])
def test_raw_streams_have_pictures_and_no_length(tmp_path: Path, container: str) -> None:
    codec = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg", "m4v": "mpeg4"}[container]
    recording = recording_of(make(tmp_path / f"raw.{container}", Movie(codec=codec, sound=False), container))
    assert found(recording) == [] and recording.duration_s is None and recording.streams[0].packets == 150


def _recorder(path: Path, codec: str) -> Sequence[Unit]:
    make(path, Movie(codec=codec, sound=False), "h264" if codec == "libx264" else "hevc")
    with av.open(str(path)) as media:
        packets = [packet for packet in media.demux(video=0) if packet.size]
    # Decoding order without B-frames is the order of showing: 25 a second.
    units = [Unit(0xE0, i / 25, bytes(p), p.is_keyframe) for i, p in enumerate(packets)]
    noise = np.random.default_rng(1).integers(0, 40, (150, 320), dtype=np.uint8) ^ 0xD5
    units += [Unit(0xC0, i / 25, piece.tobytes()) for i, piece in enumerate(noise)]
    return sorted(units, key=lambda unit: unit.at_s)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("has_map", [True, False])
@pytest.mark.parametrize("has_header", [True, False])
def test_a_recorders_program_stream_in_mp4(
    tmp_path: Path, codec: str, has_map: bool, has_header: bool
) -> None:
    movie_units = _recorder(tmp_path / "raw", codec)
    kinds = {0xE0: H264 if codec == "libx264" else H265, 0xC0: ALAW}
    path = tmp_path / "recorder.mp4"
    data = program_stream(movie_units, kinds if has_map else None)
    path.write_bytes((PRIVATE_HEADER if has_header else b"") + data)
    recording = recording_of(path)
    assert sorted(str(s.codec) for s in recording.streams) == sorted(
        ["pcm_alaw", "h264" if codec == "libx264" else "hevc"]
    )
    assert recording.duration_s == pytest.approx(6.0, abs=0.3)
    if codec == "libx264":  # x265 reorders, and these stamps do not
        assert [f for f in found(recording) if f.code != "origin.software"] == []
    assert any("IMKH" in note.en for note in recording.notes) is has_header


def test_a_free_box_smaller_than_its_header_hides_nothing() -> None:
    path = shared("data/media/broken/sample_malformed_free_box.mp4")
    if path is None:
        pytest.skip("../shared/data/media is absent")
    recording = recording_of(path)
    assert [(s.codec, s.packets) for s in recording.streams] == [("h264", 30), ("aac", 45)]
    assert any("free" in note.en for note in recording.notes)


def test_data_tracks_are_described_and_no_finding() -> None:
    path = shared("data/media/mp4/max-heromode.mp4")
    if path is None:
        pytest.skip("../shared/data/media is absent")
    recording = recording_of(path)
    assert [s.tag for s in recording.streams if s.kind == "data"] == ["tmcd", "gpmd", "fdsc"]
    assert found(recording) == []


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("bear-cbr-no-seek-table-trailing-garbage.mp3", 45379, 195379),
        ("sample_cbs_truncated.adts", 31624, 31795),
    ],
)
def test_what_is_no_whole_frame_at_the_end_is_named_with_its_bytes(name: str, start: int, end: int) -> None:
    path = shared("data/media/broken", name)
    if path is None:
        pytest.skip("../shared/data/media is absent")
    for depth in (Depth.FAST, Depth.STANDARD):
        (finding,) = found(recording_of(path, depth), "file.partial")
        assert finding.evidence["bytes"] == [start, end]
