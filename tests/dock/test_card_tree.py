"""Trees read from folders and images, without mounting and without root."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dock.card_tree import NoTree, read_tree
from dock.profiles import load_profiles

NAME = "8888888_J0H42A_20261104083000_0001.mp4"
TOOLS = pytest.mark.skipif(
    not all(Path(tool).exists() for tool in ("/usr/sbin/mkfs.vfat", "/usr/bin/mcopy")),
    reason="dosfstools and mtools are not installed",
)
AT = datetime(2026, 11, 4, 8, 40)


def run(*command: str) -> None:
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def fat(image: Path, bits: int = 16, label: str = "CAM01") -> Path:
    image.touch()
    os.truncate(image, {12: 1, 16: 8, 32: 40}[bits] << 20)
    run("/usr/sbin/mkfs.vfat", "-F", str(bits), "-s", "1", "-n", label, str(image))
    content = image.parent / "content"
    content.write_bytes(b"x" * 5000)
    os.utime(content, (AT.timestamp(), AT.timestamp()))
    run("mmd", "-i", str(image), "::DCIM", "::DCIM/100")
    run("mcopy", "-m", "-i", str(image), str(content), f"::DCIM/100/{NAME}")
    run("mcopy", "-m", "-i", str(image), str(content), "::DCIM/100/执法记录_20261104083000.jpg")
    run("mcopy", "-m", "-i", str(image), str(content), "::DCIM/100/gone.mp4")
    run("mdel", "-i", str(image), "::DCIM/100/gone.mp4")
    run("mattrib", "+r", "-i", str(image), f"::DCIM/100/{NAME}")
    return image


def partitioned(image: Path, system: Path, *, gpt: bool) -> Path:
    """`system` as the only partition, from sector 2048 on."""
    content = bytearray(2048 * 512) + system.read_bytes()
    sectors = system.stat().st_size // 512
    content[446:462] = struct.pack("<B3sB3sII", 0, b"\0\0\0", 0xEE if gpt else 0x0C, b"\0\0\0", 2048, sectors)
    content[510:512] = b"\x55\xaa"
    if gpt:
        header = struct.pack("<8s64xQII", b"EFI PART", 2, 128, 128)
        content[512 : 512 + len(header)] = header
        entry = struct.pack("<16s16sQQ", b"t" * 16, b"u" * 16, 2048, 2048 + sectors - 1)
        content[1024 : 1024 + len(entry)] = entry
    image.write_bytes(content)
    return image


@TOOLS
@pytest.mark.parametrize("bits", [12, 16, 32])
def test_an_image_lists_what_is_on_it_and_not_what_was_deleted(tmp_path: Path, bits: int) -> None:
    tree = read_tree(fat(tmp_path / "card.img", bits))
    assert tree.names == (f"DCIM/100/{NAME}", "DCIM/100/执法记录_20261104083000.jpg")
    assert tree.label == "CAM01"
    assert [file.read_only for file in tree.files] == [True, False]
    assert (tree.files[0].size_bytes, tree.files[0].modified_at) == (5000, AT)
    assert load_profiles().recognise([], tree.names).name == "gat947"


@TOOLS
@pytest.mark.parametrize("gpt", [False, True])
def test_partitions_are_found(tmp_path: Path, gpt: bool) -> None:
    tree = read_tree(partitioned(tmp_path / "disk.img", fat(tmp_path / "card.img"), gpt=gpt))
    assert tree.names[0] == f"DCIM/100/{NAME}"


@pytest.mark.skipif(not Path("/usr/sbin/mkfs.exfat").exists(), reason="exfatprogs is not installed")
def test_an_exfat_image_says_its_label(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    image.touch()
    os.truncate(image, 8 << 20)
    run("/usr/sbin/mkfs.exfat", "-L", "H22-00417", str(image))
    assert (read_tree(image).label, read_tree(image).files) == ("H22-00417", ())


def test_other_file_systems_are_said(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    image.write_bytes(bytes(1 << 20))
    with pytest.raises(NoTree, match="mount the card"):
        read_tree(image)
    with pytest.raises(NoTree, match="neither"):
        read_tree(Path("/dev/null"))
    with pytest.raises(FileNotFoundError):
        read_tree(tmp_path / "none")


@TOOLS
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_an_answer_a08(tmp_path: Path, data: st.DataObject) -> None:
    image = tmp_path / "disk.img"
    if not image.exists():
        partitioned(image, fat(tmp_path / "card.img"), gpt=True)
    content = bytearray(image.read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        places = st.one_of(st.integers(0, 1200), st.integers(1 << 20, (1 << 20) + 40_000))
        at = data.draw(places)
        content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    broken = tmp_path / "broken.img"
    broken.write_bytes(content)
    with contextlib.suppress(NoTree):
        assert len(read_tree(broken).files) < 10_000


def test_a_folder_keeps_raw_names_and_the_beginnings_of_texts_b02(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/" + "赵敏_1.mp4".encode("gbk")
    Path(os.fsdecode(name)).write_bytes(b"")
    (tmp_path / "ID.txt").write_bytes("姓名=赵敏".encode("gbk"))
    (tmp_path / "LINK.txt").symlink_to("/etc/passwd")
    tree = read_tree(tmp_path)
    assert [(file.path, file.raw) for file in tree.files][1] == ("赵敏_1.mp4", "赵敏_1.mp4".encode("gbk"))
    assert list(tree.texts) == ["ID.txt"]
    assert tree.texts["ID.txt"].decode("gbk") == "姓名=赵敏"
