"""The fuzzer: its mutants are the same each time, what it checks can fail, and a short run holds."""

from pathlib import Path

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.run import LATE_S, LIMIT_S, fuzz, wrong_in
from tests.fuzz.seeds import make_seeds
from transcoder.engine import inspect
from transcoder.report import Depth, Report
from transcoder.request import Failed, InspectItem, InspectRequest

COUNT = 160


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_seeds(tmp_path_factory.mktemp("seeds"))


def test_mutants_are_the_same_for_the_same_number_and_seldom_the_seed_itself(seeds: list[Path]) -> None:
    for path in seeds:
        whole = path.read_bytes()
        made = [mutated(whole, number, b"other" * 40) for number in range(60)]
        assert made == [mutated(whole, number, b"other" * 40) for number in range(60)]
        assert len({data for data, _ in made} - {whole}) > 45, path.name


def test_structure_is_what_most_changes_are_about(seeds: list[Path]) -> None:
    expected = {
        "plain.mp4": "box_size",
        "pictures.avi": "chunk",
        "cluster.mkv": "element",
        "stream.ts": "packet",
    }
    for path in seeds:
        if path.name in expected:
            done = [name for number in range(200) for name in mutated(path.read_bytes(), number)[1]]
            assert done.count(expected[path.name]) > 10 and done.count("parameters") > 10, path.name


def _lost(path: Path, limit: str) -> Report:
    return inspect(InspectRequest((InspectItem(path, failed=Failed(limit, "it went", "没了")),), Depth.FAST))


def test_what_must_not_be_is_seen(seeds: list[Path]) -> None:
    assert wrong_in(_lost(seeds[0], "memory"), 1.0) == []
    assert wrong_in(_lost(seeds[0], "memory"), LIMIT_S + LATE_S + 1) != []
    assert wrong_in(_lost(seeds[0], "bug"), 1.0) == ["an internal error of the inspector"]
    assert wrong_in(_lost(seeds[0], "crash"), 1.0) == ["the inspector ended"]
    report = _lost(seeds[0], "time")
    (recording,) = report.recordings
    damaged = recording.findings[0].model_copy(update={"code": "file.partial"})
    both = recording.model_copy(update={"findings": (*recording.findings, damaged)})
    assert any("damage" in line for line in wrong_in(report.model_copy(update={"recordings": (both,)}), 1.0))


@pytest.mark.timeout(120)
def test_mutated_media_never_harm_the_inspector(seeds: list[Path], tmp_path: Path) -> None:
    """Fifteen seconds on an idle machine; `script/fuzz` runs as long as asked."""
    depths = list(Depth)
    tally = fuzz(seeds, 5_000_000, lambda count: count >= COUNT, tmp_path / "broken", depths)
    assert tally.broken == []
    assert tally.files == COUNT and tally.most_bytes > 10 << 20
    assert len(tally.codes) > 8, "the mutants reach into the inspector"
