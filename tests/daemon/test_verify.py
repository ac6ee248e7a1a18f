"""`bodydock verify`: whatever was changed in store or vault is found, at its exact place; else nothing is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from systemd import journal

from daemon import journal as journal_module
from daemon.cli.main import main_group
from daemon.control import Asker, ControlServer
from daemon.read_back import read_soon
from daemon.settings import Settings, load_settings
from daemon.store import Store
from daemon.verifying import Checked, Verifier
from tests.daemon.making import events
from tests.daemon.vault_bench import DAY, RECEIVED_AT, VaultBench, vault_bench
from uplink import envelope
from uplink.keys import SigningKey
from uplink.messages import CustodyEvent

A, B, C = b"a" * 5000, b"b" * 7000, b"c" * 100


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VaultBench]:
    """Three recordings: `a` delivered and cleared, `b` delivered, `c` neither."""
    keys = tmp_path / "state" / "keys"
    keys.mkdir(parents=True)
    key, _ = SigningKey.load_or_make(keys / "dock.pem")
    with vault_bench(tmp_path, key=key) as made:
        made.take_in({"a.mp4": A})
        made.receipt(made.recordings()["a.mp4"])
        made.reconcile([made.recordings()["a.mp4"]], RECEIVED_AT + DAY)
        made.machine.at = RECEIVED_AT + 8 * DAY
        made.clear_everything()
        made.card.replug()
        made.take_in({"b.mp4": B, "c.mp4": C})
        made.receipt(made.recordings()["b.mp4"], RECEIVED_AT + 2 * DAY)
        (tmp_path / "bodydock.toml").write_text(toml(made, tmp_path))
        yield made


def toml(bench: VaultBench, folder: Path) -> str:
    return f"""
