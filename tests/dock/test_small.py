"""Small files pulled in one go: what goes smoothly is taken, the first that does not ends the group."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dock.devices import BlockDevice
from dock.filesystems import Attempt
from dock.listing import CardFile
from dock.mount import MountedCard
from dock.pull import pull
from dock.reader import CardReader, read_exactly
from dock.samples import take_samples
from dock.small import SMALL_BYTES, SmallPull, pull_small
from dock.source import MountedSource
from tests.dock.conftest import listed

CONTENTS = {
    "DCIM/A/0.jpg": os.urandom(9000),
    "DCIM/A/1.jpg": b"",
    "DCIM/A/2.jpg": bytes(8192) + os.urandom(5000),
    "DCIM/B/3.jpg": os.urandom(SMALL_BYTES),
    "DCIM/B/4.jpg": b"x",
    "5.jpg": os.urandom(4096),
}


class Folder:
    """A folder that stands for a mounted card, and an empty vault."""

    def __init__(self, tmp_path: Path) -> None:
        self.card, self.vault, sys_path = tmp_path / "card", tmp_path / "vault", tmp_path / "sys"
        for made in (self.card, self.vault, sys_path):
            made.mkdir()
        (sys_path / "size").write_text("2048\n")
        self.diskseq = sys_path / "diskseq"
        self.diskseq.write_text("7\n")
        for name, content in CONTENTS.items():
            (self.card / name).parent.mkdir(parents=True, exist_ok=True)
            (self.card / name).write_bytes(content)
        device = BlockDevice(
            "/dev/none", str(sys_path), 7, "S", True, "", "", "", "ext4", "", "", 1 << 20, True
        )
        self.source = MountedSource(MountedCard(device, self.card, Attempt("ext4", "")))
        self.files = sorted(listed(self.source).files, key=lambda file: file.path.decode()[-5])

    def into(self, file: CardFile) -> str:
        return str(self.vault / str(file.index))

    def pull(self, cancel: Callable[[], bool] = lambda: False) -> list[SmallPull]:
        return pull_small(self.source, self.files, self.into, cancel)

    @property
    def copies(self) -> set[str]:
        return {path.name for path in self.vault.iterdir()}

    def names(self, pulls: list[SmallPull]) -> list[str]:
        assert self.copies >= {Path(one.path).name for one in pulls}
        return [one.file.display_name for one in pulls]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


ALL = list(CONTENTS)


def test_each_is_judged_and_sampled_as_one_by_itself_is(folder: Folder) -> None:
    pulls = folder.pull()
    assert folder.names(pulls) == ALL
    for one in pulls:
        content = CONTENTS[one.file.display_name]
        assert Path(one.path).read_bytes() == content
        assert one.pulled.sha256 == hashlib.sha256(content).hexdigest()
        alone = pull(folder.source, one.file, folder.vault / "x", lambda done: None, lambda: False)
        assert (one.pulled.zero_blocks, one.pulled.zero_run_at) == (alone.zero_blocks, alone.zero_run_at)
        reader = folder.source.open(one.file)
        seed = one.samples.seed
        again = take_samples(
            lambda at, length, reader=reader: read_exactly(reader, at, length),  # type: ignore[misc]
            one.file.size_bytes,
            one.file.modified_ns,
            seed,
        )
        reader.close()
        assert again == one.samples
        (folder.vault / "x").unlink()


def longer(folder: Folder) -> None:
    """It is written to, and its time put back: only its length tells."""
    path = folder.card / ALL[2]
    times = path.stat()
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def newer(folder: Folder) -> None:
    os.utime(folder.card / ALL[2], (1, 1))


def link(folder: Folder) -> None:
    (folder.card / ALL[2]).unlink()
    (folder.card / ALL[2]).symlink_to(folder.card / ALL[0])


def taken_name(folder: Folder) -> None:
    (folder.vault / str(folder.files[2].index)).write_bytes(b"half a copy")


@pytest.mark.parametrize("trouble", [longer, newer, link, taken_name])
def test_the_first_that_is_odd_ends_the_group_and_costs_nothing_before_it_a08_a09(
    folder: Folder, trouble: Callable[[Folder], None]
) -> None:
    trouble(folder)
    assert folder.names(folder.pull()) == ALL[:2]
    if trouble is taken_name:
        assert (folder.vault / str(folder.files[2].index)).read_bytes() == b"half a copy"


def test_a_file_that_cannot_be_read_ends_the_group(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    real, reads = CardReader.read_into, 0

    def reading(self: CardReader, buffer: memoryview, offset: int) -> int:
        nonlocal reads
        reads += 1
        if reads > 3:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, buffer, offset)

    monkeypatch.setattr(CardReader, "read_into", reading)
    pulls = folder.pull()
    assert 0 < len(pulls) < len(ALL)
    assert len(folder.copies) == len(pulls)


def test_a_vault_without_room_ends_the_group_and_leaves_no_half_copy(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def writing(fd: int, data: memoryview) -> int:
        if len(data) == SMALL_BYTES:
            real(fd, data[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(os, "write", writing)
    assert folder.names(folder.pull()) == ALL[:3]
    assert len(folder.copies) == 3


def test_what_was_read_before_the_camera_was_seen_there_is_not_believed_b12(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dock.small._ASK_EVERY_FILES", 2)
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        if asked == 4:  # it leaves while its files can still be read, as vfat's can from the cache
            folder.diskseq.write_text("8\n")
        return False

    assert folder.names(folder.pull(cancel)) == ALL[:2]
    assert len(folder.copies) == 2, "copies of what is not believed are gone"


def test_who_cancels_keeps_what_is_whole(folder: Folder) -> None:
    answers = iter([False, False, False, True])
    assert folder.names(folder.pull(lambda: next(answers))) == ALL[:3]


def test_no_folder_stays_open(folder: Folder) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    folder.pull()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
