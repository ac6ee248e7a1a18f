"""Pulling many small files off a card in one go: all are read and written, and the caller makes them durable.

- A small file is read whole; hash, zero blocks and samples are made of what is in memory then.
- Here only what goes smoothly is taken.  At the first thing that does not (a read error, a file that is not
  what was listed, no room, a name that exists) the group ends there, and that file is pulled by itself
  (`dock.pull`), where each trouble has its own way.
- The camera is asked for after every few files, and what was read before it answered is believed (after a
  yank vfat lies): at most those few are given up with it, and their copies go.
- Nothing of an old copy is gone on with: what is this small is quicker read again.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dock.errors import DockError
from dock.listing import CardFile
from dock.pull import Pulled, pulled_of
from dock.reader import Readable
from dock.samples import SEED_BYTES, Samples, take_samples
from dock.source import CardSource
from dock.vault_copy import write_small
from dock.zeros import ZeroBlocks

SMALL_BYTES = 1024 * 1024
GROUP_FILES = 256
GROUP_BYTES = 64 * 1024 * 1024
_GROUP_S = 2.0
_ASK_EVERY_FILES = 32
_ASK_EVERY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class SmallPull:
    """A whole copy at `path`, not durable yet."""

    file: CardFile
    path: str
    pulled: Pulled
    samples: Samples


def pull_small(
    source: CardSource,
    files: Sequence[CardFile],
    into: Callable[[CardFile], str],
    cancel: Callable[[], bool],
) -> list[SmallPull]:
    """Copy `files`, each of at most `SMALL_BYTES`, to the new files that `into` names, in their order.

    Returns those that went smoothly before anything did not, `cancel` said so, or it took long.  `cancel` is
    asked before each.  Raises nothing of `dock`.
    """
    group = _Group(source, into)
    end_at = time.monotonic() + _GROUP_S
    try:
        with source.together():
            for file in files:
                if cancel() or time.monotonic() > end_at or not group.take(file):
                    break
        group.confirm()
    finally:
        group.give_up_unconfirmed()
    return group.taken


class _Group:
    def __init__(self, source: CardSource, into: Callable[[CardFile], str]) -> None:
        self._source = source
        self._into = into
        self._buffer = bytearray(SMALL_BYTES + 1)
        self._unconfirmed: list[SmallPull] = []
        self._unconfirmed_bytes = 0
        self.taken: list[SmallPull] = []

    def take(self, file: CardFile) -> bool:
        """Copy one; returns whether all is well."""
        started = time.monotonic()
        try:
            content = self._read(file)
            if content is None:
                return False
            path = self._into(file)
            write_small(path, content)
        except (OSError, DockError):
            return False
        self._unconfirmed.append(SmallPull(file, path, *_judged(file, content, started)))
        self._unconfirmed_bytes += file.size_bytes
        if len(self._unconfirmed) < _ASK_EVERY_FILES and self._unconfirmed_bytes < _ASK_EVERY_BYTES:
            return True
        return self.confirm()

    def confirm(self) -> bool:
        """Believe what was read if the camera is still there; returns whether it is."""
        if self._unconfirmed and not self._source.still_there():
            return False
        self.taken += self._unconfirmed
        self._unconfirmed, self._unconfirmed_bytes = [], 0
        return True

    def give_up_unconfirmed(self) -> None:
        for one in self._unconfirmed:
            with suppress(OSError):
                Path(one.path).unlink()

    def _read(self, file: CardFile) -> memoryview | None:
        """Return the file's bytes, None if it is not what was listed.  Raises OSError, DockError."""
        reader = self._source.open(file)
        try:
            content = _filled(reader, memoryview(self._buffer)[: file.size_bytes + 1])
            seen, written = reader.size_and_time(), reader.written_to()
        finally:
            reader.close()
        listed = (file.size_bytes, file.modified_ns)
        if len(content) != file.size_bytes or seen != listed or written or self._source.stat(file) != listed:
            return None
        return content


def _filled(reader: Readable, view: memoryview) -> memoryview:
    filled = 0
    while filled < len(view) - 1:  # its last byte is only there to see that the file is no longer
        got = reader.read_into(view[filled:], filled)
        if got == 0:
            break
        filled += got
    return view[:filled]


def _judged(file: CardFile, content: memoryview, started: float) -> tuple[Pulled, Samples]:
    zeros = ZeroBlocks()
    zeros.feed(content, len(content))
    samples = take_samples(
        lambda offset, length: content[offset : offset + length],
        file.size_bytes,
        file.modified_ns,
        secrets.token_bytes(SEED_BYTES),
    )
    sha256 = hashlib.sha256(content).hexdigest()
    return pulled_of(sha256, file.size_bytes, zeros, 0, started), samples
