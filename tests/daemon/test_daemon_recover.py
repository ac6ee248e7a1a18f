"""At start: what a kill left in the vault gets its row; what fits nowhere is kept; halves are tidied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.ingest.ledger import Ledger
from daemon.ingest.recover import recover_orphans, tidy_partials
from daemon.parts import open_parts
from daemon.settings import DockSettings, Settings, SlotSettings
from tests.daemon.conftest import Dock
from tests.daemon.making import PROFILES, SHANGHAI, Card, events, tools_of
from uplink.messages.custody import Closed

CONTENT = os.urandom(5000) + bytes(8192)


class Killed(BaseException):
    pass


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "camera")


def killed_between_rename_and_commit(dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch) -> Path:
    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Ledger, "store", kill)
        card.dock_in(dock)
    (path,) = dock.vault.folder.glob("??/*")
    return path


def recover(dock: Dock) -> int:
    return recover_orphans(dock.store, dock.ledger, dock.vault, PROFILES)


def test_a_kill_between_rename_and_commit_costs_nothing(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("S1_J1_20261104090000_0007_IMP.mp4", CONTENT)
    path = killed_between_rename_and_commit(dock, card, monkeypatch)
    assert recover(dock) == 0
    found = dock.store.row("SELECT * FROM recordings")
    assert found is not None
    assert dock.vault.path(found["vault"]) == path
    facts = (
        found["name_officer"],
        found["sequence"],
        found["marked"],
        found["zero_bytes"],
        found["named_at"],
    )
    assert facts == ("J1", 7, 1, 5000, "2026-11-04T01:00:00.000000Z")
    assert recover(dock) == 0
    card.dock_in(dock)
    assert Closed.model_validate(events(dock, "closed")[0].data).stored.bytes == len(CONTENT)
    assert len(events(dock, "stored")) == 1
    row = dict(found)
    dock.store.close()
    straight = _straight(dock, card)
    assert {**row, "docking": "", "stored_at": ""} == straight


def _straight(dock: Dock, card: Card) -> dict[str, object]:
    """Return the row as it is without a kill."""
    from tests.daemon.conftest import make_dock

    other = make_dock(dock.folder / "other")
    card.replug()
    card.dock_in(other, tools_of(other, zone=SHANGHAI))
    row = other.store.row("SELECT * FROM recordings")
    assert row is not None
    other.store.close()
    return {**dict(row), "docking": "", "stored_at": ""}


def test_an_orphan_that_fits_nowhere_is_kept_and_counted(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", CONTENT)
    path = killed_between_rename_and_commit(dock, card, monkeypatch)
    damaged = bytearray(CONTENT)
    damaged[0] ^= 1
    path.write_bytes(damaged)  # right name and size, other bytes: it is not what its name says
    (path.parent / "stranger.mp4").write_bytes(b"?")
    (path.parent / "folder").mkdir()
    assert recover(dock) == 2
    assert path.read_bytes() == damaged
    assert dock.store.value("SELECT count(*) FROM recordings") == 0


def test_a_profile_that_is_not_configured_any_more_does_not_stop_the_start(
    dock: Dock, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.write("a.mp4", CONTENT)
    killed_between_rename_and_commit(dock, card, monkeypatch)
    with dock.store.write() as tx:
        tx.execute("UPDATE dockings SET profile = 'office-own'")
    assert recover(dock) == 0
    assert dock.store.value("SELECT count(*) FROM recordings") == 1


def test_halves_stay_while_they_may_be_gone_on_with_and_go_when_settled(dock: Dock, card: Card) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        card.write(name, CONTENT)
    docking = card.only_list(dock)
    halves = [dock.vault.partial(docking, index) for index in range(3)]
    stranger = dock.vault.incoming / "not-ours"
    for path in (*halves, stranger):
        path.write_bytes(b"half")
    assert tidy_partials(dock.store, dock.vault) == 1  # the stranger, kept
    assert all(path.exists() for path in (*halves, stranger))
    with dock.store.write() as tx:
        tx.execute("UPDATE files SET state = 'already' WHERE idx = 0")
        tx.execute("UPDATE files SET state = 'explained', reason = 'changed' WHERE idx = 1")
    dock.ledger.close(docking, removed=True)  # the third is gone: it may be gone on with
    tidy_partials(dock.store, dock.vault)
    assert [path.exists() for path in halves] == [False, False, True]
    halves[2].rename(dock.folder / "aside")
    card.replug()
    card.dock_in(dock)
    (dock.folder / "aside").rename(halves[2])
    tidy_partials(dock.store, dock.vault)
    assert not halves[2].exists()  # the card gave the whole file since
    assert stranger.exists()


def test_a_start_counts_what_it_does_not_know(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "vault" / "aa").mkdir(parents=True)
    (state / "vault" / "aa" / "stranger.mp4").write_bytes(b"?")
    settings = Settings(
        dock=DockSettings(id="dock-1", site="xlt", state=state), slots=[SlotSettings(number=1, ports=["p"])]
    )
    for start in (1, 2):
        parts = open_parts(settings)
        parts.counters.step()
        assert parts.store.value("SELECT count FROM counters WHERE name = 'vault.unknown_file'") == start
        assert parts.store.value("SELECT count(*) FROM events") == 1
        parts.store.close()
