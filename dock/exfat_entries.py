"""exFAT: directory entry sets, deleted ones too, and clusters that the bitmap has and nothing owns.

Source: Microsoft's exFAT specification.  A set is a file entry (0x85), a stream entry (0xC0) and name entries
(0xC1); deleting clears the top bit of each type (0x05, 0x40, 0x41) and leaves the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dock.clusters import Clusters
from dock.fat_entries import numbers_of, read_time
from dock.leftovers import MAX_FOLDERS, MAX_TABLE_BYTES, Disk, Found, Gathered, NoSuchSystem

_ENTRY = 32
_IN_USE = 0x80
_FILE, _STREAM, _NAME, _BITMAP = 0x05, 0x40, 0x41, 0x81
_FOLDER, _READ_ONLY = 0x10, 0x01
_LABEL = 0x83
_NO_CHAIN = 0x02
_FOLDER_BYTES = 32 * 1024 * 1024
_OFFSET_VALID = 0x80
_QUARTER = timedelta(minutes=15)


class ExfatSystem:
    """One exFAT file system.  Raises NoSuchSystem, OSError, TooMuch."""

    def __init__(self, disk: Disk) -> None:
        boot = disk.read(0, 512)
        if boot[3:11] != b"EXFAT   " or boot[510:512] != b"\x55\xaa":
            raise NoSuchSystem("there is no exFAT boot sector")
        table_at, _, heap_at, count, self._root = struct.unpack_from("<5I", boot, 80)
        sector_shift, cluster_shift = boot[108], boot[109]
        if not 9 <= sector_shift <= 12 or sector_shift + cluster_shift > 25 or not count:
            raise NoSuchSystem("the boot sector makes no sense")
        needed = min((count + 2) * 4, MAX_TABLE_BYTES)
        raw = disk.read(table_at << sector_shift, needed)
        table = numbers_of(raw, "I")
        count = min(count, len(table) - 2)
        size = 1 << (sector_shift + cluster_shift)
        self._clusters = Clusters(disk, table, count, size, heap_at << sector_shift)
        self._bitmap: bytes | None = None

    def lost_bytes(self) -> int | None:
        """Bytes that the bitmap calls used and that belong to nothing; None without a bitmap."""
        bitmap = self._bitmap
        if bitmap is None:
            return None
        known = min(self._clusters.count, len(bitmap) * 8)
        lost = sum(
            1 for n in range(known) if bitmap[n >> 3] >> (n & 7) & 1 and not self._clusters.is_owned(n + 2)
        )
        return lost * self._clusters.size_bytes

    def walk(self, gathered: Gathered) -> None:
        """Collect the entries of all folders."""
        content = self._content(self._root, None)
        folders = [("", content, 0)]
        gathered.label = _label(content)
        self._system_entries(content)
        while folders:
            path, content, depth = folders.pop()
            for found, length in _entries(content, path):
                gathered.add(found)
                if found.deleted:
                    continue
                if not found.folder:
                    self._clusters.own(found.cluster, length)
                elif depth + 1 < MAX_FOLDERS:
                    folders.append((found.path, self._content(found.cluster, length), depth + 1))
                else:
                    gathered.problem = f"folders deeper than {MAX_FOLDERS}"

    def _content(self, first: int, length: int | None) -> bytes:
        """A folder's bytes; `length`: it lies in a row and is so long."""
        chain = (
            self._clusters.chain(first)
            if length is None
            else self._clusters.stretch(first, -(-length // self._clusters.size_bytes))
        )
        parts: list[bytes] = []
        for cluster in chain:
            if len(parts) * self._clusters.size_bytes < _FOLDER_BYTES:
                parts.append(self._clusters.read(cluster))
        return b"".join(parts)

    def _system_entries(self, content: bytes) -> None:
        """The bitmap and the table of upper-case letters are files without a name."""
        for at in range(0, len(content) - _ENTRY + 1, _ENTRY):
            kind = content[at]
            if kind == 0:
                return
            if kind in (_BITMAP, 0x82):
                first, size = struct.unpack_from("<IQ", content, at + 20)
                parts: list[bytes] = []
                for cluster in self._clusters.chain(first):
                    if kind == _BITMAP and len(parts) * self._clusters.size_bytes < size:
                        parts.append(self._clusters.read(cluster))
                if kind == _BITMAP and self._bitmap is None:
                    self._bitmap = b"".join(parts)[:size]


def _label(root: bytes) -> str:
    for at in range(0, len(root) - _ENTRY + 1, _ENTRY):
        if root[at] == 0:
            break
        if root[at] == _LABEL:
            return root[at + 2 : at + 2 + 2 * min(root[at + 1], 11)].decode("utf-16-le", "replace")
    return ""


def _entries(content: bytes, path: str) -> Iterator[tuple[Found, int | None]]:
    """Each entry, with its length where it lies in a row."""
    at = 0
    while at + _ENTRY <= len(content):
        kind = content[at]
        if kind == 0:
            return
        if kind & ~_IN_USE == _FILE:
            found = _set(content, at, path, deleted=not kind & _IN_USE)
            if found is not None:
                yield found[0], found[1]
                at += _ENTRY * found[2]
                continue
        at += _ENTRY


def _set(content: bytes, at: int, path: str, *, deleted: bool) -> tuple[Found, int | None, int] | None:
    """The entry set at `at`, and how many entries it has; None where it is none."""
    more = content[at + 1]
    if not 2 <= more <= 18 or at + _ENTRY * (more + 1) > len(content):
        return None
    use = 0 if deleted else _IN_USE
    stream = content[at + _ENTRY : at + 2 * _ENTRY]
    if stream[0] != _STREAM | use:
        return None
    letters = stream[3]
    raw = b""
    for n in range(2, more + 1):
        piece = content[at + n * _ENTRY : at + (n + 1) * _ENTRY]
        if piece[0] != _NAME | use:
            break
        raw += piece[2:]
    name = raw[: 2 * letters].decode("utf-16-le", "replace")
    if not name:
        return None
    first, size = struct.unpack_from("<IQ", stream, 20)
    stamp = struct.unpack_from("<I", content, at + 12)[0]
    attributes = struct.unpack_from("<H", content, at + 4)[0]
    found = Found(
        path=f"{path}/{name}" if path else name,
        cluster=first,
        size_bytes=min(size, 2**62),
        modified_at=_time(stamp, content[at + 21], content[at + 23]),
        stamp=stamp,
        folder=bool(attributes & _FOLDER),
        deleted=deleted,
        read_only=bool(attributes & _READ_ONLY),
    )
    return found, min(size, 2**62) if stream[1] & _NO_CHAIN else None, more + 1


def _time(stamp: int, hundredths: int, offset: int) -> datetime | None:
    """Naive, the camera's local time, where the entry says no offset (B05)."""
    local = read_time(stamp >> 16, stamp & 0xFFFF)
    if local is None:
        return None
    local += timedelta(milliseconds=10 * min(hundredths, 199))
    if not offset & _OFFSET_VALID:
        return local
    quarters = offset & 0x7F
    return (local - (quarters - 128 if quarters >= 64 else quarters) * _QUARTER).replace(tzinfo=UTC)
