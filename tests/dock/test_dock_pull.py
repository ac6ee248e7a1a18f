"""Pulling when things go wrong: yanks, bad sectors, full disks, half copies, cameras that go on writing."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from dock import linux
from dock.detect import DeviceWatch
from dock.devices import BlockDevice
from dock.errors import (
    CameraGone,
    ChangedWhileReading,
    DiskFull,
    NameTaken,
    PullCancelled,
    Unreadable,
)
from dock.filesystems import Attempt
from dock.listing import CardFile, Entry, Scan
from dock.mount import MountedCard, mounted
from dock.profiles import CameraProfile, load_profiles
from dock.pull import finish, pull, resume
from dock.source import MountedSource
from tests.dock.conftest import MakeCamera, MakeSource, listed
from tests.rig.events import wait_gone, wait_present

SIZE = 6 * 1024 * 1024 + 123


def generic(names: Sequence[str]) -> CameraProfile:
    return load_profiles().generic


class Folder:
    """A folder that stands for a mounted card, with a made-up sysfs entry that can vanish."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "folder"
        self.path.mkdir()
        self.sys_path = tmp_path / "sys"
        self.sys_path.mkdir()
        (self.sys_path / "size").write_text("2048\n")
        (self.sys_path / "diskseq").write_text("7\n")
        self.content = os.urandom(SIZE)
        (self.path / "a.mp4").write_bytes(self.content)
        self.device = BlockDevice(
            "/dev/none", str(self.sys_path), 7, "S", True, "", "", "", "ext4", "", "", 1 << 20, True
        )
        card = MountedCard(self.device, self.path, Attempt("ext4", ""))
        self.source = MountedSource(card)
        (self.file,) = listed(self.source).files
        self.vault = tmp_path / "vault"
        self.vault.mkdir()
        self.into = self.vault / "temporary"

    def pull(self, progress: Callable[[int], None] = lambda done: None) -> str:
        return pull(self.source, self.file, self.into, progress, lambda: False).sha256

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr("dock.source.VANISH_S", 0.1)
    return Folder(tmp_path)


def test_progress_reaches_the_size_only_after_the_last_fsync(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[object] = []
    fsync = os.fsync

    def noting(fd: int) -> None:
        order.append("fsync")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noting)
    folder.pull(order.append)
    assert order[-2:] == ["fsync", SIZE]
    assert order.count(SIZE) == 1


def test_a_copy_is_durable_before_it_has_its_name_and_its_name_before_it_is_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, linux.rename_no_replace

    def noting(fd: int) -> None:
        fsync(fd)
        done.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    def renaming(old: Path, new: Path) -> None:
        rename(old, new)
        done.append("rename")

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(linux, "rename_no_replace", renaming)
    folder.pull()
    assert done == ["temporary"], "what is pulled is durable, whoever names it"
    finish(folder.into, folder.vault / "lasting")
    assert done[done.index("rename") :] == ["rename", "vault"], "the name too, before anybody is told"


def test_zero_blocks_are_counted_in_the_same_pass_c03(folder: Folder) -> None:
    content = os.urandom(4096) + bytes(8192) + os.urandom(4096) + bytes(4096 * 300) + b"x" + bytes(100)
    content += bytes(4096 - 101) + bytes(50)
    (folder.path / "a.mp4").write_bytes(content)
    (file,) = listed(folder.source).files
    pulled = pull(folder.source, file, folder.into, lambda done: None, lambda: False)
    assert pulled.zero_blocks == 2 + 300 + 1
    assert pulled.zero_block_bytes == 302 * 4096 + 50
    assert (pulled.zero_first_at, pulled.zero_run_at, pulled.zero_run_bytes) == (4096, 16384, 300 * 4096)


def test_an_empty_file_is_pulled(folder: Folder) -> None:
    (folder.path / "a.mp4").write_bytes(b"")
    (file,) = listed(folder.source).files
    seen: list[int] = []
    pulled = pull(folder.source, file, folder.into, seen.append, lambda: False)
    assert (pulled.sha256, pulled.zero_blocks, seen) == (hashlib.sha256().hexdigest(), 0, [0])


def test_cancelled_and_resumed_by_verified_prefix(folder: Folder) -> None:
    reached: list[int] = []
    with pytest.raises(PullCancelled):
        pull(folder.source, folder.file, folder.into, reached.append, lambda: len(reached) >= 3)
    partial = folder.into.stat().st_size
    assert 0 < partial < SIZE
    pulled = resume(folder.source, folder.file, folder.into, lambda done: None, lambda: False)
    assert (pulled.sha256, pulled.verified_bytes) == (folder.sha256, partial)
    assert folder.into.read_bytes() == folder.content


