"""Real programs: a local copy that somebody deleted is said by alarm, status, show and verify (S6).

And: a stopped daemon leaves reading possible; a store that may not be read says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.program import BODYDOCK
from tests.rig.small_office import ROOT, SmallOffice

pytestmark = pytest.mark.timeout(150)
KARMA = (Path(__file__).resolve().parents[1] / "data/footage/karma.mp4").read_bytes()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallOffice]:
    folder = tmp_path_factory.mktemp("office")
    camera = folder / "camera"
    (camera / "DCIM").mkdir(parents=True)
    (camera / "DCIM/20261124_090000.mp4").write_bytes(KARMA)
    (camera / "DCIM/20261124_090000.thm").write_bytes(b"thumbnail")
    (camera / "desktop.ini").write_bytes(KARMA[:-1])
    with SmallOffice(folder, [camera], speech=False) as made:
        made.start_dock()
        made.wait("all is delivered", lambda: _delivered(made), 90)
        yield made


def _delivered(office: SmallOffice) -> bool:
    items = office.recordings()
    return len(items) == 2 and {item["state"] for item in items} == {"delivered"}


def _vault_file(office: SmallOffice, recording: str) -> Path:
    (found,) = (path for path in (office.folder / "state").rglob(f"{recording}*") if path.is_file())
    return found


# The interpreter may lie where nobody else can read it: the modules are loaded first.
AS_NOBODY = """
import os, sys
from daemon.cli import main
import daemon.attention, daemon.dockings, daemon.status, daemon.verifying, encodings.idna
for verb in ("status", "recordings", "dockings", "verify"):
    main.main_group.get_command(None, verb)
os.setgroups([])
os.setegid(65534)
os.seteuid(65534)
main.main()
"""


def _bodydock(office: SmallOffice, *verb: str, nobody: bool = False) -> subprocess.CompletedProcess[str]:
    program = (sys.executable, "-c", AS_NOBODY) if nobody else BODYDOCK
    return subprocess.run(
        (*program, *verb, "--settings", str(office.settings)),
        capture_output=True, text=True, check=False, timeout=60, cwd=ROOT,
        env=dict(os.environ, COLUMNS="80", PYTHONPATH=str(ROOT)),
    )  # fmt: skip


def test_what_was_left_out_and_what_was_not_is_said_everywhere_s03(office: SmallOffice) -> None:
    by_name = {item["name"]: item for item in office.recordings()}
    assert set(by_name) == {"DCIM/20261124_090000.mp4", "desktop.ini"}
    (docking,) = office.ask_dock("dockings")
    assert docking["left_out"] == ["DCIM/20261124_090000.thm"]
    status = office.status()
    assert status is not None
    assert status["left_out"] == {"dockings": 1, "files": 1}
    assert "1 files listed" not in office.dock.log
    assert "3 files listed, 2 stored, 1 left out" in office.dock.log


def test_a_deleted_copy_is_an_alarm_and_is_said_and_verify_fails_s06(office: SmallOffice) -> None:
    lost = next(item["recording"] for item in office.recordings() if item["name"].endswith(".mp4"))
    office.dock.stop()
    _vault_file(office, lost).unlink()
    office.start_dock()
    office.wait("the alarm stands", lambda: "vault.damaged" in _standing(office), 30)
    shown: dict[str, Any] = office.ask_dock("show", lost)
    assert (shown["state"], "not in its place" in shown["damaged"]) == ("delivered", True)
    assert "damaged" in _bodydock(office, "show", lost).stdout
    ran = _bodydock(office, "verify", "--json")
    assert ran.returncode == 1
    assert [flaw["code"] for flaw in json.loads(ran.stdout)["flaws"]] != []
    assert lost in office.dock.log


def _standing(office: SmallOffice) -> set[str]:
    status = office.status()
    return {a["alarm"] for a in status["alarms"] if a["cleared"] is None} if status else set()


def test_a_stopped_daemon_leaves_reading_possible_and_says_so(office: SmallOffice) -> None:
    office.dock.stop()
    recording = office.ask_dock("recordings")[0]["recording"]
    for verb in (("status",), ("recordings",), ("show", recording), ("dockings",)):
        ran = _bodydock(office, *verb)
        alarm = int(verb == ("status",))  # the lost copy stands
        assert (ran.returncode, "the daemon is not running" in ran.stderr) == (alarm, True), (
            verb,
            ran.stderr,
        )
        assert ran.stdout
    assert _bodydock(office, "verify").returncode == 1  # the copy of above is still gone
    ran = _bodydock(office, "hold", recording, "--reason", "x")
    assert ran.returncode == 2
    assert "bodydock run" in ran.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_who_may_not_read_the_store_is_told_why(office: SmallOffice) -> None:
    office.dock.stop()
    for folder in (office.folder, *office.folder.parents[:3]):  # a worker has a folder more above it
        folder.chmod(folder.stat().st_mode | 0o011)
    office.settings.chmod(0o644)
    (office.folder / "state").chmod(0o750)
    for verb in ("status", "recordings", "dockings", "verify"):
        ran = _bodydock(office, verb, nobody=True)
        assert (ran.returncode, "Traceback" in ran.stderr) == (2, False), ran.stderr
        last = ran.stderr.splitlines()[-1]
        assert str(office.folder / "state") in last, last
        assert "user who may" in last, last
