"""docs/first-steps.md, as it stands: every command of it, run in order by a user without rights."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rig.demo_media import make_recording
from tests.rig.program import ROOT

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto"),
]
PAGE = ROOT / "docs" / "first-steps.md"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
# They may read a checkout and a Python that are root's; they are no less nobody for it.
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
# Between the steps a reader waits until something is to be seen.
WAITS = {
    "cp ": "until grep -q 'delivered, revision 2' dock.log; do sleep 0.1; done",
    "bodydock run ": "until [ -S control.sock ]; do sleep 0.1; done",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that belongs to nobody; its path is short, sockets lie in it."""
    made = Path(tempfile.mkdtemp(prefix="bd-"))
    yield made
    shutil.rmtree(made)


def commands() -> list[str]:
    """Return the lines of the page's blocks, those of a here-document as one."""
    found: list[str] = []
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S):
        inside = False
        for line in block.splitlines():
            if inside:
                found[-1] += f"\n{line}"
                inside = line != "END"
            else:
                found.append(line)
                inside = line.endswith("<<END")
    return found


def script(recording: Path, port: int) -> str:
    """Return the page as one script that stops at what fails."""
    lines = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for line in commands():
        said = line.replace("1884", str(port)).replace("/path/to/recording.mp4", str(recording))
        if line.startswith("bodydock center docks add"):
            # What the administrator types is read off the dock, as `identity` shows it.
            lines.append("bodydock identity --settings bodydock.toml 2>&1 >/dev/null | tail -c 10 > typed")
            said += " < typed"
        lines.append("wait || true" if line == "wait" else said)
        lines += [wait for start, wait in WAITS.items() if line.startswith(start)]
    return "\n".join(lines) + "\n"


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def test_the_first_steps_lead_to_a_recording_at_the_platform(folder: Path) -> None:
    recording = folder / "20261124093000.mp4"
    make_recording(
        recording, seconds=4, size=(320, 180), started_at=datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    )
    command = folder / "bodydock"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m daemon "$@"\n')
    command.chmod(0o755)
    folder.chmod(0o777)
    env = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}:/usr/sbin", "PYTHONPATH": str(ROOT)}
    env |= {"HOME": str(folder), "COLUMNS": "160"}
    run = subprocess.Popen(
        [*(NOBODY if os.geteuid() == 0 else []), "bash", "-c", script(recording, free_port())],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = run.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGTERM)
        said, _ = run.communicate(timeout=20)
    logs = "".join(f"\n--- {log.name}\n{log.read_text()[-1500:]}" for log in folder.glob("office/*.log"))
    assert run.returncode == 0, said + logs
    assert "可以取走" in said
    assert recording.name in said
    assert said.count("all of it holds") == 2  # the dock's, and the platform's
