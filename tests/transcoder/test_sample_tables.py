"""Sample tables read straight: the same numbers as FFmpeg's index, or none."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcoder.media_maker import Movie, make, shared
from transcoder import media
from transcoder.sample_tables import SampleTable, read_tables

MOST = 10_000_000


def tables(path: Path, most: int = MOST) -> dict[int, SampleTable]:
    with path.open("rb") as file:
        return read_tables(file, path.stat().st_size, most)


def check(path: Path) -> int:
    """Compare every entry of every track that has a table of FFmpeg's length; returns how many tracks."""
    found, compared = tables(path), 0
    with av.open(str(path), metadata_errors="replace") as container:
        for stream in container.streams:
            entries = [(e.timestamp, e.pos, e.size, e.is_keyframe) for e in stream.index_entries]
            table = found.get(stream.id)
            if table is None or len(table) != len(entries):
                continue
            compared += 1
            first = entries[0][0]
            for place, (timestamp, position, size, key) in enumerate(entries):
                assert table.agrees(place, timestamp, first, position, size, key), (path.name, place)
    return compared


@pytest.mark.parametrize(
    "movie",
    [Movie(), Movie(faststart=True, b_frames=2), Movie(codec="mpeg4", gop=10), Movie(fps=50, seconds=3)],
    ids=["plain", "faststart-b-frames", "mpeg4", "50fps"],
)
def test_made_movies_have_ffmpegs_numbers(tmp_path: Path, movie: Movie) -> None:
    assert check(make(tmp_path / "a.mp4", movie)) == 2


def test_every_shared_movie_has_ffmpegs_numbers() -> None:
    folder = shared("data", "media")
    if folder is None:
        pytest.skip("no shared media here")
    paths = [p for kind in ("mp4", "mov") for p in sorted((folder / kind).iterdir()) if p.is_file()]
    assert sum(check(path) for path in paths) > 40


def test_more_samples_than_allowed_are_no_table(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4")
    assert len(tables(path)) == 2
    assert tables(path, 10) == {}


MADE: list[bytes] = []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_raises_or_makes_arrays_without_end(data: st.DataObject) -> None:
    path = Path("/tmp") / f"bodydock-tables-{os.getpid()}.mp4"
    if not MADE:
        MADE.append(make(path, Movie(seconds=2)).read_bytes())
        path.unlink()
    whole = MADE[0]
    moov = whole.rindex(b"moov") - 4
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(moov, len(whole) - 5))
        changed[place : place + 4] = data.draw(
            st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\0\0\1"])
        )
    cut = data.draw(st.integers(moov, len(whole)))
    target = Path("/tmp") / f"bodydock-tables-{os.getpid()}-changed.mp4"
    try:
        target.write_bytes(bytes(changed[:cut]))
        for table in tables(target).values():
            assert len(table) <= len(whole)
    finally:
        target.unlink(missing_ok=True)


@pytest.mark.parametrize("movie", [Movie(seconds=40, b_frames=2), Movie(seconds=40, faststart=True)])
def test_facts_are_the_same_with_and_without_tables(
    tmp_path: Path, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.mp4", movie)

    def facts() -> list[dict[str, list[int]]]:
        with path.open("rb") as file:
            streams = media.read_facts(file, MOST).streams
        return [
            {name: getattr(s.samples, name).tolist() for name in ("dts", "pos", "size", "key", "discard")}
            for s in streams
        ]

    used: list[int] = []
    real = media._from_table

    def counting(entries: object, table: SampleTable) -> object:
        made = real(entries, table)
        used.append(made is not None)
        return made

    monkeypatch.setattr(media, "_from_table", counting)
    with_tables = facts()
    assert used == [True] * len(with_tables)
    monkeypatch.setattr(media, "read_tables", lambda *_: {})
    assert facts() == with_tables