@pytest.mark.parametrize("flipped_at", [0, 1_048_575, 1_048_576, 2_500_000])
def test_a_flipped_byte_in_the_partial_copy_is_not_believed(folder: Folder, flipped_at: int) -> None:
    partial = bytearray(folder.content[:3_000_000])
    partial[flipped_at] ^= 1
    folder.into.write_bytes(partial)
    pulled = resume(folder.source, folder.file, folder.into, lambda done: None, lambda: False)
    assert (pulled.sha256, pulled.verified_bytes) == (folder.sha256, flipped_at)
    assert folder.into.read_bytes() == folder.content


def test_a_copy_longer_than_the_file_is_cut_a09(folder: Folder) -> None:
    folder.into.write_bytes(folder.content + b"more")
    pulled = resume(folder.source, folder.file, folder.into, lambda done: None, lambda: False)
    assert pulled.sha256 == folder.sha256
    assert folder.into.read_bytes() == folder.content


@pytest.mark.parametrize("change", ["grows", "shrinks", "touched", "replaced", "removed", "in place"])
def test_a_file_that_changes_under_the_copy_is_no_copy_a09(folder: Folder, change: str) -> None:
    path = folder.path / "a.mp4"

    def happen(done: int) -> None:
        if change == "grows":
            path.write_bytes(folder.content + b"more")
        elif change == "shrinks":
            os.truncate(path, 2_000_000)
        elif change == "touched":
            os.utime(path, ns=(1, 1))
        elif change == "in place":  # as many bytes, and the time put back
            with path.open("r+b") as file:
                file.write(b"another start")
            os.utime(path, ns=(folder.file.modified_ns, folder.file.modified_ns))
        else:
            path.unlink(missing_ok=True)
            if change == "replaced":
                path.write_bytes(os.urandom(SIZE))

    with pytest.raises(ChangedWhileReading):
        folder.pull(happen)


def test_listed_otherwise_than_it_is_now(folder: Folder) -> None:
    (folder.path / "a.mp4").write_bytes(b"short")
    with pytest.raises(ChangedWhileReading):
        folder.pull()


@pytest.mark.parametrize("linked", ["a.mp4", "sub"])
def test_a_link_that_took_the_place_of_what_was_listed_is_not_followed(folder: Folder, linked: str) -> None:
    (folder.path / "sub").mkdir()
    (folder.path / "a.mp4").rename(folder.path / "sub" / "b.mp4")
    (folder.path / "a.mp4").hardlink_to(folder.path / "sub" / "b.mp4")
    file = next(file for file in listed(folder.source).files if file.path.startswith(linked.encode()))
    (folder.path / linked).rename(folder.path / "moved")
    (folder.path / linked).symlink_to("moved")  # the very same file lies behind it
    with pytest.raises(ChangedWhileReading):
        pull(folder.source, file, folder.into, lambda done: None, lambda: False)


def test_names_in_the_vault_are_never_written_over_a02(folder: Folder) -> None:
    folder.into.write_bytes(b"evidence")
    with pytest.raises(NameTaken):
        folder.pull()
    new = folder.vault / "new"
    new.write_bytes(b"other")
    with pytest.raises(NameTaken):
        finish(new, folder.into)
    assert (folder.into.read_bytes(), new.read_bytes()) == (b"evidence", b"other")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_waits_and_goes_on(folder: Folder, small_disk: Path) -> None:
    folder.into = small_disk / "temporary"
    with pytest.raises(DiskFull, match="no room"):
        folder.pull()
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    pulled = resume(folder.source, folder.file, folder.into, lambda done: None, lambda: False)
    assert pulled.sha256 == folder.sha256
    assert pulled.verified_bytes > 3_000_000


class BadSectors:
    """A file without a card, some ranges of which give EIO."""

    def __init__(self, content: bytes, bad: Sequence[range] = (), size_bytes: int = SIZE) -> None:
        self.content = content
        self.bad = bad
        self.size_bytes = size_bytes
        self.leaves_after_s = math.inf
        self._failed_at = math.inf

    def scan(self) -> Scan:
        return Scan((Entry(b"a.mp4", self.size_bytes, 0),), ())

    def open(self, file: CardFile) -> BadSectors:
        return self

    def stat(self, file: CardFile) -> tuple[int, int]:
        return self.size_and_time()

    def still_there(self) -> bool:
        return time.monotonic() < self._failed_at + self.leaves_after_s

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def space(self) -> None: ...

    def size_and_time(self) -> tuple[int, int]:
        return self.size_bytes, 0

    def read_into(self, buffer: memoryview, offset: int) -> int:
        part = self.content[offset : offset + len(buffer)]
        if any(offset < bad.stop and offset + len(part) > bad.start for bad in self.bad):
            self._failed_at = min(self._failed_at, time.monotonic())
            raise OSError(errno.EIO, "Input/output error")
        buffer[: len(part)] = part
        return len(part)

    def written_to(self) -> bool:
        return False

    def forget_cached(self) -> None: ...

    def close(self) -> None: ...


