"""The import contracts in pyproject.toml hold, and each of them catches the import that it is there for."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("daemon", "dock", "transcoder", "uplink", "center")
ALONE = "dock, transcoder and uplink know nobody of ours"
NOT_UP = "nothing below the daemon imports it"
CENTER = "center imports uplink only"
LAZY = "only the CLI's one lazy place imports center"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages, where bad imports may be planted, with the one lazy place in use."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "center/planted.py").touch()
    (tmp_path / "daemon/cli/center.py").write_text("def late() -> None:\n    import center.planted\n")
    return tmp_path


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([program, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)


def _verdicts(output: str) -> dict[str, str]:
    return dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", output, re.MULTILINE))


def test_the_tree_keeps_every_contract_with_the_one_lazy_place_in_use(tree: Path) -> None:
    done = _lint(tree)
    assert done.returncode == 0, done.stdout
    assert _verdicts(done.stdout) == dict.fromkeys((ALONE, NOT_UP, CENTER, LAZY), "KEPT")


@pytest.mark.parametrize(
    ("where", "imported", "contract"),
    [
        ("dock", "transcoder", ALONE),
        ("transcoder", "uplink", ALONE),
        ("uplink", "dock", ALONE),
        ("dock", "daemon", NOT_UP),
        ("transcoder", "daemon", NOT_UP),
        ("uplink", "daemon", NOT_UP),
        ("center", "daemon", NOT_UP),
        ("center", "dock", CENTER),
        ("center", "transcoder", CENTER),
        ("daemon", "center", LAZY),
        ("daemon/cli", "center", LAZY),
        ("dock", "center", LAZY),
        ("uplink", "center", LAZY),
    ],
)
def test_a_planted_import_is_caught_by_its_contract(
    tree: Path, where: str, imported: str, contract: str
) -> None:
    # Inside a function: a late import is an import all the same.
    (tree / where / "planted.py").write_text(f"def late() -> None:\n    import {imported}\n")
    done = _lint(tree)
    assert done.returncode != 0
    assert _verdicts(done.stdout)[contract] == "BROKEN"
