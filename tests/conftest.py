"""For all tests: what must not be skipped."""

from tests.rig.required import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
