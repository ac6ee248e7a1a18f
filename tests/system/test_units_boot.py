"""The installed units under a systemd of their own, with a real card, broker and center.

The tests follow one another on one machine, as its day does: started, a camera, a crash, a hang, stops.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rig import container as machine
from tests.rig import loop_camera as rig
from tests.rig.demo_media import make_recording
from tests.rig.installed_dock import UNIT, InstalledDock
from tests.rig.small_office import DOCK, SITE, SmallOffice
from tests.rig.until import until
from tests.rig.wire import WireObserver
from transcoder.models import find_speech_model

_MISSING = list(dict.fromkeys([*rig.missing_parts(faulty=True), *machine.missing_parts()]))
pytestmark = [
    pytest.mark.devices,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(_MISSING), reason="needs " + ", ".join(_MISSING)),
]
INSPECTOR = "bodydock-inspect@.service"
GOOD, CRASHES, FINE = (
    "8888888_J0H42A_20261124093000_0001.mp4",
    "8888888_J0H42A_20261124094000_0002.mp4",
    "8888888_J0H42A_20261124095000_0003.mp4",
)
LARGE = "8888888_J0H42A_20261124100000_0004.mp4"
OTHER = "8888888_J0H42A_20261124110000_0005.mp4"
LARGE_BYTES = 24_000_000
NOTICE = Path(__file__).resolve().parents[1] / "data/speech/notice-02.flac"
STOP_LIMIT_S = 45.0  # TimeoutStopSec

# The installed inspector, but for one file that kills it.
CRASHING = f"""
import os, sys
import transcoder.engine as engine
real = engine.inspect
def inspect(request, progress=None, ears=None):
    for item in request.items:
        if item.failed is None and item.name.endswith("{CRASHES}"):
            os.kill(os.getpid(), 11)
    return real(request, progress, ears)
engine.inspect = inspect
from transcoder.inspector import main
sys.exit(main())
"""
# The installed inspector, but stuck in a library that does not let Python run.
STUCK = """
import ctypes, sys
import transcoder.engine as engine
engine.inspect = lambda *_: ctypes.PyDLL(None).sleep(3600)
from transcoder.inspector import main
sys.exit(main())
"""
# The installed dock, but for a stage that stands still when told, and less patience with it.
HANGING = """
import time
from pathlib import Path
import daemon.inspections as inspections
from daemon.stages.told import ToldStage
inspections._PIPELINE_LIMIT_S = 6.0
real = ToldStage.step
def step(self):
    told = Path("/run/bodydock/hang")
    if told.exists():
        told.unlink()
        time.sleep(600)
    return real(self)