def test_bad_sectors_are_named_as_ranges_that_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dock.source.VANISH_S", 0.0)
    files = BadSectors(os.urandom(SIZE), [range(2_000_000, 2_000_512), range(4_000_000, 4_200_000)])
    with pytest.raises(Unreadable) as failed:
        pull(files, listed(files).files[0], tmp_path / "into", lambda done: None, lambda: False)
    assert len(failed.value.ranges) == len(files.bad)
    for bad, (start, end) in zip(files.bad, failed.value.ranges, strict=True):
        assert bad.start - 65536 < start <= bad.start
        assert bad.stop <= end < bad.stop + 65536


def test_a_device_that_reports_errors_before_it_leaves_is_gone_b12(tmp_path: Path) -> None:
    files = BadSectors(os.urandom(SIZE), [range(2_000_000, SIZE)])
    files.leaves_after_s = 0.3
    with pytest.raises(CameraGone):
        pull(files, listed(files).files[0], tmp_path / "into", lambda done: None, lambda: False)


def test_a_chain_shorter_than_the_size_is_unreadable_not_a_short_copy(tmp_path: Path) -> None:
    files = BadSectors(os.urandom(SIZE - 1000))
    with pytest.raises(Unreadable) as failed:
        pull(files, listed(files).files[0], tmp_path / "into", lambda done: None, lambda: False)
    assert failed.value.ranges == ((SIZE - 1000, SIZE),)


@pytest.mark.devices
def test_read_errors_of_a_camera_that_stays_name_the_ranges(
    card: Path, camera: MakeCamera, source: MakeSource, tmp_path: Path
) -> None:
    (card / "a.mp4").write_bytes(os.urandom(SIZE))
    cam = camera(card, faulty=True)
    files = source(cam)
    (file,) = listed(files).files
    with pytest.raises(Unreadable) as failed:
        pull(files, file, tmp_path / "into", lambda done: cam.break_reads(), lambda: False)
    ((start, end),) = failed.value.ranges
    assert 1024 * 1024 <= start < SIZE  # what the kernel had read ahead is still there
    assert end == SIZE


@pytest.mark.devices
def test_a_yank_in_mid_copy_is_gone_and_the_next_docking_goes_on_b12(
    card: Path, camera: MakeCamera, watch: DeviceWatch, tmp_path: Path
) -> None:
    content = os.urandom(SIZE)
    (card / "a.mp4").write_bytes(content)
    cam = camera(card, faulty=True)
    into = tmp_path / "into"
    gone = threading.Event()

    def yank(done: int) -> None:
        if not gone.is_set():
            cam.break_reads()
            cam.report_removal()
            wait_gone(watch, cam.node)
            gone.set()

    cam.plug()
    with mounted(wait_present(watch, cam.node), tmp_path / "mnt") as mount:
        files = MountedSource(mount, said_gone=gone.is_set)
        with pytest.raises(CameraGone):
            pull(files, listed(files).files[0], into, yank, lambda: False)
    partial = into.stat().st_size
    assert 0 < partial < SIZE

    cam.unplug()
    cam.mend_reads()
    cam.plug()
    with mounted(wait_present(watch, cam.node), tmp_path / "mnt") as mount:
        files = MountedSource(mount)
        pulled = resume(files, listed(files).files[0], into, lambda done: None, lambda: False)
    assert pulled.sha256 == hashlib.sha256(content).hexdigest()
    assert pulled.verified_bytes == partial


def test_a_camera_that_vanishes_from_sysfs_is_gone(folder: Folder) -> None:
    (folder.sys_path / "diskseq").write_text("8\n")  # the node is there again, with another medium
    assert not folder.source.still_there()
    with pytest.raises(CameraGone):
        folder.pull()
    (folder.sys_path / "diskseq").write_text("7\n")
    assert folder.source.still_there()
    (folder.sys_path / "size").write_text("0\n")  # card reader without its card
    assert not folder.source.still_there()
