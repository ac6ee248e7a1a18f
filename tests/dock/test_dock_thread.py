"""The whole way of one recording, on real devices: plugged in, seen, mounted, listed, pulled, unplugged."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from dock.detect import DeviceWatch
from dock.docking import camera_of
from dock.errors import CameraGone, MountFailed
from dock.filesystems import Attempt
from dock.linux import is_read_only, mounts_below
from dock.mount import clear_stale, mounted
from dock.presence import is_present
from dock.pull import finish, pull
from dock.slots import Slot, slot_of
from dock.source import MountedSource
from tests.dock.conftest import MakeCamera, MakeSource, listed
from tests.rig import loop_camera as rig
from tests.rig.events import wait_gone, wait_no_filesystem, wait_present

pytestmark = pytest.mark.devices

NAME = "DCIM/8888888_J0H42A_20261104083000_0001.mp4"


@pytest.fixture
def footage(card: Path) -> bytes:
    content = os.urandom(3_000_001)
    (card / "DCIM").mkdir()
    (card / NAME).write_bytes(content)
    return content


def test_a_recording_goes_from_the_slot_to_the_vault(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    cam = camera(card, port="1.2")
    slots = [Slot(1, (rig.port_path("1.1"),)), Slot(2, (rig.port_path("1.2"),), "left")]
    cam.plug()
    node = cam.node
    device = wait_present(watch, node)
    assert slot_of(device.id_path, slots) == slots[1]
    assert (device.serial, device.vendor_id, device.product_id) == ("BWC0042", "2c7a", "0b01")

    vault = tmp_path / "vault"
    vault.mkdir()
    with mounted(device, tmp_path / "mnt") as mount:
        source = MountedSource(mount)
        listing = listed(source)
        (file,) = listing.files
        assert (listing.profile.name, file.display_name, file.facts.officer) == ("gat947", NAME, "J0H42A")
        assert (listing.count, listing.total_bytes) == (1, len(footage))
        assert camera_of(device, listing.files, listing.profile).serial == "BWC0042"
        seen: list[int] = []
        pulled = pull(source, file, vault / "tmp", seen.append, lambda: False)
        finish(vault / "tmp", vault / "id")
    assert pulled.sha256 == hashlib.sha256(footage).hexdigest()
    assert (vault / "id").read_bytes() == footage
    assert sorted(vault.iterdir()) == [vault / "id"]
    assert seen == sorted(seen)
    assert seen[-1] == len(footage)

    assert is_present(device)
    cam.unplug()
    gone = wait_gone(watch, node)
    assert gone.diskseq == device.diskseq
    assert not is_present(device)
    assert mounts_below(tmp_path) == []


def test_what_is_there_at_the_start_is_found(footage: bytes, card: Path, camera: MakeCamera) -> None:
    cam = camera(card)
    with DeviceWatch() as before:
        before.changes(0)
        cam.plug()
        device = wait_present(before, cam.node)
    with DeviceWatch() as after:
        assert device in [change.device for change in after.changes(0) if hasattr(change, "device")]


def test_another_card_under_the_same_node_is_another_b12(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch
) -> None:
    cam = camera(card)
    cam.plug()
    first = wait_present(watch, cam.node)
    cam.unplug()
    cam.plug()
    second = wait_present(watch, cam.node)
    assert second.fs_uuid == first.fs_uuid
    assert second.diskseq != first.diskseq
    assert is_present(second)
    assert not is_present(first)


def test_a_disk_without_anything_is_said_once_and_no_mount_is_tried_a05(
    tmp_path: Path, watch: DeviceWatch, udevd: None
) -> None:
    image = tmp_path / "blank.img"
    with image.open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    with rig.LoopCamera(image, "BLANK", "1") as cam:
        cam.plug()
        device = wait_no_filesystem(watch, cam.node)
        with pytest.raises(MountFailed, match=cam.node), mounted(device, tmp_path / "mnt"):
            pass
        assert image.read_bytes() == bytes(8 * 1024 * 1024)


def test_a_damaged_file_system_is_refused_and_left_alone_b09(
    footage: bytes, card: Path, watch: DeviceWatch, tmp_path: Path, udevd: None
) -> None:
    image = rig.make_card(tmp_path / "bad.img", card)
    with image.open("r+b") as file:
        file.seek(2048)  # behind the superblock, which still says ext4: the group descriptors
        file.write(b"\xff" * 8192)
    before = image.read_bytes()
    with rig.LoopCamera(image, "BAD", "1") as cam:
        cam.plug()
        device = wait_present(watch, cam.node)
        with pytest.raises(MountFailed, match="technician") as failed, mounted(device, tmp_path / "mnt"):
            pass
        assert (failed.value.node, failed.value.fs_type) == (cam.node, "ext4")
    assert image.read_bytes() == before
    assert list((tmp_path / "mnt").iterdir()) == []


def test_nothing_can_write_to_a_card_a11(
    footage: bytes, card: Path, camera: MakeCamera, source: MakeSource, tmp_path: Path
) -> None:
    cam = camera(card)
    source(cam)
    (path,) = (tmp_path / "mnt").iterdir()
    with pytest.raises(OSError) as refused:
        (path / "new").write_bytes(b"x")
    assert refused.value.errno == errno.EROFS
    assert is_read_only(cam.node)
    options = next(line for line in Path("/proc/mounts").read_text().splitlines() if str(path) in line)
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(options.split()[3].split(","))


def test_open_files_do_not_hold_the_mount_b18(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    cam = camera(card)
    cam.plug()
    device = wait_present(watch, cam.node)
    with mounted(device, tmp_path / "mnt") as mount:
        source = MountedSource(mount)
        reader = source.open(listed(source).files[0])
    with pytest.raises(Exception, match="released"):
        reader.read_into(memoryview(bytearray(1)), 0)
    assert mounts_below(tmp_path) == []
    cam.unplug()  # would wait in vain if anything still held the device


def test_a_card_that_a_desktop_has_mounted_is_explained(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    cam = camera(card)
    cam.plug()
    device = wait_present(watch, cam.node)
    busy = OSError(errno.EBUSY, "Device or resource busy")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(MountFailed, match="automatic mounting"):
        patch.setattr("dock.linux.mount", Mock(side_effect=busy))
        with mounted(device, tmp_path / "mnt"):
            pass


def test_an_option_that_the_kernel_does_not_know_falls_back(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    cam = camera(card)
    cam.plug()
    device = wait_present(watch, cam.node)
    attempts = (Attempt("ext4", "noload,codepage=936"), Attempt("nosuchfs", ""), Attempt("ext4", "noload"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dock.mount.attempts_for", lambda fs_type: attempts)
        with mounted(device, tmp_path / "mnt") as mount:
            assert mount.attempt == attempts[2]


def test_a_card_that_left_before_it_was_mounted_is_gone(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    cam = camera(card)
    cam.plug()
    device = wait_present(watch, cam.node)
    cam.unplug()
    with pytest.raises(CameraGone), mounted(device, tmp_path / "mnt"):
        pass
    assert list((tmp_path / "mnt").iterdir()) == []


def test_mounts_of_a_killed_daemon_are_cleared(
    footage: bytes, card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    cam = camera(card)
    cam.plug()
    device = wait_present(watch, cam.node)
    at = tmp_path / "a folder"
    with mounted(device, at):
        assert clear_stale(at) == 1
        assert mounts_below(tmp_path) == []
    assert clear_stale(at) == 0
    assert list(at.iterdir()) == []
