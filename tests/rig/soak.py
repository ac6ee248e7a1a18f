"""`script/soak`: kills, model and fuzzing for as long as asked, round after round, seeds printed."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.rig.program import ROOT

KILLS_A_ROUND = 200
TESTS = {
    "kills": "tests/system/test_kill_rounds.py",
    "model": "tests/daemon/test_wire_model.py",
    "sender": "tests/uplink/test_sender.py",
    "fuzz": "tests/daemon/test_fuzzed_messages.py",
    "camera": "tests/system/test_kills.py",
    "restores": "tests/daemon/test_restored_ends.py",
}


@dataclass(frozen=True)
class Round:
    """What one run of the tests is asked for."""

    seed: int
    kills: int

    @property
    def environment(self) -> dict[str, str]:
        share = self.kills / KILLS_A_ROUND
        return dict(
            os.environ,
            BODYDOCK_SEED=str(self.seed),
            BODYDOCK_KILLS=str(self.kills),
            BODYDOCK_CAMERA_KILLS=str(max(1, self.kills // 10)),
            BODYDOCK_EXAMPLES=str(max(1, round(100 * share))),
            BODYDOCK_MESSAGES=str(max(1000, round(50_000 * share))),
        )

    def command(self, tests: Sequence[str]) -> list[str]:
        return [
            *(sys.executable, "-m", "pytest", "-q", "-s", "-x", "--timeout", "3600"),
            *("-p", "no:cacheprovider", f"--hypothesis-seed={self.seed}", *tests),
        ]


def rounds(seed: int, kills: int | None, minutes: float | None) -> Iterator[Round]:
    """Yield rounds until there were `kills`, or `minutes` are over; each has a seed of its own."""
    until = None if minutes is None else time.monotonic() + minutes * 60
    left = kills
    while (until is None or time.monotonic() < until) and (left is None or left > 0):
        part = KILLS_A_ROUND if left is None else min(left, KILLS_A_ROUND)
        yield Round(seed, part)
        left = None if left is None else left - part
        seed = random.Random(seed).randrange(10**6)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--kills", type=int, help="how many in all (2000, unless --minutes is said)")
    limit.add_argument("--minutes", type=float, help="begin no further round after this time")
    parser.add_argument("--seed", type=int, help="of the first round; drawn, and printed, unless it is said")
    parser.add_argument("--only", choices=TESTS, action="append", help="not all of them")
    asked = parser.parse_args(arguments)
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    kills = 2000 if asked.kills is None and asked.minutes is None else asked.kills
    tests = [TESTS[name] for name in asked.only or TESTS]
    began, done = time.monotonic(), 0
    for one in rounds(seed, kills, asked.minutes):
        print(f"soak: seed {one.seed}, {one.kills} kills", flush=True)
        ran = subprocess.run(one.command(tests), cwd=ROOT, env=one.environment, check=False)
        if ran.returncode != 0:
            print(f"soak: FAILED; again with: script/soak --kills {one.kills} --seed {one.seed}", flush=True)
            return 1
        done += one.kills
    print(f"soak: {done} kills in {(time.monotonic() - began) / 60:.1f} min, all held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
