"""A camera's tree as a technician has it at hand: a folder, or an image of a card.  Nothing is mounted.

- A folder is walked as a watched one is (`dock.source`).  An image is read through the entries of its FAT or
  exFAT file systems, in the partitions of an MBR or GPT or without any.  Neither needs root.
- Other file systems are said, not read: such a card is mounted and its folder looked at.
- Times are naive: the camera's local time as the card has it; of a folder, in this machine's zone.
- Beginnings are read from folders only: of small texts (which say who wears the camera, in which
  encoding), and of files whose suffix says nothing (they may be footage).
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dock.devices import best_reading
from dock.directory import directory_source
from dock.errors import DockError, Kind
from dock.exfat_entries import ExfatSystem
from dock.fat_entries import FatSystem
from dock.leftovers import Disk, Found, Gathered, NoSuchSystem, TooMuch
from dock.listing import Entry
from dock.magic import media_kind
from dock.profiles import MediaKind

_SECTOR = 512
_TEXT_SUFFIXES = (".txt", ".json", ".ini", ".xml", ".log", ".cfg", ".csv")
_TEXTS, _SUFFIXES, _ASKED = 16, 40, 3
_BEGINNING_BYTES = 4096
_PARTITIONS = 16
_EXTENDED = (0x05, 0x0F, 0x85)


class NoTree(DockError):
    """There is no tree to look at: it says what is there, and what to do."""

    kind = Kind.PERSON


@dataclass(frozen=True)
class TreeFile:
    """One file; `path` in its best reading, `raw` as it lies there where that is known (a folder)."""

    path: str
    raw: bytes
    size_bytes: int
    modified_at: datetime | None
    read_only: bool = False


@dataclass(frozen=True)
class Tree:
    """`texts`: beginnings of small texts by path; `looks`: by suffix, what footage its files
    begin like.

    `notes`: what could not be read, for people.
    """

    name: str
    files: tuple[TreeFile, ...]
    label: str = ""
    texts: dict[str, bytes] = field(default_factory=dict)
    looks: dict[str, MediaKind] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The paths in their best reading."""
        return tuple(file.path for file in self.files)


def read_tree(path: Path) -> Tree:
    """Read a folder or an image.  Raises NoTree, CameraGone, OSError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _of_folder(path)
    if stat.S_ISREG(mode) or stat.S_ISBLK(mode):
        return _of_image(path)
    raise NoTree(f"{path} is neither a folder nor an image of a card")


def _of_folder(path: Path) -> Tree:
    scan = directory_source(path).scan()
    files = tuple(_of_entry(entry) for entry in sorted(scan.entries, key=lambda entry: entry.path))
    notes = [f"{one.display_name or path}: {one.detail}" for one in scan.explained[:10]]
    return Tree(str(path), files, texts=_texts(path, files), looks=_looks(path, files), notes=tuple(notes))


def _of_entry(entry: Entry) -> TreeFile:
    modified: datetime | None = None
    with contextlib.suppress(OverflowError, OSError, ValueError):  # a broken entry may hold any time (A08)
        modified = datetime.fromtimestamp(entry.modified_ns // 10**9)
    return TreeFile(best_reading(entry.path), entry.path, entry.size_bytes, modified, entry.read_only)


def _texts(root: Path, files: tuple[TreeFile, ...]) -> dict[str, bytes]:
    wanted = [file for file in files if file.path.lower().endswith(_TEXT_SUFFIXES)]
    shallow_first = sorted(wanted, key=lambda file: file.path.count("/"))[:_TEXTS]
    return {file.path: _beginning(root, file) for file in shallow_first}


def _looks(root: Path, files: tuple[TreeFile, ...]) -> dict[str, MediaKind]:
    """By suffix, what its files begin like; the first of each are asked."""
    asked: dict[str, int] = {}
    found: dict[str, MediaKind] = {}
    for file in files:
        suffix = file.path.rpartition("/")[2].lower().rpartition(".")[2]
        if len(asked) < _SUFFIXES and asked.setdefault(suffix, 0) < _ASKED and suffix not in found:
            asked[suffix] += 1
            kind = media_kind(_beginning(root, file))
            if kind is not None:
                found[suffix] = kind
    return found


def _beginning(root: Path, file: TreeFile) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    with contextlib.suppress(OSError):
        # It was a regular file when it was listed; a link that took its place is not followed.
        fd = os.open(root / os.fsdecode(file.raw), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(fd, _BEGINNING_BYTES)
        finally:
            os.close(fd)
    return b""


def _of_image(path: Path) -> Tree:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        gathered, read = _Names(), 0
        for begins_at in _parts(fd):
            read += _walk(fd, begins_at, gathered)
    finally:
        os.close(fd)
    if not read:
        raise NoTree(
            f"{path} holds no FAT or exFAT file system that can be read without mounting: mount the card"
            " read-only, and give its folder"
        )
    files = tuple(
        TreeFile(one.path, one.path.encode("utf-8", "surrogatepass"), one.size_bytes,
                 one.modified_at.replace(tzinfo=None) if one.modified_at else None, one.read_only)
        for one in sorted(gathered.files, key=lambda one: one.path)
    )  # fmt: skip
    notes = (gathered.problem,) if gathered.problem else ()
    return Tree(str(path), files, gathered.label, notes=notes)


def _walk(fd: int, begins_at: int, gathered: _Names) -> int:
    """Return how many file systems were read there: one or none."""
    for kind in (ExfatSystem, FatSystem):
        with contextlib.suppress(NoSuchSystem):
            label = gathered.label
            system = kind(Disk(fd, begins_at))
            try:
                system.walk(gathered)
            except TooMuch as error:
                gathered.problem = str(error)
            gathered.label = label or gathered.label
            return 1
    return 0


class _Names(Gathered):
    """Keeps what is there, not what was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Found] = []

    def add(self, found: Found) -> None:
        super().add(found)
        if not found.deleted and not found.folder:
            self.files.append(found)


def _parts(fd: int) -> Iterator[int]:
    """Where file systems may begin: the whole image, and its partitions."""
    yield 0
    sector = os.pread(fd, _SECTOR, 0)
    if sector[510:] != b"\x55\xaa":
        return
    for at in range(446, 510, 16):
        kind = sector[at + 4]
        (first,) = struct.unpack_from("<I", sector, at + 8)
        if kind == 0xEE:
            yield from _gpt(fd)
        elif kind and kind not in _EXTENDED and first:
            yield first * _SECTOR


def _gpt(fd: int) -> Iterator[int]:
    header = os.pread(fd, _SECTOR, _SECTOR)
    if header[:8] != b"EFI PART":
        return
    (table,) = struct.unpack_from("<Q", header, 72)
    count, size = struct.unpack_from("<II", header, 80)
    if not 128 <= size <= 4096 or table > 1 << 40:
        return
    for number in range(min(count, _PARTITIONS)):
        entry = os.pread(fd, size, table * _SECTOR + number * size)
        if len(entry) == size and any(entry[:16]):
            (first,) = struct.unpack_from("<Q", entry, 32)
            if first < 1 << 40:
                yield first * _SECTOR
