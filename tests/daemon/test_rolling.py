"""Rolling the dock's key: threads that sign meanwhile, commits that fail, credentials, and who may."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon import rolling
from daemon.cli.main import main_group
from daemon.clock import DockClock
from daemon.control import Asker
from daemon.custody import Custody
from daemon.errors import CannotRoll, NotRunning
from daemon.identity import CREDENTIAL, load_identity
from daemon.parts import Parts, open_parts
from daemon.rolling_asked import roll_at_rest, roll_handler
from daemon.settings import DockSettings, Settings, SlotSettings
from daemon.store import Store, Transaction
from daemon.verifying import Verifier
from uplink.errors import BadKey
from uplink.keys import SigningKey
from uplink.messages import MACHINE
from uplink.messages.custody import Cleared

NOTHING = Cleared(recordings=[])


def settings_in(folder: Path, **more: object) -> Settings:
    dock = DockSettings.model_validate({"id": "dock-1", "site": "xlt", "state": folder} | more)
    return Settings(dock=dock, slots=[SlotSettings(number=1, ports=["p"])])


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = open_parts(settings_in(tmp_path / "state"))
    yield made
    made.store.close()


def flaws(parts: Parts) -> list[object]:
    return list(Verifier(parts.store, parts.settings).everything().flaws)


def roll(parts: Parts) -> rolling.Rolled:
    return rolling.roll(parts.store, parts.custody, parts.settings, MACHINE)


def test_threads_that_sign_meanwhile_leave_no_event_under_a_wrong_key(parts: Parts) -> None:
    def sign() -> None:
        for _ in range(25):
            with parts.store.write() as tx:
                parts.custody.append(tx, "cleared", NOTHING)
        parts.store.release()

    threads = [threading.Thread(target=sign) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        roll(parts)
    for thread in threads:
        thread.join()
    kinds = [row["kind"] for row in parts.store.rows("SELECT kind FROM events")]
    assert (kinds.count("cleared"), kinds.count("key_rolled")) == (100, 5)
    assert flaws(parts) == []


def test_two_who_roll_at_once_roll_one_after_the_other(parts: Parts) -> None:
    def again() -> None:
        for _ in range(4):
            roll(parts)
        parts.store.release()

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    in_force = parts.custody.identity.key.key_id
    assert SigningKey.load(parts.settings.key_file).key_id == in_force, "its private half is there"
    assert parts.store.value("SELECT count(*) FROM rolls") == 12
    assert flaws(parts) == []


def test_a_new_key_whose_file_could_not_take_its_place_is_never_lost(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, by: Path) -> None:
        raise OSError(30, f"read-only: {path} {by}")

    monkeypatch.setattr("daemon.identity.keyfiles.replace", refuse)
    for _ in range(2):
        with pytest.raises(OSError, match="read-only"):
            roll(parts)
    assert parts.store.value("SELECT count(*) FROM rolls") == 1, "the second changed nothing"
    in_force = parts.custody.identity.key.key_id
    assert SigningKey.load(parts.settings.next_key_file).key_id == in_force
    assert flaws(parts) == []
    monkeypatch.undo()
    assert load_identity(parts.settings).key.key_id == in_force
    assert SigningKey.load(parts.settings.key_file).key_id == in_force


@pytest.mark.parametrize("happened", [False, True], ids=["rolled back", "committed all the same"])
def test_after_a_commit_that_fails_that_key_signs_which_the_chain_says(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    before = parts.custody.identity.key.key_id
    write = Store.write

    @contextmanager
    def failing(self: Store) -> Iterator[Transaction]:
        with write(self) as tx:
            yield tx
            if not happened:
                raise OSError(28, "no space left")
        raise OSError(5, "no space to tell it")

    monkeypatch.setattr(Store, "write", failing)
    with pytest.raises(OSError, match="no space"):
        roll(parts)
    monkeypatch.undo()
    assert (parts.custody.identity.key.key_id != before) == happened
    with parts.store.write() as tx:
        parts.custody.append(tx, "cleared", NOTHING)
    assert flaws(parts) == []
    assert load_identity(parts.settings).key.key_id == parts.custody.identity.key.key_id
    roll(parts)
    assert not parts.settings.next_key_file.exists()
    assert flaws(parts) == []


def test_the_old_private_key_is_gone_and_the_new_one_for_its_owner_only(parts: Parts) -> None:
    old = parts.settings.key_file.read_bytes()
    roll(parts)
    assert parts.settings.key_file.stat().st_mode & 0o777 == 0o600
    kept = [path for path in parts.settings.key_file.parent.iterdir() if path.read_bytes() == old]
    assert kept == []


def test_a_credential_that_was_rolled_is_passed_over_and_the_new_one_may_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, credentials = settings_in(tmp_path / "state"), tmp_path / "credentials"
    credentials.mkdir()
    key, _ = SigningKey.load_or_make(credentials / CREDENTIAL)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    parts = open_parts(settings)
    assert parts.custody.identity.key.key_id == key.key_id
    done = roll(parts)
    assert (done.before, done.credential) == (key.key_id, True)
    assert any("credential" in line for line in rolling.what_to_do(done, settings))
    parts.store.close()
    assert load_identity(settings).key.key_id == done.key, "the credential is one of before"
    settings.key_file.replace(credentials / CREDENTIAL)
    assert load_identity(settings).key.key_id == done.key
    SigningKey.draw().keep(settings.key_file)
    with pytest.raises(BadKey, match="two keys"):
        load_identity(settings)


def test_who_is_neither_root_nor_the_dock_may_not(parts: Parts) -> None:
    asked = roll_handler(parts, lambda: None)
    with pytest.raises(CannotRoll, match="Only root"):
        asked(Asker(1, os.geteuid() + 12345), {})
    with pytest.raises(CannotRoll, match="cannot be read"):
        asked(Asker(1, 0), {"forgotten": "/nowhere.pem"})
    told = asked(Asker(1, os.geteuid()), {"reason": "x"})
    assert told["key"] == parts.custody.identity.key.key_id
    assert json.dumps(told)


def test_before_the_first_start_and_on_another_board_there_is_nothing_to_roll(tmp_path: Path) -> None:
    serial = tmp_path / "serial"
    serial.write_text("board-A")
    settings = settings_in(tmp_path / "state", board_serial=serial)
    with pytest.raises(NotRunning, match="never started"):
        roll_at_rest(settings, "", None)
    open_parts(settings).store.close()
    serial.write_text("board-B")
    with pytest.raises(CannotRoll, match="another board"):
        roll_at_rest(settings, "", None)
    serial.write_text("board-A")
    roll_at_rest(settings, "", None)
    parts = open_parts(settings)
    assert parts.copy_of is None
    parts.store.close()
    serial.write_text("board-B")
    parts = open_parts(settings)
    assert parts.copy_of == "dock-1", "of a rolled dock, too"
    parts.store.close()


def test_a_second_daemon_is_in_the_way_and_a_no_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bodydock.toml"
    file.write_text(
        f'[dock]\nid = "dock-1"\nsite = "xlt"\nstate = "{tmp_path / "state"}"\n[control]\n'
        f'socket = "{tmp_path / "socket"}"\n[[slots]]\nnumber = 1\nports = ["x"]\n'
    )
    settings = settings_in(tmp_path / "state")
    open_parts(settings).store.close()
    before = load_identity(settings).key.key_id
    words = ["identity", "roll", "--settings", str(file)]
    assert CliRunner().invoke(main_group, words, input="n\n").exit_code != 0
    holder = Store(settings.store_file)
    busy = CliRunner().invoke(main_group, [*words, "--yes"])
    holder.close()
    assert (busy.exit_code, "in use by another bodydock" in busy.output) == (1, True)
    assert load_identity(settings).key.key_id == before
    done = CliRunner().invoke(main_group, [*words, "--yes"])
    assert done.exit_code == 0, done.output
    now = load_identity(settings).key.key_id
    assert now != before
    assert now in done.stdout.replace(" ", "")
    printed = CliRunner().invoke(main_group, ["identity", "--settings", str(file)])
    assert now in printed.stderr.replace(" ", "")


def test_an_event_under_a_key_that_is_not_in_force_is_never_committed(parts: Parts) -> None:
    """Should a thread ever hold on to an identity of before, what it does fails whole, and is tried again."""
    stale = Custody(parts.custody.identity, DockClock())
    roll(parts)
    from daemon.errors import WrongKey

    with pytest.raises(WrongKey, match="in force"), parts.store.write() as tx:
        stale.append(tx, "cleared", NOTHING)
    assert flaws(parts) == []
