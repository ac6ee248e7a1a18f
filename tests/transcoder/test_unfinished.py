"""Recordings that were never finished: no moov, a sibling that could serve, and what is found with it."""

import hashlib
from pathlib import Path

import pytest

from tests.transcoder.inspecting import found, report_of
from tests.transcoder.media_maker import Movie, damage, make
from transcoder.report import Depth, Finding

KINDS = {
    "aac": Movie(seconds=8.0),
    "b_frames": Movie(seconds=8.0, b_frames=2),
    "hevc": Movie(seconds=8.0, codec="libx265"),
    "alaw": Movie(seconds=8.0, audio_codec="pcm_alaw"),
}


def _unfinished(source: Path, target: Path, share: float = 1.0) -> Path:
    """What is on the card after the power went: no moov, and mdat's size not yet written."""
    data = source.read_bytes()
    mdat = data.find(b"mdat")
    end = data.find(b"moov") - 4
    cut = mdat + 4 + int((end - mdat - 4) * share)
    target.write_bytes(data[: mdat - 4] + bytes(4) + data[mdat:cut])
    return target


def _recovered(*paths: Path, depth: Depth = Depth.STANDARD) -> tuple[list[Finding], list[Finding]]:
    last = report_of(*paths, depth=depth).recordings[-1]
    assert last.duration_s is None  # an estimate is none
    return found(last, "file.unreadable"), found(last, "file.partial")


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_found_by_a_siblings_parameters(tmp_path: Path, kind: str) -> None:
    container = "mov" if kind == "alaw" else None
    whole = make(tmp_path / "000001_0001.mp4", KINDS[kind], container)
    broken = _unfinished(whole, tmp_path / "000001_0002.mp4")
    before = hashlib.sha256(broken.read_bytes()).hexdigest()
    (unreadable,), (partial,) = _recovered(whole, broken)
    assert "moov" in unreadable.text.zh
    evidence = partial.evidence
    assert evidence["pictures"] == 200 and evidence["duration_s_estimated"] == pytest.approx(8.0)
    assert evidence["sibling_path"] == "000001_0001.mp4" and "估计" in partial.text.zh
    assert (
        evidence["key_pictures"] == evidence["key_pictures_decoded"] and not evidence["key_pictures_failed"]
    )
    assert hashlib.sha256(broken.read_bytes()).hexdigest() == before


def test_half_a_file_gives_half_its_pictures_with_byte_offsets(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4", KINDS["aac"])
    half = _unfinished(whole, tmp_path / "b.mp4", 0.5)
    _, (partial,) = _recovered(whole, half, depth=Depth.FAST)
    assert partial.evidence["pictures"] == pytest.approx(100, abs=6)
    offsets = partial.evidence["bytes"]
    assert isinstance(offsets, list)
    start, end = (int(str(offset)) for offset in offsets)
    assert 0 < start < end <= half.stat().st_size
    assert "key_pictures_decoded" not in partial.evidence  # fast decodes nothing


def test_a_box_that_ends_beyond_the_file_is_said_to_be_cut(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4", KINDS["aac"])
    data = whole.read_bytes()
    (tmp_path / "b.mp4").write_bytes(data[: data.find(b"mdat") + 50_000])
    last = report_of(tmp_path / "b.mp4", depth=Depth.FAST).recordings[0]
    (cut,) = found(last, "continuity.truncated")
    assert cut.value == cut.evidence["claimed_bytes"] - (tmp_path / "b.mp4").stat().st_size  # type: ignore[operator]


def test_a_damaged_stretch_is_stepped_over(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4", KINDS["alaw"], "mov")
    broken = _unfinished(whole, tmp_path / "b.mp4")
    size = broken.stat().st_size
    damage(broken, size // 3, size // 3 + 20_000, b"\xa5\x17")
    _, (partial,) = _recovered(whole, broken)
    assert 150 <= int(str(partial.evidence["pictures"])) < 200


def test_without_a_sibling_it_is_only_said(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4", KINDS["aac"])
    note = make(tmp_path / "m.avi", Movie(codec="mpeg4", audio_codec="pcm_alaw"))
    (unreadable,), partial = _recovered(note, _unfinished(whole, tmp_path / "b.mp4"))
    assert "moov" in unreadable.text.en and partial == []


def test_a_sibling_of_another_kind_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4", KINDS["aac"])
    noise = tmp_path / "b.mp4"
    state, data = 1, bytearray()
    for _ in range(300_000):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        data.append(state >> 16 & 0xFF)
    noise.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\0mdat" + bytes(data))
    _, (partial,) = _recovered(whole, noise)
    assert int(str(partial.evidence.get("pictures", 0))) <= 2
    assert partial.evidence["sibling"] == 0
