"""How `script/soak` counts its rounds."""

from __future__ import annotations

from tests.rig import soak
from tests.rig.program import ROOT


def test_kills_are_shared_out_over_rounds_with_seeds_of_their_own() -> None:
    found = list(soak.rounds(7, 450, None))
    assert [one.kills for one in found] == [200, 200, 50]
    assert found[0].seed == 7
    assert len({one.seed for one in found}) == 3
    assert found == list(soak.rounds(7, 450, None)), "a seed gives the same rounds again"


def test_no_round_begins_when_the_time_is_over() -> None:
    assert list(soak.rounds(7, None, 0.0)) == []


def test_what_it_runs_is_there() -> None:
    assert [path for path in soak.TESTS.values() if not (ROOT / path).exists()] == []
    command = soak.Round(3, 100).command(["x"])
    assert "--hypothesis-seed=3" in command
    assert soak.Round(3, 100).environment["BODYDOCK_KILLS"] == "100"
