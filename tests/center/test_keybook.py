"""The platform's keys: none is replaced in silence, and receipts follow the key that docks believe (B5)."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from center import keybook
from center.catalogue import database
from daemon.cli.center import center_group
from daemon.settings import PlatformSettings
from tests.center.bench import Bench
from tests.center.scripted import PLATFORM, Footage, ScriptedDock
from uplink import envelope
from uplink.errors import BadKey, Refused
from uplink.keys import KeyRing, Role

FOOTAGE = Footage(os.urandom(50_000))


def call(bench: Bench, *words: str) -> Result:
    return CliRunner().invoke(center_group, [*words, "--folder", str(bench.folder.root)])


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def receipt_file(bench: Bench) -> Path:
    return bench.folder.keys / "receipt.pem"


def deliver(bench: Bench, dock: ScriptedDock) -> bytes:
    """Bring a recording; returns the receipt."""
    manifest = dock.manifest(FOOTAGE)
    bench.manifest(dock, FOOTAGE, manifest)
    said = bench.transfer(dock, FOOTAGE, manifest.digest)
    (receipt,) = [out.payload for out in said if "/down/receipts/" in out.topic]
    return receipt


def again(bench: Bench, dock: ScriptedDock) -> bytes:
    """The center starts anew, and the dock sends its newest manifest again."""
    bench.keys = keybook.load(bench.folder, PLATFORM)
    bench.start()
    said = bench.manifest(dock, FOOTAGE, dock.manifest(FOOTAGE))
    (receipt,) = [out.payload for out in said if "/down/receipts/" in out.topic]
    return receipt


def test_a_key_that_is_gone_is_not_made_anew_but_asked_for(bench: Bench, dock: ScriptedDock) -> None:
    deliver(bench, dock)
    held = receipt_file(bench).read_bytes()
    receipt_file(bench).unlink()
    for words in (("keys",), ("run",)):
        result = call(bench, *words)
        assert result.exit_code == 1
        assert "receipt.pem" in result.stderr
        assert "backup" in result.stderr
        assert not receipt_file(bench).exists()
    receipt_file(bench).write_bytes(held)
    receipt_file(bench).chmod(0o600)
    assert call(bench, "keys").exit_code == 0


def test_another_key_in_its_place_is_refused_by_all_that_sign(bench: Bench) -> None:
    held = receipt_file(bench)
    kept = held.read_bytes()
    held.unlink()
    from uplink.keys import SigningKey

    SigningKey.load_or_make(held)
    for load in (keybook.load, keybook.load_or_make):
        with pytest.raises(BadKey, match="--replace receipt"):
            load(bench.folder, PLATFORM)
    assert "another key" in call(bench, "run").stderr
    held.write_bytes(kept)
    keybook.load(bench.folder, PLATFORM)


def test_a_replaced_key_has_receipts_signed_anew_and_the_old_ones_verify_still(
    bench: Bench, dock: ScriptedDock
) -> None:
    first = deliver(bench, dock)
    old = bench.keys
    receipt_file(bench).unlink()
    result = call(bench, "keys", "--replace", "receipt")
    assert result.exit_code == 0, result.output
    assert "every dock" in result.stderr
    printed = tomllib.loads(result.stdout)["platform"]
    assert printed["retired"] == {"receipt": [old.receipt.public.hex()]}
    told = PlatformSettings.model_validate(printed)
    second = again(bench, dock)
    assert second != first
    new = bench.keys
    assert new.receipt.key_id != old.receipt.key_id
    envelope.unseal(second, "receipt", new.ring(), Role.RECEIPT)
    one, two = (json.loads(envelope.peek(raw, "receipt")) for raw in (first, second))
    assert two["supersedes"] == one["receipt"]
    assert again(bench, dock) == second  # once
    with pytest.raises(Refused):
        envelope.unseal(first, "receipt", told.ring(), Role.RECEIPT)
    envelope.unseal(second, "receipt", told.ring(), Role.RECEIPT)
    for raw in (first, second):
        envelope.unseal(raw, "receipt", KeyRing(told.kept_records()), Role.RECEIPT)
    assert call(bench, "verify").exit_code == 0


def test_the_right_one_put_back_counts_again_when_somebody_says_so(bench: Bench, dock: ScriptedDock) -> None:
    deliver(bench, dock)
    right = receipt_file(bench).read_bytes()
    old = bench.keys.receipt.key_id
    receipt_file(bench).unlink()
    assert call(bench, "keys", "--replace", "receipt").exit_code == 0
    again(bench, dock)  # signed with the key that no dock believes
    receipt_file(bench).write_bytes(right)
    refused = call(bench, "run")
    assert refused.exit_code == 1
    assert "was replaced before" in refused.stderr
    assert call(bench, "keys", "--replace", "receipt").exit_code == 0
    receipt = again(bench, dock)
    assert bench.keys.receipt.key_id == old
    envelope.unseal(receipt, "receipt", bench.keys.ring(), Role.RECEIPT)


def test_a_stolen_key_is_not_told_to_docks_any_more(bench: Bench, dock: ScriptedDock) -> None:
    deliver(bench, dock)
    old = bench.keys.receipt.public.hex()
    receipt_file(bench).unlink()
    made = printed(call(bench, "keys", "--replace", "receipt", "--distrust", "--json"))
    assert old not in made["platform"]["keys"]["receipt"]
    assert "retired" not in made["platform"]
    assert call(bench, "keys", "--distrust").exit_code == 2


def test_the_key_in_force_is_not_replaced_by_itself(bench: Bench) -> None:
    result = call(bench, "keys", "--replace", "receipt")
    assert result.exit_code == 1
    assert "move it away" in result.stderr


@pytest.mark.parametrize("right", [True, False])
def test_a_catalogue_from_before_the_book_takes_the_key_that_signed_its_receipts(
    bench: Bench, dock: ScriptedDock, right: bool
) -> None:
    deliver(bench, dock)
    connection = database.open_for_writing(bench.folder)
    with database.writing(connection):
        connection.execute("DELETE FROM platform_keys")
    connection.close()
    if right:
        keybook.load(bench.folder, PLATFORM)
        keybook.load_or_make(bench.folder, PLATFORM)
        return
    receipt_file(bench).unlink()
    with pytest.raises(BadKey, match="is gone"):
        keybook.load_or_make(bench.folder, PLATFORM)


@pytest.mark.parametrize("noted", [True, False])
def test_a_center_under_another_id_does_not_start(bench: Bench, dock: ScriptedDock, noted: bool) -> None:
    """It would refuse its own docks, and take their chains for forks, which hold all receipts back."""
    deliver(bench, dock)
    if not noted:  # a catalogue from before
        connection = database.open_for_writing(bench.folder)
        with database.writing(connection):
            connection.execute("DELETE FROM platform")
        connection.close()
    text = bench.folder.settings.read_text()
    bench.folder.settings.write_text(text.replace(f'id = "{PLATFORM}"', 'id = "pg"'))
    for words in (("run",), ("keys",)):
        result = call(bench, *words)
        assert result.exit_code == 1
        assert f"platform '{PLATFORM}'" in result.stderr
    bench.folder.settings.write_text(text)
    assert call(bench, "keys").exit_code == 0


def test_a_key_that_was_prepared_is_known_to_docks_before_it_signs(bench: Bench, dock: ScriptedDock) -> None:
    first = deliver(bench, dock)
    before = printed(call(bench, "keys", "--json"))["platform"]["keys"]["receipt"]
    done = call(bench, "keys", "--prepare", "receipt")
    assert "every dock needs the [platform] table" in done.stderr
    table = tomllib.loads(done.stdout)["platform"]
    assert table["keys"]["receipt"][:1] == before
    assert len(table["keys"]["receipt"]) == 2
    told = PlatformSettings.model_validate(table)
    assert printed(call(bench, "keys", "--prepare", "receipt", "--json"))["platform"] == table, "once"
    assert call(bench, "keys", "--prepare", "receipt", "--replace", "receipt").exit_code == 2
    assert envelope.unseal(first, "receipt", told.ring(), Role.RECEIPT)

    rolled = call(bench, "keys", "--replace", "receipt")
    assert rolled.exit_code == 0, rolled.output
    assert envelope.unseal(again(bench, dock), "receipt", told.ring(), Role.RECEIPT), "docks know it already"
    after = tomllib.loads(rolled.stdout)["platform"]
    assert after["keys"]["receipt"] == table["keys"]["receipt"][1:]
    assert after["retired"]["receipt"] == before
    PlatformSettings.model_validate(after)


def test_a_persons_key_is_printed_with_the_table_that_docks_need(bench: Bench, tmp_path: Path) -> None:
    made = call(bench, "keys", "new", "王伟", str(tmp_path / "wang.pem"))
    assert "every dock needs the [platform] table" in made.stderr
    table = tomllib.loads(made.stdout)["platform"]
    told = PlatformSettings.model_validate(table)
    assert [record.owner for record in told.records() if record.role is Role.DESTROY] == ["王伟"]
    again_ = printed(call(bench, "keys", "new", "王伟", str(tmp_path / "wang.pem"), "--json"))
    assert (again_["platform"], again_["made"]) == (table, False)