slots = [{{ number = 1, ports = ["p"] }}]
control = {{ socket = "{folder}/control.sock" }}
[dock]
id = "dock-1"
site = "site-1"
state = "{folder / "state"}"
[broker]
host = "127.0.0.1"
[platform]
id = "pf"
keys = {{ receipt = ["{bench.platform.receipts.public.hex()}"] }}
"""


def settings_of(bench: VaultBench) -> Settings:
    return load_settings(bench.dock.folder.parent / "bodydock.toml")


def verified(bench: VaultBench, *, deep: bool = True, one: str | None = None) -> Checked:
    store = Store(bench.dock.folder / "store.db", read_only=True)
    verifier = Verifier(store, settings_of(bench), deep=deep)
    found = verifier.everything() if one is None else verifier.one(one)
    store.close()
    return found


def flaws(found: Checked) -> set[tuple[str, str]]:
    return {(flaw.place, flaw.code) for flaw in found.flaws}


def test_the_custody_record_does_not_depend_on_the_journal(
    bench: VaultBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []

    def send(message: str, **_: object) -> None:
        lost.append(message)
        raise OSError(2, "/run/systemd/journal/socket")

    monkeypatch.setattr(journal, "send", send)
    monkeypatch.setattr(logging, "raiseExceptions", False)  # else pytest makes it an error of its own
    handler = journal.JournalHandler(sender_function=journal_module._send)
    log = logging.getLogger("daemon")
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        bench.card.replug()
        docking = bench.take_in({"d.mp4": b"d" * 300})
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    assert any(docking.id in message for message in lost)
    kinds = [event.kind for event in events(bench.dock) if event.data.get("docking") == docking.id]
    assert kinds[0] == "attached" and "closed" in kinds
    found = verified(bench)
    assert found.flaws == []
    assert (found.counts["recordings"], found.counts["dockings"]) == (4, 3)


def test_what_nobody_touched_holds(bench: VaultBench) -> None:
    found = verified(bench)
    assert found.flaws == []
    assert found.notes == []
    counts = found.counts
    assert (counts["recordings"], counts["files"], counts["cleared"]) == (3, 2, 1)
    assert (counts["dockings"], counts["receipts"], counts["bytes"]) == (2, 2, len(B) + len(C))
    assert counts["events"] == bench.store.value("SELECT count(*) FROM events")
    assert counts["manifests"] == bench.store.value("SELECT count(*) FROM manifests")


@pytest.mark.parametrize(
    ("sql", "code", "place"),
    [
        ("DELETE FROM events WHERE n = 3", "gap", "event 4"),
        ("DELETE FROM events WHERE n = 0", "gap", "event 1"),
        ("UPDATE events SET raw = (SELECT raw FROM events WHERE n = 4) WHERE n = 3", "column", "event 3"),
        ("UPDATE events SET event = 'ab' || substr(event, 3) WHERE n = 3", "prev", "event 4"),
        ("UPDATE events SET kind = 'held' WHERE n = 3", "column", "event 3"),
        (
            'UPDATE events SET raw = CAST(replace(CAST(raw AS TEXT), \'"sig":"\', \'"sig":"AA\') AS BLOB)'
            " WHERE n = 3",
            "signature",
            "event 3",
        ),
        ("DELETE FROM manifests WHERE revision = 2", "missing", "manifest "),
        ("DELETE FROM manifests WHERE revision = 1", "gap", "recording "),
        ("UPDATE recordings SET sha256 = 'ab' || substr(sha256, 3)", "facts", "recording "),
        ("UPDATE recordings SET size = size + 1 WHERE cleared_at IS NULL", "file", "recording "),
        ("UPDATE receipts SET raw = CAST(raw || 'x' AS BLOB)", "receipt.json", "recording "),
        ("DELETE FROM receipts", "undelivered", "recording "),
        ("UPDATE receipts SET voided = 1", "undelivered", "recording "),
        ("UPDATE recordings SET cleared_at = 'x' WHERE size = 7000", "cleared", "recording "),
        ("UPDATE recordings SET cleared_at = NULL", "file", "recording "),
    ],
)
def test_a_change_in_the_store_is_found_where_it_is(
    bench: VaultBench, sql: str, code: str, place: str
) -> None:
    with bench.store.write() as tx:
        tx.execute("PRAGMA defer_foreign_keys = ON")
        assert tx.execute(sql) >= 1
    found = flaws(verified(bench))
    assert any(at.startswith(place) and code == found_code for at, found_code in found), found


@pytest.mark.parametrize(
    ("damage", "deep"), [("changed", True), ("shorter", False), ("gone", False), ("strange", False)]
)
def test_damage_in_the_vault_is_found(bench: VaultBench, damage: str, deep: bool) -> None:
    b = bench.recordings()["b.mp4"]
    path = bench.path(b)
    match damage:
        case "changed":
            path.write_bytes(B[:-1] + b"x")
            assert flaws(verified(bench, deep=False)) == set()  # a size proves little
        case "shorter":
            path.write_bytes(B[:-1])
        case "gone":
            path.unlink()
        case "strange":
            (path.parent / "strange.mp4").write_bytes(b"?")
    found = flaws(verified(bench, deep=deep))
    if damage == "strange":
        assert found == {(str(path.parent / "strange.mp4"), "unknown")}
    else:
        assert found == {(f"recording {b}", "file")}


def test_a_sum_that_does_not_come_out_is_found(bench: VaultBench) -> None:
    """An event that the dock's own key signed, and that says another number than the events before it."""
    row = bench.store.row("SELECT * FROM events WHERE kind = 'closed' ORDER BY n LIMIT 1")
    event = CustodyEvent.parse(envelope.peek(row["raw"], "event"))
    total = {"count": 2, "bytes": len(A) + 1}
    data = {**event.data, "stored": total, "listed": total}
    forged = event.model_copy(update={"data": data})
    signed = envelope.seal("event", forged.to_bytes(), bench.dock.custody.identity.key)
    with bench.store.write() as tx:
        tx.execute("UPDATE events SET raw = ?, event = ? WHERE n = ?", (signed.raw, signed.digest, row["n"]))
    found = verified(bench)
    place = f"event {row['n']} of epoch {event.epoch[:8]}"
    assert {(place, "sum"), (f"event {row['n'] + 1} of epoch {event.epoch[:8]}", "prev")} == flaws(found)
    assert any(f"the events say 1, {len(A)}" in flaw.text for flaw in found.flaws)


