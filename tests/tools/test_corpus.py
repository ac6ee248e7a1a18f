"""The corpus is what it says: labels of one shape, the same bytes each time, scores that mean something."""

import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest

from tests.corpus.corpus import all_items, short_items
from tests.corpus.items import FileItem, Item
from tests.corpus.labels import Allow, Expect, Label, label_from
from tests.corpus.score import Found, broken_goals, findings_of, judge, table
from tests.corpus.store import folder_of, label_of, make, missing_speech

HERE = Path(__file__).parent
SCHEMA: dict[str, Any] = json.loads((HERE.parent / "corpus/label.schema.json").read_text(encoding="utf-8"))
# One of each kind of making: muxers of FFmpeg and ours, surgery, encoding twice, bytes, a photo, a shift.
QUICK = (
    "clean-camera-ps",
    "clean-note-wav",
    "clean-photo-document",
    "gap-ts-1s",
    "edit-list-start-5s",
    "truncated-first-0.5",
    "frozen-plain-stand-10-15",
    "software-premiere",
    "shift-gap-coordinates-same",
)


def _quick() -> list[Item]:
    return [item for item in all_items() if item.id in QUICK]


@pytest.fixture(scope="module")
def made_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    roots = (tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second"))
    assert len(_quick()) == len(QUICK)
    for root in roots:
        make(_quick(), root, workers=2)
    return roots


def _sums(folder: Path) -> dict[str, tuple[str, float]]:
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_enough_of_everything() -> None:
    items = all_items()
    files = [item for item in items if isinstance(item, FileItem)]
    assert len(files) >= 150
    assert len(items) - len(files) >= 30
    assert sum(item.clean for item in files) >= 60
    short = short_items()
    assert 25 <= sum(isinstance(item, FileItem) for item in short) <= 45
    assert sum(not isinstance(item, FileItem) for item in short) >= 6


def test_every_code_that_the_command_line_can_show_is_expected_somewhere() -> None:
    expected = {expect.code for item in all_items() for expect in item.expected}
    # Deleted entries need a card; what a depth does not check is on every file at that depth.
    elsewhere = {"continuity.selection", "notice.unverified", "file.unverified"}
    assert expected == set(SCHEMA["$defs"]["code"]["enum"]) - elsewhere


def test_labels_have_the_shape_and_come_back(tmp_path: Path) -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    for item in all_items():
        label = label_of(item, tmp_path)
        document = json.loads(json.dumps(label.document()))
        check.validate(document)
        assert label_from(document) == label


def test_no_two_files_could_be_taken_for_one_run() -> None:
    starts = sorted(item.mtime.timestamp() for item in all_items() if isinstance(item, FileItem))
    near = [b - a for a, b in itertools.pairwise(starts) if b - a < 400.0]
    assert near == []


def test_made_again_it_is_the_same_to_the_byte(made_twice: tuple[Path, Path], tmp_path: Path) -> None:
    """On a loaded machine x264 was seen to give other bytes once in some dozens of files: then two of three
    have to agree."""
    for item in _quick():
        if missing_speech(item) is None:
            sums = [_sums(folder_of(root, item)) for root in made_twice]
            assert sums[0]
            if sums[0] != sums[1]:
                make([item], tmp_path)
                assert _sums(folder_of(tmp_path, item)) in sums, item.id


def test_what_is_there_is_not_made_again(made_twice: tuple[Path, Path]) -> None:
    first, _ = made_twice
    folders = [folder_of(first, item) for item in _quick()]
    before = [folder.stat().st_ino for folder in folders]
    make(_quick(), first)
    assert [folder.stat().st_ino for folder in folders] == before


def test_only_what_nobody_asked_for_in_a_day_goes(made_twice: tuple[Path, Path]) -> None:
    first, _ = made_twice
    yesterday = time.time() - 2 * 24 * 3600
    old, young = first / "clean-note-wav.0123456789ab", first / "clean-note-wav.0123456789ac"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (yesterday, yesterday))
    for item in _quick():  # what is wanted stays, however long ago it was made
        os.utime(folder_of(first, item), (yesterday, yesterday))
    make(_quick(), first)
    assert young.is_dir()
    assert not old.exists()
    assert all(folder_of(first, item).is_dir() for item in _quick())


def test_cameras_leave_no_mark_of_the_tools(made_twice: tuple[Path, Path]) -> None:
    first, _ = made_twice
    data = b"".join(
        path.read_bytes() for path in first.rglob("*") if path.is_file() and path.suffix != ".json"
    )
    for mark in (b"Lavf", b"Lavc", b"x264", b"x265", b"FFmpeg", b"FFMP"):
        assert mark not in data, mark


