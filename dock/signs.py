"""Shell patterns over names and folders of a card, in any spelling; and a card's paths taken apart.  Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

Said = TypeVar("Said")


@dataclass(frozen=True)
class Signs:
    """The paths of a card (best reading, `/` between folders), taken apart once for all profiles."""

    names: tuple[str, ...]
    paths: frozenset[str] = field(init=False)
    tops: frozenset[str] = field(init=False)  # paths of folders, and of files at the root
    folders: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        parents = {name.rpartition("/")[0].lower() for name in self.names}
        paths = {name.lower() for name in self.names}
        tops = {path for path in paths if "/" not in path}
        folders: set[str] = set()
        for parent in parents:
            parts = parent.split("/") if parent else []
            folders.update(parts)
            tops.update("/".join(parts[: n + 1]) for n in range(len(parts)))
        object.__setattr__(self, "paths", frozenset(paths | tops))
        object.__setattr__(self, "tops", frozenset(tops))
        object.__setattr__(self, "folders", frozenset(folders))

    def has(self, marker: str) -> bool:
        """Whether a file or folder is there, in any spelling; a shell pattern is held against `tops`."""
        wanted = marker.lower().rstrip("/")
        if any(c in wanted for c in "*?["):
            fitting = matcher([wanted])
            return any(fitting(path) for path in self.tops if path.count("/") == wanted.count("/"))
        return wanted in self.paths


def fits_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether a name fits any of the shell patterns, in any spelling."""
    if not patterns:
        return lambda _: False
    either = re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns))
    return lambda name: either.match(name.lower()) is not None


def any_folder(patterns: Sequence[str]) -> Callable[[str], bool]:
    fitting = matcher(patterns)
    return lambda folder: bool(patterns) and any(fitting(part) for part in folder.split("/"))


def remembered(ask: Callable[[str], Said]) -> Callable[[str], Said]:
    """A card has few folders and many files."""
    return lru_cache(maxsize=1024)(ask)
