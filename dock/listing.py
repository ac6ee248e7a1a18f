"""What is on a card: files to pull, entries explained, and a digest of it all.  Pure.

- Every entry of the card is either a file to pull or explained; none is dropped.  `count` and `total_bytes`
  are of both together: they are the left side of the conservation sum (architecture.md, "Pulling").
- Paths are raw bytes as the kernel gave them, relative to the root, joined with `/`.  They are never used
  as names in the vault; `display_name` is their best reading for people (B02, B19).
- What a profile leaves out as a thumbnail, a proxy or rubbish, and is too large for one, is pulled all the
  same if its name or its first bytes (`suspects`, read by the caller) are those of footage: a name is all
  that it takes to make footage look like that.  Not so the proxy of a recording that is pulled: called like
  it, with a suffix that the profile leaves out, and of half its size at most.  Nor what lies in a folder
  whose footage the profile leaves out.
- The digest is SHA-256 over: the ASCII line `bodydock listing v1\n`; the number of entries as 8 bytes; then
  for each entry, in ascending order of raw path, the length of the path as 8 bytes, the path, the size in
  bytes as 8 bytes, the modification time in nanoseconds since 1970 as 8 bytes in two's complement.  All
  numbers are big-endian. What the profile or the kernel makes of an entry is not in it: the same card gives
  the same digest.
- A camera may show several volumes.  With one, its listing's digest is the camera's.  With several it is
  SHA-256 over: the ASCII line `bodydock volumes v1\n`; the number of volumes as 8 bytes, big-endian; the
  digests of their listings as 32 bytes each, in the order in which they are listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property

from dock.devices import best_reading
from dock.profiles import CameraProfile, MediaKind, NameFacts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MAX = 2**63 - 1
_SMALL_BYTES = 1024 * 1024  # no thumbnail, and no fork of a Macintosh, is larger
_PROXIES = (".lrv", ".thm")
_PROXY_SHARE = 0.5  # of its recording's size, at most
_GOPRO = re.compile(r"g[a-z](\d{6})")  # GX010043.MP4 and its proxy GL010043.LRV


class Reason(Enum):
    """Why an entry, or part of one, is not pulled."""

    LEFT_OUT = "left_out"
    UNREADABLE = "unreadable"
    LIMIT = "limit"
    CHANGED = "changed"
    GONE = "gone"
    NOT_REGULAR = "not_regular"
    KNOWN = "known"


UNREAD = (Reason.UNREADABLE, Reason.LIMIT, Reason.CHANGED)  # it may be footage, and it was not taken


@dataclass(frozen=True)
class Entry:
    """One regular file as the walk found it.  Times in ns since 1970, as the file system tells them."""

    path: bytes
    size_bytes: int
    modified_ns: int
    read_only: bool = False


@dataclass(frozen=True)
class Explained:
    """An entry that is listed and not pulled, and why; `detail` is for people."""

    path: bytes
    size_bytes: int
    reason: Reason
    detail: str
    modified_ns: int = 0

    @property
    def display_name(self) -> str:
        """The path in its best reading."""
        return best_reading(self.path)


@dataclass(frozen=True)
class CardFile:
    """A file to pull.  `index` counts on in the order of raw paths.

    `modified_at` is the file system's time read as UTC; which zone the camera meant is the profile's to
    say. `read_only` is the attribute with which cameras keep a file from being overwritten (A15).
    """

    index: int
    path: bytes
    size_bytes: int
    modified_at: datetime
    modified_ns: int
    kind: MediaKind
    read_only: bool
    facts: NameFacts
    display_name: str

    @property
    def marked(self) -> bool:
        """Whether the officer marked it as important: by its name, its folder or the read-only attribute."""
        return self.read_only or self.facts.marked


@dataclass(frozen=True)
class Scan:
    """What a walk found: regular files, and what could not be read or is none."""

    entries: tuple[Entry, ...]
    explained: tuple[Explained, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The paths in their best reading, for recognising the camera."""
        return tuple(best_reading(entry.path) for entry in self.entries)


@dataclass(frozen=True)
class Listing:
    """A whole card, judged by `profile`; see the module's rules."""

    files: tuple[CardFile, ...]
    explained: tuple[Explained, ...]
    count: int
    total_bytes: int
    digest: str
    profile: CameraProfile


def suspects(scan: Scan, profile: CameraProfile) -> tuple[CardFile, ...]:
    """Return what `profile` leaves out and is too large for what its name says: to be looked into.

    They have no index yet.
    """
    found: list[CardFile] = []
    pulled = _Pulled(scan, profile)
    for entry in scan.entries:
        if entry.size_bytes <= _SMALL_BYTES:
            continue
        name = best_reading(entry.path)
        if profile.kind_of(name) is None and _is_too_large(entry, name, profile, pulled):
            found.append(_card_file(-1, entry, "attachment", profile.facts(name), name))
    return tuple(found)


