"""Where devices are required, a test that would be skipped for want of them fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.program import ROOT

TESTS = """
import pytest

@pytest.fixture
def udevd():
    pytest.skip("simulated cameras need udevd")

@pytest.mark.devices
@pytest.mark.skipif(True, reason="whatever it lacks")
def test_marked(): ...

def test_by_a_fixture(udevd): ...

def test_inside():
    pytest.skip("a small disk needs root")

def test_of_something_else():
    pytest.skip("../shared/data is absent")

@pytest.mark.devices
def test_that_runs(): ...
"""


@pytest.mark.parametrize(
    ("asked", "counts"), [("1", "1 failed, 1 passed, 1 skipped, 2 errors"), ("", "1 passed, 4 skipped")]
)
def test_skips_for_want_of_devices_fail_where_asked(tmp_path: Path, asked: str, counts: str) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.rig.required", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "-o", "markers=devices", str(file)],
        cwd=ROOT,
        env=os.environ | {"BODYDOCK_REQUIRE_DEVICES": asked, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert counts in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == (1 if asked else 0)