def test_another_key_than_the_docks_signs_nothing(bench: VaultBench) -> None:
    pem = bench.dock.folder / "keys" / "dock.pem"
    pem.unlink()
    kept = verified(bench)
    assert kept.flaws == []
    assert "the chain itself names" in kept.notes[0]
    SigningKey.load_or_make(pem)
    found = verified(bench)
    assert found.counts["events"] == sum(
        flaw.place.startswith("event") and flaw.code == "key" for flaw in found.flaws
    )


def test_one_recording_alone(bench: VaultBench) -> None:
    b, c = (bench.recordings()[name] for name in ("b.mp4", "c.mp4"))
    bench.path(c).unlink()
    assert verified(bench, one=b).flaws == []
    assert flaws(verified(bench, one=c)) == {(f"recording {c}", "file")}
    n = bench.store.value("SELECT n FROM events WHERE recording = ? ORDER BY n LIMIT 1", (b,))
    with bench.store.write() as tx:
        tx.execute("UPDATE events SET event = 'ab' || substr(event, 3) WHERE n = ?", (n,))
    assert {code for _, code in flaws(verified(bench, one=b))} == {"column", "prev"}


def call(bench: VaultBench, *words: str) -> Result:
    path = str(bench.dock.folder.parent / "bodydock.toml")
    return CliRunner().invoke(main_group, ["verify", *words, "--settings", path])


def test_the_command_says_so_by_its_status(bench: VaultBench) -> None:
    result = call(bench, "--deep")
    assert (result.exit_code, "all of it holds" in result.stdout) == (0, True), result.output
    b = bench.recordings()["b.mp4"]
    bench.path(b).write_bytes(bytes(len(B)))
    result = call(bench, "--deep", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["holds"] is False
    assert [(flaw["place"], flaw["code"]) for flaw in answer["flaws"]] == [(f"recording {b}", "file")]
    assert call(bench, b[:8]).exit_code == 0  # by its size alone it still is
    assert "no recording begins with" in call(bench, "nosuch").output


def test_a_running_dock_is_told_which_copies_to_read_again_and_takes_them_anew(bench: VaultBench) -> None:
    b = bench.recordings()["b.mp4"]
    bench.path(b).write_bytes(bytes(len(B)))
    stopped = call(bench, "--deep")
    assert "the dock was not told" in stopped.stderr
    reading = bench.read_back()
    while reading.step():  # all is read: nothing is due for days
        pass
    with bench.store.write() as tx:
        tx.execute("UPDATE recordings SET damaged = NULL")
    told: list[Any] = []

    def read_again(_: Asker, args: dict[str, Any]) -> dict[str, Any]:
        told.append(args["recordings"])
        return {"recordings": read_soon(bench.store, args["recordings"])}

    socket = bench.dock.folder.parent / "control.sock"
    server = ControlServer(socket, {"read_again": read_again}, bench.store.release)
    server.start()
    try:
        assert "reads 1 files again" in call(bench, "--deep").stderr
    finally:
        server.close()
    assert told == [[b]]
    while reading.step():
        pass
    assert bench.row(b)["damaged"] is not None


def test_sizes_alone_are_not_said_to_be_more(bench: VaultBench) -> None:
    assert "by their size only" in call(bench).stdout
    assert "by their size only" not in call(bench, "--deep").stdout
    assert [json.loads(call(bench, *deep, "--json").stdout)["bytes_read"] for deep in ((), ("--deep",))] == [
        False,
        True,
    ]
