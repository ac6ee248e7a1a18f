"""Pulling a file with its hash against `cp`, with and without coreutils' `sha256sum` of the copy after it.

All read a source that is not in memory and end when the copy is durable.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from dock.listing import listing_of
from dock.profiles import load_profiles
from dock.pull import finish, pull
from dock.reader import Handles
from dock.source import TreeSource
from tests.bench.docks import fresh_folder
from tests.bench.trial import Bench, Goal, Row, Side, forget_cached, in_turn, run, times_faster, wall_s


def measure(bench: Bench) -> list[Row]:
    size_mib = bench.size(512, 16)
    with fresh_folder(bench.folder / "pull") as folder:
        card, vault = folder / "card", folder / "vault"
        card.mkdir()
        vault.mkdir()
        source = card / "a.mp4"
        _fill(source, size_mib)
        taken = in_turn(
            [
                lambda: _cold(source, vault, _pull(card, vault)),
                lambda: _cold(source, vault, lambda: _cp_and_sum(source, vault)),
                lambda: _cold(source, vault, lambda: _cp(source, vault)),
            ],
            bench.runs,
        )
    ours = Side(f"pull() and finish() of {size_mib} MiB", taken[0])
    summed = Side("cp a.mp4 vault/ ; sync vault/a.mp4 ; sha256sum vault/a.mp4", taken[1])
    copied = Side("cp a.mp4 vault/ ; sync vault/a.mp4", taken[2])
    what = "pull with hash, cold source, ending in fsync"
    return [
        Row("pull", f"{what}, against cp and sha256sum", ours, summed, times_faster(ours, summed), Goal(1.0)),
        Row("pull", f"{what}, against cp alone", ours, copied, times_faster(ours, copied), Goal(0.8)),
    ]


def _fill(path: Path, size_mib: int) -> None:
    """Bytes that no disk compresses; hashed so that they differ from block to block."""
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for number in range(size_mib):
            file.write(hashlib.sha256(number.to_bytes(8, "big")).digest() + block[32:])


def _cold(source: Path, vault: Path, work) -> float:  # type: ignore[no-untyped-def]
    for old in vault.iterdir():
        old.unlink()
    os.sync()
    forget_cached(source)
    return wall_s(work)


def _pull(card: Path, vault: Path):  # type: ignore[no-untyped-def]
    source = TreeSource(card, "card", Handles(), lambda: True)

    def work() -> None:
        (file,) = listing_of(source.scan(), load_profiles().by_name("generic")).files
        pull(source, file, vault / "part", lambda done: None, lambda: False)
        finish(vault / "part", vault / "whole")

    return work


def _cp(source: Path, vault: Path) -> None:
    run("cp", source, vault / "copy")
    run("sync", vault / "copy")


def _cp_and_sum(source: Path, vault: Path) -> None:
    _cp(source, vault)
    subprocess.run(["sha256sum", vault / "copy"], check=True, stdout=subprocess.DEVNULL)
