"""The verbs of `bodydock center`, as people and scripts use them."""

from __future__ import annotations

import json
import os
import pwd
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from daemon.cli.center import center_group
from tests.center.bench import Bench
from tests.center.scripted import Footage, ScriptedDock

FOOTAGE = Footage(os.urandom(50_000))


def call(bench_or_root: Bench | Path, *words: str, **more: Any) -> Result:
    root = bench_or_root if isinstance(bench_or_root, Path) else bench_or_root.folder.root
    return CliRunner().invoke(center_group, [*words, "--folder", str(root)], **more)


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_init_and_keys_give_the_platform_table_for_a_dock(tmp_path: Path) -> None:
    root = tmp_path / "center"
    assert call(root, "init", "--id", "platform-1", "--broker-port", "1884").exit_code == 0
    first = call(root, "keys")
    table = tomllib.loads(first.stdout)["platform"]
    assert table["id"] == "platform-1"
    assert set(table["keys"]) == {"receipt", "registry", "operate"}
    assert all(len(bytes.fromhex(key)) == 32 for keys in table["keys"].values() for key in keys)
    assert "(new)" in first.stderr
    assert [oct(path.stat().st_mode & 0o777) for path in (root / "keys").iterdir()] == ["0o600"] * 3
    again = call(root, "keys", "--json")
    assert printed(again)["platform"] == table
    assert "(new)" not in again.stderr
    assert call(root, "list", "--json").stdout == "[]\n"


def test_mistakes_are_said_with_what_to_do(tmp_path: Path) -> None:
    root = tmp_path / "center"
    for words, said in (
        (("keys",), "center init"),
        (("run",), "center init"),
        (("list",), "center init"),
        (("init", "--id", "Platform 1"), "id"),
    ):
        result = call(root, *words)
        assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
    call(root, "init", "--id", "platform-1")
    assert "there already" in call(root, "init", "--id", "platform-2").stderr
    assert "center keys" in call(root, "run").stderr
    (root / "center.toml").write_text('id = "platform-1"\n[broker]\nport = 99999\n')
    assert "broker.port = 99999" in call(root, "list").stderr


def test_a_dock_is_taken_in_by_its_fingerprint(bench: Bench, tmp_path: Path) -> None:
    dock = ScriptedDock()
    file = tmp_path / "identity.json"
    file.write_bytes(dock.identity())
    fingerprint = dock.key.key_id

    wrong = call(bench, "docks", "add", str(file), "--fingerprint", "0" * 64)
    part = call(bench, "docks", "add", str(file), "--fingerprint", fingerprint[:16])
    typo = call(bench, "docks", "add", str(file), input="00000000\n")
    assert [result.exit_code for result in (wrong, part, typo)] == [1, 1, 1]
    assert printed(call(bench, "docks", "list", "--json")) == []

    typed = call(bench, "docks", "add", str(file), input=f"{fingerprint[-8:]}\n")
    assert typed.exit_code == 0, typed.output
    assert fingerprint[:4] in typed.stderr
    (shown,) = printed(call(bench, "docks", "list", "--json"))
    assert (shown["dock"], shown["site"], shown["key"]) == (dock.name, dock.site, fingerprint)


def test_an_identity_comes_over_a_pipe_with_its_fingerprint_only(bench: Bench) -> None:
    dock = ScriptedDock()
    nobody = call(bench, "docks", "add", "-", input=dock.identity())
    assert nobody.exit_code == 1
    assert "--fingerprint" in nobody.stderr
    grouped = " ".join(dock.key.key_id[i : i + 4] for i in range(0, 64, 4)).upper()
    done = call(bench, "docks", "add", "-", "--fingerprint", grouped, input=dock.identity())
    assert done.exit_code == 0, done.output


def deliver(bench: Bench) -> ScriptedDock:
    dock = bench.enrol("dock-1")
    bench.event(dock, dock.enrolled())
    body = {
        "recordings": [{"id": FOOTAGE.recording, "verdict": "compliant", "findings": []}],
        "runs": [
            {
                "recordings": [0],
                "verdict": "violation",
                "findings": [
                    {
                        "code": "notice.absent",
                        "severity": "violation",
                        "article": "15(1)",
                        "refuted": None,
                        "text": {"zh": "未告知[red]", "en": "no notice"},
                    }
                ],
            }
        ],
    }
    report = {"depth": "standard", "verdict": "violation", "sha256": "0" * 64, "size": 1, "body": body}
    tag = {
        "officer": {"officer": "110001", "name": "张三", "by": "name"},
        "cases": [{"case": "C1", "by": "registry"}],
    }
    first = dock.manifest(FOOTAGE, tag=tag)
    bench.manifest(dock, FOOTAGE, first)
    bench.transfer(dock, FOOTAGE, first.digest)
    second = dock.manifest(FOOTAGE, 2, first.digest, report=report, tag=tag)
    committed = {"manifest": second.digest, "revision": 2, "by": "name"}
    bench.event(dock, dock.event("tagged", committed, recording=FOOTAGE.recording))
    bench.manifest(dock, FOOTAGE, second)
    return dock


