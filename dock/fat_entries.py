"""FAT12, FAT16 and FAT32: directory entries, deleted ones too, and clusters that nothing owns.

Source: Microsoft's FAT specification (fatgen103).  A deleted entry has 0xE5 for the first byte of its name;
its long name stands before it in entries that are deleted too, last piece first, and whole.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from datetime import datetime

from dock.clusters import Clusters
from dock.devices import best_reading
from dock.leftovers import MAX_FOLDERS, MAX_TABLE_BYTES, Disk, Found, Gathered, NoSuchSystem

_ENTRY = 32
_FOLDER_BYTES = 2 * 1024 * 1024  # FAT allows 65,536 entries in a folder
_FREE, _DELETED = 0x00, 0xE5
_LONG, _LABEL, _FOLDER, _READ_ONLY, _ATTRIBUTES = 0x0F, 0x08, 0x10, 0x01, 0x3F
# FAT32 uses 28 bits of its 32; a number just below the end marks bad clusters.
_MASKS = {12: 0xFFF, 16: 0xFFFF, 32: 0x0FFFFFFF}
_MOST_12, _MOST_16 = 4085, 65525  # clusters


class FatSystem:
    """One FAT file system.  Raises NoSuchSystem, OSError, TooMuch."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        boot = disk.read(0, 512)
        if len(boot) < 512 or boot[510:] != b"\x55\xaa":
            raise NoSuchSystem("there is no boot sector")
        sector, per_cluster, reserved, tables, root, small = struct.unpack_from("<HBHBHH", boot, 11)
        table_sectors = struct.unpack_from("<H", boot, 22)[0] or struct.unpack_from("<I", boot, 36)[0]
        total = small or struct.unpack_from("<I", boot, 32)[0]
        if sector not in (512, 1024, 2048, 4096) or not per_cluster or per_cluster & (per_cluster - 1):
            raise NoSuchSystem("the boot sector makes no sense")
        root_at = (reserved + tables * table_sectors) * sector
        heap_at = root_at + -(-root * _ENTRY // sector) * sector
        size = per_cluster * sector
        count = (total * sector - heap_at) // size
        if not tables or not table_sectors or count <= 0:
            raise NoSuchSystem("the boot sector makes no sense")
        self._bits = 12 if count < _MOST_12 else 16 if count < _MOST_16 else 32
        table = self._table(reserved * sector, table_sectors * sector, count)
        count = min(count, len(table) - 2)
        self._entries = table
        self._clusters = Clusters(disk, table, count, size, heap_at, _MASKS[self._bits])
        self._root = struct.unpack_from("<I", boot, 44)[0] if self._bits == 32 else 0
        self._root_at, self._root_bytes = root_at, root * _ENTRY

    def _table(self, at: int, size: int, count: int) -> array[int]:
        needed = -(-(count + 2) * self._bits // 8)
        raw = self._disk.read(at, min(size, needed, MAX_TABLE_BYTES))
        if self._bits == 12:
            pairs = range(0, len(raw) - 2, 3)
            whole = (int.from_bytes(raw[i : i + 3], "little") for i in pairs)
            return array("I", (half for three in whole for half in (three & 0xFFF, three >> 12)))
        return numbers_of(raw, "H" if self._bits == 16 else "I")

    def lost_bytes(self) -> int:
        """Bytes of clusters that are marked as used and belong to nothing; only after a whole walk."""
        mask = _MASKS[self._bits]
        bad = mask - 8
        lost = sum(
            1
            for cluster in range(2, self._clusters.count + 2)
            if self._entries[cluster] & mask not in (0, bad) and not self._clusters.is_owned(cluster)
        )
        return lost * self._clusters.size_bytes

    def walk(self, gathered: Gathered) -> None:
        """Collect the entries of all folders."""
        folders: list[tuple[str, int, int]] = [("", self._root, 0)]
        while folders:
            path, first, depth = folders.pop()
            content = self._content(first, depth)
            if depth == 0:
                gathered.label = _label(content)
            for found in _entries(content, path):
                gathered.add(found)
                if found.deleted:
                    continue
                if not found.folder:
                    self._clusters.own(found.cluster)
                elif depth + 1 < MAX_FOLDERS:
                    folders.append((found.path, found.cluster, depth + 1))
                else:
                    gathered.problem = f"folders deeper than {MAX_FOLDERS}"

    def _content(self, first: int, depth: int) -> bytes:
        if depth == 0 and self._bits != 32:
            return self._disk.read(self._root_at, self._root_bytes)
        parts: list[bytes] = []
        for cluster in self._clusters.chain(first):
            if len(parts) * self._clusters.size_bytes < _FOLDER_BYTES:
                parts.append(self._clusters.read(cluster))
        return b"".join(parts)


def _entries(content: bytes, path: str) -> Iterator[Found]:
    long: list[bytes] = []  # pieces as they stand: the last of the name first
    long_deleted = False
    for at in range(0, len(content) - _ENTRY + 1, _ENTRY):
        entry = content[at : at + _ENTRY]
        if entry[0] == _FREE:
            return
        deleted = entry[0] == _DELETED
        if entry[11] & _ATTRIBUTES == _LONG:
            # A live name begins with its last piece (0x40); deleted ones have lost the mark.
            if deleted != long_deleted or (not deleted and entry[0] & 0x40):
                long = []
            long.append(entry)
            long_deleted = deleted
            continue
        pieces = long if long_deleted == deleted else []
        long = []
        if entry[11] & _LABEL or entry[:1] == b"." or entry[11] & ~_ATTRIBUTES:
            continue
        yield _found(entry, pieces, path, deleted)


def _found(entry: bytes, pieces: list[bytes], path: str, deleted: bool) -> Found:
    name = _long_name(pieces, entry, deleted)
    lost = deleted and name is None
    if name is None:
        name = _short_name(entry, deleted)
    clock, day, low, size = struct.unpack_from("<HHHI", entry, 22)
    high = struct.unpack_from("<H", entry, 20)[0]
    return Found(
        path=f"{path}/{name}" if path else name,
        cluster=(high << 16) | low,
        size_bytes=size,
        modified_at=read_time(day, clock),
        stamp=(day << 16) | clock,
        folder=bool(entry[11] & _FOLDER),
        deleted=deleted,
        first_lost=lost,
        read_only=bool(entry[11] & _READ_ONLY),
    )


def _label(root: bytes) -> str:
    for at in range(0, len(root) - _ENTRY + 1, _ENTRY):
        entry = root[at : at + _ENTRY]
        if entry[0] == _FREE:
            break
        attributes = entry[11] & _ATTRIBUTES
        if entry[0] != _DELETED and attributes & _LABEL and attributes != _LONG:
            return best_reading(entry[:11]).strip()
    return ""


def _long_name(pieces: list[bytes], short: bytes, deleted: bool) -> str | None:
    """The long name, where its pieces belong to this entry by their checksum."""
    sums = {piece[13] for piece in pieces}
    if len(sums) != 1 or len(pieces) > 20:
        # Deleted names of several files may stand in a row: only the nearest pieces with one sum belong here.
        last = pieces[-1][13] if pieces else None
        pieces = pieces[_first_of(pieces, last) :]
        sums = {last} if last is not None else set()
    if not pieces or len(pieces) > 20:
        return None
    firsts = range(256) if deleted else (short[0],)
    if not any(_checksum(bytes((first,)) + short[1:11]) in sums for first in firsts):
        return None
    raw = b"".join(piece[1:11] + piece[14:26] + piece[28:32] for piece in reversed(pieces))
    text = raw.decode("utf-16-le", "replace").split("\x00")[0].rstrip("\uffff")
    return text or None


def _first_of(pieces: list[bytes], checksum: int | None) -> int:
    at = len(pieces)
    while at and pieces[at - 1][13] == checksum:
        at -= 1
    return at


def _checksum(name: bytes) -> int:
    found = 0
    for byte in name:
        found = ((found >> 1) | (found << 7)) + byte & 0xFF
    return found


def _short_name(entry: bytes, deleted: bool) -> str:
    first = b"?" if deleted else b"\xe5" if entry[0] == 0x05 else entry[:1]
    stem = (first + entry[1:8]).rstrip(b" ")
    suffix = entry[8:11].rstrip(b" ")
    return best_reading(stem + b"." + suffix if suffix else stem)


def numbers_of(raw: bytes, width: str) -> array[int]:
    """Little-endian numbers of two (`H`) or four (`I`) bytes; a rest that is none is left out."""
    found = array(width)
    found.frombytes(raw[: len(raw) // found.itemsize * found.itemsize])
    if sys.byteorder == "big":
        found.byteswap()
    return found


def read_time(day: int, clock: int) -> datetime | None:
    """FAT's date and time words as a naive local time; None for what is no date."""
    try:
        return datetime(
            1980 + (day >> 9),
            (day >> 5) & 15,
            day & 31,
            clock >> 11,
            (clock >> 5) & 63,
            (clock & 31) * 2,
        )
    except ValueError:
        return None
