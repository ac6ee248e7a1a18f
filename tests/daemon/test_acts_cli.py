"""`bodydock tag`, `hold`, `release`, `dockings`: as people and scripts use them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from daemon.acts.handlers import handlers
from daemon.attention import attention_json
from daemon.cli.main import main_group
from daemon.cli.status import attention_lines
from daemon.cli.tag_options import key_mark
from daemon.control import ControlServer
from daemon.dockings import dockings_json, left_early_json
from dock.listing import Reason
from tests.daemon.conftest import Dock, listing, make_dock
from tests.rig.acts_bench import Desk, make_desk

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path)
    table = handlers(made.tools, None) | {
        "dockings": lambda _asker, _args: dockings_json(made.dock.store),
    }
    server = ControlServer(tmp_path / "c.sock", table, made.dock.store.release)
    server.start()
    (tmp_path / "s.toml").write_text(
        f'[dock]\nid = "dock-1"\nsite = "s"\nstate = "{tmp_path}"\n'
        f'[control]\nsocket = "{tmp_path}/c.sock"\n[[slots]]\nnumber = 1\nports = ["p"]\n'
    )
    yield made
    server.close()
    made.dock.store.close()


def run(desk: Desk, *words: str) -> Result:
    return CliRunner().invoke(main_group, [*words, "--settings", str(desk.dock.folder / "s.toml")])


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_tag_by_the_beginning_of_an_id_in_chinese_first(desk: Desk) -> None:
    done = run(desk, "tag", desk.recording[:5], "--case", "C1", "--case", "C2", "--place", "光明路12号")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("标签已更新")
    assert [case.case for case in desk.tag().cases] == ["C1", "C2"]
    marked = printed(
        run(
            desk, "tag", desk.recording, "--mark", "1:30-2:05:interview", "--long-term", "objection", "--json"
        )
    )
    assert marked["tag"]["marks"] == [{"start_s": 90.0, "end_s": 125.0, "content": "interview", "note": ""}]
    assert marked["tag"]["long_term"] == "objection"


def test_hold_needs_a_reason_and_says_which_hold(desk: Desk) -> None:
    assert run(desk, "hold", desk.recording).exit_code == 2
    held = printed(run(desk, "hold", desk.recording, "--reason", "复议", "--json"))
    assert desk.manifest().holds[0].hold == held["hold"]


def test_what_one_person_may_not_do_is_said_with_the_way_to_do_it(desk: Desk) -> None:
    refused = run(desk, "tag", desk.recording, "--officer", "J2")
    assert refused.exit_code == 1
    assert "两人签名" in refused.stderr
    assert "cosign" in refused.stderr


def test_what_the_dock_refuses_ends_with_1_and_what_is_not_there_with_2(desk: Desk) -> None:
    settings = ["--settings", str(desk.dock.folder / "s.toml")]
    for words, status in (
        (["tag", desk.recording, "--officer", "J2"], 1),
        (["tag", "zzzz", "--case", "C1"], 2),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "daemon", *words, *settings], capture_output=True, check=False, timeout=60
        )
        assert (ran.returncode, ran.stdout) == (status, b"")
        assert ran.stderr.startswith(b"Error: ")


@pytest.mark.parametrize(
    "words",
    [
        ("tag", "x"),
        ("tag", "x", "--matter", "lunch"),
        ("tag", "x", "--mark", "1-2"),
        ("tag", "x", "--mark", "5-1:interview"),
        ("tag", "x", "--mark", "1-2:lunch"),
        ("tag", "x", "--confidential", "none"),
        ("release", "/no/such/file"),
    ],
)
def test_mistakes_are_said_before_the_dock_is_asked(desk: Desk, words: tuple[str, ...]) -> None:
    result = run(desk, *words)
    assert (result.exit_code, "Usage" in result.stderr) == (2, True), result.output


def test_marks_are_seconds_or_minutes() -> None:
    assert key_mark("0-1.5:documents") == {"start_s": 0.0, "end_s": 1.5, "content": "documents"}
    assert key_mark("1:00:00-1:00:01:words_and_looks")["start_s"] == 3600.0


def test_dockings_add_up_and_say_what_was_removed_early(desk: Desk, tmp_path: Path) -> None:
    dock: Dock = desk.dock
    gone = dock.begin(listing({b"b.mp4": 5, b"c.mp4": 7}, {b"bad.mp4": 3}), attachment="b")
    dock.ledger.explain(gone.id, 0, Reason.UNREADABLE, "x")
    (open_docking, first) = printed(run(desk, "dockings", "--json"))
    if open_docking["docking"] != gone.id:
        open_docking, first = first, open_docking
    assert (open_docking["state"], open_docking["open"]) == ("pulling", {"count": 1, "bytes": 7})
    assert (open_docking["adds_up"], first["adds_up"]) == (True, True)
    dock.ledger.close(gone.id, removed=True)
    early = next(d for d in dockings_json(dock.store) if d["docking"] == gone.id)
    assert (early["removed_early"], early["missing"]) == (True, {"count": 1, "bytes": 7})
    assert early["explained"]["unreadable"] == {"count": 2, "bytes": 8}
    assert early["adds_up"]
    (left,) = left_early_json(dock.store)
    assert (left["docking"], left["slot"], left["files"]) == (gone.id, 1, 1)
    assert "请再次插入" in " ".join(attention_lines(attention_json(dock.store, NOW, ZoneInfo("UTC"))))
    with dock.store.write() as tx:
        tx.execute("UPDATE dockings SET attached_at = '2020' WHERE docking = ?", (gone.id,))
    dock.begin(listing({b"c.mp4": 7}), attachment="c")
    assert left_early_json(dock.store) == [], "it is in its slot again"
    shown = run(desk, "dockings")
    assert shown.exit_code == 0, shown.output


def test_a_docking_that_does_not_add_up_is_told(tmp_path: Path) -> None:
    dock = make_dock(tmp_path)
    docking = dock.begin(listing({b"a.mp4": 5}))
    with dock.store.write() as tx:
        tx.execute("DELETE FROM files WHERE docking = ?", (docking.id,))
    assert dockings_json(dock.store)[0]["adds_up"] is False
    dock.store.close()