def test_list_and_show_while_the_center_runs(bench: Bench) -> None:
    deliver(bench)
    (line,) = printed(call(bench, "list", "--json"))
    assert (line["officer"], line["cases"], line["verdict"]) == ("110001", ["C1"], "violation")
    assert [(f["code"], f["article"]) for f in line["findings"]] == [("notice.absent", "15(1)")]
    assert (line["revision"], line["receipts"]) == (2, 2)
    assert line["received_at"] is not None
    assert line["receipt"] is not None

    shown = printed(call(bench, "show", FOOTAGE.recording[:8], "--verify", "--json"))
    assert [(r["revision"], r["signature"], r["receipt"]["valid"]) for r in shown["revisions"]] == [
        (1, "holds", True),
        (2, "holds", True),
    ]
    assert shown["file"]["verified"]
    assert [(e["n"], e["kind"], e["line"]) for e in shown["chain"]] == [(1, "tagged", "main")]

    for words in (("list",), ("show", FOOTAGE.recording), ("docks", "list"), ("counters",)):
        result = call(bench, *words)
        assert result.exit_code == 0, result.output
    assert "110001 张三" in call(bench, "list").stdout
    assert "未告知[red]" in call(bench, "show", FOOTAGE.recording).stdout


def test_show_fails_where_the_stored_bytes_or_a_receipt_do_not_hold(bench: Bench) -> None:
    deliver(bench)
    stored = bench.folder.store / FOOTAGE.sha256[:2] / FOOTAGE.sha256[2:4] / FOOTAGE.sha256
    stored.write_bytes(bytes(len(FOOTAGE.data)))
    assert call(bench, "show", FOOTAGE.recording).exit_code == 0
    assert call(bench, "show", FOOTAGE.recording, "--verify").exit_code == 1

    bench.office.connection.execute("UPDATE receipts SET raw = (SELECT raw FROM manifests LIMIT 1)")
    result = call(bench, "show", FOOTAGE.recording, "--json")
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert [revision["receipt"]["valid"] for revision in shown["revisions"]] == [False, False]


def test_show_names_what_it_did_not_find(bench: Bench) -> None:
    result = call(bench, "show", "zzz")
    assert (result.exit_code, "0 recordings begin with 'zzz'" in result.stderr) == (1, True)


def test_counters_show_refusals_and_quarantine(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    bench.hear(dock.topics.up("events"), b"nonsense")
    bench.office.flush_counters()
    found = printed(call(bench, "counters", "--json"))
    assert {"name": "refused.events.json", "dock": "dock-1", "value": 1} in found["counters"]
    assert [item["code"] for item in found["quarantine"]] == ["json"]


def test_what_is_made_is_printed_as_json(tmp_path: Path) -> None:
    root = tmp_path / "center"
    made = printed(call(root, "init", "--id", "platform-1", "--json"))
    assert (made["folder"], made["settings"]["id"]) == (str(root), "platform-1")
    key = printed(call(root, "keys", "new", "王伟", str(tmp_path / "wang.pem"), "--json"))
    assert (key["person"], key["made"], len(key["key"])) == ("王伟", True, 64)
    dock = ScriptedDock()
    file = tmp_path / "identity.json"
    file.write_bytes(dock.identity())
    added = printed(call(root, "docks", "add", str(file), "--fingerprint", dock.key.key_id, "--json"))
    assert (added["dock"], added["key"], added["new"]) == (dock.name, dock.key.key_id, True)
    assert added["certificate"] is None


def test_settle_needs_a_known_dock_and_something_to_settle(bench: Bench) -> None:
    bench.enrol("dock-1")
    assert call(bench, "docks", "settle", "dock-9").exit_code == 1
    assert printed(call(bench, "docks", "settle", "dock-1", "--json"))["settled"] is None
    (shown,) = printed(call(bench, "docks", "list", "--json"))
    assert shown["settled"] == []


def test_who_settled_a_fork_and_when_is_kept_and_shown(bench: Bench) -> None:
    dock = bench.enrol("dock-1")
    login = pwd.getpwuid(os.getuid()).pw_name
    bench.event(dock, dock.enrolled())
    for more in ((), ("--by", "王伟")):
        beside = dock.clone()
        bench.event(dock, dock.event("attached"))
        bench.event(beside, beside.event("closed"))
        (forked,) = printed(call(bench, "docks", "list", "--json"))
        assert forked["events_beside"] == 1
        assert call(bench, "docks", "settle", "dock-1", "--by", " \n").exit_code == 1, (
            "nobody settles nothing"
        )
        done = printed(call(bench, "docks", "settle", "dock-1", "--json", *more))
        assert done["settled"]["events_beside"] == 1
    (shown,) = printed(call(bench, "docks", "list", "--json"))
    assert [(one["person"], one["login"]) for one in shown["settled"]] == [
        (f"unix:{login}", login),
        ("王伟", login),
    ]
    assert datetime.fromisoformat(shown["settled"][0]["at"]) <= datetime.now(UTC)
    assert "王伟" in call(bench, "docks", "list").stdout


def test_two_files_of_one_kind_are_refused_and_what_is_not_on_the_broker_ends_with_2(
    bench: Bench, tmp_path: Path
) -> None:
    bench.enrol("dock-1")
    for name, officer in (("a.csv", "1"), ("b.csv", "2")):
        (tmp_path / name).write_text(f"officer,name\n{officer},x\n")
    twice = call(bench, "registry", "publish", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
    assert "are both officers" in twice.stderr
    alone = call(bench, "registry", "publish", str(tmp_path / "a.csv"), "--json")  # no broker runs here
    assert (alone.exit_code, json.loads(alone.stdout)[0]["on_broker"]) == (2, False)
    assert call(bench, "registry", "publish", str(tmp_path / "a.csv"), "--dry-run").exit_code == 0
