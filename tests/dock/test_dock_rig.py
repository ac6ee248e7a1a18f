"""The rig cleans up after itself, and rigs side by side do not meet."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import loop_camera as rig

pytestmark = pytest.mark.devices

# A shell without job control starts what runs behind it with SIGINT ignored, and children inherit that.
PROGRAM = """
import json, pathlib, signal, sys, time
from tests.rig import loop_camera as rig
from dock.detect import DeviceWatch
from dock.mount import mounted
from tests.rig.events import wait_present

signal.signal(signal.SIGINT, signal.default_int_handler)
image = pathlib.Path(sys.argv[1])
with rig.udevd(), DeviceWatch() as watch, rig.LoopCamera(image, "X", "1", faulty=True) as cam:
    watch.changes(0)
    cam.plug()
    with mounted(wait_present(watch, cam.node), pathlib.Path(sys.argv[2])) as card:
        print(json.dumps([cam.node, rig.port_path("1"), str(card.path)]), flush=True)
        sys.stdin.read()
"""


def start(image: Path, mounts: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(image), str(mounts)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def hear(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    told: list[str] = json.loads(line)
    return told


@pytest.mark.parametrize("ending", ["ctrl-c", "end of input"])
def test_nothing_is_left_of_two_rigs_side_by_side(
    card: Path, tmp_path: Path, udevd: None, ending: str
) -> None:
    image = rig.make_card(tmp_path / "a.img", card)
    processes = [start(image, tmp_path / f"mnt{number}") for number in (1, 2)]
    told = [hear(process) for process in processes]
    (one, one_port, _), (two, two_port, _) = told
    assert one != two
    assert one_port != two_port
    for process in processes:
        if ending == "ctrl-c":
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert (process.returncode == 0) == (ending == "end of input")
        assert not list(rig.RULES.glob(f"59-bodydock-rig-{process.pid}-*"))
    mounts = Path("/proc/mounts").read_text()
    for node, _, path in told:
        assert not (Path("/sys/block") / Path(node).name).exists()
        assert path not in mounts
        assert not Path(path).exists()
    assert str(tmp_path) not in mounts


def test_what_is_missing_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rig, "LOOP_CONTROL", tmp_path / "none")
    monkeypatch.setattr(rig, "UDEVD", tmp_path / "udevd")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    missing = " ".join(rig.missing_parts())
    assert "root" in missing
    assert "loop devices" in missing
    assert "apt install udev" in missing
