"""A card's names held against all profiles: which camera it is, before the first byte is pulled."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dock.profiles import Profiles, load_profiles
from tests.bench.trial import Bench, Goal, Row, Side


def measure(bench: Bench) -> list[Row]:
    count = bench.size(10_000, 500)
    cards = {
        "of one camera": [
            f"DCIM/{n // 500:03}/8888888_J0H42A_2026{1 + n % 12:02}04{n % 24:02}3000_{n:04}.mp4"
            for n in range(count)
        ],
        "that fit nothing": [f"DCIM/{n // 500:03}/a clip of mine {n:x}.mp4" for n in range(count)],
        "made to cost time": ["a_" * 120 + f"{n}_.mp4" for n in range(count)],
    }
    profiles = load_profiles()
    return [_row(f"{count} names {kind}", profiles, names, bench.runs) for kind, names in cards.items()]


def _row(what: str, profiles: Profiles, names: Sequence[str], runs: int) -> Row:
    side = Side(
        f"Profiles.recognise(…) of {len(profiles.profiles)} profiles",
        tuple(_seconds(profiles, names) for _ in range(runs)),
    )
    return Row(
        "profiles", f"identifying a tree, {what}, s", side, None, side.median, Goal(at_most=1),
        "the names are in memory: listing a card is not in it",
    )  # fmt: skip


def _seconds(profiles: Profiles, names: Sequence[str]) -> float:
    begun = time.perf_counter()
    profiles.recognise([], names)
    return time.perf_counter() - begun
