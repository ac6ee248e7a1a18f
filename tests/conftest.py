"""For all tests: what must not be skipped, and what workers tell each other."""

from tests.rig.required import pytest_runtest_makereport
from tests.rig.workers import pytest_report_to_serializable

__all__ = ["pytest_report_to_serializable", "pytest_runtest_makereport"]