ToldStage.step = step
from daemon.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Card images: `small` with three recordings, `large` with one, `other` with what is none."""
    folder = tmp_path_factory.mktemp("cards")
    small, large = folder / "small/DCIM", folder / "large/DCIM"
    small.mkdir(parents=True)
    large.mkdir(parents=True)
    for place, name in enumerate((GOOD, CRASHES, FINE)):
        started_at = datetime(2026, 11, 24, 1, 30 + 10 * place, tzinfo=UTC)
        make_recording(
            small / name, seconds=20, size=(320, 180), notice=NOTICE, started_at=started_at, seed=place
        )
    # Of a camera that writes as root, for itself: the dock is not root, and reads it all the same.
    (small / FINE).chmod(0o600)
    other = folder / "other/DCIM"
    other.mkdir(parents=True)
    (other / OTHER).write_bytes(b"this is no recording\n" * 5000)
    (large / LARGE).write_bytes(random.Random(1).randbytes(LARGE_BYTES))
    return {
        kind: rig.make_card(folder / f"{kind}.img", folder / kind) for kind in ("small", "large", "other")
    }


@pytest.fixture(scope="module")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledDock]:
    """The services installed, and started once."""
    folder = tmp_path_factory.mktemp("office")
    with rig.udevd(), machine.Container() as container:
        office = SmallOffice(folder, [rig.port_path("1.1")], bytes_per_second=4 * 1024 * 1024)
        with office:
            made = InstalledDock(container, office)
            made.set_up()
            container.write("/opt/test/crashing.py", CRASHING)
            container.write("/opt/test/stuck.py", STUCK)
            container.write("/opt/test/hanging.py", HANGING)
            made.change(INSPECTOR, *_starting("/opt/test/crashing.py"))
            made.start()
            yield made


def _starting(script: str, *arguments: str) -> tuple[str, ...]:
    return ("[Service]", "ExecStart=", " ".join(("ExecStart=/opt/bodydock/bin/python", script, *arguments)))


def _camera(dock: InstalledDock, image: Path, **more: Any) -> rig.LoopCamera:
    return rig.LoopCamera(image, "BWC0042", "1.1", made=dock.container.provide_loop, **more)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _last_state(wire: WireObserver) -> str:
    said = [json.loads(payload) for _, payload in wire.messages(f"{SITE}/{DOCK}/up/state")]
    return str(said[-1]["state"]) if said else ""


def test_the_dock_says_ready_as_its_own_user_with_two_rights(dock: InstalledDock) -> None:
    unit = dock.container.unit(UNIT)
    assert (unit["ActiveState"], unit["Type"], unit["NRestarts"]) == ("active", "notify", "0")
    status = dock.container.path(f"/proc/{unit['MainPID']}/status").read_text()
    rights = {line.split(":")[0]: line.split(":")[1].split() for line in status.splitlines()}
    bits = 1 << 21 | 1 << 2  # CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH
    assert int(rights["CapEff"][0], 16) == int(rights["CapBnd"][0], 16) == bits
    assert rights["Uid"][0] == dock.container.run("id", "-u", "bodydock").strip() != "0"


def test_systemd_has_nothing_to_say_about_what_is_installed(dock: InstalledDock) -> None:
    units = ("bodydock-inspect.socket", "bodydock-center.service", "bodydock-inspect@x.service", UNIT)
    assert dock.container.run("systemd-analyze", "verify", "--man=no", *units, check=False) == ""


def test_operators_may_ask_and_nobody_else(dock: InstalledDock) -> None:
    dock.container.run("useradd", "--groups=bodydock-operators", "anna")
    dock.container.run("useradd", "otto")
    status = dock.container.run_as("anna", "bodydock", "status", "--json")
    assert json.loads(status)["running"] is True
    assert dock.container.run_as("otto", "bodydock", "status", "--json", check=False) == ""


def test_the_key_that_systemd_handed_over_is_the_docks(dock: InstalledDock) -> None:
    assert not dock.container.path("/var/lib/bodydock/keys/dock.pem").exists()
    assert dock.ask("status")["chain"] is not None


@pytest.fixture(scope="module")
def docked(dock: InstalledDock, cards: dict[str, Path]) -> dict[str, Any]:
    """What the dock says after a camera with three recordings was there, and is gone."""
    with _camera(dock, cards["small"]) as camera:
        camera.plug()
        dock.wait_until_done()
        until(lambda: dock.ask("status")["waiting_inspection"] == 0, "all is inspected", 120)
        mounts, docking = dock.container.run("cat", "/proc/self/mounts"), dock.slot()["docking"]
        shown = {name: dock.ask("show", recording=r["recording"]) for name, r in dock.recordings().items()}
    until(lambda: dock.slot()["phase"] == "empty", "the camera has left")
    return {"mounts": mounts, "docking": docking, "shown": shown, "recordings": dock.recordings()}


def test_a_card_mounted_by_the_unit_is_read_by_the_unit_f02_f09(
    dock: InstalledDock, docked: dict[str, Any]
) -> None:
    assert set(docked["recordings"]) == {GOOD, CRASHES, FINE}
    hashes = sorted(_hash(path) for path in dock.vault().glob("??/*"))
    assert hashes == sorted(item["sha256"] for item in docked["recordings"].values())
    assert "/run/bodydock/cards" not in docked["mounts"]  # nobody else ever sees the card
    assert list(dock.container.path("/run/bodydock/cards").iterdir()) == []


def test_a_crashed_inspector_costs_one_file(dock: InstalledDock, docked: dict[str, Any]) -> None:
    limits, lengths = {}, {}
    for name, shown in docked["shown"].items():
        index = [r["id"] for r in shown["report"]["recordings"]].index(shown["recording"])
        findings = shown["report"]["recordings"][index]["findings"]
        limits[name] = [f["evidence"]["limit"] for f in findings if f["code"] == "file.limits"]
        lengths[name] = shown["report"]["recordings"][index]["duration_s"]
    assert limits == {GOOD: [], CRASHES: ["crash"], FINE: []}
    assert lengths[GOOD] and lengths[FINE] and not lengths[CRASHES]  # the others were really read
    assert dock.container.unit(UNIT)["NRestarts"] == "0"
    assert dock.container.run("systemctl", "--failed", "--no-legend") == ""


@pytest.mark.speech
@pytest.mark.skipif(find_speech_model() is None, reason="needs the speech model (bodydock models install)")
def test_the_notice_is_heard_in_the_sandbox(docked: dict[str, Any]) -> None:
    """What a sandbox may not take away: CTranslate2 compiles code, onnxruntime looks at the processor."""
    report = docked["shown"][GOOD]["report"]
    index = [r["id"] for r in report["recordings"]].index(docked["shown"][GOOD]["recording"])
    (run,) = [run for run in report["runs"] if index in run["recordings"]]
    assert run["notice"]["status"] == "confirmed"


def test_the_inspector_sees_the_vault_and_may_do_nothing(dock: InstalledDock, docked: dict[str, Any]) -> None:
    """What the sandbox shows to whoever takes the inspector over: asked from inside, by the unit itself."""
    script = (
        "import os, socket, sys\n"
        "os.dup2(2, 1)\n"
        "def may(act, *args):\n"
        "    try:\n"
        "        act(*args)\n"
        "    except OSError:\n"
        "        return False\n"
        "    return True\n"
        "seen = next(iter(__import__('pathlib').Path('/var/lib/bodydock/vault').glob('??/*')))\n"
        "found = {\n"
        "    'reads': may(open, seen, 'rb'), 'writes': may(open, seen, 'r+b'),\n"
        "    'store': may(open, '/var/lib/bodydock/store.db'), 'sockets': may(os.listdir, '/run/bodydock'),\n"
        "    'network': may(socket.socket), 'files': may(open, '/tmp/../etc/new', 'w'),\n"
        "    'memory': may(open, '/proc/1/mem', 'rb'), 'uid': os.getuid() > 0,\n"
        "}\n"
        "print('FOUND', sorted(k for k, v in found.items() if v), file=sys.stderr)\n"
    )
    dock.container.write("/opt/test/curious.py", script)
    dock.change(INSPECTOR, *_starting("/opt/test/curious.py"))
    connect = "import socket as s; c = s.socket(1); c.connect('/run/bodydock/inspect.sock'); c.recv(1)"
    dock.container.run_as("bodydock", "/opt/bodydock/bin/python", "-c", connect)
    dock.change(INSPECTOR, *_starting("/opt/test/crashing.py"))
    said = [line for line in dock.container.journal().splitlines() if line.startswith("FOUND")]
    assert said == ["FOUND ['reads', 'uid']"]


def test_journal_entries_say_what_they_are_about(dock: InstalledDock, docked: dict[str, Any]) -> None:
    docking = docked["docking"]
    about = dock.journal(f"DOCKING={docking}", "SLOT=1")
    assert f"slot 1: docking {docking} closed: 3 files listed, 3 stored" in [
        entry["MESSAGE"] for entry in about
    ]
    assert {entry["_SYSTEMD_UNIT"] for entry in about} == {UNIT}
    recording = docked["recordings"][GOOD]["recording"]
    until(lambda: dock.journal(f"RECORDING={recording}"), "something is logged about the recording")


def test_a_stage_that_stands_still_trips_the_watchdog_f04(dock: InstalledDock) -> None:
    dock.change(UNIT, *_starting("/opt/test/hanging.py", "run"), "WatchdogSec=3", "RestartSec=1")
    dock.container.run("systemctl", "restart", UNIT)
    before = dock.container.unit(UNIT)
    dock.container.run("sleep", "4")  # longer than WatchdogSec: nothing trips while all turns
    assert dock.container.unit(UNIT)["MainPID"] == before["MainPID"]
    dock.container.write("/run/bodydock/hang", "", mode=0o666)
    dock.container.run("chown", "bodydock:", "/run/bodydock/hang")

    def restarted() -> bool:
        unit = dock.container.unit(UNIT)
        return int(unit["NRestarts"]) > int(before["NRestarts"]) and unit["ActiveState"] == "active"

    until(restarted, "systemd restarts the dock", 40)
    assert dock.ask("status")["running"] is True
    said = dock.container.journal(f"--unit={UNIT}")
    assert "not turning: pipeline" in said
    assert "Watchdog timeout" in said
    assert "hanging.py" in said and "in step" in said  # the stack of who stood still


def test_a_stop_in_mid_pull_is_resumed_and_offline_at_the_broker(
    dock: InstalledDock, cards: dict[str, Path]
) -> None:
    with (
        WireObserver(dock.office.broker.port) as wire,
        _camera(dock, cards["large"], faulty=True, read_s=0.02) as camera,
    ):
        until(lambda: _last_state(wire) == "online", "the dock is online")
        camera.plug()
        until(lambda: 0 < dock.slot().get("bytes_done", 0) < LARGE_BYTES, "the pull is under way", 90)
        docking = dock.slot()["docking"]
        took_s = _timed(dock.stop)
        assert dock.container.unit(UNIT)["Result"] == "success" and took_s < STOP_LIMIT_S
        until(lambda: _last_state(wire) == "offline", "the dock says goodbye")
        partial = list((dock.vault() / "incoming").iterdir())
        assert [0 < path.stat().st_size < LARGE_BYTES for path in partial] == [True]
        assert LARGE not in dock.recordings()
        dock.start()
        dock.wait_until_done(40)
        assert dock.slot()["docking"] == docking
    until(lambda: _last_state(wire) == "online", "the dock is online again")
    pulled = dock.recordings()[LARGE]
    assert pulled["sha256"] == hashlib.sha256(random.Random(1).randbytes(LARGE_BYTES)).hexdigest()


def test_a_stop_during_upload_ends_in_time_and_goes_on_later_f05(dock: InstalledDock) -> None:
    def sent() -> int:
        return int(dock.recordings().get(LARGE, {}).get("durable_bytes") or 0)

    with WireObserver(dock.office.broker.port) as wire:
        until(lambda: sent() > 0, "the upload is under way", 90)
        assert dock.recordings()[LARGE]["state"] == "sending"
        took_s = _timed(dock.stop)
        assert dock.container.unit(UNIT)["Result"] == "success" and took_s < STOP_LIMIT_S
        until(lambda: _last_state(wire) == "offline", "the dock says goodbye")
        dock.start()
        until(lambda: dock.recordings().get(LARGE, {}).get("state") == "delivered", "it arrives", 40)
    received = [item["sha256"] for item in dock.office.ask_center("list")]
    assert dock.recordings()[LARGE]["sha256"] in received


def test_a_stop_waits_for_no_inspection(dock: InstalledDock, cards: dict[str, Path]) -> None:
    def inspectors() -> str:
        return dock.container.run("systemctl", "list-units", "--no-legend", "bodydock-inspect@*.service")

    dock.stop()
    dock.change(INSPECTOR, *_starting("/opt/test/stuck.py"))
    dock.start()
    with _camera(dock, cards["other"]) as camera:
        camera.plug()
        until(inspectors, "an inspection is under way", 90)
        took_s = _timed(dock.stop)
    assert dock.container.unit(UNIT)["Result"] == "success" and took_s < 15
    until(lambda: not inspectors(), "the stuck inspector ends with its dock")
    dock.change(INSPECTOR, *_starting("/opt/test/crashing.py"))
    dock.start()
    until(
        lambda: dock.recordings().get(OTHER, {}).get("verdict") == "needs_review", "it is inspected now", 30
    )


def test_the_center_is_a_service_too(dock: InstalledDock) -> None:
    port = str(dock.office.broker.port)
    user, unit = "bodydock-center", "bodydock-center.service"
    dock.container.run_as(user, "bodydock", "center", "init", "--id", "pf-box", "--broker-port", port)
    dock.container.run_as(user, "bodydock", "center", "keys")  # makes them
    dock.start(unit)  # returns when it has said that it is ready
    assert dock.container.unit(unit)["ActiveState"] == "active"
    until(lambda: "connected" in dock.container.journal(f"--unit={unit}").splitlines(), "it receives")
    dock.container.run("systemctl", "stop", unit)
    assert dock.container.unit(unit)["Result"] == "success"


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
