"""Deleted entries and lost clusters, on real FAT and exFAT images; whatever a card says, it ends."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dock import leftovers as leftovers_module
from dock.leftovers import Leftovers, read_leftovers

pytestmark = pytest.mark.skipif(
    not all(Path(tool).exists() for tool in ("/usr/sbin/mkfs.vfat", "/usr/bin/mdel")),
    reason="dosfstools and mtools are not installed",
)
LONG = "8888888_000000_20261104083000_0001.mp4"
CHINESE = "执法记录_20261104083000_0002.mp4"


def run(*command: str) -> None:
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"},
    )


def make(image: Path, bits: int = 16, mib: int = 16) -> Path:
    with image.open("wb") as file:
        file.truncate(mib << 20)
    run("/usr/sbin/mkfs.vfat", "-F", str(bits), "-s", "1" if bits == 32 else "4", "-n", "CARD", str(image))
    return image


def put(image: Path, name: str, size: int = 5000, modified_s: int = 1_793_752_200) -> None:
    file = image.parent / "content"
    file.write_bytes(os.urandom(size))
    os.utime(file, (modified_s, modified_s))
    run("mcopy", "-m", "-i", str(image), str(file), f"::{name}")


def delete(image: Path, name: str) -> None:
    run("mdel", "-i", str(image), f"::{name}")


def found(image: Path, fs_type: str = "vfat") -> Leftovers:
    result = read_leftovers(str(image), fs_type)
    assert result is not None
    return result


@pytest.mark.parametrize(("bits", "mib"), [(12, 4), (16, 16), (32, 64)])
def test_deleted_files_are_named_with_size_and_time(tmp_path: Path, bits: int, mib: int) -> None:
    image = make(tmp_path / "card.img", bits, mib)
    run("mmd", "-i", str(image), "::DCIM", "::DCIM/100MEDIA")
    for name in (LONG, CHINESE, "KEPT.MP4", "SHORT.MP4"):
        put(image, f"DCIM/100MEDIA/{name}")
    assert found(image) == Leftovers((), 0, "")
    for name in (LONG, CHINESE, "SHORT.MP4"):
        delete(image, f"DCIM/100MEDIA/{name}")
    result = found(image)
    names = {entry.name: entry for entry in result.deleted}
    assert set(names) == {f"DCIM/100MEDIA/{name}" for name in (LONG, CHINESE, "?HORT.MP4")}
    assert {entry.size_bytes for entry in result.deleted} == {5000}
    local = datetime.fromtimestamp(1_793_752_200)
    assert all(entry.modified_at == local for entry in result.deleted)
    assert [entry.first_lost for entry in result.deleted].count(True) == 1
    assert (result.lost_bytes, result.problem) == (0, "")


def test_nothing_is_written_and_nothing_undeleted(tmp_path: Path) -> None:
    image = make(tmp_path / "card.img")
    put(image, LONG)
    delete(image, LONG)
    before = image.read_bytes()
    found(image)
    assert image.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/loop-control").exists() or os.geteuid() != 0, reason="no loop devices")
def test_a_block_device_is_read_as_it_is(tmp_path: Path) -> None:
    image = make(tmp_path / "card.img")
    put(image, LONG)
    delete(image, LONG)
    found_node = subprocess.run(
        ["losetup", "-r", "-f", "--show", str(image)], capture_output=True, text=True, check=False
    )
    if found_node.returncode:
        pytest.skip(f"no loop device: {found_node.stderr}")
    node = found_node.stdout.strip()
    try:
        result = read_leftovers(node, "vfat")
    finally:
        run("losetup", "-d", node)
    assert result is not None
    assert [entry.name for entry in result.deleted] == [LONG]


def test_a_renamed_or_moved_file_is_not_deleted(tmp_path: Path) -> None:
    image = make(tmp_path / "card.img")
    put(image, LONG)
    run("mmd", "-i", str(image), "::IMP")
    run("mmove", "-i", str(image), f"::{LONG}", "::IMP")
    run("mren", "-i", str(image), f"::IMP/{LONG}", "::IMP/0001_and_a_longer_name_IMP.mp4")
    assert found(image).deleted == ()


def test_a_deleted_folder_is_an_entry_and_not_entered(tmp_path: Path) -> None:
    image = make(tmp_path / "card.img")
    run("mmd", "-i", str(image), "::DCIM")
    put(image, "DCIM/A.MP4")
    run("mdeltree", "-i", str(image), "::DCIM")
    (entry,) = found(image).deleted
    assert (entry.name, entry.folder) == ("?CIM", True)


@pytest.mark.parametrize(("bits", "mib"), [(12, 4), (16, 16), (32, 64)])
def test_lost_clusters_are_counted(tmp_path: Path, bits: int, mib: int) -> None:
    image = make(tmp_path / "card.img", bits, mib)
    put(image, "A.MP4", 50_000)
    put(image, "B.MP4", 70_000)
    # The entry goes and its clusters stay, as after a power cut in the middle of a recording.
    data = bytearray(image.read_bytes())
    data[data.index(b"B       MP4")] = 0xE5
    image.write_bytes(data)
    result = found(image)
    assert [entry.name for entry in result.deleted] == ["?.MP4"]
    assert result.lost_bytes is not None
    assert 70_000 <= result.lost_bytes < 70_000 + 4096


def test_what_cannot_be_read_is_said_and_other_systems_are_left_alone(tmp_path: Path) -> None:
    assert read_leftovers("/dev/null", "ext4") is None
    gone = found(tmp_path / "none")
    assert (gone.deleted, gone.lost_bytes) == ((), None)
    assert "cannot be read" in gone.problem
    empty = tmp_path / "zeros"
    empty.write_bytes(bytes(1 << 20))
    for fs_type in ("vfat", "exfat"):
        assert "boot sector" in found(empty, fs_type).problem


def test_a_chain_and_a_tree_without_end_do_end(tmp_path: Path) -> None:
    image = make(tmp_path / "card.img")
    run("mmd", "-i", str(image), "::DCIM")
    put(image, "DCIM/A.MP4", 50_000)
    data = bytearray(image.read_bytes())
    at = data.index(b"DCIM       ")
    (folder,) = struct.unpack_from("<H", data, at + 26)
    file = data.index(b"A       MP4")
    struct.pack_into("<H", data, file + 26, folder)  # the file is its own folder
    data[file + 11] |= 0x10
    reserved, sector = struct.unpack_from("<H", data, 14)[0], struct.unpack_from("<H", data, 11)[0]
    struct.pack_into("<H", data, reserved * sector + 2 * folder, folder)  # and its chain a ring
    image.write_bytes(data)
    began = time.monotonic()
    assert found(image).deleted == ()
    assert time.monotonic() - began < 5


def test_limits_are_said_and_nothing_is_called_lost_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make(tmp_path / "card.img")
    for n in range(8):
        put(image, f"{n}.MP4")
    for n in range(8):
        delete(image, f"{n}.MP4")
    monkeypatch.setattr(leftovers_module, "MAX_DELETED", 2)
    result = found(image)
    assert (len(result.deleted), result.lost_bytes) == (2, None)
    assert "more than 2" in result.problem
    monkeypatch.setattr(leftovers_module, "MAX_ENTRIES", 0)
    assert "entries" in found(image).problem


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_an_answer(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["vfat", "exfat"]))
    image = tmp_path / f"{kind}.img"
    if not image.exists():
        if kind == "vfat":
            make(image, 12, 1)
            for n in range(6):
                put(image, f"a long name number {n}.mp4")
            delete(image, "a long name number 3.mp4")
        else:
            exfat(image)
    content = bytearray(image.read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.one_of(st.integers(0, 512), st.integers(0, len(content) - 4)))
        content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    broken = tmp_path / "broken.img"
    broken.write_bytes(content)
    result = found(broken, kind)
    assert result.lost_bytes is None or 0 <= result.lost_bytes <= 1 << 34


# exFAT: mkfs makes the system, the entries are written here as the specification has them


def exfat(image: Path) -> None:
    """Make an exFAT image with one deleted and two live files in the root."""
    with image.open("wb") as file:
        file.truncate(8 << 20)
    run("/usr/sbin/mkfs.exfat", str(image))
    content = bytearray(image.read_bytes())
    _, _, heap, _, root = struct.unpack_from("<5I", content, 80)
    sector, cluster = 1 << content[108], 1 << (content[108] + content[109])
    at = heap * sector + (root - 2) * cluster
    end = next(n for n in range(at, at + cluster, 32) if content[n] == 0)
    entries = (
        entry_set("KEPT 记录.MP4", 20, 3 * cluster, offset=0)
        + entry_set("GONE 记录.MP4", 40, 2 * cluster, offset=0x80 | 32, deleted=True)
        + entry_set("OLD.MP4", 30, 2 * cluster, offset=0, deleted=True)
        + entry_set("NEW.MP4", 30, 2 * cluster, offset=0)
    )
    content[end : end + len(entries)] = entries
    bitmap = next(n for n in range(at, at + cluster, 32) if content[n] == 0x81)
    (first,) = struct.unpack_from("<I", content, bitmap + 20)
    bits = heap * sector + (first - 2) * cluster
    for used in (20, 21, 22, 30, 31, 50, 51, 52):  # 50 to 52 belong to nothing
        content[bits + ((used - 2) >> 3)] |= 1 << ((used - 2) & 7)
    image.write_bytes(content)


def entry_set(name: str, cluster: int, size: int, *, offset: int, deleted: bool = False) -> bytes:
    raw = name.encode("utf-16-le")
    pieces = [raw[n : n + 30].ljust(30, b"\0") for n in range(0, len(raw), 30)]
    stamp = ((2026 - 1980) << 25) | (11 << 21) | (4 << 16) | (8 << 11) | (30 << 5)
    use = 0 if deleted else 0x80
    file = struct.pack(
        "<BBHHHIIIBBBBB7x",
        0x05 | use,
        1 + len(pieces),
        0,
        0x20,
        0,
        stamp,
        stamp,
        stamp,
        0,
        50,
        offset,
        offset,
        0,
    )
    stream = struct.pack("<BBBBHHQIIQ", 0x40 | use, 0x03, 0, len(name), 0, 0, size, 0, cluster, size)
    return file + stream + b"".join(bytes((0x41 | use, 0)) + piece for piece in pieces)


@pytest.mark.skipif(not Path("/usr/sbin/mkfs.exfat").exists(), reason="exfatprogs is not installed")
def test_exfat_tells_names_times_with_their_offset_and_lost_clusters_b05(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    exfat(image)
    result = found(image, "exfat")
    (entry,) = result.deleted  # OLD.MP4 was only renamed
    assert entry.name == "GONE 记录.MP4"
    assert entry.modified_at == datetime(2026, 11, 4, 0, 30, 0, 500_000, tzinfo=UTC)
    cluster = 1 << (image.read_bytes()[108] + image.read_bytes()[109])
    assert (result.lost_bytes, result.problem) == (3 * cluster, "")
