"""BODYDOCK_REQUIRE_DEVICES=1: a test that would be skipped for want of devices fails.  `.ci/run` sets it.

Meant are tests marked `devices` and all that say they lack root, loop devices or the like.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator

import pytest

ASKED = "BODYDOCK_REQUIRE_DEVICES"
_LACKS = re.compile(r"\bneeds? root\b|loop device|simulated cameras need|nspawn")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get(ASKED) != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if item.get_closest_marker("devices") is not None or _LACKS.search(reason):
        report.outcome = "failed"
        report.longrepr = f"{ASKED} is set, and this was skipped: {reason}"
    return report
