"""The watch itself: it outlives whatever udev and its socket bring."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dock.detect
from dock.detect import DeviceWatch, Gone, Present, UsbGone
from dock.mount import mounted
from dock.presence import is_present
from tests.dock.conftest import MakeCamera
from tests.rig import loop_camera as rig
from tests.rig.events import wait_all_present, wait_present

pytestmark = pytest.mark.devices


def storm(cam: rig.LoopCamera, events: int) -> None:
    uevent = Path("/sys/block") / Path(cam.node).name / "uevent"
    for _ in range(events):
        uevent.write_text("change")


def test_an_overrun_of_the_socket_loses_no_camera_b17(
    card: Path, camera: MakeCamera, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dock.detect, "_RECEIVE_BUFFER_BYTES", 4096)
    one, two = camera(card, "ONE", "1"), camera(card, "TWO", "2")
    with DeviceWatch() as watch:
        watch.changes(0)
        one.plug()
        storm(one, 300)
        two.plug()
        rig.settle()
        with caplog.at_level(logging.WARNING):
            found = [change for _ in range(20) for change in watch.changes(0)]
        assert "listing all devices anew" in caplog.text
        came = [change.device for change in found if isinstance(change, Present)]
        ours = {one.node, two.node}
        assert sorted(device.serial for device in came if device.node in ours) == ["ONE", "TWO"]


def test_events_of_a_camera_that_is_another_by_now_say_nothing_b17(card: Path, camera: MakeCamera) -> None:
    cam = camera(card)
    with DeviceWatch() as watch:
        watch.changes(0)
        for _ in range(5):
            cam.plug()
            rig.settle()
            cam.unplug()
        cam.plug()
        rig.settle()
        said = [change for _ in range(30) for change in watch.changes(0)]
        ours = [c for c in said if not isinstance(c, Gone | UsbGone) and rig.CONTROLLER in c.device.id_path]
        assert [(type(c), c.device.node) for c in ours] == [(Present, cam.node)]


def test_a_storm_is_one_camera_b17(card: Path, camera: MakeCamera, watch: DeviceWatch) -> None:
    cam = camera(card)
    cam.plug()
    wait_present(watch, cam.node)
    storm(cam, 300)
    rig.settle()
    later = [change for _ in range(3) for change in watch.changes(0)]
    assert [c for c in later if isinstance(c, Present) and c.device.node == cam.node] == []


def test_what_was_seen_before_an_exception_is_still_said_b17(
    card: Path, camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = camera(card, "ONE", "1"), camera(card, "TWO", "2")
    read: Callable[..., object] = dock.detect._read

    def fail_at_two(entry: Any) -> object:
        if entry.device_node == two.node:
            monkeypatch.setattr(dock.detect, "_read", read)
            raise RuntimeError("bug in the second event")
        return read(entry)

    with DeviceWatch() as watch:
        watch.changes(0)
        one.plug()
        rig.settle()
        two.plug()
        rig.settle()
        monkeypatch.setattr(dock.detect, "_read", fail_at_two)
        assert len(wait_all_present(watch, {one.node, two.node})) == 2


@pytest.mark.parametrize(
    "trouble", [OSError(errno.ENOBUFS, "No buffer space available"), RuntimeError("bug in one event")]
)
def test_an_exception_in_the_watch_is_mended_by_listing_anew_b17(
    card: Path,
    camera: MakeCamera,
    watch: DeviceWatch,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    cam = camera(card)
    cam.plug()

    def fail(entry: object) -> None:
        monkeypatch.setattr(dock.detect, "_read", read)
        raise trouble

    read: Callable[..., object] = dock.detect._read
    monkeypatch.setattr(dock.detect, "_read", fail)
    assert wait_present(watch, cam.node).serial == "BWC0042"


def test_without_udev_a_call_waits_and_a_later_one_finds_everything_b17(
    card: Path, camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(context: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    cam = camera(card)
    cam.plug()
    rig.settle()
    with DeviceWatch() as watch, monkeypatch.context() as broken:
        broken.setattr(dock.detect, "_listen", fail)
        assert watch.changes(0.01) == []
        broken.undo()
        assert wait_present(watch, cam.node).serial == "BWC0042"


def test_partitions_are_found_each_once_a04(
    card: Path, watch: DeviceWatch, tmp_path: Path, udevd: None
) -> None:
    (card / "a.mp4").write_bytes(b"x")
    parts = [rig.make_card(tmp_path / f"part{n}.img", card) for n in (1, 2)]
    disk = rig.join_partitions(tmp_path / "disk.img", parts)
    with rig.LoopCamera(disk, "PARTS", "1", partitions=True) as cam:
        cam.plug()
        devices = wait_all_present(watch, {f"{cam.node}p1", f"{cam.node}p2"})
        assert len(devices) == 2
        assert all(is_present(device) for device in devices)
        with mounted(devices[0], tmp_path / "mnt") as mount:
            assert [path.name for path in mount.path.iterdir() if path.is_file()] == ["a.mp4"]
        storm(cam, 3)
        rig.settle()
        assert [c for c in watch.changes(0.2) if isinstance(c, Present) and cam.node in c.device.node] == []
