"""What a dock or a platform keeps is nobody else's, also in installations from before (S4)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from uplink import closed
from uplink.closed import close_to_others


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_others_lose_their_rights_and_the_group_keeps_them(tmp_path: Path) -> None:
    folder, file, link = tmp_path / "state", tmp_path / "state" / "store.db", tmp_path / "state" / "keys"
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    folder.mkdir(mode=0o755)
    file.touch(mode=0o664)
    link.symlink_to(outside)
    close_to_others(folder, (file, link, folder / "none"))
    assert [oct(mode(path)) for path in (folder, file, outside)] == ["0o750", "0o660", "0o755"]


def test_a_folder_of_everybodys_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sticky, lib = tmp_path / "tmp", tmp_path / "lib"
    sticky.mkdir()
    sticky.chmod(0o1777)
    lib.mkdir(mode=0o755)
    monkeypatch.setattr(closed, "_SHARED", {lib})
    for folder in (sticky, lib):
        file = folder / "store.db"
        file.touch(mode=0o644)
        before = mode(folder)
        close_to_others(folder, (file,))
        assert (mode(folder), mode(file)) == (before, 0o640)
