"""What a walk makes of the odd things that an ext4 card can hold: everything is listed or explained."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from dock.errors import CameraGone, ChangedWhileReading, Refused
from dock.listing import CardFile, Explained, Listing, Reason
from dock.profiles import NameFacts
from dock.pull import pull
from dock.source import Limits
from tests.dock.conftest import MakeCamera, MakeSource, listed

pytestmark = pytest.mark.devices

# Names that are legal here and nowhere else (B02, B19): GBK bytes, newline, pattern characters, 255 bytes.
ODD_NAMES = [
    "视频1.mp4".encode("gbk"),
    b"a\nb.mp4",
    b"a#b+c%25.mp4",
    b"trailing dot.",
    b"a:b.mp4",
    ("长" * 83 + ".mp4").encode(),
    b"x" * 251 + b".mp4",
    b"-rf",
    b" ",
]


def by_path(listing: Listing) -> dict[bytes, CardFile | Explained]:
    entries: list[CardFile | Explained] = [*listing.files, *listing.explained]
    return {entry.path: entry for entry in entries}


def test_names_of_every_kind_are_listed_pulled_and_shown_b02_b19(
    card: Path, camera: MakeCamera, source: MakeSource, tmp_path: Path
) -> None:
    for number, name in enumerate(ODD_NAMES):
        Path(os.fsdecode(os.fsencode(card) + b"/" + name)).write_bytes(bytes([number]) * 10)
    files = source(camera(card))
    listing = listed(files)
    assert {file.path for file in listing.files} == set(ODD_NAMES)
    for file in listing.files:
        file.display_name.encode()  # no surrogate gets out
        into = tmp_path / f"id{file.index}"
        pull(files, file, into, lambda done: None, lambda: False)
        assert into.read_bytes() == bytes([ODD_NAMES.index(file.path)]) * 10
    assert "视频1.mp4" in {file.display_name for file in listing.files}


def test_the_same_name_in_two_folders_is_two_files_a02(
    card: Path, camera: MakeCamera, source: MakeSource, tmp_path: Path
) -> None:
    for folder in ("100MEDIA", "101MEDIA"):
        (card / folder).mkdir()
        (card / folder / "CLIP.MP4").write_bytes(folder.encode())
        os.utime(card / folder / "CLIP.MP4", (1_700_000_000, 1_700_000_000))
    files = source(camera(card))
    listing = listed(files)
    for file in listing.files:
        pull(files, file, tmp_path / f"id{file.index}", lambda done: None, lambda: False)
    assert [(tmp_path / f"id{index}").read_bytes() for index in (0, 1)] == [b"100MEDIA", b"101MEDIA"]
    assert [file.path for file in listing.files] == [b"100MEDIA/CLIP.MP4", b"101MEDIA/CLIP.MP4"]


def test_links_pipes_and_device_nodes_are_explained_never_opened(
    card: Path, camera: MakeCamera, source: MakeSource
) -> None:
    (card / "up").symlink_to("/etc")
    (card / "loop").symlink_to("loop")
    (card / "passwd.mp4").symlink_to("/etc/passwd")
    os.mkfifo(card / "pipe.mp4")
    os.mknod(card / "zero.mp4", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(card / "socket"))
    (card / "real.mp4").write_bytes(b"footage")
    listing = listed(source(camera(card)))
    assert [file.path for file in listing.files] == [b"real.mp4"]
    explained = {entry.path: entry.reason for entry in listing.explained}
    expected = [b"up", b"loop", b"passwd.mp4", b"pipe.mp4", b"zero.mp4", b"socket"]
    assert {path: explained[path] for path in expected} == dict.fromkeys(expected, Reason.NOT_REGULAR)
    assert listing.count == 7
    assert listing.total_bytes == len(b"footage")


def test_what_the_profile_leaves_out_is_in_the_sum(
    card: Path, camera: MakeCamera, source: MakeSource
) -> None:
    (card / "autorun.inf").write_bytes(b"worm")
    (card / "a.mp4").write_bytes(b"footage")
    (card / "a.mp4").chmod(0o444)
    listing = listed(source(camera(card)))
    left_out = by_path(listing)[b"autorun.inf"]
    assert isinstance(left_out, Explained)
    assert (left_out.reason, left_out.size_bytes) == (Reason.LEFT_OUT, 4)
    assert listing.total_bytes == 4 + 7
    assert listing.files[0].marked  # read-only, as cameras mark what is to be kept (A15)


@pytest.mark.parametrize(
    "limit",
    [
        (Limits(depth=3), {b"0.mp4", b"a/1.mp4", b"a/b/2.mp4"}, "deeper"),
        (Limits(entries=2), set(), "more than 2"),
        (Limits(all_entries=2), set(), "more than 2 entries in all"),
        (Limits(name_bytes=5), {b"0.mp4", b"a/1.mp4", b"a/b/2.mp4", b"a/b/c/3.mp4"}, "name of 11"),
        (Limits(walk_s=-1.0), set(), "longer than"),
    ],
)
def test_beyond_a_limit_entries_are_explained(
    card: Path, camera: MakeCamera, source: MakeSource, limit: tuple[Limits, set[bytes], str]
) -> None:
    limits, expected, detail = limit
    folder = card
    for number in range(4):
        (folder / f"{number}.mp4").write_bytes(b"x")
        folder = folder / "abc"[number] if number < 3 else folder
        folder.mkdir(exist_ok=True)
    if "name" in detail:
        (card / "long-name.m").write_bytes(b"x")
    (card / "lost+found").mkdir(exist_ok=True)
    listing = listed(source(camera(card), limits))
    assert expected <= {file.path for file in listing.files}
    reasons = [entry.detail for entry in listing.explained if entry.reason is Reason.LIMIT]
    assert any(detail in reason for reason in reasons)


def test_a_folder_of_rubbish_does_not_hide_footage_in_others(
    card: Path, camera: MakeCamera, source: MakeSource
) -> None:
    for folder in ("A", "DCIM"):
        (card / folder).mkdir()
    for number in range(9):
        (card / "A" / f"{number}.mp4").touch()
    (card / "DCIM" / "footage.mp4").write_bytes(b"x")
    listing = listed(source(camera(card), Limits(entries=5)))
    assert b"DCIM/footage.mp4" in {file.path for file in listing.files}
    assert [e.path for e in listing.explained if e.reason is Reason.LIMIT] == [b"A"]


def test_a_listing_of_a_camera_that_left_is_not_believed(
    card: Path, camera: MakeCamera, source: MakeSource
) -> None:
    (card / "a.mp4").write_bytes(b"x")
    gone: list[bool] = []
    files = source(camera(card), said_gone=lambda: bool(gone))
    assert listed(files).count == 1
    gone.append(True)
    with pytest.raises(CameraGone):
        listed(files)


def test_an_unreadable_folder_costs_only_itself_a08(
    card: Path, camera: MakeCamera, source: MakeSource
) -> None:
    for folder in ("bad", "good"):
        (card / folder).mkdir()
        (card / folder / f"{folder}.mp4").write_bytes(b"footage")
    cam = camera(card)
    block = cam.image.read_bytes().index(b"\x07\x01bad.mp4") // 1024 * 1024
    with cam.image.open("r+b") as image:
        image.seek(block)
        image.write(os.urandom(1024))
    listing = listed(source(cam))
    assert [file.path for file in listing.files] == [b"good/good.mp4"]
    entry = by_path(listing)[b"bad"]
    assert isinstance(entry, Explained)
    assert entry.reason is Reason.UNREADABLE


def test_paths_that_no_walk_gives_are_refused(card: Path, camera: MakeCamera, source: MakeSource) -> None:
    (card / "a.mp4").write_bytes(b"x")
    files = source(camera(card))
    (file,) = listed(files).files
    for path in (b"../etc/passwd", b"/etc/passwd", b"a/./b", b""):
        with pytest.raises(Refused):
            files.open(CardFile(0, path, 1, file.modified_at, 0, "video", False, NameFacts(), "x"))
    with pytest.raises(ChangedWhileReading):
        files.open(
            CardFile(0, b"a.mp4", 2, file.modified_at, file.modified_ns, "video", False, NameFacts(), "x")
        )
