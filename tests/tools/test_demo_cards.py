"""The cards of the wide demonstration are what its labels will say: judged by the engine, not by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.rig import demo_cards as cards
from tests.rig.small_office import ROOT


def inspected(folder: Path, *options: str) -> dict[str, Any]:
    """Return the report of a folder, as one camera's docking; nothing listens, so notices stay unverified."""
    ran = subprocess.run(
        [sys.executable, "-m", "daemon", "inspect", "--json", *options, str(folder)],
        cwd=ROOT,
        capture_output=True,
        timeout=100,
        check=False,
        env=os.environ | {"BODYDOCK_SPEECH_MODEL": "/nowhere"},
    )
    assert ran.returncode in (0, 1), ran.stderr.decode()
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def codes(findings: list[dict[str, Any]]) -> list[str]:
    return sorted(f["code"] for f in findings if not f["code"].startswith("notice."))


def test_a_run_that_the_camera_split_is_one_run_without_a_gap(tmp_path: Path) -> None:
    names = cards.split_run(tmp_path, 3)
    report = inspected(tmp_path)
    assert [run["recordings"] for run in report["runs"]] == [[0, 1, 2]]
    assert [item["path"] for item in report["recordings"]] == names
    assert [codes(item["findings"]) for item in [*report["recordings"], *report["runs"]]] == [[]] * 4


def test_two_runs_at_one_place_have_a_gap_on_the_later_one(tmp_path: Path) -> None:
    cards.two_runs(tmp_path)
    report = inspected(tmp_path, "--place-known", "same")
    assert [codes(run["findings"]) for run in report["runs"]] == [[], ["continuity.gap_between_files"]]
    gap = next(f for f in report["runs"][1]["findings"] if f["code"] == "continuity.gap_between_files")
    assert (gap["severity"], gap["article"]) == ("violation", "15(5)")
    assert abs(gap["value"] - cards.GAP_S) < 1


def test_what_else_cards_hold_is_told_apart(tmp_path: Path) -> None:
    cut, photo, note, real, _, broken = cards.mixed(tmp_path)
    report = inspected(tmp_path)
    found = {item["path"]: item for item in report["recordings"]}
    assert set(found) == {cut, photo, note, real, broken}
    assert "continuity.truncated" in codes(found[cut]["findings"])
    assert codes(found[broken]["findings"]) == ["file.unreadable"]
    for name, kind in ((photo, "photo"), (note, "audio"), (real, "video")):
        assert (found[name]["kind"], codes(found[name]["findings"])) == (kind, [])


def test_camera_1_comes_again_with_one_file_more(tmp_path: Path) -> None:
    name = cards.one_more(tmp_path)
    assert codes(inspected(tmp_path)["recordings"][0]["findings"]) == []
    assert name.endswith("_0004.mp4")
