"""kill -9 at 200 points over ten passes of the whole path: at the end everything is there once.

The seed is printed.  BODYDOCK_SEED and BODYDOCK_KILLS run it again, or longer (`script/soak`).  It gives the
same files, moments and fault points again; who comes first to his own, the machine decides.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.rig.kill_rounds import check, rounds

KILLS = int(os.environ.get("BODYDOCK_KILLS", "200"))
SEED = int(os.environ.get("BODYDOCK_SEED", str(random.randrange(10**6))))
PASSES = min(10, KILLS)


@pytest.mark.timeout(120 + 2 * KILLS)
def test_after_200_kills_every_byte_recording_receipt_and_event_is_there_once(tmp_path: Path) -> None:
    print(f"BODYDOCK_SEED={SEED} BODYDOCK_KILLS={KILLS}")
    with rounds(tmp_path, SEED) as done:
        for number in range(PASSES):
            done.one_pass(KILLS // PASSES + (number < KILLS % PASSES))
        done.recover()
        print(f"{done.kills} kills of {len(done.contents)} files' way; at fault points: {dict(done.points)}")
        check(done)
        assert done.kills == KILLS
        at_points = Counter(point.split("@")[0] for point in done.points.elements())
        assert at_points.total() >= KILLS // 20, "kills fall between fsync, rename and commit, not by luck"
