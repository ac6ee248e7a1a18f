"""Small files settled in groups: a kill or a power cut between any two steps loses and repeats nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path

import pytest

from daemon.ingest import docking as docking_module
from daemon.ingest.recover import recover_orphans, tidy_partials
from tests.daemon.conftest import make_dock
from tests.daemon.making import PROFILES, Card, events, tools_of
from tests.daemon.small_cuts import Disk, Lost, PowerCut, held
from uplink.messages.custody import Closed

FILES = {f"{number:03d}.jpg".encode(): bytes([65 + number]) * (500 + number) for number in range(5)}
GROUP = 3
# each is written, a sync, each gets its name, a sync, the commit: for both groups
STEPS = {"write": 5, "sync": 4, "rename": 5, "commit": 2}


def troubles(
    folder: Path, cut_at: int, lost: Lost, skip: Callable[[int], bool] = lambda sync: False
) -> tuple[set[str], list[str]]:
    """Dock a card, cut the power after step `cut_at`, start again; return what is wrong, and the steps."""
    dock = make_dock(folder)
    card = Card(folder / "camera")
    for name, content in FILES.items():
        card.write(name.decode(), content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docking_module, "GROUP_FILES", GROUP)
        disk = Disk(dock, patch, cut_at, lost, skip)
        try:
            card.dock_in(dock, tools_of(dock))
        except PowerCut:
            disk.come_back()
    found: set[str] = set()
    vault = dock.vault
    for row in dock.store.rows("SELECT path, vault FROM recordings"):
        if held(vault.path(row["vault"])) != FILES[row["path"]]:
            found.add("a row without its bytes")
    if recover_orphans(dock.store, dock.ledger, vault, PROFILES) + tidy_partials(dock.store, vault):
        found.add("what nobody knows")
    if len(disk.steps) == cut_at:
        card.dock_in(dock, tools_of(dock))
    tidy_partials(dock.store, vault)
    rows = dock.store.rows("SELECT path, vault FROM recordings")
    if {row["path"]: held(vault.path(row["vault"])) for row in rows} != FILES:
        found.add("not all is there")
    if len(list(vault.files())) != len(FILES) or list(vault.incoming.iterdir()):
        found.add("something is left over")
    told = Counter(event.recording for event in events(dock, "stored"))
    (closed,) = (Closed.model_validate(event.data) for event in events(dock, "closed"))
    if len(told) != len(FILES) or set(told.values()) != {1} or closed.stored.count != len(FILES):
        found.add("told wrongly")
    whole = events(dock)
    assert [event.n for event in whole] == list(range(len(whole)))
    assert all(after.prev is not None for _, after in pairwise(whole))
    dock.store.close()
    return found, disk.steps


@pytest.mark.parametrize("lost", list(Lost))
def test_a_cut_between_any_two_steps_of_a_group_loses_and_repeats_nothing(tmp_path: Path, lost: Lost) -> None:
    for cut_at in count(1):
        found, steps = troubles(tmp_path / str(cut_at), cut_at, lost)
        assert found == set(), f"after {steps}"
        if len(steps) < cut_at:  # it came to its end before
            assert Counter(steps) == STEPS
            break


@pytest.mark.parametrize(
    ("skipped", "lost", "trouble"),
    [
        # contents not durable before their names: a lasting name without its bytes
        (1, Lost.CONTENTS, "what nobody knows"),
        # names not durable before the commit: a row without a name, so without bytes
        (0, Lost.ALL, "a row without its bytes"),
    ],
)
def test_a_step_left_out_is_seen_here(tmp_path: Path, skipped: int, lost: Lost, trouble: str) -> None:
    found: set[str] = set()
    for cut_at in range(1, sum(STEPS.values()) + 1):
        found |= troubles(tmp_path / str(cut_at), cut_at, lost, lambda sync: sync % 2 == skipped)[0]
    assert trouble in found