def listing_of(
    scan: Scan,
    profile: CameraProfile,
    first_index: int = 0,
    seen: Mapping[bytes, MediaKind] | None = None,
) -> Listing:
    """Sort what the walk found into files to pull and entries that `profile` leaves out.

    `first_index`: where the files of this volume begin to count, after those of the volumes before it.
    `seen`: by raw path, what suspects turned out to be.
    """
    files: list[CardFile] = []
    explained = list(scan.explained)
    pulled = _Pulled(scan, profile)
    for entry in sorted(scan.entries, key=lambda entry: entry.path):
        name = best_reading(entry.path)
        kind = profile.kind_of(name) or _footage_after_all(entry, name, profile, pulled, seen or {})
        if kind is None:
            detail = f"profile {profile.name} leaves such files out"
            explained.append(
                Explained(entry.path, entry.size_bytes, Reason.LEFT_OUT, detail, entry.modified_ns)
            )
        else:
            files.append(_card_file(first_index + len(files), entry, kind, profile.facts(name), name))
    explained.sort(key=lambda entry: entry.path)
    listed: list[CardFile | Explained] = [*files, *explained]
    return Listing(
        files=tuple(files),
        explained=tuple(explained),
        count=len(listed),
        total_bytes=sum(entry.size_bytes for entry in listed),
        digest=digest_of([(entry.path, entry.size_bytes, entry.modified_ns) for entry in listed]),
        profile=profile,
    )


class _Pulled:
    """The recordings of a card that are pulled by their names; looked for when they are asked for."""

    def __init__(self, scan: Scan, profile: CameraProfile) -> None:
        self._scan = scan
        self._profile = profile

    def largest(self, stem: str) -> int:
        """Return the size of the largest with this folder and stem, 0 without one."""
        return self._by_stem.get(stem, 0)

    @cached_property
    def _by_stem(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry in self._scan.entries:
            name = best_reading(entry.path)
            if self._profile.kind_of(name) in ("video", "audio", "photo"):
                found[_stem(name)] = max(found.get(_stem(name), 0), entry.size_bytes)
        return found


def _is_too_large(entry: Entry, name: str, profile: CameraProfile, pulled: _Pulled) -> bool:
    if entry.size_bytes <= _SMALL_BYTES or profile.leaves_footage(name):
        return False
    is_proxy = name.lower().endswith(_PROXIES) or profile.leaves_suffix(name)
    return not is_proxy or entry.size_bytes > _PROXY_SHARE * pulled.largest(_stem(name))


def _footage_after_all(
    entry: Entry,
    name: str,
    profile: CameraProfile,
    pulled: _Pulled,
    seen: Mapping[bytes, MediaKind],
) -> MediaKind | None:
    if not _is_too_large(entry, name, profile, pulled):
        return None
    by_name = profile.media_kind_of(name) or ("video" if name.lower().endswith(_PROXIES) else None)
    return seen.get(entry.path) or by_name


def _stem(name: str) -> str:
    """What a recording and its proxy share."""
    folder, _, last = name.lower().rpartition("/")
    stem = last.rpartition(".")[0]
    gopro = _GOPRO.fullmatch(stem)
    return f"{folder}/{gopro[1] if gopro else stem}"


def digest_of(entries: Sequence[tuple[bytes, int, int]]) -> str:
    """Return the digest (64 hex digits) of (raw path, size in bytes, time in ns); see the module's rules."""
    digest = hashlib.sha256(b"bodydock listing v1\n" + len(entries).to_bytes(8, "big"))
    for path, size_bytes, modified_ns in sorted(entries):
        digest.update(len(path).to_bytes(8, "big") + path + size_bytes.to_bytes(8, "big"))
        digest.update(max(-_INT64_MAX, min(modified_ns, _INT64_MAX)).to_bytes(8, "big", signed=True))
    return digest.hexdigest()


def digest_of_volumes(digests: Sequence[str]) -> str:
    """Return the digest of a camera whose volumes' listings have these digests; see the module's rules."""
    if len(digests) == 1:
        return digests[0]
    digest = hashlib.sha256(b"bodydock volumes v1\n" + len(digests).to_bytes(8, "big"))
    for one in digests:
        digest.update(bytes.fromhex(one))
    return digest.hexdigest()


def _card_file(index: int, entry: Entry, kind: MediaKind, facts: NameFacts, name: str) -> CardFile:
    return CardFile(
        index=index,
        path=entry.path,
        size_bytes=entry.size_bytes,
        modified_at=_time_of(entry.modified_ns),
        modified_ns=entry.modified_ns,
        kind=kind,
        read_only=entry.read_only,
        facts=facts,
        display_name=name,
    )


def _time_of(modified_ns: int) -> datetime:
    # A broken directory entry may hold any time (A08); one beyond the calendar reads as no time at all: 1970.
    try:
        return _EPOCH + timedelta(microseconds=modified_ns // 1000)
    except OverflowError:
        return _EPOCH
