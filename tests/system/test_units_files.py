"""The units as files: systemd finds nothing to say about them, and how exposed each service is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import pyudev

from tests.rig import loop_camera as rig

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SYSTEM = UNITS / "system"
PROGRAMS = ("bodydock", "bodydock-inspect")
# What every systemd has, and a root with nothing else in it lacks.
OF_SYSTEMD = ("sysinit.target", "basic.target", "sockets.target", "shutdown.target", "network-online.target")

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (apt install systemd)"
)


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with the units installed and programs where they start them."""
    shutil.copytree(SYSTEM, tmp_path / "etc/systemd/system")
    for name in OF_SYSTEMD:
        (tmp_path / "etc/systemd/system" / name).write_text("[Unit]\n")
    programs = tmp_path / "opt/bodydock/bin"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        (programs / name).touch(mode=0o755)
    return tmp_path


def _verify(root: Path) -> str:
    names = [path.name for path in (root / "etc/systemd/system").iterdir()]
    ran = _analyze("verify", f"--root={root}", "--man=no", *names)
    return ran.stdout + ran.stderr  # unknown keys are no failure for it: whatever it says is one for us


def test_systemd_has_nothing_to_say_about_the_units(root: Path) -> None:
    assert len(list(SYSTEM.iterdir())) == 4
    assert _verify(root) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("WatchdogSec=30\nWatchdogSecs=30", "WatchdogSecs"), ("WatchdogSec=soon", "soon")],
)
def test_a_wrong_key_or_value_would_be_seen(root: Path, wrong: str, said: str) -> None:
    unit = root / "etc/systemd/system/bodydock.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=30", wrong))
    assert said in _verify(root)


@pytest.mark.parametrize(
    ("unit", "most"),
    [("bodydock.service", 3.0), ("bodydock-inspect@.service", 1.5), ("bodydock-center.service", 1.5)],
)
def test_exposure_of(unit: str, most: float) -> None:
    ran = _analyze("security", "--offline=yes", f"--threshold={round(most * 10)}", str(SYSTEM / unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
    assert found is not None, ran.stderr
    assert float(found[1]) <= most
    assert ran.returncode == 0


def test_the_dock_cannot_be_left_writable_by_a_default_f03() -> None:
    """What the score does not weigh, and the design rests on (known-faults F02, F03, F05)."""
    unit = (SYSTEM / "bodydock.service").read_text()
    for line in ("User=bodydock", "StateDirectory=bodydock", "Type=notify", "TimeoutStopSec=45"):
        assert line in unit.splitlines()
    assert "DynamicUser" not in unit  # a fixed user: the vault keeps its owner over restarts
    after = " ".join(re.findall(r"^After=(.*)$", unit, re.MULTILINE))
    assert "network-online.target" in after


@pytest.mark.parametrize(
    "line",
    [
        "User=bodydock-inspect",
        "CapabilityBoundingSet=",
        "PrivateNetwork=yes",
        "PrivateDevices=yes",
        "RestrictAddressFamilies=none",
        "TemporaryFileSystem=/var/lib:ro /run:ro",
        "BindReadOnlyPaths=-/var/lib/bodydock/vault -/var/lib/bodydock/models",
    ],
)
def test_the_inspector_has_no_network_no_device_no_key_and_no_store(line: str) -> None:
    """A score hardly moves by one of them (trust.md: decoders run without network, key or store)."""
    assert line in (SYSTEM / "bodydock-inspect@.service").read_text().splitlines()


@pytest.mark.devices
@pytest.mark.skipif(bool(rig.missing_parts()), reason="needs " + ", ".join(rig.missing_parts()))
def test_udev_keeps_desktops_off_the_cameras(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    image = rig.make_card(tmp_path / "card.img", tmp_path / "card")
    rule = rig.RULES / f"61-bodydock-test-{tmp_path.parent.name}.rules"
    with rig.udevd(), rig.LoopCamera(image, "BWC0042", "1.1") as camera:
        rig.RULES.mkdir(parents=True, exist_ok=True)
        shutil.copy(UNITS / "udev/rules.d/61-bodydock.rules", rule)
        try:
            camera.plug()
            rig.settle()
            device = pyudev.Devices.from_device_file(pyudev.Context(), camera.node)
            assert dict(device.properties)["ID_BUS"] == "usb"
            assert dict(device.properties)["UDISKS_IGNORE"] == "1"
        finally:
            rule.unlink()