def test_every_file_that_is_not_meant_to_be_broken_opens_and_decodes(made_twice: tuple[Path, Path]) -> None:
    for item in _quick():
        codes = {expect.code.split(".")[0] for expect in item.expected} | {e.code for e in item.expected}
        if "file" in codes or "continuity.truncated" in codes:
            continue
        for path in folder_of(made_twice[0], item).rglob("*.*"):
            if path.is_file():
                with av.open(str(path)) as container:
                    assert container.streams
                    assert all(sum(1 for _ in _decoded(path, s.index)) for s in container.streams), path


def _decoded(path: Path, stream: int) -> Iterator[object]:
    with av.open(str(path)) as container:
        yield from container.decode(container.streams[stream])


def _one(root: Path, item_id: str) -> Path:
    item = next(item for item in _quick() if item.id == item_id)
    assert isinstance(item, FileItem)
    return folder_of(root, item) / item.name


def test_the_gap_is_where_the_label_says(made_twice: tuple[Path, Path]) -> None:
    with av.open(str(_one(made_twice[0], "gap-ts-1s"))) as container:
        stamps = sorted(float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None)
    steps = np.diff(np.array(stamps))
    assert steps.max() == pytest.approx(1.04, abs=0.01)
    assert stamps[int(steps.argmax())] - stamps[0] == pytest.approx(12.0 - 0.04, abs=0.05)


def test_the_frozen_pictures_do_not_change(made_twice: tuple[Path, Path]) -> None:
    with av.open(str(_one(made_twice[0], "frozen-plain-stand-10-15"))) as container:
        pictures = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]
    moved = [float(abs(b - a).mean()) for a, b in itertools.pairwise(pictures)]
    assert max(moved[255:370]) < 0.2
    assert float(np.median(moved[:245])) > 1.0


LABEL = Label("x", "file", "x/x.mp4", "g", "p", "generic", "mp4", ("h264",), 20.0, False)
BLACK = Expect("picture.black", 10.0, 15.0, 1.5)


def _found(code: str, start_s: float | None, end_s: float | None, severity: str = "review") -> Found:
    return Found(code, severity, "x.mp4", start_s, end_s, "")


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (_found("picture.black", 10.4, 14.8), "found"),
        (_found("picture.black", 11.0, 13.0), "found"),
        (_found("picture.black", 2.0, 6.0), "elsewhere"),
        (_found("picture.black", 10.0, 15.0, "info"), "elsewhere"),
        (_found("picture.black", None, None), "elsewhere"),
        (_found("picture.frozen", 10.0, 15.0), "missed"),
    ],
)
def test_found_means_there_and_severe_enough(found: Found, result: str) -> None:
    judged = judge(replace(LABEL, expected=(BLACK,)), "needs_review", [found], "standard")
    assert [outcome.result for outcome in judged.outcomes] == [result]


def test_a_stretch_elsewhere_is_false_and_an_allowed_code_is_not() -> None:
    label = replace(LABEL, expected=(BLACK,))
    found = [
        _found("picture.black", 2.0, 6.0),
        _found("picture.black", 10.0, 15.0),
        _found("sound.cut", 3.0, 3.0),
    ]
    judged = judge(label, "needs_review", found, "standard")
    assert [(f.code, f.start_s) for f in judged.false] == [("picture.black", 2.0), ("sound.cut", 3.0)]


def test_what_may_be_said_may_not_be_more_severe() -> None:
    label = replace(LABEL, clean=True, allowed=(Allow("continuity.clock", "a constant offset", "info"),))
    said = [_found("continuity.clock", None, None, "info"), _found("continuity.clock", None, None, "review")]
    assert [f.severity for f in judge(label, "needs_review", said, "fast").false] == ["review"]


def test_what_a_deeper_depth_owes_is_no_miss_before() -> None:
    label = replace(LABEL, expected=(replace(BLACK, depth="deep"),))
    assert judge(label, "compliant", [], "standard").outcomes == ()
    assert judge(label, "compliant", [], "deep").outcomes[0].result == "missed"


def test_refuted_findings_do_not_count() -> None:
    finding = {
        "code": "picture.black",
        "severity": "review",
        "start_s": 1.0,
        "end_s": 9.0,
        "refuted": None,
        "text": {},
    }
    report: dict[str, Any] = {
        "recordings": [{"path": "a/x.mp4", "findings": [finding, {**finding, "refuted": "seen"}]}],
        "runs": [],
    }
    assert len(findings_of(report)) == 1


def test_goals_fail_when_clean_footage_is_accused() -> None:
    clean = replace(LABEL, clean=True)
    fine = [judge(clean, "compliant", [], "standard") for _ in range(60)]
    assert broken_goals(fine, table(fine)) == []
    accused = [*fine, judge(clean, "violation", [_found("notice.absent", 0.0, 0.0)], "standard")]
    assert broken_goals(accused, table(accused)) == ["clean items with a violation: 1 of 61"]
    doubted = [*fine, *(judge(clean, "needs_review", [], "standard") for _ in range(2))]
    assert len(broken_goals(doubted, table(doubted))) == 1
