"""Idle read-back: from the medium, longest unread first, never beside a puller; damage is mended."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.medium import BLOCK_BYTES, MediumReader, hash_from_medium
from daemon.roll_call import EVERY_S, RollCallStage
from tests.daemon.vault_bench import DAY, RECEIVED_AT, VaultBench, vault_bench
from tests.rig import loop_camera as rig

A, B = os.urandom(3 * BLOCK_BYTES + 77), b"b" * 7000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VaultBench]:
    with vault_bench(tmp_path) as made:
        made.take_in({"a.mp4": A, "b.mp4": B})
        yield made


def run(bench: VaultBench) -> int:
    stage, steps = bench.read_back(), 0
    while stage.step():
        steps += 1
    return steps


def damaged(bench: VaultBench) -> dict[str, str]:
    rows = bench.store.rows("SELECT path, damaged FROM recordings WHERE damaged IS NOT NULL")
    return {row["path"].decode(): row["damaged"] for row in rows}


def test_everything_is_read_once_and_again_when_its_days_are_over(bench: VaultBench) -> None:
    assert run(bench) >= 2
    assert damaged(bench) == {}
    assert run(bench) == 0
    bench.machine.at += 8 * DAY
    assert run(bench) >= 2


def test_never_beside_a_puller(bench: VaultBench) -> None:
    assert bench.read_back(busy=True).step() is False
    assert {bench.row(r)["checked_at"] for r in bench.recordings().values()} == {""}


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone", "link"])
def test_damage_is_named_not_sent_and_mended_from_the_camera_b16(bench: VaultBench, damage: str) -> None:
    a = bench.recordings()["a.mp4"]
    path = bench.path(a)
    match damage:
        case "changed":
            path.write_bytes(bytes(len(A)))
        case "shorter":
            path.write_bytes(A[:-1])
        case "gone":
            path.unlink()
        case "link":
            path.unlink()
            path.symlink_to(bench.card.path / "a.mp4")
    run(bench)
    assert set(damaged(bench)) == {"a.mp4"}
    files: list[str] = []
    while (file := bench.desk.next_file(frozenset(files))) is not None:
        files.append(file.recording)
    assert a not in files
    bench.card.replug()
    bench.card.dock_in(bench.dock)
    assert damaged(bench) == {}
    assert path.read_bytes() == A
    assert not path.is_symlink()
    file = bench.desk.next_file(frozenset(files))
    assert file is not None
    assert file.recording == a


def call(bench: VaultBench, at_s: float = 0.0) -> RollCallStage:
    stage = RollCallStage(bench.store, bench.dock.vault, lambda: at_s)
    while stage.step():
        pass
    return stage


@pytest.mark.parametrize("damage", ["shorter", "gone", "link"])
def test_a_copy_that_is_gone_is_named_long_before_its_turn_b16(bench: VaultBench, damage: str) -> None:
    run(bench)  # all were read: the next turn is in seven days
    a = bench.recordings()["a.mp4"]
    bench.receipt(a)
    path = bench.path(a)
    path.rename(path.with_suffix(".aside"))
    if damage == "shorter":
        path.write_bytes(A[:-1])
    elif damage == "link":
        path.symlink_to(bench.card.path / "a.mp4")
    assert run(bench) == 0
    call(bench)
    assert list(damaged(bench)) == ["a.mp4"]
    path.unlink(missing_ok=True)
    path.with_suffix(".aside").rename(path)
    call(bench)
    assert list(damaged(bench)) == ["a.mp4"]  # only reading says that it is whole again
    run(bench)
    assert damaged(bench) == {}


def test_what_was_cleared_is_no_loss_and_all_are_called_each_hour(bench: VaultBench) -> None:
    a, b = bench.recordings()["a.mp4"], bench.recordings()["b.mp4"]
    bench.receipt(a)
    bench.reconcile([a], RECEIVED_AT + DAY)
    bench.machine.at += 8 * DAY
    bench.clear_everything()
    assert not bench.path(a).exists()
    now = [0.0]
    stage = RollCallStage(bench.store, bench.dock.vault, lambda: now[0])
    while stage.step():
        pass
    assert damaged(bench) == {}
    bench.path(b).unlink()
    assert stage.step() is False
    now[0] = EVERY_S
    assert stage.step() is True
    assert list(damaged(bench)) == ["b.mp4"]


def test_what_the_platform_found_wrong_is_read_next(bench: VaultBench) -> None:
    run(bench)
    a = bench.recordings()["a.mp4"]
    bench.path(a).write_bytes(bytes(len(A)))
    assert run(bench) == 0
    bench.desk.file_failed(a, "checksum", new_attempt=True)
    run(bench)
    assert set(damaged(bench)) == {"a.mp4"}


def test_a_copy_that_reads_well_again_is_whole_again(bench: VaultBench) -> None:
    a = bench.recordings()["a.mp4"]
    path = bench.path(a)
    path.rename(path.with_suffix(".aside"))
    run(bench)
    assert set(damaged(bench)) == {"a.mp4"}
    path.with_suffix(".aside").rename(path)
    bench.machine.at += 8 * DAY
    run(bench)
    assert damaged(bench) == {}


def test_a_copy_that_was_cleared_while_it_was_read_is_not_called_damaged(bench: VaultBench) -> None:
    a = bench.recordings()["a.mp4"]
    bench.receipt(a)
    bench.reconcile([a], RECEIVED_AT + DAY)
    stage = bench.read_back()
    stage._rate_bytes_per_s = 1 << 40
    path = bench.path(a)
    assert stage._begin()
    bench.machine.at += 8 * DAY
    bench.clear_everything()
    assert not path.exists()
    while stage.step():
        pass
    assert damaged(bench) == {}


@pytest.mark.skipif(bool(rig.missing_parts()), reason="needs loop devices")
def test_the_medium_is_read_and_not_the_cache_b16(tmp_path: Path) -> None:
    """A file whose blocks change below a mounted file system: the cache still says what was written."""
    image, mount = tmp_path / "image", tmp_path / "mount"
    mount.mkdir()
    with image.open("wb") as f:
        f.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-b", "4096", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        content = (b"bodydock-medium!" * 4096)[: 64 * 1024 - 100]
        path = mount / "a"
        path.write_bytes(content)
        os.sync()
        assert hash_from_medium(path) == (hashlib.sha256(content).hexdigest(), len(content))
        path.read_bytes()  # in the cache again
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", mount], check=True, capture_output=True, text=True
        ).stdout.strip()
        _damage_below(device, content[:4096])
        assert path.read_bytes() == content  # the cache remembers
        found, size = hash_from_medium(path)
        assert size == len(content)
        assert found != hashlib.sha256(content).hexdigest()
    finally:
        subprocess.run(["umount", mount], check=True)


def _damage_below(device: str, block: bytes) -> None:
    fd = os.open(device, os.O_RDWR)
    try:
        raw = os.pread(fd, 32 << 20, 0)
        at = raw.find(block)
        assert at > 0
        os.pwrite(fd, b"\0" * 4096, at)
        os.fsync(fd)
    finally:
        os.close(fd)


def test_hashes_are_right_at_every_border(tmp_path: Path) -> None:
    for size in (0, 1, 4095, 4096, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES):
        content = os.urandom(size)
        path = tmp_path / str(size)
        path.write_bytes(content)
        assert hash_from_medium(path) == (hashlib.sha256(content).hexdigest(), size)


def test_it_can_be_stopped_between_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(A)
    with pytest.raises(InterruptedError):
        hash_from_medium(path, lambda: False)
    with MediumReader(path) as reader:
        assert reader.step() == BLOCK_BYTES
